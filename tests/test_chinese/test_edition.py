"""The Chinese pages and notebooks. The reference is what running a cell shows, and the English pair."""

import ast
import json
import re
from pathlib import Path

import pytest
from IPython.display import Markdown

import advantage
from chinese import catalogues, edition, figures, messages
from markdown import slugs, text_of, titles


def marked(text: str) -> str:
    return f"译 {text}"


def state(folder: Path) -> dict[Path, tuple[int, bytes]]:
    return {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in folder.rglob("*") if p.is_file()}


def test_notebook_translated(notebook):
    """What the Chinese cells show is what running them shows; other code is the English code."""
    new = edition.translated_notebook(notebook, marked)
    text, figure, quiz, solution = new["cells"]
    assert "".join(text["source"]) == "# 译 Title\n\n译 Text here."
    assert figure["source"] == ["plt.plot(x)  # stays"]
    assert figure["metadata"]["mystnb"] == {
        "figure": {"caption": "译 A curve."},
        "image": {"alt": "译 It rises slowly."},
    }
    shown = eval("".join(quiz["source"]), {"advantage": advantage})
    assert "".join(quiz["outputs"][0]["data"]["text/html"]) == shown.data
    assert "译 Is it “so”?" in shown.data
    assert "✓ 对。" in shown.data
    assert "✗ 不对。" in shown.data
    last = ast.unparse(ast.parse("".join(solution["source"])).body[-1])
    assert "".join(solution["outputs"][0]["data"]["text/markdown"]) == eval(last, {"Markdown": Markdown}).data
    assert "".join(solution["outputs"][0]["data"]["text/markdown"]) == "译 Twice two: see $\\log x$.\n\n- 译 an item"
    assert "".join(solution["source"]).startswith('from IPython.display import Markdown\n\nprint("é", 2 * 2)\n')
    assert new["metadata"] == {"advantage": {"seconds": 3}}


def test_notebook_untranslated(notebook):
    """Without a translation the cells stay as they are, but for the verdicts of the quiz."""
    new = edition.translated_notebook(notebook, str)
    for index in (0, 1, 3):
        assert "".join(new["cells"][index]["source"]) == "".join(notebook["cells"][index]["source"])


def test_notebook_figure(notebook):
    """Beside Chinese words stands the same drawing; a picture without a translation is the English one."""
    (english,) = edition.translated_notebook(notebook, str)["cells"][1]["outputs"]
    assert english["data"] == {"image/png": "iVBOR", "text/plain": "<Figure>"}
    (chinese,) = edition.translated_notebook(notebook, marked)["cells"][1]["outputs"]
    assert set(chinese["data"]) == {"image/svg+xml", "text/plain"}
    assert "译 time in seconds<" in "".join(chinese["data"]["image/svg+xml"])


def test_notebook_image_in_a_solution():
    """A line of a solution that begins with ! is an image and not a command; a line of code that does is one."""
    source = '!true\nMarkdown(r"""\nText.\n\n![a curve](curve.png)\n""")'
    cell = {"cell_type": "code", "metadata": {}, "source": source, "outputs": [], "execution_count": 1}
    (new,) = edition.translated_notebook({"cells": [cell], "metadata": {}}, marked)["cells"]
    assert "".join(new["source"]) == source.replace("Text.", "译 Text.")


def test_translate__strict(course, fill, tmp_path):
    """Without a translation the page stays English; with `strict` that is an error that names page and message."""
    catalogues.extract()
    edition.translate(tmp_path / "zh")
    assert (tmp_path / "zh/book/index.md").read_text() == (course / "book/index.md").read_text()
    with pytest.raises(ValueError, match=r"no translation of"):
        edition.translate(tmp_path / "zh", strict=True)
    fill()
    edition.translate(tmp_path / "zh", strict=True)
    assert "字" in (tmp_path / "zh/_toc.yml").read_text(encoding="utf-8")


def test_translate__anchors(course, fill, tmp_path):
    """A link to a heading leads to the Chinese heading, on the same page, another page and a notebook."""
    catalogues.extract()
    fill()
    edition.translate(tmp_path / "zh")
    index = (tmp_path / "zh/book/index.md").read_text(encoding="utf-8")
    assert "## 字 字 字" in index
    assert "(#字-字-字)" in index
    api = (tmp_path / "zh/book/api.md").read_text(encoding="utf-8")
    assert "(index.md#字-字-字)" in api
    assert "(../notebooks/models/gan.ipynb#字)" in api


def test_translate__only_what_changed(course, fill, tmp_path):
    """Sphinx builds again what was written again, so nothing else may be."""
    catalogues.extract()
    fill()
    assert len(edition.translate(tmp_path / "zh")) == 4
    before = state(tmp_path / "zh")
    assert edition.translate(tmp_path / "zh") == []
    assert state(tmp_path / "zh") == before
    path = catalogues.files()["book/index"]
    path.write_text(path.read_text(encoding="utf-8").replace("字 字", "词 词", 1), encoding="utf-8")
    assert [p.name for p in edition.translate(tmp_path / "zh")] == ["index.md"]


def shown(output: dict) -> dict:
    """An output without its pictures: what it says, and what lines its figure draws if it has Chinese words."""
    data = {kind: text for kind, text in output.get("data", {}).items() if not kind.startswith("image/")}
    return {**output, "data": {kind: text for kind, text in data.items() if kind != figures.MIME}}


def lines_of(data: dict, kind: str) -> list[str]:
    return re.findall(r' d="[^"]*"', "".join(data[kind]))


@pytest.fixture(scope="module")
def chinese(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("zh")
    edition.translate(folder)
    return folder


def test_chinese_notebooks__code_is_the_english_code(chinese):
    """Two languages, one code. Only strings of quizzes and solutions differ, and what they show."""
    for file in messages.notebook_files():
        old = json.loads(file.read_text(encoding="utf-8"))
        new = json.loads((chinese / file.relative_to(messages.ROOT)).read_text(encoding="utf-8"))
        assert old["metadata"]["kernelspec"] == new["metadata"]["kernelspec"]
        for a, b in zip(old["cells"], new["cells"], strict=True):
            assert (a["cell_type"], a["id"]) == (b["cell_type"], b["id"])
            if a["cell_type"] != "code":
                continue
            quiz, _, solution = messages.strings("".join(a["source"]))
            if not quiz and not solution:
                assert a["source"] == b["source"]
                assert [shown(output) for output in a["outputs"]] == [shown(output) for output in b["outputs"]]
                for before, after in zip(a["outputs"], b["outputs"], strict=True):
                    if "image/svg+xml" in after.get("data", {}):
                        assert lines_of(after["data"], "image/svg+xml") == lines_of(before["data"], figures.MIME)
            elif solution:
                assert "".join(a["source"]).split("Markdown(r")[0] == "".join(b["source"]).split("Markdown(r")[0]


def test_chinese_links_to_headings(chinese):
    """Each relative link with an anchor leads to a heading that is there."""
    for path in [*chinese.rglob("*.md"), *chinese.rglob("*.ipynb")]:
        for target, anchor in re.findall(r"\]\(([^():\s#]*)#([^()\s]+)\)", text_of(path)):
            other = (path.parent / target).resolve() if target else path
            assert anchor in slugs(titles(text_of(other))), f"{path.relative_to(chinese)}: {target}#{anchor}"
