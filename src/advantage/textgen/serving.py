"""Run a server: the command `serve`, and a server for as long as a block of code needs one.

The engine, which takes seconds to import, is in `engine`; here is what comes before it and around it.
"""

import argparse
import atexit
import contextlib
import logging
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from advantage import checks

DESCRIPTION = """Serve a model to clients of OpenAI's API, on this machine alone.

    python -m advantage.textgen serve --model inkwell --port 8000
    curl http://127.0.0.1:8000/v1/completions -H 'Content-Type: application/json' \\
        -d '{"model": "inkwell", "prompt": "def ", "max_tokens": 20}'

The model is exported to Hugging Face's format, into FOLDER of --export where that is given, and the engine is started
on it: `transformers serve` with continuous batching, on the processor. With --only-export nothing is started; an engine
for GPUs can take the folder:

    vllm serve FOLDER --served-model-name inkwell --model-impl transformers --enable-prefix-caching

The address is printed when requests are answered. Ctrl-C ends the server; with --attached the end of standard input
does. No key is asked for: do not put it on a network.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", default="inkwell", help="folder of a trained model (default: the one shipped)")
    parser.add_argument("--name", help="what clients call it; the folder's name unless given")
    parser.add_argument("--port", type=int, default=8000, help="of the loopback; 0 for any free one (default 8000)")
    parser.add_argument("--threads", type=int, help="threads that compute (default: PyTorch's own choice)")
    parser.add_argument("--max-batch", type=int, default=32, help="texts written at a time (default 32); others wait")
    parser.add_argument("--no-prefix-cache", action="store_true", help="read the beginnings that texts share each time")
    parser.add_argument("--export", metavar="FOLDER", help="keep the exported model there")
    parser.add_argument("--only-export", action="store_true", help="stop once the folder of --export is written")
    parser.add_argument("--attached", action="store_true", help="end when standard input does")


def run(options: argparse.Namespace) -> None:
    """Export the model, start the engine on it, and answer until something ends it.

    Raises:
        ValueError: an argument does not fit, the port is taken, or a package of the extra `serve` is missing.
    """
    checks.whole("max-batch", options.max_batch, least=1)
    if options.threads is not None:
        checks.whole("threads", options.threads, least=1)
    if not 0 <= options.port < 1 << 16:
        raise ValueError(f"port: {options.port}; must lie in 0 … 65535")
    if options.only_export and options.export is None:
        raise ValueError("only-export: there is no folder to write; give it with --export")
    with contextlib.ExitStack() as stack:
        if not options.only_export:
            listening = stack.enter_context(bind(options.port))
        folder = options.export or stack.enter_context(tempfile.TemporaryDirectory()) + "/model"
        name = options.name or Path(options.model).resolve().name
        os.environ["HF_HUB_OFFLINE"] = "1"  # before the first import: the engine asks nobody
        logging.disable(logging.WARNING)  # of libraries about GPUs that are not here
        _export(options.model, folder)
        if options.only_export:
            print(f"{options.model} is exported to {folder}")
            return
        try:
            from advantage.textgen import engine
        except ImportError as error:
            raise ValueError(f"serve: {error}; install the packages with: pip install 'advantage[serve]'") from error
        app = engine.build(folder, name, options.max_batch, not options.no_prefix_cache, options.threads)
        logging.disable(logging.NOTSET)
        print(f"{name} is served on http://127.0.0.1:{listening.getsockname()[1]}/v1", flush=True)
        engine.serve(app, listening, options.attached)


def _export(model: str, folder: str) -> None:
    from advantage.textgen import export, inkwell, storage

    loaded, tokenizer = inkwell.load() if model == "inkwell" else storage.load(model)[:2]
    export.write(folder, loaded, tokenizer)  # type: ignore[arg-type]


def bind(port: int) -> socket.socket:
    """A socket of the loopback that is ours from now on; port 0 is any free one.

    Raises:
        ValueError: the port is taken, or not allowed.
    """
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if sys.platform != "win32":  # there it would share the port
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind(("127.0.0.1", port))
        found.listen(128)
    except OSError as error:
        found.close()
        raise ValueError(
            f"port: {port} cannot be had ({error.strerror}); choose another, or 0 for a free one"
        ) from None
    return found


@contextlib.contextmanager
def running(*options: str, threads: int = 1) -> Iterator[str]:
    """The address of a server, for as long as the block runs.

    It ends with the block, with this process, and with a process that is killed: its standard input ends then.

    Args:
        options: of the command `serve`, such as `--no-prefix-cache`; the port is any free one.
        threads: that compute.

    Raises:
        RuntimeError: the server did not start; the message is its own.
    """
    command = [sys.executable, "-m", "advantage.textgen", "serve", "--port=0", f"--threads={threads}", "--attached"]
    with tempfile.TemporaryDirectory() as home, tempfile.TemporaryFile() as errors:
        surroundings = os.environ | {"HF_HOME": home, "OMP_NUM_THREADS": str(threads)}
        server = subprocess.Popen(
            [*command, *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=surroundings,
            text=True,
        )

        def stop() -> None:
            server.terminate()
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()

        atexit.register(stop)
        try:
            line = server.stdout.readline()  # type: ignore[union-attr]
            if " is served on " not in line:
                server.wait()
                errors.seek(0)
                raise RuntimeError(f"the server did not start: {errors.read().decode(errors='replace').strip()}")
            yield line.split(" is served on ")[1].strip()
        finally:
            stop()
            atexit.unregister(stop)
            for pipe in (server.stdin, server.stdout):
                pipe.close()  # type: ignore[union-attr]
