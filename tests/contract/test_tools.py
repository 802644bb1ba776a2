"""The tools that keep the contract: make notebooks, make chapter, make repository."""

import os
import re
import signal
import socket
import subprocess
import sys
import time

import nbformat
import psutil
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

import chapter as new_chapter
import notebooks
import repository
import rules

TOOL = rules.ROOT / "tools" / "notebooks.py"


def notebook(*sources):
    return new_notebook(cells=[new_code_cell(source) for source in sources])


# --- what makes a notebook stale ---------------------------------------------------------------------------------


@pytest.fixture
def source(tmp_path):
    """A package in which each way of depending on a module occurs once."""
    files = {
        "__init__.py": "from advantage.start import start",
        "start.py": "",
        "models/__init__.py": "",
        "models/attention.py": "def f():\n    from ..ledger import read  # a relative import within a function",
        "models/gan.py": "",
        "ledger.py": "from importlib import resources\nFILE = 'reference.json'\nimport advantage.textgen",
        "textgen/__init__.py": "from . import corpus",
        "textgen/corpus.py": "",
        "textgen/train.py": "",
        "textgen/__main__.py": "from advantage.textgen import train",
        "data/reference.json": "{}",
        "data/prices.json": "{}",
        "data/orphan.csv": "",
        "prices.py": "FILE = 'prices.json'",
    }
    for name, text in files.items():
        path = tmp_path / "advantage" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def names(source, *cells):
    return {file.relative_to(source / "advantage").as_posix() for file in notebooks.dependencies(list(cells), source)}


ALWAYS = {"__init__.py", "start.py", "data/orphan.csv"}  # the orphan: no module names it, so it counts for all
LEDGER = {"ledger.py", "data/reference.json", "textgen/__init__.py", "textgen/corpus.py"}


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("import math", {"data/orphan.csv"}),
        ("import advantage", ALWAYS),
        ("try:\n    import advantage\nexcept ImportError:\n    %pip install x\n    import advantage", ALWAYS),
        ("from advantage.models import attention", ALWAYS | LEDGER | {"models/__init__.py", "models/attention.py"}),
        ("import advantage.models.gan as g", ALWAYS | {"models/__init__.py", "models/gan.py"}),
        ("def f():\n    from advantage import prices", ALWAYS | {"prices.py", "data/prices.json"}),
        (
            "run([python, '-m', 'advantage.textgen'])",
            ALWAYS | {"textgen/__init__.py", "textgen/corpus.py", "textgen/train.py", "textgen/__main__.py"},
        ),
    ],
)
def test_dependencies(source, cell, expected):
    """Python reference, the import system: what a cell's imports run, followed through the package."""
    assert names(source, cell) == expected


@pytest.mark.parametrize(
    ("file", "stale"),
    [
        ("models/attention.py", True),
        ("ledger.py", True),
        ("data/reference.json", True),
        ("data/orphan.csv", True),
        ("models/gan.py", False),
        ("data/prices.json", False),
    ],
)
def test_stale_when_what_it_uses_changed(source, file, stale):
    """README: a notebook whose own code changed, or whose imports from src/ did."""
    made = notebook("from advantage.models import attention")
    before = notebooks.code_sha256(made, source)
    path = source / "advantage" / file
    path.write_text(path.read_text() + "\n# changed")
    assert (notebooks.code_sha256(made, source) != before) == stale


def test_not_stale_by_prose_tags_line_ends_or_address(source):
    """README: editing prose executes nothing; nor does a checkout on Windows or a copy of the repository."""
    install = '%pip install --quiet "advantage[textgen] @ git+https://github.com/{}/course"\nimport advantage'
    before = notebooks.code_sha256(notebook(install.format("a")), source)
    changed = notebook(install.format("b"))
    changed.cells[0].metadata.tags = ["hide-input"]
    changed.cells.insert(0, new_markdown_cell("Prose."))
    for file in (source / "advantage").rglob("*.py"):
        file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert notebooks.code_sha256(changed, source) == before
    assert notebooks.code_sha256(notebook("import advantage"), source) != before


# --- the two halves ----------------------------------------------------------------------------------------------


@pytest.fixture
def no_execution(monkeypatch):
    def refuse(*_):
        raise AssertionError("executed")

    monkeypatch.setattr(notebooks, "execute", refuse)


def edit(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_text_survives_the_round_trip(example):
    """Jupytext, MyST format: text → notebook → text is the identity on what `make chapter` writes."""
    source = example.md.read_text(encoding="utf-8")
    assert notebooks.text_of(notebooks.read_text(example.md)) == source


def test_up_to_date_is_left_alone(example, no_execution):
    """Issue 2, §1: a second run does no needless work."""
    before = example.md.with_suffix(".ipynb").read_bytes()
    assert notebooks.update(example.md) in {None, "took the text of the .md, kept the outputs"}
    first = example.md.with_suffix(".ipynb").stat().st_mtime_ns
    assert notebooks.update(example.md) is None
    assert example.md.with_suffix(".ipynb").stat().st_mtime_ns == first
    assert before == example.md.with_suffix(".ipynb").read_bytes()


@pytest.mark.parametrize("half", [".md", ".ipynb"])
def test_edited_prose_keeps_outputs(example, no_execution, half):
    """Issue 2, §1: both halves in step, whichever was edited, and nothing executed."""
    outputs = [cell.outputs for cell in example.code]
    edit(example.md.with_suffix(half), "Derive the idea", "Prove the idea")
    assert half in notebooks.update(example.md)
    again = rules.Chapter(example.md, example.root)
    assert [cell.outputs for cell in again.code] == outputs
    assert rules.problems(again) == []
    assert "Prove the idea" in example.md.read_text(encoding="utf-8")


def test_both_edited_is_refused(example, no_execution):
    """Issue 2, §1: neither edit is lost."""
    edit(example.md, "Derive the idea", "Prove the idea")
    edit(example.md.with_suffix(".ipynb"), "Derive the idea", "Show the idea")
    before = [example.md.with_suffix(half).read_bytes() for half in (".md", ".ipynb")]
    with pytest.raises(notebooks.BothEdited, match="both edited"):
        notebooks.update(example.md)
    assert [example.md.with_suffix(half).read_bytes() for half in (".md", ".ipynb")] == before


def test_an_inserted_cell_changes_no_other_id(example):
    """nbformat 4.5, cell ids: unique, and as stable as the text, so that diffs are small."""
    ids = [cell.id for cell in example.notebook.cells]
    assert len(set(ids)) == len(ids)
    text = notebooks.read_text(example.md)
    text.cells[2:2] = [new_markdown_cell("New."), new_markdown_cell("New.")]
    outputs = [(cell.execution_count, cell.outputs) for cell in example.code]
    now = [cell.id for cell in notebooks.assemble(text, outputs, {}).cells]
    assert len(set(now)) == len(now)
    assert [each for each in now if each in ids] == ids


def test_nothing_half_written(tmp_path, monkeypatch):
    """POSIX rename: a file is the old one or the new one, whatever interrupts the writing."""
    path = tmp_path / "a.ipynb"
    path.write_text("old")
    monkeypatch.setattr(notebooks.os, "replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        notebooks.write_atomically(path, "new")
    assert [file.name for file in tmp_path.iterdir()] == ["a.ipynb"]
    assert path.read_text() == "old"


# --- executing ---------------------------------------------------------------------------------------------------


def test_execution(tmp_path):
    """Issue 2, §2 and §7: one thread, an empty folder, no network, a ledger of its own; seconds and memory recorded."""
    outputs, record = notebooks.execute(
        notebook(
            "import os, socket, torch\nprint(torch.get_num_threads(), os.listdir(), os.environ['CI'])",
            "try:\n    socket.create_connection(('192.0.2.1', 80), 1)\nexcept OSError as error:\n    print(error)",
            "print(os.path.exists(os.environ['ADVANTAGE_LEDGER']))\nblock = bytearray(300_000_000)",
        )
    )
    printed = [cell[0].text if cell else "" for _, cell in outputs]
    assert printed[0] == "1 [] true\n"
    assert "no network here" in printed[1]
    assert printed[2] == "False\n"
    assert [count for count, _ in outputs] == [1, 2, 3]
    assert 300 < record["peak_memory_mb"] < 1500
    assert 0 < record["seconds"] < 60
    assert set(record) == {"seconds", "peak_memory_mb", "device", "python", "torch", "date"}


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("def f():\n    return 1 / 0\nf()", "return 1 / 0(.|\n)*ZeroDivisionError"),
        ("import warnings\nwarnings.warn('careful')", "wrote to stderr(.|\n)*careful"),
        ("open('left.txt', 'w').close()", "working folder: left.txt"),
    ],
)
def test_execution_fails(cell, message):
    """Issue 2, §1: the failing cell's code and traceback in the output; nothing written, no warning."""
    with pytest.raises(notebooks.Failed, match=message):
        notebooks.execute(notebook(cell))


@pytest.mark.skipif(os.name != "posix", reason="Windows has no signal that a process can pass on")
def test_interrupted(example):
    """Issue 2, §1: an interrupted run leaves nothing half-written, and no kernel."""
    edit(example.md, "def f(x):", "import time\ntime.sleep(600)\n\n\ndef f(x):")
    before = sorted((file.name, file.read_bytes()) for file in example.md.parent.iterdir())
    process = subprocess.Popen([sys.executable, TOOL, str(example.md)], stdout=subprocess.PIPE, text=True)
    family, kernels, limit = psutil.Process(process.pid), [], time.monotonic() + 60
    while not kernels and time.monotonic() < limit:
        time.sleep(0.1)
        kernels = [child for child in family.children(recursive=True) if "ipykernel" in " ".join(child.cmdline())]
    assert kernels
    process.send_signal(signal.SIGTERM)
    assert "interrupted" in process.communicate(timeout=60)[0]
    assert process.returncode == 130
    _, alive = psutil.wait_procs(kernels, timeout=20)
    assert not alive
    assert sorted((file.name, file.read_bytes()) for file in example.md.parent.iterdir()) == before


# --- testing -----------------------------------------------------------------------------------------------------


def test_what_every_test_runs_with():
    """Issue 2, §2 and §7: one thread, no network, no progress bars, in each process that a test starts."""
    code = (
        "import os, socket\n"
        "ledger = os.path.exists(os.environ['ADVANTAGE_LEDGER'])\n"
        "print(os.environ['OMP_NUM_THREADS'], os.environ['TQDM_DISABLE'], ledger)\n"
        "socket.create_connection(('192.0.2.1', 80), 1)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "1 1 False\n"
    assert "no network here" in done.stderr
    with pytest.raises(OSError, match="no network here"):
        socket.create_connection(("192.0.2.1", 80), 1)
    with socket.create_server(("localhost", 0)) as server:
        socket.create_connection(server.getsockname(), 1).close()


def test_nbval_is_strict(tmp_path):
    """Issue 2, §1 and §2: a changed output, a new warning and an exception fail; code and traceback are shown."""
    cells = ["print(1)", "print(2)", "import warnings\nwarnings.warn('new')", "def f():\n    return 1 / 0\nf()"]
    written = notebook(*cells)
    written.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
    for number, cell in enumerate(written.cells, 1):
        cell.execution_count = number
    written.cells[0].outputs = [new_output("stream", name="stdout", text="1\n")]
    written.cells[1].outputs = [new_output("stream", name="stdout", text="3\n")]
    nbformat.write(written, tmp_path / "broken.ipynb")
    command = [sys.executable, "-m", "pytest", "-c", rules.ROOT / "pyproject.toml", "--rootdir", tmp_path, "--nbval"]
    done = subprocess.run([*command, "-p", "no:cacheprovider", tmp_path], capture_output=True, text=True, cwd=tmp_path)
    assert "3 failed, 1 passed" in done.stdout
    for said in ("print(2)", "assert reference_output == test_output failed", "return 1 / 0", "ZeroDivisionError"):
        assert said in re.sub(r"\x1b\[[\d;]*m", "", done.stdout)


# --- a new chapter, a new address --------------------------------------------------------------------------------


def test_a_new_chapter_is_valid(tmp_path):
    """Issue 2, §1: `make chapter` creates a valid pair and its entry; only what is to be written is missing."""
    (tmp_path / "book").mkdir()
    for name in ("pyproject.toml", "_toc.yml"):
        (tmp_path / name).write_bytes((rules.ROOT / name).read_bytes())
    md = new_chapter.create("strategy", "new-pricing", tmp_path)
    assert notebooks.main([str(md)]) == 0
    chapter = rules.Chapter(md, tmp_path)
    broken = {problem.split(":")[0] for problem in rules.problems(chapter)}
    assert broken == {"length", "figures", "citations"}  # this tree has no bibliography
    assert chapter.notebook.metadata.advantage.seconds <= 15
    with pytest.raises(ValueError, match="exists already"):
        new_chapter.create("strategy", "new-pricing", tmp_path)


@pytest.mark.parametrize(
    ("part", "name", "message"),
    [("sales", "pricing", "part: got 'sales'"), ("models", "Big Name", "name: got 'Big Name'"), ("models", "", "name")],
)
def test_a_new_chapter_is_refused(example, part, name, message):
    """CONTRIBUTING.md: bad input gets an error that names it; nothing is written."""
    toc = (example.root / "_toc.yml").read_text()
    with pytest.raises(ValueError, match=message):
        new_chapter.create(part, name, example.root)
    assert (example.root / "_toc.yml").read_text() == toc


def test_the_entry_stands_after_its_part():
    """Jupyter Book 1, _toc.yml: the entry joins its part, or opens one; comments and all else stay."""
    toc = (
        "format: jb-book\nparts:  # four\n  - caption: The models\n    chapters:\n      - file: notebooks/models/a\n"
        "      - file: notebooks/models/b  # two\n  - caption: Reference\n    chapters:\n      - file: book/api\n"
    )
    added = new_chapter.with_entry(toc, "models", "c").splitlines()
    assert added.index("      - file: notebooks/models/c") == 6
    assert [line for line in added if "/c" not in line] == toc.splitlines()
    parts = [line for line in new_chapter.with_entry(toc, "strategy", "d").splitlines() if "caption" in line]
    assert [part.split(": ")[1] for part in parts] == ["The models", "Platform strategy", "Reference"]
    assert new_chapter.with_entry("parts:\n", "textgen", "e") == (
        "parts:\n  - caption: The text-generation project\n    chapters:\n      - file: notebooks/textgen/e\n"
    )


def test_a_new_address(example, no_execution):
    """Issue 2, §2: the address stands in one place; the tool copies it, both halves stay in step, nothing is stale."""
    (example.root / "_config.yml").write_text(f"html:\n  url: {new_chapter.address(example.root)}/issues\n")
    changed = repository.write("https://github.com/you/your-course.git/", example.root)
    assert {path.name for path in changed} == {"pyproject.toml", "_config.yml", "example.md", "example.ipynb"}
    assert new_chapter.address(example.root) == "https://github.com/you/your-course"
    assert "url: https://github.com/you/your-course/issues" in (example.root / "_config.yml").read_text()
    assert rules.problems(rules.Chapter(example.md, example.root)) == []
    assert '"advantage @ git+https://github.com/you/your-course"' in example.md.read_text(encoding="utf-8")
    assert repository.write("https://github.com/you/your-course", example.root) == []
    assert nbformat.read(example.md.with_suffix(".ipynb"), as_version=4)


@pytest.mark.parametrize(
    "url", ["", "github.com/you/course", "https://github.com/", 'https://github.com/a/b"', "git@x"]
)
def test_a_bad_address(example, url):
    """CONTRIBUTING.md: bad input gets an error that names it."""
    with pytest.raises(ValueError, match="url: got"):
        repository.write(url, example.root)
