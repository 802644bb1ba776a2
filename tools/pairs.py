"""Make the executed half of each notebook from its text, and execute what is stale.

    python tools/pairs.py [PATH ...]            # format, bring into step, execute what is stale
    python tools/pairs.py --force [PATH ...]    # execute whether stale or not
    python tools/pairs.py --check [PATH ...]    # write nothing; list what is out of step or stale, exit 1 if any

A path is either half of a pair, or a folder. `name.md` is the text that people edit; `name.ipynb` is made from it and
holds the outputs. Editing prose, captions or tags executes nothing (tools/stale.py says what does), and outputs that
did not change stay as they are, to the byte.
"""

import argparse
import ast
import os
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
from nbformat import NotebookNode

import kernel
import markdown
import stale
from advantage.files import whole
from halves import (
    Refused,
    assemble,
    code_of,
    content,
    ids,
    is_draft,
    is_executed,
    read_executed,
    read_text,
    sources,
    with_code,
)

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = ROOT / "notebooks"
WORKERS = 2


# --- what is to be done ------------------------------------------------------------------------------------------


def why_stale(text: NotebookNode, executed: NotebookNode | None) -> str | None:
    """The reason to execute a notebook, or None."""
    if executed is None or "code_sha256" not in executed.metadata.get("advantage", {}):
        return "never executed"
    if executed.metadata.advantage.code_sha256 != stale.code_sha256(sources(text)):
        return "its code changed" if sources(text) != sources(executed) else "src/ changed"
    if len(code_of(text)) != len(code_of(executed)) or not is_executed(executed):
        return "not executed once and in order"
    return None


def check(md: Path) -> str | None:
    """What is wrong with a pair, or None."""
    text, executed = read_text(md), read_executed(md)
    if executed is not None and content(text) != content(executed):
        return "out of step: the two halves differ"
    return why_stale(text, executed)


def parsed(md: Path, text: NotebookNode) -> None:
    """Raise Failed, with the line of the `.md`, if a code cell is not Python."""
    lines = markdown.cell_lines(md.read_text(encoding="utf-8"), [cell.source for cell in text.cells])
    for line, cell in zip(lines, text.cells):
        if cell.cell_type == "code":
            try:
                ast.parse(stale.python_source(cell.source))
            except SyntaxError as error:
                at = line + (error.lineno or 1) - 1
                raise kernel.Failed(f"{name(md)}.md:{at}: {error.msg}: {(error.text or '').strip()}") from None


def formatted(md: Path, text: NotebookNode) -> str:
    """The `.md` half with the header of all pairs and its code cells as `ruff format` writes them."""
    ruff = shutil.which("ruff", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    plain = nbformat.writes(assemble(text, [[] for _ in code_of(text)], {}))
    command = [ruff, "format", "--quiet", "--config", NOTEBOOKS / "ruff.toml", "--stdin-filename", "cells.ipynb", "-"]
    done = subprocess.run(command, input=plain, capture_output=True, text=True, encoding="utf-8")
    if done.returncode:
        raise kernel.Failed(f"{name(md)}.md: {done.stderr}")
    new = sources(nbformat.reads(done.stdout, as_version=4))
    return with_code(md.read_text(encoding="utf-8"), sources(text), new)


def prepare(md: Path) -> tuple[NotebookNode, NotebookNode | None, str | None]:
    """Format a pair's text; (the text, the executed half, why it is to be executed). Raises what `update` does."""
    text, executed = read_text(md), read_executed(md)
    parsed(md, text)
    if (said := formatted(md, text)) != md.read_text(encoding="utf-8"):
        write(md, said)
        text = read_text(md)
    edited = executed is not None and [cell.get("id") for cell in executed.cells] != ids(executed)
    if edited and content(text) != content(executed):
        raise Refused(f"{md.with_suffix('.ipynb')}: was edited, but is made from {md.name}: edit that, or delete it")
    return text, executed, why_stale(text, executed)


def write(path: Path, text: str) -> None:
    with whole(path) as file:
        file.write(text)


def executed_anew(text: NotebookNode, executed: NotebookNode | None) -> tuple[list[list[NotebookNode]], dict, str]:
    """Execute; (outputs, record, what was done). Outputs and record that say what they said before are the old ones."""
    sha256 = stale.code_sha256(sources(text))
    outputs, record = kernel.execute(sources(text))
    done = f"executed in {record['seconds']} s, {record['peak_memory_mb']} MB"
    if executed is not None and "seconds" in executed.metadata.get("advantage", {}):
        before = {cell.id: cell.outputs for cell in code_of(executed)}
        now = [identity for identity, cell in zip(ids(text), text.cells, strict=True) if cell.cell_type == "code"]
        outputs = [kernel.kept_outputs(before.get(cell, []), new) for cell, new in zip(now, outputs, strict=True)]
        if outputs == [cell.outputs for cell in code_of(executed)]:
            record = dict(executed.metadata.advantage)
    return outputs, record | {"code_sha256": sha256}, done


def update(md: Path, force: bool = False) -> str | None:
    """Format a pair's code, bring it into step and execute it if it is stale. Returns what was done, None for nothing.

    Raises:
        Refused: a half is not what it must be; the message names the file.
        Failed: a cell is not Python, raised or wrote to stderr.
    """
    text, executed, reason = prepare(md)
    if reason or force:
        outputs, record, did = executed_anew(text, executed)
        done = f"{reason or 'forced'}: {did}"
    else:
        outputs = [cell.outputs for cell in code_of(executed)]
        record, done = executed.metadata.advantage, None
    made = assemble(text, outputs, dict(sorted(record.items())))
    nbformat.validate(made)
    written, ipynb = nbformat.writes(made) + "\n", md.with_suffix(".ipynb")
    if not ipynb.exists() or ipynb.read_text(encoding="utf-8") != written:
        write(ipynb, written)
        done = done or "took the text of the .md, kept the outputs"
    return done


# --- the command -------------------------------------------------------------------------------------------------


def find(paths: list[Path], root: Path = NOTEBOOKS) -> list[Path]:
    """The `.md` halves under the given paths (all of `notebooks/` by default), sorted.

    Raises:
        Refused: a path is neither half of a pair nor a folder that holds one.
    """
    found = set()
    for path in paths or [root]:
        if path.is_dir():
            files = {file.with_suffix(".md") for kind in ("*.md", "*.ipynb") for file in path.rglob(kind)}
            files = {file for file in files if not any(part[0] in "._" for part in file.relative_to(path).parts)}
        else:
            files = {path.with_suffix(".md")} if path.suffix in {".md", ".ipynb"} and path.exists() else set()
        if not files:
            raise Refused(f"{path}: there is no notebook")
        found |= files
    return sorted(file.resolve() for file in found)


def name(md: Path) -> str:
    return (md.relative_to(ROOT) if md.is_relative_to(ROOT) else md).with_suffix("").as_posix()


def run_one(md: Path, force: bool, running: list[subprocess.Popen]) -> tuple[bool, str]:
    """Update a pair, in a process of its own if it is to be executed. Returns (went well, message)."""
    if not force:
        try:
            if prepare(md)[2] is None:
                return True, update(md) or ""
        except (kernel.Failed, Refused) as error:
            return False, str(error)
    command = [sys.executable, __file__, "--one", *(["--force"] if force else []), str(md)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8")
    running.append(process)
    message = process.communicate()[0].strip()
    return process.returncode == 0, message


def run_all(pairs: list[Path], force: bool) -> int:
    """Update pairs, two at a time; 0, 1 if one failed, 130 if interrupted."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    failed, changed = False, []
    running: list[subprocess.Popen] = []
    pool = ThreadPoolExecutor(WORKERS)
    try:
        for md, future in {md: pool.submit(run_one, md, force, running) for md in pairs}.items():
            well, message = future.result()
            failed, changed = failed or not well, changed + [md] * (well and bool(message))
            if message:
                print(f"{name(md)}: {'' if well else 'FAILED' + chr(10)}{message}", flush=True)
    except KeyboardInterrupt:
        print("interrupted; notebooks that were running keep what they had")
        return 130
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in running:
            if process.poll() is None:
                process.terminate()
    if not changed and not failed:
        print(f"{len(pairs)} notebooks are up to date.")
    if any(md.is_relative_to(NOTEBOOKS) and not is_draft(md) for md in changed):
        extract = [sys.executable, str(ROOT / "tools" / "chinese"), "extract"]
        failed = subprocess.run(extract).returncode != 0 or failed
    return int(failed)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="*", type=Path)
    parser.add_argument("--check", action="store_true", help="write nothing; list what is out of step or stale")
    parser.add_argument("--force", action="store_true", help="execute whether stale or not")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(encoding="utf-8")
    try:
        if options.one:
            signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
            print(update(options.paths[0], options.force) or "")
            return 0
        pairs = find(options.paths)
        if not options.check:
            return run_all(pairs, options.force)
        problems = [(md, check(md)) for md in pairs]
    except (kernel.Failed, Refused) as error:
        print(error)
        return 1
    print(*[f"{name(md)}: {problem}" for md, problem in problems if problem], sep="\n")
    return int(any(problem for _, problem in problems))


if __name__ == "__main__":
    sys.exit(main())
