"""A small notebook, and a small course of two pages and that notebook."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from chinese import catalogues, check, edition, figures, messages

QUIZ = """\
advantage.quiz(
    ("Is it “so”?", [
        ("By `eight`.", False, "That is the cube."),
        ("By four.", True, "Two times two."),
        ("By two.", False, "That is x."),
    ]),
)"""
SVG = (
    '<svg width="72pt" height="36pt" viewBox="0 0 72 36"><path d="M 0 0 L 1 1"/>'
    '<g data-text="time in seconds"><text style="font-size: 11px" x="3" y="4">time in seconds</text></g>'
    '<g data-text="AdamW"><text style="font-size: 11px" x="3" y="9">AdamW</text></g></svg>'
)
SOLUTION = '''\
from IPython.display import Markdown

print("é", 2 * 2)
Markdown(r"""Twice two: see
$\\log x$.

- an item""")'''


def code_cell(source: str, **data: str) -> dict:
    output = {"output_type": "execute_result", "execution_count": 1, "metadata": {}, "data": data}
    return {
        "cell_type": "code",
        "metadata": {},
        "source": source,
        "execution_count": 1,
        "outputs": [output] if data else [],
    }


@pytest.fixture
def notebook() -> dict:
    figure = code_cell("plt.plot(x)  # stays", **{figures.MIME: SVG, "image/png": "iVBOR", "text/plain": "<Figure>"})
    figure["metadata"] = {"mystnb": {"figure": {"caption": "A curve."}, "image": {"alt": "It rises\nslowly."}}}
    return {
        "cells": [
            {"cell_type": "markdown", "metadata": {}, "source": ["# Title\n", "\n", "Text\n", "here."]},
            figure,
            code_cell(QUIZ, **{"text/html": "old"}),
            code_cell(
                SOLUTION, **{"text/markdown": "Twice two: see\n$\\log x$.\n\n- an item", "text/plain": "<Markdown>"}
            ),
        ],
        "metadata": {"advantage": {"seconds": 3, "code_sha256": "a", "text_sha256": "b"}},
    }


@pytest.fixture
def course(tmp_path, monkeypatch, notebook) -> Path:
    """A course of two pages and one notebook."""
    import jupytext
    import nbformat

    for name in ("book/_templates", "book/_static", "notebooks/models", "src/advantage"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "_config.yml").write_text("title: The book\n")
    (tmp_path / "_toc.yml").write_text(
        "root: book/index\nparts:\n  - caption: Start here\n    chapters:\n"
        "      - file: book/api\n      - file: notebooks/models/gan\n"
    )
    (tmp_path / "book/index.md").write_text("# The page\n\n## Where it breaks\n\nSee [there](#where-it-breaks).\n")
    (tmp_path / "book/api.md").write_text(
        "# API\n\nSee [it](index.md#where-it-breaks), [this](../notebooks/models/gan.ipynb#title).\n\n"
        "```{eval-rst}\n.. autofunction:: advantage.f\n```\n"
    )
    (tmp_path / "book/_templates/page.html").write_text('{{ word("Search") }}')
    book = nbformat.from_dict(notebook | {"nbformat": 4, "nbformat_minor": 5})
    book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    for number, cell in enumerate(book.cells):
        cell.id, cell.source = f"cell{number}", "".join(cell.source)
    nbformat.write(book, tmp_path / "notebooks/models/gan.ipynb")
    book.metadata["jupytext"] = {"text_representation": {"extension": ".md", "format_name": "myst"}}
    jupytext.write(book, tmp_path / "notebooks/models/gan.md", fmt="md:myst")
    for module in (messages, catalogues, edition, check):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    for module in (catalogues, check):
        monkeypatch.setattr(module, "CATALOGUES", tmp_path / "book/locale/zh_CN")
    return tmp_path


@pytest.fixture
def fill() -> Callable[[], None]:
    """Translate everything, by turning it into Chinese of the same length."""

    def translate_all() -> None:
        for path in catalogues.files().values():
            po = catalogues.read(path)
            for entry in po:
                entry.msgstr = re.sub(r"(?<![#\w.(\]/-])[A-Za-z]+(?![\w./-])", "字", entry.msgid)
            catalogues.write(path, catalogues.as_text(po))

    return translate_all
