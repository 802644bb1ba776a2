"""What makes a notebook stale: its code and what it imports; not its words, nor the package's."""

import ast
import shutil
import subprocess

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

import stale
from halves import sources


def notebook(*cells):
    return new_notebook(cells=[new_code_cell(cell) for cell in cells])


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
    return {file.relative_to(source / "advantage").as_posix() for file in stale.dependencies(list(cells), source)}


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
    ("file", "counts"),
    [
        ("models/attention.py", True),
        ("ledger.py", True),
        ("data/reference.json", True),
        ("data/orphan.csv", True),
        ("models/gan.py", False),
        ("data/prices.json", False),
    ],
)
def test_stale_when_what_it_uses_changed(source, file, counts):
    """README: a notebook whose own code changed, or whose imports from src/ did."""
    made = notebook("from advantage.models import attention")
    before = stale.code_sha256(sources(made), source)
    path = source / "advantage" / file
    path.write_text(path.read_text() + "\nchanged = 1")
    assert (stale.code_sha256(sources(made), source) != before) == counts


def test_not_stale_by_prose_tags_line_ends_or_address(source):
    """README: editing prose executes nothing; nor does a checkout on Windows or a copy of the repository."""
    install = '%pip install --quiet "advantage[textgen] @ git+https://github.com/{}/course"\nimport advantage'
    before = stale.code_sha256([install.format("a")], source)
    changed = notebook(install.format("b"))
    changed.cells[0].metadata.tags = ["hide-input"]
    changed.cells.insert(0, new_markdown_cell("Prose."))
    for file in (source / "advantage").rglob("*.py"):
        file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert stale.code_sha256(sources(changed), source) == before
    assert stale.code_sha256(["import advantage"], source) != before


CODE = '''"""What the module does."""
# a comment

def f(x):  # why
    """One line."""
    text = f"""kept # not a comment

    {x}   """
    return text

class A:
    """Two
    lines: 中文."""; y = "#"
'''


def test_words_about_the_code_do_not_count():
    """Comments, docstrings, blank lines: gone; strings that the program uses stay to the byte."""
    assert stale.bare(CODE) == (
        'def f(x):\n    text = f"""kept # not a comment\n\n    {x}   """\n    return text\nclass A:\n    ; y = "#"'
    )
    assert stale.bare(CODE.replace("\n", "\r\n")) == stale.bare(CODE)


@pytest.mark.parametrize(
    ("old", "new", "counts"),
    [
        ("# a comment", "# another", False),
        ("One line.", "Another line.", False),
        ("return text", "return  text", True),
        ("kept # not", "kept # now", True),
        ("kept # not a comment\n\n", "kept # not a comment\n", True),
        ('"#"', '"##"', True),
        ('def f(x):  # why\n    """One line."""\n', "def f(x):\n", False),
    ],
)
def test_what_counts(old, new, counts):
    """A docstring or a comment makes nothing stale; anything that can change a result does."""
    assert old in CODE
    assert (stale.bare(CODE) != stale.bare(CODE.replace(old, new))) == counts


@pytest.mark.parametrize("cell", ["inspect.getsource(start)", "help(start)", "start?", "print(start.__doc__)"])
def test_words_count_where_they_are_shown(source, cell):
    """A chapter that prints source code or documentation is stale when that changes."""
    cells = [f"from advantage.start import start\n{cell}"]
    file = source / "advantage" / "start.py"
    before = stale.code_sha256(cells, source), stale.code_sha256(["import advantage"], source)
    file.write_text(file.read_text() + "# a comment\n")
    assert stale.code_sha256(cells, source) != before[0]
    assert stale.code_sha256(["import advantage"], source) == before[1]


@pytest.mark.parametrize("version", ["3.10", "3.12", "3.13", "3.14"])
def test_every_python_gives_the_same_hash(version):
    """The same text from the tokenizers and parsers of other versions, where they are at hand."""
    python = shutil.which(f"python{version}")
    code = "import sys, stale; sys.stdout.buffer.write(stale.bare(sys.stdin.buffer.read().decode()).encode())"
    if not python or subprocess.run([python, "-c", ""], capture_output=True).returncode:
        pytest.skip(f"no Python {version} here")
    command = [python, "-c", f"import sys; sys.path.insert(0, {str(stale.ROOT / 'tools')!r}); {code}"]
    for file in stale.SOURCE.glob("advantage/**/*.py"):
        done = subprocess.run(command, input=file.read_bytes(), capture_output=True, check=True)
        assert done.stdout.decode() == stale.bare(file.read_text(encoding="utf-8")), file


@pytest.mark.parametrize(
    ("cell", "plain"),
    [
        ("files = !ls", "get_ipython().getoutput"),
        ("len?", "pinfo"),
        ("%pip install x", "run_line_magic"),
        ("if True:\n    !ls", "get_ipython().system"),
        ("print(7\n      % 3)", "% 3)"),
        ('text = """\n%matplotlib\n"""', "\n%matplotlib\n"),
    ],
)
def test_magics_by_ipython(cell, plain):
    """IPython's own transformer: every form it knows becomes Python, and Python that looks like one stays."""
    assert plain in stale.python_source(cell)
    ast.parse(stale.python_source(cell))


def test_a_new_data_file_is_no_news_to_other_chapters(source):
    """Of the register of data files counts what the notebook or a module that it uses names."""
    register, data = source / stale.REGISTER, source / "advantage" / "data"
    register.write_text("def runs():\n    return _read('runs.json')\n\n\ndef _read(name):\n    return name\n")
    cells = ["from advantage import records\nrecords.runs()"]
    (data / "runs.json").write_text("{}")
    before = stale.code_sha256(cells, source)
    assert "data/runs.json" in names(source, *cells)
    shown = [*cells, "help(records.runs)"]  # a chapter that shows source, where blank lines count
    shown_before = stale.code_sha256(shown, source)
    (data / "others.json").write_text("{}")
    register.write_text("def others():\n    return _read('others.json')\n\n\n" + register.read_text())
    assert stale.code_sha256(cells, source) == before
    assert "data/others.json" not in names(source, *cells)
    assert stale.code_sha256(shown, source) == shown_before
    assert "data/others.json" in names(source, cells[0] + "\nrecords.others()")
    register.write_text(register.read_text().replace("return _read('runs.json')", "return _read('runs.json') or 1"))
    assert stale.code_sha256(cells, source) != before
