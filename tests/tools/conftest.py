"""A chapter that keeps every rule, built from the one that `make chapter` starts; the tests of the rules break it."""

import shutil
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

import chapter as new_chapter
import halves
import stale
from rules.chapter import ROOT, Chapter

PADDING = "\n".join(["This sentence stands for the argument of a chapter, said in plain words."] * 120)
TABLE = "\n\n| choice | factor |\n|---|---|\n| as it is | 1 |\n"
BIBLIOGRAPHY = """
@article{vaswani2017attention,
  author = {Vaswani, Ashish and others}, title = {Attention Is All You Need}, year = {2017}, journal = {NeurIPS},
  eprint = {1706.03762}, archivePrefix = {arXiv}
}
"""
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="


def outputs_of(cell: NotebookNode) -> list[NotebookNode]:
    """What a cell of the template would show, near enough for the rules."""
    if "plt.show()" in cell.source:
        return [nbformat.v4.new_output("display_data", {"image/png": PIXEL, "text/plain": "<Figure size 640x360>"})]
    return [nbformat.v4.new_output("stream", name="stdout", text="4.000\n")]


class Broken(Chapter):
    """A chapter of which a test may change either half in memory."""

    @property
    def text(self) -> NotebookNode:
        return self.halves[0]

    @property
    def notebook(self) -> NotebookNode:
        return self.halves[1]

    def write(self) -> "Broken":
        """Put the executed half on disk, for rules that read the files."""
        nbformat.write(self.notebook, self.md.with_suffix(".ipynb"))
        return self

    def markdown(self, start: str) -> NotebookNode:
        """The executed half's Markdown cell that holds a text."""
        return next(cell for cell in self.notebook.cells if cell.cell_type == "markdown" and start in cell.source)

    def cell(self, start: str) -> NotebookNode:
        """The executed half's code cell that holds a text."""
        return next(cell for cell in self.code if start in cell.source)


@pytest.fixture
def example(tmp_path: Path) -> Broken:
    """A chapter without a problem, in a tree of its own."""
    for folder in ("book", "notebooks/models", "notebooks/strategy"):
        (tmp_path / folder).mkdir(parents=True)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "_toc.yml").write_text("- file: notebooks/models/example\n", encoding="utf-8")
    (tmp_path / "book" / "references.bib").write_text(BIBLIOGRAPHY, encoding="utf-8")
    (tmp_path / "book" / "notation.md").write_text("# Notation\n\n## The heads\n", encoding="utf-8")
    md = new_chapter.create("models", "example", tmp_path)
    source = md.read_text(encoding="utf-8").replace("Show a failure", f"{PADDING}{TABLE * 4}\nShow a failure")
    md.write_text(source, encoding="utf-8")
    made = Broken(md, tmp_path)
    text = halves.read_text(md)
    record = {
        "code_sha256": stale.code_sha256(halves.sources(text)),
        "seconds": 3.0,
        "peak_memory_mb": 280,
        "device": "CPU, 2 cores",
        "python": "3.11.7",
        "torch": "2.13.0",
        "date": "2026-11-23",
    }
    executed = halves.assemble(text, [outputs_of(cell) for cell in halves.code_of(text)], record)
    made.halves = (text, executed)
    return made.write()
