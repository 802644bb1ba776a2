"""The Chinese edition: what is to be translated, and the Chinese sources written from it.

    python tools/translations.py extract          # update the catalogues from the English; list what is to be done
    python tools/translations.py check [NAME ...] # the rules of tools/translation_rules.py, on all catalogues or some
    python tools/translations.py notebooks FOLDER # write the Chinese pages and notebooks, as the publish job needs them

English is written first. `extract` collects its messages into gettext catalogues, one for each page, below
book/locale/zh_CN: book/<page>.po, notebooks/<part>/<name>.po, toc.po and site.po (the site's own words). A message is
one paragraph, heading, list item or table cell; in a notebook also a figure's caption and alternative text, a string
of the quiz, and a paragraph of a solution's text. Translations are kept; one whose English changed is marked fuzzy and
keeps the old English beside it; one whose English is gone is dropped. The API reference stays English.

`translate` writes the Chinese tree that the site is built from and that Colab opens: the same pages and executed
notebooks with the messages replaced, in their outputs too. The code is the English one. What has no translation stays
English, unless `strict`. Links to headings lead to the heading of the Chinese page.
"""

import argparse
import ast
import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path

import polib
import yaml
from markdown_it import MarkdownIt
from mdit_py_plugins.amsmath import amsmath_plugin
from mdit_py_plugins.colon_fence import colon_fence_plugin
from mdit_py_plugins.deflist import deflist_plugin
from mdit_py_plugins.dollarmath import dollarmath_plugin
from mdit_py_plugins.front_matter import front_matter_plugin
from mdit_py_plugins.myst_blocks import myst_block_plugin

ROOT = Path(__file__).resolve().parents[1]
CATALOGUES = ROOT / "book" / "locale" / "zh_CN"
HEADER = {
    "Project-Id-Version": "From Attention to Advantage",
    "Language": "zh_CN",
    "MIME-Version": "1.0",
    "Content-Type": "text/plain; charset=UTF-8",
    "Content-Transfer-Encoding": "8bit",
}
WITH_TITLE = {"admonition", "card", "dropdown", "grid-item-card", "tab-item"}  # directives whose argument is text
WITH_TEXT = {
    *("attention", "caution", "danger", "error", "figure", "grid", "grid-item", "hint", "important", "margin", "note"),
    *("seealso", "sidebar", "tab-set", "tip", "topic", "warning"),
    *WITH_TITLE,
}  # directives whose body is text; that of all others is left alone
OPTIONS = {"alt", "caption"}  # options that are text
VERDICTS = ("Right.", "No.")  # what a quiz says, as in advantage.quizzes
CLOSE = 0.6  # how like its old English a changed message must be to keep the old translation, as fuzzy

Lookup = Callable[[str], str]  # a message to its translation


@dataclass(frozen=True)
class Segment:
    """A message where it stands: `source[start:end]`, for Markdown with line breaks and markers that `text` has not."""

    text: str
    start: int
    end: int
    kind: str


# --- Markdown ----------------------------------------------------------------------------------------------------

PARSER = (
    MarkdownIt("commonmark")
    .enable("table")
    .use(front_matter_plugin)
    .use(dollarmath_plugin, allow_space=False, double_inline=True)
    .use(amsmath_plugin)
    .use(deflist_plugin)
    .use(colon_fence_plugin)
    .use(myst_block_plugin)
)
MATHS = {"log", "ln", "exp", "max", "min", "softmax"}  # words that are the same in Chinese
CJK = r"㐀-鿿豈-﫿"


def segments(source: str) -> list[Segment]:
    """The messages of Markdown in the order in which they stand."""
    return list(_segments(source))


def _segments(source: str) -> Iterator[Segment]:
    lines = source.split("\n")
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    tokens = PARSER.parse(source)
    references, row, cursor, column, english = False, -1, 0, 0, -1
    for index, token in enumerate(tokens):
        if token.type in ("fence", "colon_fence") and (found := re.match(r"\{([\w-]+)\}\s*(.*)", token.info)):
            yield from _directive(token, found[1], found[2], lines, starts)
        if token.type == "table_open":
            english = -1
        if token.type in ("th_open", "td_open"):
            column = column + 1 if tokens[index - 1].type in ("th_close", "td_close") else 0
        if token.type != "inline" or not token.content.strip():
            continue
        opening = tokens[index - 1]
        kind = {"heading_open": "heading", "th_open": "table", "td_open": "table", "dt_open": "term"}.get(
            opening.type, ""
        )
        if kind == "heading":
            references = token.content == "References"
        first, last = token.map[0], token.map[0] + token.content.count("\n")
        if kind == "table":  # the cells of a row stand one after the other on its line
            content = token.content.replace("|", r"\|")
            cursor = cursor if row == first else 0
            at, row = lines[first].find(content, cursor), first
            end = cursor = at + len(content)
        else:
            content = token.content.split("\n")
            at = lines[first].rfind(content[0])
            end = lines[last].rfind(content[-1]) + len(content[-1])
        if at < 0:
            raise ValueError(f"cannot find {token.content!r} in line {first + 1}: {lines[first]!r}")
        text = re.sub(r"\s*\n\s*", " ", token.content)
        if opening.type == "th_open" and text == "中文":
            english = column - 1  # a bilingual table: this column and the one before it stay
        if opening.type == "td_open" and english >= 0 and column in (english, english + 1):
            continue
        if _says_something(text) and not (references and kind == "" and _is_reference(text)):
            yield Segment(text, starts[first] + at, starts[last] + end, kind)


def _directive(token, name: str, title: str, lines: list[str], starts: list[int]) -> Iterator[Segment]:
    """Messages of a MyST directive: its title, its options that are text, its body."""
    first, last = token.map[0], token.map[1] - 1
    if title and name in WITH_TITLE and _says_something(title):
        at = starts[first] + lines[first].rfind(title)
        yield Segment(title, at, at + len(title), "title")
    body = first + 1
    while body < last and (option := re.match(r"\s*:([\w-]+):\s*(.*?)\s*$", lines[body])):
        if option[1] in OPTIONS and _says_something(option[2]):
            yield Segment(option[2], starts[body] + option.start(2), starts[body] + option.end(2), option[1])
        body += 1
    if name in WITH_TEXT:
        if token.level:
            raise ValueError(f"the directive {name} in line {first + 1} stands in a list or quotation; move it out")
        for segment in _segments("\n".join(lines[body:last])):
            yield Segment(segment.text, segment.start + starts[body], segment.end + starts[body], segment.kind)


def plain(text: str, code: str = " ", titles: bool = True) -> str:
    """The words of inline Markdown: no marks, no addresses; `code` stands for each piece of code, formula or HTML.

    Without `titles` the text of links that leave the course is left out: they name papers and pages.
    """
    words, outside = [], False
    for token in PARSER.parseInline(text)[0].children:
        if token.type == "link_open":
            outside = not titles and str(token.attrs["href"]).startswith("http")
        elif token.type == "link_close":
            outside = False
        elif token.type in ("code_inline", "math_inline", "math_inline_double", "html_inline", "image"):
            words.append(code)
        elif token.type in ("softbreak", "hardbreak"):
            words.append(" ")
        elif not outside:
            words.append(token.content)
    return "".join(words)


def _says_something(text: str) -> bool:
    """Whether there are English words in it. The Chinese column of the glossary is Chinese already."""
    text = re.sub(r"https?://\S+", "", plain(text))
    words = re.findall(r"[A-Za-z]+", text)
    return any(len(word) > 1 and word not in MATHS for word in words) and len(re.findall(f"[{CJK}]", text)) <= len(
        words
    )


def _is_reference(text: str) -> bool:
    """Whether an item under References is one: authors, a linked title, where it appeared. These stay as they are."""
    outside = re.sub(r"\*[^*]*\*", "", re.sub(r"\[[^\]]*\]\([^)]*\)", "", text, count=1))
    return "](http" in text and len(re.findall(r"\b[a-z]{3,}\b", outside)) <= 3


def replaced(source: str, lookup: Lookup) -> str:
    """Markdown with every message looked up. Raises ValueError if that changes its structure."""
    parts, done = [], 0
    for segment in segments(source):
        new = lookup(segment.text)
        if new != segment.text:
            new = new.replace("|", r"\|") if segment.kind == "table" else new
            parts += [source[done : segment.start], new]
            done = segment.end
    text = "".join([*parts, source[done:]])
    if (before := _structure(source)) != (after := _structure(text)):
        at = next((i for i, (a, b) in enumerate(zip(before, after)) if a != b), -1)
        raise ValueError(
            f"a translation changes the Markdown's structure (at block {at}: {before[at]}, {after[at]}):\n{text}"
        )
    return text


def _structure(source: str) -> list[str]:
    return [f"{token.type} {token.tag}" for token in PARSER.parse(source)]


# --- anchors -----------------------------------------------------------------------------------------------------


def slugs(headings: list[str]) -> list[str]:
    """The anchors that MyST and GitHub give to a page's headings."""
    found: list[str] = []
    for heading in headings:
        children = PARSER.parseInline(heading)[0].children
        title = "".join(child.content for child in children if child.type in ("text", "code_inline"))
        slug = re.sub(r"[^\w一-鿿\- ]", "", title.lower().replace(" ", "-"))
        number = 1
        while slug in found:
            slug, number = f"{slug}-{number}", number + 1
        found.append(slug)
    return found


def headings(source: str) -> list[str]:
    tokens = PARSER.parse(source)
    return [tokens[i + 1].content for i, token in enumerate(tokens) if token.type == "heading_open"]


@cache
def _anchors(page: Path, strict: bool) -> dict[str, str]:
    """English anchors of a page to the Chinese ones."""
    if page.suffix == ".ipynb":
        cells = json.loads(page.read_text(encoding="utf-8"))["cells"]
        text = "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    else:
        text = page.read_text(encoding="utf-8")
    lookup = translations(catalogue_of(page), strict)
    return dict(zip(slugs(headings(text)), slugs([lookup(heading) for heading in headings(text)])))


def _with_anchors(text: str, page: Path, strict: bool) -> str:
    """Markdown whose links to headings lead to the translated heading."""

    def link(found: re.Match) -> str:
        target = (page.parent / found[1]).resolve() if found[1] else page
        if ":" in found[1] or not target.exists() or not target.is_relative_to(ROOT):
            return found[0]
        return f"]({found[1]}#{_anchors(target, strict).get(found[2], found[2])})"

    return re.sub(r"\]\(([^()\s#]*)#([^()\s]+)\)", link, text)


# --- code cells --------------------------------------------------------------------------------------------------


def _strings(source: str) -> tuple[list[ast.Constant], ast.Call | None, ast.Constant | None]:
    """Of a code cell: the strings of its quiz, the quiz's call, and the text of its solution."""
    if "quiz(" not in source and "Markdown(" not in source:
        return [], None, None
    tree = ast.parse(re.sub(r"(?m)^(\s*)[%!].*$", r"\1pass", source))
    last = tree.body[-1].value if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    if not isinstance(last, ast.Call):
        return [], None, None
    name = getattr(last.func, "attr", getattr(last.func, "id", ""))
    if name == "quiz":
        nodes = [n for n in ast.walk(last) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
        return sorted(nodes, key=lambda n: (n.lineno, n.col_offset)), last, None
    if (
        name == "Markdown"
        and last.args
        and isinstance(last.args[0], ast.Constant)
        and isinstance(last.args[0].value, str)
    ):
        return [], None, last.args[0]
    return [], None, None


def _quiz_cell(source: str, lookup: Lookup) -> tuple[str, str]:
    """A quiz in Chinese: the cell's source, and the HTML that it shows."""
    from advantage.quizzes import render

    nodes, call, _ = _strings(source)
    verdicts = dict(zip(("right", "wrong"), map(translations("site", False), VERDICTS)))
    for node in reversed(nodes):
        if (new := lookup(node.value)) != node.value:
            source = _put(source, node, json.dumps(new, ensure_ascii=False))
    call = _strings(source)[1]
    end = _offset(source, call.end_lineno, call.end_col_offset) - 1
    arguments = "".join(f"    {name}={json.dumps(word, ensure_ascii=False)},\n" for name, word in verdicts.items())
    gap = "" if source[:end].endswith("\n") else "\n" if source[:end].rstrip().endswith(",") else ",\n"
    new = source[:end] + gap + arguments + source[end:]
    return new, render(ast.literal_eval(ast.Tuple(call.args, ast.Load())), **verdicts)


def _offset(source: str, line: int, column: int) -> int:
    """Place in a string of a line and a column in UTF-8 bytes, as `ast` counts."""
    lines = source.split("\n")
    return sum(len(text) + 1 for text in lines[: line - 1]) + len(lines[line - 1].encode()[:column].decode())


def _put(source: str, node: ast.expr, text: str) -> str:
    start, end = _offset(source, node.lineno, node.col_offset), _offset(source, node.end_lineno, node.end_col_offset)
    return source[:start] + text + source[end:]


def _flat(text: str) -> str:
    return " ".join(text.split())


def cell_messages(cell: dict) -> Iterator[tuple[str, str]]:
    """(message, what it is) of a notebook's cell."""
    source = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        yield from ((segment.text, segment.kind) for segment in segments(source))
    elif cell["cell_type"] == "code":
        shown = cell["metadata"].get("mystnb", {})
        for group, name in (("figure", "caption"), ("image", "alt")):
            if text := shown.get(group, {}).get(name):
                yield _flat(text), name
        quiz, _, solution = _strings(source)
        yield from ((node.value, "quiz") for node in quiz if _says_something(node.value))
        if solution:
            yield from ((segment.text, segment.kind or "solution") for segment in segments(solution.value))


def translated_notebook(notebook: dict, lookup: Lookup, finish: Lookup = str) -> dict:
    """A notebook with its messages looked up, in sources, outputs and metadata. `finish` is applied to all Markdown."""
    notebook = json.loads(json.dumps(notebook))
    for name in ("code_sha256", "text_sha256"):  # of the English pair
        notebook["metadata"].get("advantage", {}).pop(name, None)
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            cell["source"] = _lines(finish(replaced(source, lookup)))
        elif cell["cell_type"] == "code":
            shown = cell["metadata"].get("mystnb", {})
            for group, name in (("figure", "caption"), ("image", "alt")):
                if text := shown.get(group, {}).get(name):
                    shown[group][name] = lookup(_flat(text))
            _, quiz, solution = _strings(source)
            mime = ""
            if quiz:
                source, new = _quiz_cell(source, lookup)
                mime = "text/html"
            elif solution:
                old, new = solution.value, finish(replaced(solution.value, lookup))
                mime = "text/markdown"
                if new != old:
                    source = _put(source, solution, f'r"""{new}"""')
            cell["source"] = _lines(source)
            for output in cell["outputs"]:
                if mime in output.get("data", {}) and output["output_type"] == "execute_result":
                    output["data"][mime] = _lines(new)
    return notebook


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


# --- the site's words, the table of contents -----------------------------------------------------------


def site_messages() -> list[tuple[str, str]]:
    """The site's words: what `word(…)` is called with in book/_templates and tools/website, title, quiz's verdicts, and
    those of the catalogue that still stand in these files as strings."""
    files = sorted([*ROOT.glob("book/_templates/*.html"), *ROOT.glob("tools/website/*.py")])
    sources = "\n".join(file.read_text(encoding="utf-8") for file in files)
    title = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["title"]
    found = [title, *VERDICTS, *(text for _, text in re.findall(r"\bword\(\s*(['\"])((?:(?!\1).)+)\1\s*\)", sources))]
    path = CATALOGUES / "site.po"
    known = [entry.msgid for entry in polib.pofile(str(path))] if path.exists() else []
    found += [text for text in known if f'"{text}"' in sources or f"'{text}'" in sources]
    return [
        (text, "")
        for text in sorted(set(found), key=lambda text: (known.index(text) if text in known else 10**6, text))
    ]


TOC = re.compile(r"(?m)^(\s*(?:- )?(?:caption|title): )(.+?)\s*$")


def toc_messages() -> list[tuple[str, str]]:
    text = (ROOT / "_toc.yml").read_text(encoding="utf-8")
    return [(yaml.safe_load(value), "table of contents") for _, value in TOC.findall(text)]


# --- catalogues --------------------------------------------------------------------------------------------------


def catalogue_of(page: Path) -> str:
    """Name of the catalogue of a page or notebook: book/index, notebooks/models/attention."""
    return page.relative_to(ROOT).with_suffix("").as_posix()


def pages() -> list[Path]:
    return sorted((ROOT / "book").glob("*.md"))


def notebook_files() -> list[Path]:
    return sorted(p for p in (ROOT / "notebooks").rglob("*.ipynb") if ".ipynb_checkpoints" not in p.parts)


def messages() -> dict[str, list[tuple[str, str]]]:
    """All messages: catalogue → (message, what it is), in the order in which they stand. Notebooks: their .md half."""
    import halves

    found = {"toc": toc_messages(), "site": site_messages()}
    for page in pages():
        found[catalogue_of(page)] = [(s.text, s.kind) for s in segments(page.read_text(encoding="utf-8"))]
    for half in sorted((ROOT / "notebooks").rglob("*.md")):
        if not any(part[0] in "._" for part in half.relative_to(ROOT).parts):
            cells = halves.read_text(half).cells
            found[catalogue_of(half)] = [message for cell in cells for message in cell_messages(cell)]
    return found


def updated(old: polib.POFile | None, wanted: list[tuple[str, str]], memory: dict[str, str]) -> polib.POFile:
    """A catalogue of the messages wanted. `memory` has translations of the same English in other catalogues."""
    known = {entry.msgid: entry for entry in old or [] if not entry.obsolete}
    gone = {text: entry for text, entry in known.items() if text not in dict(wanted) and entry.msgstr}
    catalogue = polib.POFile(wrapwidth=0)
    catalogue.metadata = HEADER
    for text, kind in dict(wanted).items():
        entry = known.get(text)
        if entry is None:
            entry = polib.POEntry(msgid=text, msgstr=memory.get(text, ""))
            if not entry.msgstr and (close := get_close_matches(text, gone, 1, CLOSE)):
                previous = gone.pop(close[0])
                entry.msgstr, entry.tcomment = previous.msgstr, previous.tcomment
                entry.previous_msgid, entry.flags = previous.previous_msgid or previous.msgid, ["fuzzy"]
        entry.comment, entry.occurrences = kind, []
        catalogue.append(entry)
    return catalogue


def write(path: Path, text: str) -> bool:
    """Write a file in one step, unless it says so already. Returns whether it changed."""
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.{os.getpid()}.new")
    new.write_text(text, encoding="utf-8", newline="\n")
    os.replace(new, path)
    return True


def save(catalogue: polib.POFile, path: Path) -> bool:
    return write(path, str(catalogue).strip("\n").removeprefix("#\n") + "\n")


def files() -> dict[str, Path]:
    """Catalogue name → file, of all that are there."""
    return {p.relative_to(CATALOGUES).with_suffix("").as_posix(): p for p in sorted(CATALOGUES.rglob("*.po"))}


def extract() -> dict[str, tuple[int, int]]:
    """Update all catalogues. Returns of each how many messages it has, and how many are to be translated."""
    wanted, there = messages(), files()
    old = {name: polib.pofile(str(path), wrapwidth=0) for name, path in there.items()}
    memory: dict[str, str] = {}
    for catalogue in old.values():
        for entry in catalogue.translated_entries():
            memory[entry.msgid] = entry.msgstr if memory.get(entry.msgid, entry.msgstr) == entry.msgstr else ""
    counts = {}
    for name, texts in wanted.items():
        catalogue = updated(old.get(name), texts, memory)
        save(catalogue, CATALOGUES / f"{name}.po")
        counts[name] = len(catalogue), len(catalogue.untranslated_entries()) + len(catalogue.fuzzy_entries())
    for name, path in there.items():
        if name not in wanted:
            path.unlink()
    return counts


@cache
def _catalogue(name: str) -> dict[str, str]:
    path = CATALOGUES / f"{name}.po"
    return {e.msgid: e.msgstr for e in polib.pofile(str(path)).translated_entries()} if path.exists() else {}


def translations(name: str, strict: bool) -> Lookup:
    """Looks messages up in a catalogue; what is not there stays English, or is a ValueError if `strict`."""
    catalogue = _catalogue(name)

    def lookup(text: str) -> str:
        if strict and text not in catalogue and _says_something(text):
            raise ValueError(f"{name}.po: no translation of {text!r}")
        return catalogue.get(text, text)

    return lookup


# --- the Chinese tree --------------------------------------------------------------------------------------------


def translate(out: Path, strict: bool = False) -> list[Path]:
    """Write the Chinese pages, notebooks, contents and pictures below `out`. Returns the files that changed."""
    _catalogue.cache_clear()
    _anchors.cache_clear()
    changed = []

    def keep(path: Path, text: str) -> None:
        if write(path, text):
            changed.append(path)

    lookup = translations("toc", strict)
    toc = (ROOT / "_toc.yml").read_text(encoding="utf-8")
    quoted = lambda match: match[1] + json.dumps(lookup(yaml.safe_load(match[2])), ensure_ascii=False)  # noqa: E731
    keep(out / "_toc.yml", TOC.sub(quoted, toc))
    for page in [*pages(), *notebook_files()]:
        lookup = translations(catalogue_of(page), strict)
        text = page.read_text(encoding="utf-8")
        try:
            if page.suffix == ".md":
                text = _with_anchors(replaced(text, lookup), page, strict)
            else:
                finish = lambda markdown, page=page: _with_anchors(markdown, page, strict)  # noqa: E731
                notebook = translated_notebook(json.loads(text), lookup, finish)
                text = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
        except (ValueError, SyntaxError) as error:
            raise ValueError(f"{page.relative_to(ROOT)}: {error}") from error
        keep(out / page.relative_to(ROOT), text)
    for pattern in ("book/*.bib", "book/_static/*.svg", "book/_static/*.png"):
        for file in ROOT.glob(pattern):
            target = out / file.relative_to(ROOT)
            if not target.exists() or target.read_bytes() != file.read_bytes():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, target)
                changed.append(target)
    return changed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("extract", help="update the catalogues from the English")
    commands.add_parser("check", help="hold translations to the rules").add_argument("name", nargs="*")
    commands.add_parser("notebooks", help="write the Chinese pages and notebooks").add_argument("folder", type=Path)
    arguments = parser.parse_args()
    if arguments.command == "extract":
        counts = extract()
        for name, (total, todo) in counts.items():
            if todo:
                print(f"{name}.po: {todo} of {total} messages to translate")
        print(f"{len(counts)} catalogues, {sum(todo for _, todo in counts.values())} messages to translate.")
        return 0
    if arguments.command == "notebooks":
        translate(arguments.folder, strict=True)
        return 0
    from translation_rules import problems

    found = problems(arguments.name)
    print("\n".join(found) or "Nothing to mend.")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
