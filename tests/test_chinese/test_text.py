"""The messages of Markdown. The reference is the page written out here, and every page of the course."""

import json

import pytest

from chinese import messages
from chinese.text import replaced, says_something, segments

PAGE = """\
# A page

Two lines of
one paragraph with $x^2$, `code` and a [link](other.md#where-it-breaks).

> **For founders.** A quotation,
> of two lines.

- First item
- second item
  over two lines

1. 1

| Symbol | Meaning | Shape |
|---|---|---|
| $a \\| b$ | a bar: `a \\| b` | $(d,)$ |
| a | a | a word |

$$
\\text{not this}
$$

```python
not_this = "either"
```

```{image} _static/parts.svg
:alt: Four boxes.
:width: 100%
```

```{bibliography}
:style: plain
```

## References

- Vaswani, A., et al. (2017). [Attention is all you need](https://arxiv.org/abs/1706.03762). *NeurIPS*.
- A remark that is not a reference, so it is translated like any other text.
"""


def texts(source: str) -> list[str]:
    return [segment.text for segment in segments(source)]


def marked(text: str) -> str:
    """A stand-in for a translation. (Below another heading, bibliographic entries would be text.)"""
    return text if text == "References" else f"译 {text}"


def test_segments__what_is_text():
    """Text of every kind is found; code, formulas, options and bibliographic entries are left alone."""
    assert texts(PAGE) == [
        "A page",
        "Two lines of one paragraph with $x^2$, `code` and a [link](other.md#where-it-breaks).",
        "**For founders.** A quotation, of two lines.",
        "First item",
        "second item over two lines",
        "Symbol",
        "Meaning",
        "Shape",
        "a bar: `a | b`",
        "a word",
        "Four boxes.",
        "References",
        "A remark that is not a reference, so it is translated like any other text.",
    ]


def test_segments__bilingual_table():
    """The glossary's English column is English in both editions, and its Chinese columns are Chinese already."""
    table = "| English | 中文 | 不用 | Meaning |\n|---|---|---|---|\n| mask | 掩码 | | what hides |\n"
    table += "| a tie | 并列 | 平局 | x |\n"
    table += "\n| English | Meaning |\n|---|---|\n| mask | x |"
    assert texts(table) == ["English", "Meaning", "what hides", "English", "Meaning", "mask"]


def test_replaced__same_text():
    """Looking nothing up changes not a character."""
    assert replaced(PAGE, str) == PAGE


def test_replaced__only_the_messages():
    """The new page has the new messages and the old blocks, in order."""
    new = replaced(PAGE, marked)
    assert texts(new) == [marked(text) for text in texts(PAGE)]
    assert [len(new.split(mark)) for mark in ("```", "$$", "|")] == [
        len(PAGE.split(mark)) for mark in ("```", "$$", "|")
    ]
    assert "| $a \\| b$ | 译 a bar: `a \\| b` | $(d,)$ |" in new
    assert ":alt: 译 Four boxes." in new
    assert "> 译 **For founders.** A quotation, of two lines.\n\n" in new


def test_replaced__every_page_of_the_course():
    """The same, on everything that there is to translate."""
    sources = [page.read_text(encoding="utf-8") for page in messages.pages()]
    for file in messages.notebook_files():
        cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
        sources += ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
    assert len(sources) > 20
    for source in sources:
        assert replaced(source, str) == source
        assert texts(replaced(source, marked)) == [marked(text) for text in texts(source)]


@pytest.mark.parametrize("broken", ["- a list", "# heading", "> quotation", "```"])
def test_replaced__another_structure(broken):
    """A translation that turns a paragraph into something else is an error that shows it."""
    with pytest.raises(ValueError, match="structure"):
        replaced("A paragraph.", lambda text: broken)


def test_unknown_directive():
    """Of a directive that nobody has met, the text would stay English without a word."""
    with pytest.raises(ValueError, match=r"line 3.*note"):
        segments("- item\n\n```{note}\ntext\n```")


def test_image_in_a_paragraph():
    """A line that begins with an exclamation mark is an image, and stays where it is."""
    source = "Before.\n\n![a curve](curve.png)\n\nAfter."
    assert replaced(source, marked) == "译 Before.\n\n![a curve](curve.png)\n\n译 After."


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a word", True),
        ('"图像生成任务可以选择 GAN" (for images, choose a GAN)', True),  # a quotation with its translation
        ("图像生成任务可以选择 GAN", False),
        ("$x^2$, softmax", False),
        ("词元（token）", False),
    ],
)
def test_says_something(text, says):
    """What has to be translated: English, beside a Chinese quotation too."""
    assert says_something(text) == says
