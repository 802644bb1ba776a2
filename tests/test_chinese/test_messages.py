"""All that is to be translated. The reference is the small notebook and course of conftest.py, written out."""

import pytest

from chinese import messages


def test_cell_messages(notebook):
    """Captions, figures, quizzes and solutions are translated too, in the order of the page."""
    found = [text for cell in notebook["cells"] for text, _ in messages.cell_messages(cell, cell.get("outputs", []))]
    assert found == [
        *("Title", "Text here.", "A curve.", "It rises slowly.", "time in seconds"),
        *("Is it “so”?", "By `eight`.", "That is the cube.", "By four.", "Two times two.", "By two.", "That is x."),
        *("Twice two: see $\\log x$.", "an item"),
    ]


def test_messages__draft(course):
    """A pair that is not in _toc.yml is a draft, which is neither translated nor counted."""
    (course / "notebooks/models/draft.md").write_text((course / "notebooks/models/gan.md").read_text())
    assert "notebooks/models/draft" not in messages.messages()


def test_messages__figure_of_an_edited_cell(course):
    """A cell that was edited keeps its figure's messages until it is executed."""
    half = course / "notebooks/models/gan.md"
    half.write_text(half.read_text().replace("plt.plot(x)", "plt.plot(y)"))
    assert ("time in seconds", "figure") in messages.messages()["notebooks/models/gan"]


@pytest.mark.parametrize(
    ("name", "broken"),
    [
        ("notebooks/models/gan.md", lambda text: "\ufeff" + text),
        ("notebooks/models/gan.md", lambda text: "\n" + text),
        ("notebooks/models/gan.md", lambda text: text.replace("---\n", "---\ntitle: x\n", 1)),
        ("notebooks/models/gan.md", lambda text: text.replace("jupytext:", "jupyter:")),
        ("notebooks/models/gan.md", lambda text: ""),
        ("notebooks/models/gan.md", None),
        ("book/index.md", lambda text: "\ufeff" + text),
        ("book/index.md", None),
    ],
)
def test_messages__source_not_recognised(course, name, broken):
    """What is not a page is an error that names the file, not a page without messages."""
    path = course / name
    text = path.read_text(encoding="utf-8")
    path.unlink()
    if broken:
        path.write_text(broken(text), encoding="utf-8")
    with pytest.raises(ValueError, match=name):
        messages.messages()


def test_messages__not_utf_8(course):
    (course / "book/index.md").write_bytes("# Übersicht".encode("utf-16"))
    with pytest.raises(ValueError, match=r"book/index\.md: not UTF-8"):
        messages.messages()
