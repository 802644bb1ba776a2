"""Rules for the text: what Colab, GitHub and VS Code all render, headings, call-outs, spelling."""

import re
from collections.abc import Iterator
from itertools import pairwise

from markdown_it.token import Token

import markdown
from rules.chapter import Chapter, Fault, first_line, kind, rule

AMERICAN = re.compile(
    r"(?i)\b(?:behaviors?|colors?|colored|favors?|favorable|honor|neighbors?|neighborhood|labor|center(?:ed|s)?|fibers?"
    r"|gray|defense|model(?:ed|ing)|label(?:ed|ing)|travel(?:ed|ing)|cancel(?:ed|ing)|signal(?:ed|ing)|fulfill"
    r"|analyz\w+|optimiz\w+|normaliz\w+|initializ\w+|generaliz\w+|regulariz\w+|parametriz\w+|factoriz\w+|memoriz\w+"
    r"|maximiz\w+|minimiz\w+|summariz\w+|utiliz\w+|recogniz\w+|organiz\w+|specializ\w+|realiz\w+|quantiz\w+)\b"
)


@rule("pair")
def plain_markdown(chapter: Chapter) -> Iterator[Fault]:
    """Only what Colab, GitHub and VS Code render alike: no HTML, role, directive, footnote, target or comment."""
    for line, source in chapter.prose:
        for token in markdown.parse(source, line):
            at = markdown.line_of(token)
            if token.type == "html_block":
                yield at, f"HTML: {first_line(token.content)}"
            if token.type == "fence" and re.match(r"[{:]", token.info):
                yield at, f"directive {token.info}"
            children = token.children or []
            for child, following in zip(children, [*children[1:], None]):
                yield from ((markdown.line_of(child), said) for said in _foreign(child, following))


def _foreign(child: Token, following: Token | None) -> Iterator[str]:
    """What is not plain in one inline token."""
    text = child.content
    if child.type == "html_inline":
        yield f"HTML: {text}"
    if child.type == "image":
        yield "picture: Colab has no file beside the notebook; draw it in a cell"
    if child.type != "text":
        return
    if following is not None and following.type == "code_inline" and re.search(r"\{[\w:.-]+\}$", text):
        yield f"role: {text[-30:]}`{following.content}`"
    if re.match(r":::|%\s|\([\w-]+\)=", text):
        yield f"MyST syntax: {first_line(text)}"
    if re.search(r"\[\^[\w-]+\]", text):
        yield f"footnote: {text[:40]}"
    if "$" in text:
        yield f"a stray dollar sign: {text[:60]!r} (an amount is written \\$)"


@rule("pair")
def maths_blocks(chapter: Chapter) -> Iterator[Fault]:
    """`$$` stands alone on its line, in pairs, with blank lines around the block."""
    for first, source in chapter.prose:
        code = r"(?ms)^(`{3,}|~{3,}).*?^\1\s*$"
        lines = re.sub(code, lambda found: "code\n" * found[0].count("\n") + "code", source).split("\n")
        opened = None
        for number, line in enumerate(lines):
            stripped = re.sub(r"`[^`]*`", "", line).strip()
            if "$$" not in stripped:
                continue
            alone = stripped == "$$"
            whole = not alone and opened is None and re.fullmatch(r"\$\$[^$]+\$\$", stripped)
            if not alone and not whole:
                yield first + number, f"$$ shares a line with text: {stripped[:60]}"
                continue
            before = lines[number - 1].strip() if number else ""
            after = lines[number + 1].strip() if number + 1 < len(lines) else ""
            if (whole or opened is None) and before:
                yield first + number, f"no blank line before the formula after: {before[:60]}"
            if (whole or opened is not None) and after:
                yield first + number, f"no blank line after the formula before: {after[:60]}"
            if alone:
                opened = None if opened is not None else number
        if opened is not None:
            yield first + opened, "$$ opens and does not close"


@rule("contents")
def headings(chapter: Chapter) -> Iterator[Fault]:
    """One title, in the first cell; no level skipped; no two headings alike, so that each has its anchor."""
    blocks = chapter.blocks
    found = markdown.headings(blocks)
    titles = [token for level, token in found if level == 1]
    if not titles or kind(blocks[0]) != "heading_open" or found[0][0] != 1:
        yield 1, "the first line is not the title"
    if len(titles) != 1:
        yield chapter.line(titles[-1]) if titles else 1, "there is more or less than one title"
    for (before, _), (level, token) in pairwise(found):
        if level > before + 1:
            yield chapter.line(token), f"{token.content!r} skips a level"
    texts = [token.content for _, token in found]
    for index, token in enumerate(token for _, token in found):
        if token.content in texts[:index]:
            yield chapter.line(token), f"two headings read {token.content!r}"


@rule("contents")
def call_outs(chapter: Chapter) -> Iterator[Fault]:
    """A block quote begins with a bold lead."""
    blocks = chapter.blocks
    for index, block in enumerate(blocks):
        if kind(block) == "blockquote_open":
            children = blocks[index + 2].children or []
            begin = next((child.type for child in children if child.type != "text" or child.content), None)
            if begin != "strong_open":
                yield chapter.line(block), f"a block quote without a bold lead: {blocks[index + 2].content[:60]}"


@rule("contents")
def spelling(chapter: Chapter) -> Iterator[Fault]:
    """Spelling is British; titles of works (in italics, links or References) and code are not ours."""
    yield from american([block for title, section in chapter.sections if title != "References" for block in section])


def american(tokens: list) -> Iterator[Fault]:
    """American spellings in Markdown tokens, outside links and italics."""
    inside = 0
    for token in markdown.inline(tokens):
        inside += token.type in {"link_open", "em_open"}
        inside -= token.type in {"link_close", "em_close"}
        if token.type == "text" and not inside:
            for word in AMERICAN.findall(token.content):
                yield markdown.line_of(token), f"{word!r}: spelling is British"
