"""The messages of Markdown: one paragraph, heading, list item or table cell each; and Markdown with them replaced."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from markdown import PARSER

Lookup = Callable[[str], str]  # a message to its translation

WITHOUT_TEXT = {"bibliography", "calculator", "eval-rst", "run-times"}  # directives that say nothing of their own
CHINESE_COLUMNS = {"中文", "不用"}  # of the glossary: they, and the column before the first, stay as they are
MATHS = {"log", "ln", "exp", "max", "min", "softmax"}  # words that are the same in Chinese
CJK = r"㐀-鿿豈-﫿"


@dataclass(frozen=True)
class Segment:
    """A message where it stands: `source[start:end]`, with line breaks and markers that `text` has not."""

    text: str
    start: int
    end: int
    kind: str


def segments(source: str) -> list[Segment]:
    """The messages of Markdown in the order in which they stand."""
    lines = source.split("\n")
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    tokens = PARSER.parse(source)
    found: list[Segment] = []
    references = False
    for index, token in enumerate(tokens):
        if token.type == "fence":
            found += _image(token, lines, starts)
        elif token.type == "table_open":
            found += _cells(tokens, index, lines, starts)
        elif token.type == "inline" and tokens[index - 1].type not in ("th_open", "td_open"):
            heading = tokens[index - 1].type == "heading_open"
            if heading:
                references = token.content == "References"
            segment = _block(token, lines, starts, "heading" if heading else "")
            if says_something(segment.text) and (heading or not (references and _is_reference(segment.text))):
                found.append(segment)
    return found


def _block(token, lines: list[str], starts: list[int], kind: str) -> Segment:
    """A paragraph, heading or list item, whose lines may begin with the marks of what it stands in."""
    content = token.content.split("\n")
    first, last = token.map[0], token.map[0] + len(content) - 1
    at = lines[first].rfind(content[0])
    if at < 0:
        raise ValueError(f"cannot find {token.content!r} in line {first + 1}: {lines[first]!r}")
    end = lines[last].rfind(content[-1]) + len(content[-1])
    return Segment(re.sub(r"\s*\n\s*", " ", token.content), starts[first] + at, starts[last] + end, kind)


def _cells(tokens: list, index: int, lines: list[str], starts: list[int]) -> Iterator[Segment]:
    """The cells of a table, which stand one after the other on the line of their row."""
    row, cursor, column, kept = -1, 0, 0, set()
    while tokens[index].type != "table_close":
        index += 1
        token = tokens[index]
        if token.type != "inline":
            continue
        head = tokens[index - 1].type == "th_open"
        first = token.map[0]
        column, cursor = (column + 1, cursor) if row == first else (0, 0)
        row = first
        content = token.content.replace("|", r"\|")
        at = lines[first].find(content, cursor)
        if at < 0:
            raise ValueError(f"cannot find {token.content!r} in line {first + 1}: {lines[first]!r}")
        cursor = at + len(content)
        if head and token.content in CHINESE_COLUMNS:
            kept |= {column} if kept else {column - 1, column}
        if (head or column not in kept) and says_something(token.content):
            yield Segment(token.content, starts[first] + at, starts[first] + cursor, "table")


def _image(token, lines: list[str], starts: list[int]) -> Iterator[Segment]:
    """The alternative text of an image. Of another directive nobody has said which of its text is to be translated."""
    name = re.match(r"\{([\w-]+)\}", token.info)
    if name and name[1] != "image" and name[1] not in WITHOUT_TEXT:
        raise ValueError(f"line {token.map[0] + 1}: the directive {name[1]!r} has text that would stay English")
    if name and name[1] == "image":
        for number in range(token.map[0] + 1, token.map[1]):
            if option := re.match(r"\s*:alt:\s*(.*?)\s*$", lines[number]):
                yield Segment(option[1], starts[number] + option.start(1), starts[number] + option.end(1), "alt")


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


def says_something(text: str) -> bool:
    """Whether there are English words in it: more of them than Chinese characters, or two beside each other."""
    text = re.sub(r"https?://\S+", "", plain(text))
    words, chinese = re.findall(r"[A-Za-z]+", text), re.findall(f"[{CJK}]", text)
    phrase = re.search(r"\b[a-z]{2,} [a-z]{2,}\b", text)
    return any(len(word) > 1 and word not in MATHS for word in words) and bool(len(chinese) <= len(words) or phrase)


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
