"""Keep both halves of each notebook in step, and execute what is stale.

    python tools/notebooks.py [PATH ...]            # bring into step, execute what is stale
    python tools/notebooks.py --force [PATH ...]    # execute whether stale or not
    python tools/notebooks.py --check [PATH ...]    # write nothing; list what is out of step or stale, exit 1 if any

A path is either half of a pair, or a folder. `name.md` is the text that people edit; `name.ipynb` is its executed
pair. Whichever half was edited since they last agreed counts; edit both, and the tool asks you to choose.

A notebook is stale when the hash in its metadata differs from that of its code cells and of every file of `advantage`
that they use: modules imported directly or not, and the data files that those modules name. A data file that no module
names counts for every notebook. Editing prose, captions or tags changes no hash: outputs are kept, nothing is executed.
"""

import argparse
import ast
import datetime
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jupytext
import nbformat
import psutil
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = ROOT / "notebooks"
SOURCE = ROOT / "src"

SECONDS = {"strategy": 15, "textgen": 120}  # the limit of each part on two cores; OTHER for the rest
OTHER = 60
MEMORY_MB = 2000
WORKERS = 2

KEPT = ("tags", "mystnb")  # a cell's metadata; an editor's folding, colours and times are dropped
HEADER = """\
---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---
"""

# What every kernel runs with, here and under nbval: results must not depend on cores, no bar is drawn into an output.
KERNEL_ENV = {
    "CI": "true",
    "TQDM_DISABLE": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
    "HF_HUB_OFFLINE": "1",
}

# Run in the kernel after the last cell and not kept. VmHWM is this process's peak; ru_maxrss can hold its parent's.
PROBE = """
import json, os, platform, re
def _peak():
    try:
        return int(re.search(r"VmHWM:\\s*(\\d+)", open("/proc/self/status").read())[1]) / 1024
    except OSError:
        pass
    try:
        import resource
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # macOS: bytes
    except ImportError:
        import psutil
        return psutil.Process().memory_info().peak_wset / 2**20  # Windows
_memory = round(_peak())
import torch  # after the measurement: a chapter need not have loaded it
print(json.dumps({
    "peak_memory_mb": _memory,
    "device": torch.cuda.get_device_name() if torch.cuda.is_available() else f"CPU, {os.cpu_count()} cores",
    "python": platform.python_version(),
    "torch": torch.__version__,
}))
"""


# --- which files a notebook depends on ---------------------------------------------------------------------------


def limit(path: Path) -> int:
    """Seconds that a notebook may take, by its part (the name of its folder)."""
    return SECONDS.get(path.parent.name, OTHER)


def python_source(cell: str) -> str:
    """A code cell as plain Python: a line that begins with % or ! becomes `pass`."""
    return re.sub(r"(?m)^(\s*)[%!].*$", r"\1pass", cell)


def module_file(name: str, source: Path = SOURCE) -> Path | None:
    """File of a module of the package, or None if there is none of that name."""
    path = source.joinpath(*name.split("."))
    for file in (path / "__init__.py", path.with_suffix(".py")):
        if name.split(".")[0] == "advantage" and file.is_file():
            return file
    return None


def mentioned(tree: ast.AST, package: str) -> set[str]:
    """Dotted names that code may import: `import` and `from` wherever they stand, and strings that are a module's name.

    `package` is what relative imports in `tree` start from.
    """
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *filter(None, [node.module])])
            names |= {base} | {f"{base}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("advantage"):
            names |= {node.value, f"{node.value}.__main__"}  # importlib, or python -m
    return names


def dependencies(cells: list[str], source: Path = SOURCE) -> list[Path]:
    """Files of the package that code cells depend on: modules by static imports, and the data files that they name."""
    texts = [python_source(cell) for cell in cells]
    todo = set().union(*(mentioned(ast.parse(text), "") for text in texts)) if texts else set()
    modules: set[Path] = set()
    while todo:
        name = todo.pop()
        parts = name.split(".")
        for depth in range(1, len(parts) + 1):  # importing a.b.c runs a and a.b too
            prefix = ".".join(parts[:depth])
            file = module_file(prefix, source)
            if file is None or file in modules:
                continue
            modules.add(file)
            text = file.read_text(encoding="utf-8")
            texts.append(text)
            package = prefix if file.name == "__init__.py" else prefix.rpartition(".")[0]
            todo |= mentioned(ast.parse(text), package)
    package_texts = [file.read_text(encoding="utf-8") for file in source.glob("advantage/**/*.py")]
    data = [
        file
        for file in source.glob("advantage/**/*")
        if file.is_file() and file.suffix not in {".py", ".pyc"} and file.name not in {"py.typed", ".DS_Store"}
        if any(file.name in text for text in texts) or not any(file.name in text for text in package_texts)
    ]
    return sorted(modules | set(data))


def code_sha256(notebook: NotebookNode, source: Path = SOURCE) -> str:
    """Hash of a notebook's code cells and of the files that they depend on.

    Line ends do not count, nor does the address that Colab installs the package from: tools/repository.py changes it.
    """
    cells = [
        re.sub(r'(%pip install --quiet "advantage\S* @ git\+)[^"]*', r"\1", cell.source)
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]
    digest = hashlib.sha256(json.dumps(cells).encode())
    for file in dependencies(cells, source):
        digest.update(f"\0{file.relative_to(source).as_posix()}\0".encode())
        digest.update(file.read_bytes().replace(b"\r\n", b"\n"))
    return digest.hexdigest()


# --- the two halves ----------------------------------------------------------------------------------------------


def content(notebook: NotebookNode) -> list:
    """What the two halves must agree on: each cell's type, source and kept metadata."""
    return [
        [cell.cell_type, cell.source, {key: cell.metadata[key] for key in KEPT if key in cell.metadata}]
        for cell in notebook.cells
    ]


def content_sha256(notebook: NotebookNode) -> str:
    return hashlib.sha256(json.dumps(content(notebook), sort_keys=True).encode()).hexdigest()


def read_text(path: Path) -> NotebookNode:
    """The `.md` half as a notebook without outputs."""
    return jupytext.reads(path.read_text(encoding="utf-8"), fmt="md:myst")


def text_of(notebook: NotebookNode) -> str:
    """The `.md` half of a notebook: the fixed header, then its cells."""
    bare = nbformat.v4.new_notebook(cells=[_bare(cell) for cell in notebook.cells])
    bare.metadata.language_info = {"name": "python", "pygments_lexer": "ipython3"}
    body = jupytext.writes(bare, fmt="md:myst")
    return HEADER + re.sub(r"\A---\n.*?\n---\n", "", body, flags=re.DOTALL)


def _bare(cell: NotebookNode) -> NotebookNode:
    new = nbformat.v4.new_code_cell if cell.cell_type == "code" else nbformat.v4.new_markdown_cell
    return new(cell.source, metadata={key: cell.metadata[key] for key in KEPT if key in cell.metadata})


def assemble(text: NotebookNode, outputs: list[tuple[int | None, list]], record: dict) -> NotebookNode:
    """The `.ipynb` half: cells of `text`, (execution count, outputs) of each code cell, and the record of the run.

    A cell's id is a hash of what it says, so that an inserted cell changes no other id.
    """
    cells, seen, outputs = [], {}, iter(outputs)
    for cell in text.cells:
        cell = _bare(cell)
        digest = hashlib.sha256(f"{cell.cell_type}\0{cell.source}".encode()).hexdigest()[:8]
        seen[digest] = seen.get(digest, 0) + 1
        cell.id = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"
        if cell.cell_type == "code":
            cell.execution_count, cell.outputs = next(outputs)
        cells.append(cell)
    metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python", "pygments_lexer": "ipython3"},
        "advantage": {"text_sha256": content_sha256(text), **record},
    }
    return nbformat.v4.new_notebook(cells=cells, metadata=metadata, nbformat_minor=5)


def write_atomically(path: Path, text: str) -> None:
    """Write beside the target, then rename: a reader, or an interruption, never meets half a file."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with open(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_notebook(path: Path, notebook: NotebookNode) -> None:
    nbformat.validate(notebook)
    write_atomically(path, nbformat.writes(notebook) + "\n")


class BothEdited(Exception):
    pass


def brought_into_step(md: Path) -> tuple[NotebookNode, NotebookNode | None, bool]:
    """(the text, the executed half if any, whether it was the executed half that was edited) of a pair."""
    ipynb = md.with_suffix(".ipynb")
    executed = nbformat.read(ipynb, as_version=4) if ipynb.exists() else None
    if not md.exists():
        return jupytext.reads(text_of(executed), fmt="md:myst"), executed, True
    text = read_text(md)
    if executed is None or content(executed) == content(text):
        return text, executed, False
    agreed = executed.metadata.get("advantage", {}).get("text_sha256")
    if agreed in {None, content_sha256(executed)}:
        return text, executed, False
    if agreed == content_sha256(text):
        return jupytext.reads(text_of(executed), fmt="md:myst"), executed, True
    raise BothEdited(f"{md.name} and {ipynb.name} were both edited: delete the one you do not want to keep")


def is_executed(notebook: NotebookNode) -> bool:
    """Whether every code cell has run, once and in order."""
    counts = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
    return counts == list(range(1, len(counts) + 1))


def why_stale(text: NotebookNode, executed: NotebookNode | None) -> str | None:
    """The reason to execute a notebook, or None."""
    if executed is None or "code_sha256" not in executed.metadata.get("advantage", {}):
        return "never executed"
    if executed.metadata.advantage.code_sha256 != code_sha256(text):
        cells = [[cell.source for cell in half.cells if cell.cell_type == "code"] for half in (text, executed)]
        return "its code changed" if cells[0] != cells[1] else "src/ changed"
    if not is_executed(executed):
        return "not executed once and in order"
    return None


# --- executing ---------------------------------------------------------------------------------------------------


class Failed(Exception):
    pass


def kernel_environment(scratch: Path) -> dict[str, str]:
    """Environment of a kernel: one thread, no bars, no network, the ledger and IPython's files in `scratch`."""
    path = os.pathsep.join(filter(None, [str(ROOT / "tools" / "offline"), os.environ.get("PYTHONPATH")]))
    return {
        **os.environ,
        **KERNEL_ENV,
        "PYTHONPATH": path,
        "ADVANTAGE_LEDGER": str(scratch / "ledger.json"),
        "IPYTHONDIR": str(scratch / "ipython"),
    }


def peak_of_tree(pid: int, stop: threading.Event) -> list[float]:
    """Sample the resident MB of a process and all its children until `stop`; returns the list that it fills."""
    peak = [0.0]

    def sample() -> None:
        process = psutil.Process(pid)
        while not stop.wait(0.2):
            total = 0
            try:
                family = [process, *process.children(recursive=True)]
            except psutil.NoSuchProcess:
                return
            for member in family:
                try:
                    total += member.memory_info().rss
                except psutil.Error:
                    continue
            peak[0] = max(peak[0], total / 2**20)

    threading.Thread(target=sample, daemon=True).start()
    return peak


def execute(text: NotebookNode, timeout: int = 1200) -> tuple[list[tuple[int, list]], dict]:
    """Run a notebook in a fresh kernel in an empty folder.

    Returns:
        (execution count and outputs of each code cell, record of the run).

    Raises:
        Failed: a cell raised or wrote to stderr; the message has its code and what it said.
    """
    import matplotlib.font_manager  # noqa: F401  builds the font cache, which would else be built, and said, in a cell

    notebook = nbformat.v4.new_notebook(cells=[_bare(cell) for cell in text.cells])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
    stop = threading.Event()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        scratch = Path(scratch)
        folder = scratch / "work"
        folder.mkdir()
        environment = kernel_environment(scratch)
        startup = scratch / "ipython" / "profile_default" / "startup"
        startup.mkdir(parents=True)
        (startup / "figure.py").write_bytes((ROOT / "tools" / "figure.py").read_bytes())  # IPython runs what lies there
        client = NotebookClient(
            notebook,
            timeout=timeout,
            coalesce_streams=True,
            record_timing=False,
            extra_arguments=["--log-level=ERROR"],
        )
        start = time.perf_counter()
        try:
            with client.setup_kernel(cwd=str(folder), env=environment):
                peak = peak_of_tree(client.km.provisioner.pid, stop)
                for index, cell in enumerate(notebook.cells):
                    if cell.cell_type != "code":
                        continue
                    try:
                        client.execute_cell(cell, index)
                    except CellExecutionError as error:
                        raise Failed(str(error)) from None
                    for output in cell.outputs:
                        if output.output_type == "stream" and output.name == "stderr":
                            raise Failed(f"a cell wrote to stderr:\n{cell.source}\n------------------\n{output.text}")
                seconds = time.perf_counter() - start
                if left := sorted(file.name for file in folder.iterdir()):
                    raise Failed(f"the notebook wrote into the working folder: {', '.join(left)}")
                stop.set()
                probe = nbformat.v4.new_code_cell(PROBE)
                notebook.cells.append(probe)
                client.execute_cell(probe, len(notebook.cells) - 1, store_history=False)
                record = json.loads(probe.outputs[0].text)
                notebook.cells.pop()
        finally:
            stop.set()
    outputs = []
    for cell in (cell for cell in notebook.cells if cell.cell_type == "code"):
        for output in cell.outputs:
            output.pop("transient", None)
        outputs.append((cell.execution_count, cell.outputs))
    if [count for count, _ in outputs] != list(range(1, len(outputs) + 1)):
        raise Failed(f"cells did not run once and in order: {[count for count, _ in outputs]}")
    record |= {
        "seconds": round(seconds, 1),
        "peak_memory_mb": max(record["peak_memory_mb"], round(peak[0])),
        "date": datetime.date.today().isoformat(),
    }
    return outputs, record


def update(md: Path, force: bool = False) -> str | None:
    """Bring one pair into step and execute it if it is stale. Returns what was done, or None for nothing."""
    ipynb = md.with_suffix(".ipynb")
    text, executed, take_ipynb = brought_into_step(md)
    reason = "forced" if force else why_stale(text, executed)
    if reason:
        sha256 = code_sha256(text)
        outputs, record = execute(text)
        done = f"{reason}: executed in {record['seconds']} s, {record['peak_memory_mb']} MB"
        record["code_sha256"] = sha256
    else:
        outputs = [(cell.execution_count, cell.outputs) for cell in executed.cells if cell.cell_type == "code"]
        record = {key: value for key, value in executed.metadata.advantage.items() if key != "text_sha256"}
        done = f"took the text of {'the .ipynb' if take_ipynb else 'the .md'}, kept the outputs"
        if json.dumps(assemble(text, outputs, record), sort_keys=True) == json.dumps(executed, sort_keys=True):
            return None
    if take_ipynb:
        write_atomically(md, text_of(text))
    write_notebook(ipynb, assemble(text, outputs, record))
    return done


# --- the command -------------------------------------------------------------------------------------------------


def find_pairs(paths: list[Path], root: Path = NOTEBOOKS) -> list[Path]:
    """The `.md` halves under the given paths (all of `notebooks/` by default), sorted."""
    found = set()
    for path in paths or [root]:
        if path.is_dir():
            found |= {file.with_suffix(".md") for kind in ("*.md", "*.ipynb") for file in path.rglob(kind)}
        elif path.suffix in {".md", ".ipynb"} and (path.exists() or path.with_suffix(".md").exists()):
            found.add(path.with_suffix(".md"))
        else:
            raise SystemExit(f"{path}: no such notebook or folder")
    return sorted(file.resolve() for file in found if not any(part.startswith(".") for part in file.parts))


def name(md: Path) -> str:
    return (md.relative_to(ROOT) if md.is_relative_to(ROOT) else md).with_suffix("").as_posix()


def check(md: Path) -> str | None:
    """What is wrong with a pair, or None."""
    if not md.exists():
        return "has no .md half"
    text = read_text(md)
    ipynb = md.with_suffix(".ipynb")
    executed = nbformat.read(ipynb, as_version=4) if ipynb.exists() else None
    if executed is not None and content(text) != content(executed):
        return "out of step: the two halves differ"
    return why_stale(text, executed)


def run_one(md: Path, force: bool, running: list[subprocess.Popen]) -> tuple[bool, bool, str]:
    """Update a pair in a process of its own. Returns (went well, changed something, message)."""
    command = [sys.executable, __file__, "--one", *(["--force"] if force else []), str(md)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8")
    running.append(process)
    message = process.communicate()[0].strip()
    return process.returncode == 0, bool(message), message


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="*", type=Path)
    parser.add_argument("--check", action="store_true", help="write nothing; list what is out of step or stale")
    parser.add_argument("--force", action="store_true", help="execute whether stale or not")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(encoding="utf-8")

    if arguments.one:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
        try:
            done = update(arguments.paths[0], arguments.force)
        except (Failed, BothEdited, SyntaxError) as error:
            print(error)
            return 1
        if done:
            print(done)
        return 0

    pairs = find_pairs(arguments.paths)
    if arguments.check:
        problems = [(md, check(md)) for md in pairs]
        for md, problem in problems:
            if problem:
                print(f"{name(md)}: {problem}")
        return int(any(problem for _, problem in problems))

    todo = []
    for md in pairs:  # cheap to tell here; a process each only for what has something to do
        ipynb = md.with_suffix(".ipynb")
        text_matches = check(md) is None and nbformat.read(ipynb, as_version=4).metadata.advantage.get("text_sha256")
        if arguments.force or not text_matches or text_matches != content_sha256(read_text(md)):
            todo.append(md)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    failed = changed = False
    running: list[subprocess.Popen] = []
    pool = ThreadPoolExecutor(WORKERS)
    try:
        futures = {md: pool.submit(run_one, md, arguments.force, running) for md in todo}
        for md, future in futures.items():
            well, did, message = future.result()
            failed, changed = failed or not well, changed or (well and did and md.is_relative_to(NOTEBOOKS))
            print(f"{name(md)}: {'' if well else 'FAILED' + chr(10)}{message or 'nothing to do'}", flush=True)
    except KeyboardInterrupt:
        print("interrupted; notebooks that were running keep what they had")
        return 130
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in running:
            if process.poll() is None:
                process.terminate()
    if not todo:
        print(f"{len(pairs)} notebooks are up to date.")
    chinese = ROOT / "tools" / "chinese"
    if changed and chinese.exists():
        failed = subprocess.run([sys.executable, str(chinese), "extract"]).returncode != 0 or failed
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
