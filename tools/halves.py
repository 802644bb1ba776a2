"""The two halves of a pair: `name.md`, the text, and `name.ipynb`, made from it, with outputs."""

import hashlib
import re
from pathlib import Path

import jupytext
import nbformat
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[1]

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


class Refused(ValueError):
    """A file that is not what it must be; nothing was written and nothing deleted."""


def read_text(md: Path) -> NotebookNode:
    """The `.md` half as a notebook without outputs.

    Raises:
        Refused: the file is not there, or does not begin with the header of a pair.
    """
    if not md.exists():
        raise Refused(
            f"{md}: there is no such file; the text of {md.with_suffix('.ipynb').name} is what it is made from"
        )
    text = md.read_text(encoding="utf-8")
    if not re.match(r"---\njupytext:\n(?:[ \w].*\n)*?    format_name: myst\n", text):
        start = text.splitlines()[0] if text else "nothing"
        raise Refused(f"{md}: begins with {start!r}; a pair's text begins with the header of notebooks/_template.md")
    return jupytext.reads(text, fmt="md:myst")


def with_code(md: str, old: list[str], new: list[str]) -> str:
    """The `.md` half with the header of all pairs and other sources in its code cells; prose stays to the byte."""
    parts, at = [HEADER], re.match(r"---\n.*?\n---\n", md, re.DOTALL).end()
    for before, after in zip(old, new, strict=True):
        start = md.index(f"\n{before}\n```", at) + 1
        parts += [md[at:start], after]
        at = start + len(before)
    return "".join([*parts, md[at:]])


def _bare(cell: NotebookNode) -> NotebookNode:
    new = nbformat.v4.new_code_cell if cell.cell_type == "code" else nbformat.v4.new_markdown_cell
    return new(cell.source, metadata={key: cell.metadata[key] for key in KEPT if key in cell.metadata})


def code_of(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def sources(notebook: NotebookNode) -> list[str]:
    return [cell.source for cell in code_of(notebook)]


def ids(notebook: NotebookNode) -> list[str]:
    """An id for each cell: a hash of what it says, so that an inserted cell changes no other id."""
    found: list[str] = []
    for cell in notebook.cells:
        digest = hashlib.sha256(f"{cell.cell_type}\0{cell.source}".encode()).hexdigest()[:8]
        number = sum(each.split("-")[0] == digest for each in found) + 1
        found.append(digest if number == 1 else f"{digest}-{number}")
    return found


def assemble(text: NotebookNode, outputs: list[list[NotebookNode]], record: dict) -> NotebookNode:
    """The `.ipynb` half: cells of `text`, outputs of each code cell, and the record of the run."""
    cells, count = [_bare(cell) for cell in text.cells], 0
    for cell, identity in zip(cells, ids(text), strict=True):
        cell.id = identity
        if cell.cell_type == "code":
            cell.outputs = outputs[count]
            count += 1
            cell.execution_count = count
    metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python", "pygments_lexer": "ipython3"},
        "advantage": record,
    }
    return nbformat.v4.new_notebook(cells=cells, metadata=metadata, nbformat_minor=5)


def read_executed(md: Path) -> NotebookNode | None:
    ipynb = md.with_suffix(".ipynb")
    return nbformat.read(ipynb, as_version=4) if ipynb.exists() else None


def content(notebook: NotebookNode) -> list:
    """What the two halves must agree on: each cell's type, source and kept metadata."""
    return [
        [cell.cell_type, cell.source, {key: cell.metadata[key] for key in KEPT if key in cell.metadata}]
        for cell in notebook.cells
    ]


def is_executed(notebook: NotebookNode) -> bool:
    """Whether every code cell has run, once and in order."""
    counts = [cell.execution_count for cell in code_of(notebook)]
    return counts == list(range(1, len(counts) + 1))


def is_draft(md: Path, root: Path = ROOT) -> bool:
    """Whether a pair is not in `_toc.yml`: executed and tested, but not built, translated or counted."""
    entry = f"notebooks/{md.parent.name}/{md.stem}"
    toc = (root / "_toc.yml").read_text(encoding="utf-8")
    return not re.search(rf"(?m)^\s*- file: {re.escape(entry)}\s*(#.*)?$", toc)
