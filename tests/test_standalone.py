"""Each chapter opens alone: its Chinese edition has the English code, and Colab installs the package it needs.

That the English notebooks run from the wheel, in an empty folder, is what nbval shows (conftest.py).
"""

import ast
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest
from IPython.display import HTML, Markdown

import advantage
import chapter as new_chapter
import halves
import installed
import pairs
import stale
from chinese import edition
from website.places import repository

ROOT = Path(__file__).resolve().parents[1]
BOOKS = [md for md in pairs.find([]) if not halves.is_draft(md)]
WORDS = ("quiz", "Markdown")  # the calls whose strings are translated


@pytest.fixture(scope="session")
def chinese(tmp_path_factory):
    """The Chinese notebooks as the publish job generates them; what is not translated yet is English."""
    folder = tmp_path_factory.mktemp("chinese")
    edition.translate(folder)
    return folder


def last_call(source: str) -> ast.Call | None:
    """A cell's last expression, if it is a quiz or a solution's text."""
    body = ast.parse(stale.python_source(source)).body
    last = body[-1].value if body and isinstance(body[-1], ast.Expr) else None
    return last if stale.called(last) in WORDS else None


@pytest.mark.parametrize("md", BOOKS, ids=pairs.name)
def test_chinese_code_equals_the_english(md, chinese):
    """Cells differ in their prose, and in the strings of the quiz and of solutions: all before them is the same."""
    english = halves.read_executed(md)
    translated = nbformat.read(chinese / md.relative_to(ROOT).with_suffix(".ipynb"), as_version=4)
    assert [cell.cell_type for cell in translated.cells] == [cell.cell_type for cell in english.cells]
    for ours, theirs in zip(halves.code_of(english), halves.code_of(translated)):
        mine, other = last_call(ours.source), last_call(theirs.source)
        assert (mine is None) == (other is None)
        if mine is None:
            assert theirs.source == ours.source
        else:
            code = [ast.parse(stale.python_source(cell.source)).body[:-1] for cell in (ours, theirs)]
            assert ast.dump(ast.Module(code[0], [])) == ast.dump(ast.Module(code[1], []))
            assert ast.unparse(mine.func) == ast.unparse(other.func)


@pytest.mark.parametrize("md", BOOKS, ids=pairs.name)
def test_chinese_quiz_and_solutions_run(md, chinese):
    """What differs from the English code runs, and shows what the Chinese notebook holds."""
    translated = nbformat.read(chinese / md.relative_to(ROOT).with_suffix(".ipynb"), as_version=4)
    for cell in halves.code_of(translated):
        call = last_call(cell.source)
        if call is None or not isinstance(call.func, ast.Attribute | ast.Name):
            continue
        shown = eval(compile(ast.Expression(call), "cell", "eval"), {"advantage": advantage, "Markdown": Markdown})
        data = shown.data if isinstance(shown, HTML | Markdown) else shown._repr_html_()
        results = [output.data for output in cell.outputs if output.output_type == "execute_result"]
        assert data in [text for result in results for text in result.values()]


def test_the_wheel_has_every_file_of_the_package(tmp_path):
    """Data comes from inside the installed package."""
    with zipfile.ZipFile(installed.build(tmp_path)) as archive:
        packed = {name for name in archive.namelist() if name.startswith("advantage/")}
    source = ROOT / "src"
    kept = {file for file in source.rglob("*") if file.is_file() and "__pycache__" not in file.parts}
    wanted = {file.relative_to(source).as_posix() for file in kept if file.relative_to(source).parts[0] == "advantage"}
    assert packed == wanted


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="Colab installs from a repository; this is none")
def test_the_first_cell_installs_the_package_on_colab(tmp_path):
    """Where the package is missing the unchanged first cell installs it; here git takes this checkout."""
    address, home, folder = repository(), tmp_path / "home", tmp_path / "empty"
    python = installed.environment(tmp_path / "environment")
    missing = subprocess.run([python, "-c", "import advantage"], capture_output=True, text=True, cwd=tmp_path)
    assert "No module named 'advantage'" in missing.stderr
    home.mkdir()
    folder.mkdir()
    cell = new_chapter.first_cell(ROOT / "notebooks" / "textgen" / "corpus.md", address)
    code = "import json, sys, kernel; print(json.dumps(kernel.execute(json.load(sys.stdin))[0]))"
    settings = {f"url.{ROOT.as_uri()}.insteadOf": address, "safe.directory": "*"}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "XDG", "PYTHON"))}
    environment = kept | dict.fromkeys(("HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA"), str(home))
    environment |= {"GIT_CONFIG_COUNT": str(len(settings)), "GIT_CONFIG_NOSYSTEM": "1"}
    for number, (key, value) in enumerate(settings.items()):
        environment |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    environment |= {"PIP_NO_BUILD_ISOLATION": "0", "PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    environment |= {"PYTHONPATH": str(ROOT / "tools"), "PYTHONUTF8": "1", "PIP_ROOT_USER_ACTION": "ignore"}
    done = subprocess.run(
        [python, "-c", code],
        input=json.dumps([cell, "print(advantage.__file__)"]),
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=folder,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    first, where = json.loads(done.stdout)
    assert "Expected run time" in "".join(output["text"] for output in first)
    assert Path(where[0]["text"].strip()).is_relative_to(tmp_path / "environment")
    assert sys.prefix != str(tmp_path / "environment")
