"""Figures with their texts replaced. The reference is the figure as Matplotlib draws it."""

import json
import re
import xml.etree.ElementTree as ET

import pytest

from chinese import catalogues, figures, messages

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def svg(tmp_path_factory) -> str:
    """A figure as a notebook's kernel gives it: words, numbers, names, formulas, two lines, a turned axis."""
    import kernel

    source = """
import matplotlib.pyplot as plt
import numpy as np
fig, ax = plt.subplots()
ax.plot(np.arange(3000), np.arange(3000), label="AdamW")
ax.plot([1, 2, 3], label="the loss of $x_i^2$")
ax.set(xlabel="time in seconds", ylabel="price $2 & more", title="One\\ntwo lines")
ax.set_xticks([0, 1, 2], ["none", "float32", "3"])
ax.legend()
plt.show()
"""
    (first,), (again,) = (kernel.execute([source])[0][0] for _ in range(2))
    assert first.data[figures.MIME] == again.data[figures.MIME]
    assert "image/png" in first.data
    return first.data[figures.MIME]


def test_texts(svg):
    """Words, in whatever part of the figure; not numbers, symbols and names."""
    assert set(figures.texts(svg)) == {
        *("the loss of $x_i^2$", "time in seconds", "price $2 & more", "One\ntwo lines", "none")
    }


def test_small(svg):
    """The line of 3,000 points is a picture; numbers have two digits after the point."""
    assert "data:image/png;base64" in svg
    assert len(re.sub('base64,[^"]*', "", svg)) < 25_000
    assert not re.search(r' d="[^"]*\d\.\d{3}', svg)


def drawn(svg: str) -> list[str]:
    return [element.get("d") for element in ET.fromstring(svg).iter(f"{SVG}path")]


def said(svg: str) -> list[str]:
    return ["".join(element.itertext()).replace("\u200b", "") for element in ET.fromstring(svg).iter(f"{SVG}text")]


def test_replaced(svg):
    """The words are the new ones, the drawing is the old one, the formula is still there."""
    words = {"time in seconds": "时间（秒）", "One\ntwo lines": "一行", "the loss of $x_i^2$": "$x_i^2$ 的损失 <1"}
    new = figures.page_size(figures.replaced(svg, lambda text: words.get(text, text)))
    assert drawn(new) == drawn(svg)
    texts = said(new)
    assert "时间（秒）" in texts
    assert "一行" in texts
    assert "xi2 的损失 <1" in texts
    assert "price $2 & more" in texts
    assert not {"time in seconds", "One", "two lines"} & set(texts)
    assert figures.replaced(svg, lambda text: text) == svg
    width = float(re.search(r'width="([\d.]+)pt"', svg)[1])
    assert f'width="{round(width / 72 * 110)}"' in new


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("tokens per second", True),
        ("none", True),
        ("GPT", False),
        ("AdamW", False),
        ("float32", False),
        ("H100 SXM", False),
        ("num_layers", False),
        ("$\\mathdefault{10^{2}}$", False),
        ("$x$ of the model", True),
        ("1.5e-3", False),
        ("Muon and AdamW", True),
    ],
)
def test_is_message(text, is_one):
    assert figures.is_message(text) == is_one


def test_breaches():
    """What the place has no room for, and what cannot be drawn."""
    assert figures.breaches("loss in nats", "损失（奈特）") == []
    assert figures.breaches("loss", "这是一段太长的文字，放不下") != []
    assert figures.breaches("one line", "两\n行") != []
    assert any("cannot be drawn" in what for what in figures.breaches("a size of $x$", "$\\nonsense$"))


def figures_of(path) -> list[str]:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    outputs = [output.get("data", {}) for cell in cells for output in cell.get("outputs", [])]
    return ["".join(data[figures.MIME]) for data in outputs if figures.MIME in data]


@pytest.mark.parametrize("path", messages.notebook_files(), ids=lambda path: path.stem)
def test_figures_of_the_course(path):
    """Small, whole, and every text of it translated or one that stays; a new translation shows without a run."""
    lookup = catalogues.translations(messages.catalogue_of(path), False)
    for svg in figures_of(path):
        assert len(svg.encode()) < 60_000
        texts = figures.texts(svg)
        new = figures.replaced(svg, lambda text: f"图{len(text)}" if figures.is_message(text) else text)
        assert drawn(new) == drawn(svg)
        assert all(any(f"图{len(text)}" in shown for shown in said(new)) for text in texts)
        chinese = figures.replaced(svg, lookup)
        for text in texts:
            if "\n" not in text and "$" not in text and lookup(text) != text:
                assert lookup(text) in said(chinese)
                assert text not in said(chinese)
