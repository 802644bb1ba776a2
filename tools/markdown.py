"""The one parser of Markdown: headings, anchors, links and words, each with the line that it stands on.

It knows CommonMark, tables and dollar maths: what Colab, GitHub and VS Code all render, and nothing else.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.dollarmath import dollarmath_plugin

PARSER = MarkdownIt("commonmark").enable("table").disable("text_join")
PARSER.use(dollarmath_plugin, allow_space=False, double_inline=True)


def parse(text: str, first_line: int = 1) -> list[Token]:
    """Tokens of Markdown; `line_of` says where each stands, if the text begins on `first_line` of its file."""
    tokens, line = PARSER.parse(text), first_line
    for token in tokens:
        line = first_line + token.map[0] if token.map else line
        token.meta["line"] = at = line
        for child in token.children or []:
            child.meta["line"] = at
            at += child.type in {"softbreak", "hardbreak"}
    return tokens


def line_of(token: Token) -> int:
    return token.meta["line"]


def cell_lines(text: str, sources: list[str]) -> list[int]:
    """The line of the `.md` half on which each cell's source begins. A cell that is not there has its place's line."""
    lines, at = [], 0
    for source in sources:
        found = text.find(f"\n{source}\n", at) if source else -1
        at = found + 1 if found >= 0 else at
        lines.append(text.count("\n", 0, at) + 1)
        at += len(source) if found >= 0 else 0
    return lines


def inline(tokens: list) -> Iterator[Token]:
    """All inline tokens below Markdown tokens."""
    for token in tokens:
        if isinstance(token, Token):
            yield from token.children or []


def plain_text(tokens: list) -> str:
    """The words of Markdown tokens, a line for each paragraph; code and formulas are one word each."""
    kinds = {"math_inline": "x", "code_inline": "x", "softbreak": " ", "hardbreak": " "}
    return "\n".join(
        "".join(kinds.get(child.type, child.content) for child in token.children or [])
        for token in tokens
        if isinstance(token, Token) and token.type == "inline"
    )


def headings(tokens: list) -> list[tuple[int, Token]]:
    """(level, inline token) of every heading."""
    return [
        (int(token.tag[1]), tokens[index + 1])
        for index, token in enumerate(tokens)
        if isinstance(token, Token) and token.type == "heading_open"
    ]


def titles(text: str) -> list[str]:
    """What each heading of a page says, as inline Markdown."""
    return [title.content for _, title in headings(PARSER.parse(text))]


def text_of(page: Path) -> str:
    """The Markdown of a page or of a notebook."""
    text = page.read_text(encoding="utf-8")
    if page.suffix != ".ipynb":
        return text
    cells = json.loads(text)["cells"]
    return "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


def slugs(titles: list[str]) -> list[str]:
    """The anchors that GitHub and MyST give to a page's headings, which are inline Markdown."""
    found: list[str] = []
    for title in titles:
        children = PARSER.parseInline(title)[0].children
        words = "".join(child.content for child in children if child.type in ("text", "code_inline"))
        slug = again = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
        number = 0
        while again in found:
            number += 1
            again = f"{slug}-{number}"
        found.append(again)
    return found


def anchors(text: str) -> set[str]:
    """What a link to a page may end in: its headings' anchors, and MyST's targets, (name)=."""
    targets = re.findall(r"(?m)^\(([\w-]+)\)=\s*$", text)
    return {*targets, *slugs(titles(text))}


def links(tokens: list) -> list[tuple[str, int]]:
    """(target, line) of every link and picture."""
    targets = {"link_open": "href", "image": "src"}
    return [
        (str(token.attrs[targets[token.type]]), token.meta.get("line", 1))
        for token in inline(tokens)
        if token.type in targets
    ]


def tables(tokens: list) -> int:
    return sum(isinstance(token, Token) and token.type == "table_open" for token in tokens)
