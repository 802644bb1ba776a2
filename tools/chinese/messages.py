"""All that is to be translated: of each page its messages, in the order in which they stand on it.

The pages are those of _toc.yml; a pair that is not there is a draft, which is not translated. A source that cannot be
read as what it is raises ValueError: its messages would else count as gone, and their translations with them.
"""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import yaml

import halves
import stale
from chinese import figures
from chinese.text import says_something, segments
from website.calculators import declared

ROOT = Path(__file__).resolve().parents[2]
CALCULATORS = "book/calculators"  # its sliders have texts that stand in tools/website/calculators
VERDICTS = ("Right.", "No.")  # what a quiz says, as in advantage.quizzes
PICTURES = ("parts.svg",)  # of book/_static, with text; the card is drawn once for each language
TOC = re.compile(r"(?m)^(\s*(?:- )?(?:caption|title): )(.+?)\s*$")

Message = tuple[str, str]  # the text, and what it is


# --- code cells --------------------------------------------------------------------------------------------------


def strings(source: str) -> tuple[list[ast.Constant], ast.Call | None, ast.Constant | None]:
    """Of a code cell: the strings of its quiz, the quiz's call, and the text of its solution."""
    if "quiz(" not in source and "Markdown(" not in source:
        return [], None, None
    python = stale.python_source(source)
    tree = ast.parse(python)
    last = tree.body[-1].value if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    name = stale.called(last)
    if name not in ("quiz", "Markdown"):
        return [], None, None
    if python.rstrip("\n").count("\n") != source.rstrip("\n").count("\n"):
        raise ValueError(
            f"a cell with text to translate begins with a blank line, or has a command over several lines:\n{source}"
        )
    if name == "quiz":
        nodes = [node for node in ast.walk(last) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
        return sorted(nodes, key=lambda node: (node.lineno, node.col_offset)), last, None
    text = last.args[0] if last.args else None
    return [], None, text if isinstance(text, ast.Constant) and isinstance(text.value, str) else None


def flat(text: str) -> str:
    return " ".join(text.split())


def cell_messages(cell: dict, outputs: list[dict]) -> Iterator[Message]:
    """The messages of a notebook's cell, and of the figures in its outputs."""
    source = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        yield from ((segment.text, segment.kind) for segment in segments(source))
    elif cell["cell_type"] == "code":
        shown = cell["metadata"].get("mystnb", {})
        for group, name in (("figure", "caption"), ("image", "alt")):
            if text := shown.get(group, {}).get(name):
                yield flat(text), name
        for output in outputs:
            if svg := output.get("data", {}).get(figures.MIME):
                yield from ((text, "figure") for text in figures.texts("".join(svg)))
        quiz, _, solution = strings(source)
        yield from ((node.value, "quiz") for node in quiz if says_something(node.value))
        if solution:
            yield from ((segment.text, segment.kind or "solution") for segment in segments(solution.value))


# --- pages and notebooks -------------------------------------------------------------------------------------------


def contents() -> list[str]:
    """The documents of _toc.yml, in the book's order: book/index, notebooks/models/attention."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    files = [toc["root"], *(chapter["file"] for part in toc.get("parts", []) for chapter in part["chapters"])]
    return [re.sub(r"\.(md|ipynb)$", "", file) for file in files]


def pages() -> list[Path]:
    """The Markdown pages of the book."""
    return [ROOT / f"{name}.md" for name in contents() if not name.startswith("notebooks/")]


def notebook_files() -> list[Path]:
    """The executed halves of the book's notebooks."""
    return [ROOT / f"{name}.ipynb" for name in contents() if name.startswith("notebooks/")]


def catalogue_of(page: Path) -> str:
    """Name of the catalogue of a page or notebook: book/index, notebooks/models/attention."""
    return page.relative_to(ROOT).with_suffix("").as_posix()


def read_page(path: Path) -> str:
    """A page; ValueError if it is not there or not what it should be."""
    name = path.relative_to(ROOT).as_posix()
    if not path.is_file():
        raise ValueError(f"{name}: missing, but _toc.yml names it; put it back, or take it out of _toc.yml")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{name}: not UTF-8 ({error})") from None
    if text.startswith("\ufeff"):
        raise ValueError(f"{name}: begins with a byte-order mark; save it as UTF-8 without one")
    return text


def notebook_messages(half: Path) -> list[Message]:
    """The messages of a notebook: text and code of the .md half, figures of the executed one.

    A cell that was edited and not yet executed keeps its figures' messages, at the end, until it is.
    """
    read_page(half)
    cells = halves.read_text(half).cells
    executed = half.with_suffix(".ipynb")
    ran = json.loads(executed.read_text(encoding="utf-8"))["cells"] if executed.exists() else []
    outputs: dict[str, list[dict]] = {}
    for cell in ran:
        outputs.setdefault("".join(cell["source"]), []).extend(cell.get("outputs", []))
    found = [message for cell in cells for message in cell_messages(cell, outputs.pop(cell.source, []))]
    left = {"cell_type": "code", "source": "", "metadata": {}}
    return found + [message for rest in outputs.values() for message in cell_messages(left, rest)]


# --- the site's words, the table of contents, pictures ---------------------------------------------------------------


def site_messages() -> list[Message]:
    """The site's words: its title, the verdicts of a quiz, and what `word(…)` is called with; texts of its pictures."""
    patterns = ("book/_templates/*.html", "tools/website/*.py")
    files = [file for pattern in patterns for file in sorted(ROOT.glob(pattern))]
    sources = "\n".join(file.read_text(encoding="utf-8") for file in files)
    title = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["title"]
    words = [text for _, text in re.findall(r"\bword\(\s*(['\"])((?:(?!\1).)+)\1\s*[,)]", sources)]
    found = [(text, "") for text in [title, *words, *VERDICTS]]
    for name in PICTURES:
        path = ROOT / "book" / "_static" / name
        if path.exists():
            found += [(text, "picture") for text in figures.texts(path.read_text(encoding="utf-8"))]
    return found


def toc_messages() -> list[Message]:
    text = (ROOT / "_toc.yml").read_text(encoding="utf-8")
    return [(yaml.safe_load(value), "table of contents") for _, value in TOC.findall(text)]


def calculator_messages() -> list[Message]:
    """The words of the page of calculators, and of each calculator on it."""
    own = [*declared.WORDS.values(), *declared.RULES.values()]
    texts = [text for name in declared.NAMES for text in declared.texts(declared.calculator(name))]
    return [(text, "calculator") for text in [*own, *texts] if says_something(text) or text in own]


def messages() -> dict[str, list[Message]]:
    """All messages: catalogue → messages, in the order in which they stand."""
    found = {"toc": toc_messages(), "site": site_messages()}
    for page in pages():
        found[catalogue_of(page)] = [(segment.text, segment.kind) for segment in segments(read_page(page))]
    found.get(CALCULATORS, []).extend(calculator_messages())
    for executed in notebook_files():
        found[catalogue_of(executed)] = notebook_messages(executed.with_suffix(".md"))
    return found
