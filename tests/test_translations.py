"""The Chinese edition: extraction, the Chinese tree, and the rules of every message, each shown to fail."""

import ast
import json
import re
from pathlib import Path

import polib
import pytest

import translation_rules as rules
import translations as t

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

:::{admonition} A title
:class: tip

Its body.
:::

```{bibliography}
:style: plain
```

Term
: its definition

## References

- Vaswani, A., et al. (2017). [Attention is all you need](https://arxiv.org/abs/1706.03762). *NeurIPS*.
- A remark that is not a reference, so it is translated like any other text.
"""


def texts(source: str) -> list[str]:
    return [segment.text for segment in t.segments(source)]


def marked(text: str) -> str:
    """A stand-in for a translation. (Below another heading, bibliographic entries would be text.)"""
    return text if text == "References" else f"译 {text}"


# --- messages ----------------------------------------------------------------------------------------------------


def test_segments__what_is_text():
    """Issue 2, §4: text of every kind is found; code, formulas, options and bibliographic entries are left alone."""
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
        "A title",
        "Its body.",
        "Term",
        "its definition",
        "References",
        "A remark that is not a reference, so it is translated like any other text.",
    ]


def test_segments__bilingual_table():
    """The glossary's English column is English in both editions, and its Chinese column is Chinese already."""
    table = "| English | 中文 | Meaning |\n|---|---|---|\n| mask | 掩码 | what hides |\n"
    table += "\n| English | Meaning |\n|---|---|\n| mask | x |"
    assert texts(table) == ["English", "Meaning", "what hides", "English", "Meaning", "mask"]


def test_replaced__same_text():
    """Looking nothing up changes not a character."""
    assert t.replaced(PAGE, str) == PAGE


def test_replaced__only_the_messages():
    """The new page has the new messages and the old blocks, in order."""
    new = t.replaced(PAGE, marked)
    assert texts(new) == [marked(text) for text in texts(PAGE)]
    assert [len(new.split(mark)) for mark in ("```", "$$", ":::", "|")] == [
        len(PAGE.split(mark)) for mark in ("```", "$$", ":::", "|")
    ]
    assert "| $a \\| b$ | 译 a bar: `a \\| b` | $(d,)$ |" in new
    assert ":alt: 译 Four boxes." in new
    assert "> 译 **For founders.** A quotation, of two lines.\n\n" in new


def test_replaced__every_page_of_the_course():
    """The same, on everything that there is to translate."""
    sources = [page.read_text(encoding="utf-8") for page in t.pages()]
    for file in t.notebook_files():
        cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
        sources += ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
    assert len(sources) > 20
    for source in sources:
        assert t.replaced(source, str) == source
        assert texts(t.replaced(source, marked)) == [marked(text) for text in texts(source)]


@pytest.mark.parametrize("broken", ["- a list", "# heading", "> quotation", "```"])
def test_replaced__another_structure(broken):
    """A translation that turns a paragraph into something else is an error that shows it."""
    with pytest.raises(ValueError, match="structure"):
        t.replaced("A paragraph.", lambda text: broken)


def test_directive_in_a_list():
    """Where a directive's text cannot be put back, extraction says so."""
    with pytest.raises(ValueError, match="note in line 3"):
        t.segments("- item\n\n  ```{note}\n  text\n  ```")


# --- notebooks ---------------------------------------------------------------------------------------------------

QUIZ = """\
advantage.quiz(
    ("Is it “so”?", [
        ("By `eight`.", False, "That is the cube."),
        ("By four.", True, "Two times two."),
        ("By two.", False, "That is x."),
    ]),
)"""
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
    figure = code_cell("plt.plot(x)  # stays")
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


def test_notebook_messages(notebook):
    """Issue 2, §4: captions, quizzes and solutions are translated too."""
    assert [text for cell in notebook["cells"] for text, _ in t.cell_messages(cell)] == [
        *("Title", "Text here.", "A curve.", "It rises slowly."),
        *("Is it “so”?", "By `eight`.", "That is the cube.", "By four.", "Two times two.", "By two.", "That is x."),
        *("Twice two: see $\\log x$.", "an item"),
    ]


def test_notebook_translated(notebook):
    """What the Chinese cells show is what running them shows; other code is the English code."""
    from IPython.display import Markdown

    import advantage

    new = t.translated_notebook(notebook, marked)
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
    assert "".join(solution["source"]).startswith(SOLUTION.split("Markdown(r")[0])
    assert new["metadata"] == {"advantage": {"seconds": 3}}


def test_notebook_untranslated(notebook):
    """Without a translation the cells stay as they are, but for the verdicts of the quiz."""
    new = t.translated_notebook(notebook, str)
    for index in (0, 1, 3):
        assert "".join(new["cells"][index]["source"]) == "".join(notebook["cells"][index]["source"])


# --- catalogues --------------------------------------------------------------------------------------------------


def catalogue(**entries: str) -> polib.POFile:
    po = polib.POFile()
    po += [polib.POEntry(msgid=text.replace("_", " "), msgstr=translation) for text, translation in entries.items()]
    return po


def test_updated__kept_changed_dropped():
    """Issue 2, §4: a translation is kept; where its English changed it is fuzzy, where that is gone it is dropped."""
    old = catalogue(The_loss_falls_quickly="损失下降得很快", Gone_without_trace="消失", The_same="相同")
    new = t.updated(
        old,
        [("The same", ""), ("The loss falls slowly", "heading"), ("Elsewhere", ""), ("The same", "")],
        {"Elsewhere": "别处"},
    )
    found = {entry.msgid: entry for entry in new}
    assert list(found) == ["The same", "The loss falls slowly", "Elsewhere"]
    assert found["The same"].msgstr == "相同"
    assert found["The same"].flags == []
    changed = found["The loss falls slowly"]
    assert (changed.msgstr, changed.flags, changed.previous_msgid) == (
        "损失下降得很快",
        ["fuzzy"],
        "The loss falls quickly",
    )
    assert found["Elsewhere"].msgstr == "别处"


@pytest.fixture
def course(tmp_path, monkeypatch, notebook) -> Path:
    """A course of two pages and one notebook."""
    import jupytext
    import nbformat

    for name in ("book/_templates", "book/_static", "notebooks/models", "src/advantage"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "_config.yml").write_text("title: The book\n")
    (tmp_path / "_toc.yml").write_text("root: book/index\nparts:\n  - caption: Start here\n    chapters: []\n")
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
    monkeypatch.setattr(t, "ROOT", tmp_path)
    monkeypatch.setattr(t, "CATALOGUES", tmp_path / "book/locale/zh_CN")
    return tmp_path


def fill(course: Path) -> None:
    """Translate everything, by turning it into Chinese of the same length."""
    for path in t.files().values():
        po = polib.pofile(str(path), wrapwidth=0)
        for entry in po:
            entry.msgstr = re.sub(r"(?<![#\w.(\]/-])[A-Za-z]+(?![\w./-])", "字", entry.msgid)
        t.save(po, path)


def state(folder: Path) -> dict[Path, tuple[int, bytes]]:
    return {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in folder.rglob("*") if p.is_file()}


def test_extract__all_kinds(course):
    """Pages, notebooks, contents and the site's words each have their catalogue."""
    t.extract()
    ids = {name: [entry.msgid for entry in polib.pofile(str(path))] for name, path in t.files().items()}
    assert ids["toc"] == ["Start here"]
    assert set(ids["site"]) == {"The book", "Search", "Right.", "No."}
    assert ids["book/index"] == ["The page", "Where it breaks", "See [there](#where-it-breaks)."]
    assert ids["notebooks/models/gan"][:4] == ["Title", "Text here.", "A curve.", "It rises slowly."]


def test_extract__twice(course):
    """Issue 2, §1: a second run does nothing. Not even the files' times change."""
    t.extract()
    before = state(t.CATALOGUES)
    t.extract()
    assert state(t.CATALOGUES) == before


def test_extract__page_gone(course):
    """The catalogue of a page that is gone goes with it."""
    t.extract()
    (course / "book/index.md").unlink()
    t.extract()
    assert "book/index" not in t.files()


def test_write__interrupted(tmp_path, monkeypatch):
    """Issue 2, §1: what is interrupted leaves nothing half-written."""
    file = tmp_path / "x.po"
    t.write(file, "old")
    monkeypatch.setattr(t.os, "replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        t.write(file, "new")
    assert file.read_text() == "old"


# --- the Chinese tree --------------------------------------------------------------------------------------------


def test_translate__strict(course, tmp_path):
    """Without a translation the page stays English; with `strict` that is an error that names page and message."""
    t.extract()
    t.translate(tmp_path / "zh")
    assert (tmp_path / "zh/book/index.md").read_text() == (course / "book/index.md").read_text()
    with pytest.raises(ValueError, match=r"no translation of"):
        t.translate(tmp_path / "zh", strict=True)
    fill(course)
    t.translate(tmp_path / "zh", strict=True)
    assert "字" in (tmp_path / "zh/_toc.yml").read_text(encoding="utf-8")


def test_translate__anchors(course, tmp_path):
    """A link to a heading leads to the Chinese heading, on the same page, another page and a notebook."""
    t.extract()
    fill(course)
    t.translate(tmp_path / "zh")
    index = (tmp_path / "zh/book/index.md").read_text(encoding="utf-8")
    assert "## 字 字 字" in index
    assert "(#字-字-字)" in index
    api = (tmp_path / "zh/book/api.md").read_text(encoding="utf-8")
    assert "(index.md#字-字-字)" in api
    assert "(../notebooks/models/gan.ipynb#字)" in api


def test_translate__only_what_changed(course, tmp_path):
    """Sphinx builds again what was written again, so nothing else may be."""
    t.extract()
    fill(course)
    assert len(t.translate(tmp_path / "zh")) == 4
    before = state(tmp_path / "zh")
    assert t.translate(tmp_path / "zh") == []
    assert state(tmp_path / "zh") == before
    path = t.files()["book/index"]
    path.write_text(path.read_text(encoding="utf-8").replace("字 字", "词 词", 1), encoding="utf-8")
    assert [p.name for p in t.translate(tmp_path / "zh")] == ["index.md"]


@pytest.fixture(scope="module")
def chinese(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("zh")
    t.translate(folder)
    return folder


def test_chinese_notebooks__code_is_the_english_code(chinese):
    """DESIGN, §4: two languages, one code. Only strings of quizzes and solutions differ, and what they show."""
    for file in t.notebook_files():
        old = json.loads(file.read_text(encoding="utf-8"))
        new = json.loads((chinese / file.relative_to(t.ROOT)).read_text(encoding="utf-8"))
        assert old["metadata"]["kernelspec"] == new["metadata"]["kernelspec"]
        for a, b in zip(old["cells"], new["cells"], strict=True):
            assert (a["cell_type"], a["id"]) == (b["cell_type"], b["id"])
            if a["cell_type"] != "code":
                continue
            quiz, _, solution = t._strings("".join(a["source"]))
            if not quiz and not solution:
                assert (a["source"], a["outputs"]) == (b["source"], b["outputs"])
            elif solution:
                assert "".join(a["source"]).split("Markdown(r")[0] == "".join(b["source"]).split("Markdown(r")[0]


def test_chinese_links_to_headings(chinese):
    """Each relative link with an anchor leads to a heading that is there."""

    def page(path: Path) -> str:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".md":
            return text
        return "\n\n".join("".join(c["source"]) for c in json.loads(text)["cells"] if c["cell_type"] == "markdown")

    for path in [*chinese.rglob("*.md"), *chinese.rglob("*.ipynb")]:
        for target, anchor in re.findall(r"\]\(([^():\s#]*)#([^()\s]+)\)", page(path)):
            other = (path.parent / target).resolve() if target else path
            assert anchor in t.slugs(t.headings(page(other))), f"{path.relative_to(chinese)}: {target}#{anchor}"


# --- the rules ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "english", "chinese"),
    [
        ("formulas", "The score $q k$ grows.", "得分 $k q$ 会变大。"),
        ("formulas", "The score $q$ grows.", "得分会变大。"),
        ("code", "Call `softmax(x)` first.", "先调用 `softmax(y)`。"),
        ("code", "Press <kbd>/</kbd> first.", "先按 / 键。"),
        ("links", "See [here](a.ipynb).", "见 [这里](b.ipynb)。"),
        ("links", "See [here](a.ipynb).", "见这里。"),
        ("numbers", "It has 8 heads.", "它有 6 个头。"),
        ("numbers", "It has 8 heads.", "它有几个头。"),
        ("numbers", "It has heads.", "它有 8 个头。"),
        ("numbers", "It has 1.2 million parameters.", "它有 12 万个参数。"),
        ("numbers", "In July 2026.", "在 2026 年 8 月。"),
        ("marks", "**Bold.** Text.", "**粗体。**文字。"),
        ("marks", "**Bold** text.", "粗体文字。"),
        ("marks", "Text.", "*文字*。"),
        ("terms", "The attention of each row.", "每一行的关注。"),
        ("english_left", "What it costs a company each month.", "每月 what it costs a company 的成本。"),
        ("english_left", "Where it breaks", "Where it breaks"),
        ("typography", "One, two.", "一,二。"),
        ("typography", "One (two).", "一(二)。"),
        ("typography", "He said “so”.", '他说"如此"。'),
        ("typography", "And so on", "等等..."),
        ("typography", "With PyTorch it runs.", "用PyTorch运行。"),
        ("typography", "With $x$ it runs.", "用$x$运行。"),
        ("typography", "With `x` it runs.", "用 `x`运行。"),
        ("typography", "It runs well.", "它运行 得好。"),
        ("typography", "With $x$, it runs.", "用 $x$ ，它能运行。"),
        ("typography", "It runs.", "它能跑Ａ。"),
        ("typography", "It runs.", " 它能运行。"),
        ("ending", "It runs.", "它能运行"),
        ("ending", "Does it run?", "它能运行。"),
        ("ending", "The heading", "标题。"),
    ],
)
def test_rule__broken(rule, english, chinese):
    """Each rule finds what it is there for, and says nothing once its exception is written down."""
    assert any(found.startswith(f"{rule}: ") for found in rules.breaches(english, chinese))
    assert not any(
        found.startswith(f"{rule}: ") for found in rules.breaches(english, chinese, f"allow {rule}: a reason")
    )


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        (
            "**For founders.** It has 1.2 million parameters, see [Attention](a.ipynb).",
            "**写给创业者**：它有 120 万个参数，见[注意力](a.ipynb)。",
        ),
        ("It cost 3,000 dollars in July 2026, 5 % more.", "2026 年 7 月它花了 3000 美元，多 5%。"),
        ("342 billion tokens", "3420 亿个词元"),
        (
            "See [Attention Is All You Need](https://arxiv.org/abs/1706.03762) (2017).",
            "见 [Attention Is All You Need](https://arxiv.org/abs/1706.03762)（2017）。",
        ),
        ("The value of log(1 − D) is $x$, with `f` in a *sentence*.", "log(1 − D) 的值是 $x$，句子里有 `f`。"),
        ("Inkwell", "Inkwell"),
        ("Why “so”?", "为什么“如此”？"),
        ("At μ² it is −log 4 …", "在 μ² 处，它是 −log 4 ……"),
    ],
)
def test_rules__good(english, chinese):
    """What a good translation does is allowed."""
    assert rules.breaches(english, chinese) == []


def test_terms__longest_first(monkeypatch):
    """`gross margin` asks for its own term, and not for that of a term inside it."""
    monkeypatch.setattr(
        rules,
        "glossary",
        lambda: [(re.compile(rf"\b{e}s?\b"), e, c) for e, c in (("gross margin", ["毛利率"]), ("margin", ["边距"]))],
    )
    assert rules.terms("Its gross margin.", "它的毛利率。") == []
    assert rules.terms("Its margins.", "它的毛利率。") != []


def test_glossary__read():
    """The tables of book/glossary.md are what the rule reads; every term is there once."""
    terms = [term for _, term, _ in rules.glossary()]
    assert len(terms) > 100
    assert len(terms) == len(set(terms))


def test_problems__each_kind(course):
    """Issue 2, §4: untranslated, fuzzy, obsolete, missing and not yet extracted messages are all found."""
    t.extract()
    fill(course)
    path = t.files()["book/index"]
    po = polib.pofile(str(path), wrapwidth=0)
    po[0].msgstr = ""
    po[1].flags = ["fuzzy"]
    po[2].msgid = "Something old."
    t.save(po, path)
    t.files()["toc"].unlink()
    found = "\n".join(rules.problems())
    for what in ("not translated", "fuzzy", "obsolete", "not extracted", "toc.po: missing"):
        assert what in found


@pytest.fixture(scope="module")
def all_problems() -> list[str]:
    return rules.problems()


@pytest.mark.parametrize("name", sorted({*t.files(), "toc", "site"}))
def test_catalogue(name, all_problems):
    """Issue 2, §4: complete, and kept to every rule, as `python tools/translations.py check NAME` lists."""
    assert [problem for problem in all_problems if problem.startswith(f"{name}.po:")] == []


def test_no_catalogue_is_missing(all_problems):
    """Every page and notebook has its catalogue."""
    assert [problem for problem in all_problems if "missing, run make translations" in problem] == []
