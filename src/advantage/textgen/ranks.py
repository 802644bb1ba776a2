"""Run a function in several processes at once under torchrun, and bring back what each of them returned.

The processes are ranks 0 … p − 1 of one process group: gloo on the CPU, nccl where every rank has a GPU of its own.
`launch` writes the function, with what it uses, into a script of its own, so that a function from a notebook will do.
"""

import ast
import inspect
import json
import math
import os
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from advantage import checks

ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "PYTHONWARNINGS": "ignore::FutureWarning",
    # else a restart meets the addresses of the processes before it: github.com/pytorch/pytorch/issues/135712
    "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1",
}
PLAIN = (bool, int, float, str, tuple, list, dict, type(None))


def launch(
    function: Callable[..., Any], ranks: int = 2, restarts: int = 0, seconds: float = 300.0, **arguments: Any
) -> list[Any]:
    """What `function(**arguments)` returns in each of so many processes, the process of rank 0 first.

    Args:
        function: a plain function; what it returns must fit into JSON. Modules, functions and plain values that it
            uses by name are brought along.
        ranks: processes.
        restarts: how often torchrun starts all processes anew after one has failed.
        seconds: time after which all are ended.
        arguments: of the function; must fit into JSON.

    Raises:
        ValueError: an argument does not fit, or the function uses what a script cannot bring along.
        RuntimeError: a process failed; the message ends with what it wrote.
        TimeoutError: the time was over.
    """
    ranks, restarts = checks.whole("ranks", ranks, 1), checks.whole("restarts", restarts)
    seconds = checks.positive("seconds", seconds)
    with tempfile.TemporaryDirectory() as folder:
        script, given = Path(folder, "job.py"), Path(folder, "arguments.json")
        script.write_text(source(function), encoding="utf-8")
        try:
            given.write_text(json.dumps(arguments), encoding="utf-8")
        except TypeError as error:
            raise checks.wrong("arguments", arguments, f"what fits into JSON ({error})") from error
        _torchrun(
            ["--nproc-per-node", str(ranks), "--max-restarts", str(restarts), str(script), function.__name__, folder],
            seconds,
        )
        return [json.loads(Path(folder, f"rank-{rank}.json").read_text(encoding="utf-8")) for rank in range(ranks)]


def _torchrun(arguments: list[str], seconds: float) -> None:
    """Run torchrun with a free port on the loopback; whatever happens, nothing of it is left running."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", *arguments]
    environment = os.environ | ENVIRONMENT
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as written:
        process = subprocess.Popen(command, stdout=written, stderr=subprocess.STDOUT, env=environment)
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired as error:
            raise TimeoutError(f"seconds: {seconds:g} were over before the processes ended") from error
        finally:
            if process.poll() is None:
                process.terminate()  # torchrun ends its processes
                try:
                    process.wait(30)
                except subprocess.TimeoutExpired:
                    process.kill()  # they notice: see `_end_with_parent`
                    process.wait()
        if code:
            written.seek(0)
            raise RuntimeError(f"torchrun ended with code {code}:\n{_tail(written.read())}")


def work(function: Callable[..., Any], folder: str) -> None:
    """What each process does: join the group, call the function, write what it returns."""
    _end_with_parent()
    torch.set_num_threads(1)
    local, rank = int(os.environ["LOCAL_RANK"]), int(os.environ["RANK"])
    cuda = torch.cuda.is_available() and torch.cuda.device_count() >= int(os.environ["LOCAL_WORLD_SIZE"])
    if cuda:
        torch.cuda.set_device(local)
    dist.init_process_group("nccl" if cuda else "gloo")
    result = function(**json.loads(Path(folder, "arguments.json").read_text(encoding="utf-8")))
    Path(folder, f"rank-{rank}.json").write_text(json.dumps(result), encoding="utf-8")
    dist.destroy_process_group()


def received() -> float:
    """Bytes that this process has received over TCP so far; NaN where the system does not tell.

    The system's own count (`tcpi_bytes_received` of RFC 4898) over all open connections of the process, those to the
    other ranks among them. Linux alone has it in this form.
    """
    total, sockets = 0, False
    for name in os.listdir("/proc/self/fd") if Path("/proc/self/fd").is_dir() else []:
        try:
            if not stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                continue
            with socket.socket(fileno=os.dup(int(name))) as connection:
                facts = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
        except OSError:  # closed since, or not of TCP
            continue
        if len(facts) >= 136:
            total, sockets = total + struct.unpack_from("Q", facts, 128)[0], True
    return float(total) if sockets else math.nan


def source(function: Callable[..., Any]) -> str:
    """A script that does `work` with the function: imports and values that it uses, other functions, itself.

    Raises:
        ValueError: it is no plain function, or uses by name something that is no module, function or plain value.
    """
    if not inspect.isfunction(function):
        raise ValueError(f"function: {type(function).__name__}; must be a plain function")
    lines: dict[str, str] = {}
    _bring("function", function, lines, function)
    return (
        "\n".join(lines.values())
        + "\n\nif __name__ == '__main__':\n    import sys\n\n    from advantage.textgen import ranks\n\n"
        "    ranks.work(globals()[sys.argv[1]], sys.argv[2])\n"
    )


def _bring(name: str, value: Any, lines: dict[str, str], root: Callable[..., Any]) -> None:
    """Add to `lines`, by name, what makes `value` known under that name, after all that it needs itself."""
    if isinstance(value, types.ModuleType):
        lines[name] = f"import {value.__name__} as {name}"
    elif inspect.isfunction(value) and (value is root or value.__globals__ is root.__globals__):
        if value.__closure__ or value.__name__ == "<lambda>":
            raise ValueError(f"{name}: {value!r}; must be a function with a name, defined in no other function")
        lines[name] = ""  # first, for functions that call each other
        for used in sorted(_names(value)):
            if used in value.__globals__ and used not in lines:
                _bring(used, value.__globals__[used], lines, root)
        del lines[name]
        lines[name] = inspect.getsource(value)
    elif inspect.isfunction(value) or (isinstance(value, type) and value.__module__ != root.__module__):
        lines[name] = f"from {value.__module__} import {value.__qualname__} as {name}"
    elif isinstance(value, PLAIN):
        lines[name] = f"{name} = {value!r}"
    else:
        raise ValueError(f"{name}: {type(value).__name__}; must be a module, a function or a plain value")


def _names(function: Callable[..., Any]) -> set[str]:
    """Names that a function may find among the globals: in its body, its defaults, its annotations."""
    head = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    parts = [head.args, head.returns, *head.decorator_list] if isinstance(head, ast.FunctionDef) else []
    found = {node.id for part in parts if part for node in ast.walk(part) if isinstance(node, ast.Name)}
    codes = [function.__code__]
    while codes:
        code = codes.pop()
        found |= set(code.co_names)
        codes += [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]
    return found


def _tail(text: str) -> str:
    """The errors of the processes, without torchrun's own account of them."""
    errors = text[max(0, text.find("Traceback")) :].split('File "<frozen runpy>"')[0]
    return errors[:4000]


def _end_with_parent() -> None:
    """End this process when the one that started it is gone, even if nobody could tell it."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
