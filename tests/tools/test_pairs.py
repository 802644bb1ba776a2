"""Pairs: the text makes the executed half, one way; make chapter; make repository."""

import os
import shutil
import signal
import subprocess
import sys
import time

import nbformat
import psutil
import pytest
from nbformat.v4 import new_markdown_cell, new_output

import chapter as new_chapter
import halves
import kernel
import pairs
from contract import problems
from rules.chapter import ROOT, Chapter
from website.places import repository

TOOL = ROOT / "tools" / "pairs.py"


# --- the two halves ----------------------------------------------------------------------------------------------


@pytest.fixture
def no_execution(monkeypatch):
    def refuse(*_):
        raise AssertionError("executed")

    monkeypatch.setattr(kernel, "execute", refuse)


def edit(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def files(example):
    """Every file of the example's tree with its bytes."""
    return {file: file.read_bytes() for file in sorted(example.root.rglob("*")) if file.is_file()}


def test_up_to_date_is_left_alone(example, no_execution):
    """A second run does no needless work and changes no byte."""
    pairs.update(example.md)
    before, time_of = files(example), example.md.with_suffix(".ipynb").stat().st_mtime_ns
    assert pairs.update(example.md) is None
    assert files(example) == before
    assert example.md.with_suffix(".ipynb").stat().st_mtime_ns == time_of


def test_edited_prose_keeps_outputs(example, no_execution):
    """Prose goes into the executed half, and nothing is executed."""
    outputs = [cell.outputs for cell in example.code]
    edit(example.md, "Derive the idea", "Prove the idea")
    assert pairs.update(example.md) == "took the text of the .md, kept the outputs"
    again = Chapter(example.md, example.root)
    assert [cell.outputs for cell in again.code] == outputs
    assert problems(again) == []


def test_code_is_formatted_and_prose_is_not(example, no_execution):
    """ruff format, 88 columns: the cells of the text; the words around them stay to the byte, wide lines too."""
    edit(example.md, "return x**2", "return  x ** 2")
    edit(example.md, "Derive the idea", "Derive  the idea " + "and say it " * 20)
    expected = example.md.read_text(encoding="utf-8").replace("return  x ** 2", "return x**2")
    pairs.update(example.md)
    assert example.md.read_text(encoding="utf-8") == expected


def test_an_edited_executed_half_is_refused(example, no_execution):
    """Pairs go one way: what was written into the .ipynb is not lost, and the message says where it belongs."""
    edit(example.md.with_suffix(".ipynb"), "Derive the idea", "Show the idea")
    before = files(example)
    with pytest.raises(halves.Refused, match=r"example\.ipynb: was edited, but is made from example\.md"):
        pairs.update(example.md)
    assert files(example) == before
    edit(example.md, "Derive the idea", "Show the idea")  # as Jupytext writes both halves when Jupyter saves
    pairs.update(example.md)
    assert problems(Chapter(example.md, example.root)) == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("---\njupytext", "\ufeff---\njupytext", "begins with '\\ufeff---'"),
        ("---\njupytext", "\n---\njupytext", "begins with ''"),
        ("---\njupytext", "---\ntitle: Mine\njupytext", "begins with '---'"),
        ("format_name: myst", "format_name: markdown", "begins with '---'"),
    ],
)
def test_a_source_that_is_not_recognised_is_refused(example, no_execution, old, new, message):
    """Nothing counts as removed because its first line is unexpected: the file is named, and no byte changes."""
    edit(example.md, old, new)
    before = files(example)
    for run in (pairs.update, pairs.check):
        with pytest.raises(halves.Refused) as error:
            run(example.md)
        assert str(example.md) in str(error.value)
        assert message in str(error.value)
    assert pairs.main([str(example.md)]) == 1
    assert files(example) == before


def test_a_missing_text_is_refused(example, no_execution, capsys):
    """An executed half without its text is an error that names the file, whether the folder or the half is given."""
    example.md.unlink()
    before = files(example)
    for path in (example.md.with_suffix(".ipynb"), example.md.parent):
        assert pairs.main([str(path)]) == 1
        assert f"{example.md}: there is no such file" in capsys.readouterr().out
    assert files(example) == before


@pytest.mark.parametrize("source", ["print((1)", "def f(:", "x = = 1"])
def test_a_cell_that_is_not_python(example, no_execution, source):
    """The message has the file and the line of the text."""
    edit(example.md, "import matplotlib.pyplot as plt", f"import matplotlib.pyplot as plt\n{source}")
    line = example.md.read_text(encoding="utf-8").split("\n").index(source) + 1
    with pytest.raises(kernel.Failed, match=rf"example\.md:{line}: "):
        pairs.update(example.md)


@pytest.mark.parametrize("folder", [".local/share", "my course", "中文", "_build/x"])
def test_a_checkout_anywhere(example, tmp_path_factory, folder):
    """Paths are judged within the checkout: hidden folders, spaces and Chinese above it hide nothing."""
    above = tmp_path_factory.mktemp("above") / folder
    shutil.copytree(example.root / "notebooks", above / "notebooks")
    link = above.parent / "link"
    link.symlink_to(above, target_is_directory=True)
    for root in (above, link):
        (root / "notebooks" / ".ipynb_checkpoints").mkdir(exist_ok=True)
        shutil.copy(example.md, root / "notebooks" / ".ipynb_checkpoints" / "old.md")
        shutil.copy(example.md, root / "notebooks" / "_template.md")
        assert pairs.find([], root / "notebooks") == [(above / "notebooks" / "models" / "example.md").resolve()]


@pytest.mark.parametrize("path", ["notebooks/models/no-such.md", "no-such", "pyproject.toml", "notebooks/strategy"])
def test_no_notebook_is_an_error(example, path, capsys):
    """Nothing is done in silence because nothing was found."""
    assert pairs.main([str(example.root / path)]) == 1
    assert f"{path}: there is no notebook" in capsys.readouterr().out


def outputs_again(example, monkeypatch, change=lambda outputs: None, record=None):
    """Run `update` by force with a kernel that says the same again, but for `change`; the bytes before and after."""
    pairs.update(example.md)
    before = example.md.with_suffix(".ipynb").read_bytes()
    again = [nbformat.from_dict(cell.outputs) for cell in halves.code_of(halves.read_executed(example.md))]
    change(again)
    now = {"seconds": 99.0, "peak_memory_mb": 1, "device": "CPU, 4 cores", "python": "3", "torch": "2", "date": "x"}
    monkeypatch.setattr(kernel, "execute", lambda sources: (again, now))
    pairs.update(example.md, force=True)
    return before, example.md.with_suffix(".ipynb").read_bytes()


def test_unchanged_outputs_leave_the_file_alone(example, monkeypatch):
    """Executed again with the same result, the file is the same to the byte: seconds, memory and date too."""
    before, after = outputs_again(example, monkeypatch)
    assert before == after


def test_changed_outputs_are_taken(example, monkeypatch):
    """A text that differs is replaced, with the record of the run; the outputs of other cells stay."""
    before, after = outputs_again(example, monkeypatch, lambda outputs: outputs[1][0].update(text="5.000\n"))
    old, new = (nbformat.reads(half.decode(), as_version=4) for half in (before, after))
    changed = [a.source for a, b in zip(old.cells, new.cells) if a != b]
    assert changed == [halves.code_of(new)[1].source]
    assert new.metadata.advantage.seconds == 99.0


def test_unknown_outputs_pass_through(example, monkeypatch):
    """What a cell shows is kept, whatever its kind."""
    mime = "application/vnd.advantage.figure+svg"
    extra = new_output("display_data", {mime: "<svg/>", "text/plain": "<Figure>"})
    _, after = outputs_again(example, monkeypatch, lambda outputs: outputs[1].append(extra))
    assert halves.code_of(nbformat.reads(after.decode(), as_version=4))[1].outputs[1].data[mime] == "<svg/>"


def test_an_inserted_cell_changes_no_other_id(example):
    """nbformat 4.5, cell ids: unique, and as stable as the text, so that diffs are small."""
    ids = [cell.id for cell in example.notebook.cells]
    assert len(set(ids)) == len(ids)
    text = halves.read_text(example.md)
    text.cells[2:2] = [new_markdown_cell("New."), new_markdown_cell("New.")]
    now = [cell.id for cell in halves.assemble(text, [cell.outputs for cell in example.code], {}).cells]
    assert len(set(now)) == len(now)
    assert [each for each in now if each in ids] == ids


@pytest.mark.skipif(os.name != "posix", reason="Windows has no signal that a process can pass on")
def test_interrupted(example):
    """An interrupted run leaves nothing half-written, and no kernel."""
    edit(example.md, "def f(x):", '__import__("time").sleep(600)\n\n\ndef f(x):')
    before = sorted((file.name, file.read_bytes()) for file in example.md.parent.iterdir())
    process = subprocess.Popen([sys.executable, TOOL, str(example.md)], stdout=subprocess.PIPE, text=True)
    family, kernels = psutil.Process(process.pid), []
    while not kernels and process.poll() is None:
        time.sleep(0.1)
        kernels = [child for child in family.children(recursive=True) if "ipykernel" in " ".join(child.cmdline())]
    assert kernels
    process.send_signal(signal.SIGTERM)
    assert "interrupted" in process.communicate()[0]
    assert process.returncode == 130
    psutil.wait_procs(kernels)
    assert sorted((file.name, file.read_bytes()) for file in example.md.parent.iterdir()) == before


# --- a new chapter, a new address --------------------------------------------------------------------------------


def test_a_new_chapter_is_valid(tmp_path):
    """`make chapter` writes a draft that runs and keeps every rule; as a chapter, only what is to be written lacks."""
    (tmp_path / "book").mkdir()
    for name in ("pyproject.toml", "_toc.yml"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    md = new_chapter.create("strategy", "new-pricing", tmp_path)
    assert pairs.main([str(md)]) == 0
    chapter = Chapter(md, tmp_path)
    assert pairs.is_draft(md, tmp_path)
    (tmp_path / "_toc.yml").write_text("- file: notebooks/strategy/new-pricing\n")
    broken = {problem.split(": ")[1] for problem in problems(chapter)}
    assert broken == {"length", "figures", "citations"}  # this tree has no bibliography
    assert "# New pricing\n" in md.read_text(encoding="utf-8")
    with pytest.raises(ValueError, match="exists already"):
        new_chapter.create("strategy", "new-pricing", tmp_path)


@pytest.mark.parametrize(
    ("part", "name", "message"),
    [("sales", "pricing", "part: got 'sales'"), ("models", "Big Name", "name: got 'Big Name'"), ("models", "", "name")],
)
def test_a_new_chapter_is_refused(example, part, name, message):
    """Bad input gets an error that names it; nothing is written."""
    before = files(example)
    with pytest.raises(ValueError, match=message):
        new_chapter.create(part, name, example.root)
    assert files(example) == before


@pytest.fixture
def checkout(tmp_path):
    """A repository that names its address in two files; returns what runs `make repository` in it."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    address = "https://github.com/old/course"
    (tmp_path / "pyproject.toml").write_text(f'[project.urls]\nRepository = "{address}"\n')
    (tmp_path / "a page.md").write_text(f"git+{address}\n{address}/issues\n{address}-two\n")
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    subprocess.run(["git", "add", "."], cwd=tmp_path, check=True)

    def run(url):
        command = ["make", "-s", "repository", f"url={url}"]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

    return run


@pytest.mark.parametrize("end", ["", "/", ".git"])
def test_a_new_address(checkout, tmp_path, end):
    """`make repository` writes the address wherever it stands, and touches no longer name."""
    done = checkout(f"https://github.com/you/your-course{end}")
    assert done.returncode == 0, done.stderr
    assert repository(tmp_path) == "https://github.com/you/your-course"
    new = "https://github.com/you/your-course"
    assert (tmp_path / "a page.md").read_text() == f"git+{new}\n{new}/issues\nhttps://github.com/old/course-two\n"


@pytest.mark.parametrize(
    "url",
    [
        *("", "github.com/you/course", "https://github.com/", 'https://github.com/a/b"', "git@x"),
        *("https://github.com/you/course/tree/main", "https://github.com/you", "https://github.com/you/a b", "$(id)"),
    ],
)
def test_a_bad_address(checkout, tmp_path, url):
    """An address that is not a repository's root is refused by name, and nothing is written."""
    done = checkout(url)
    assert done.returncode != 0
    assert "url: got" in done.stdout + done.stderr
    assert repository(tmp_path) == "https://github.com/old/course"
