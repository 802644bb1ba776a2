"""Rules for a chapter's sections: what each must have."""

import ast
import re
from collections.abc import Iterator
from itertools import pairwise

from markdown_it.token import Token

import markdown
from advantage import quizzes
from rules.chapter import Chapter, Fault, calls, first_line, kind, rule, tags, tree

REQUIRED = ("Where it breaks", "For founders", "Exercises", "Check yourself", "Summary", "References")
OPTIONAL = ("What you will be able to do", "Predict")
WORDS = range(1500, 3001)
FIGURES = 6


@rule("course")
def shape(chapter: Chapter) -> Iterator[Fault]:
    """A promise, an argument in sections of its own, and the required sections; References are the last."""
    titles = [title for title, _ in chapter.sections[1:]]
    if missing := [title for title in REQUIRED if title not in titles]:
        yield 1, f"no section {', '.join(missing)}"
    if not set(titles) - set(REQUIRED) - set(OPTIONAL):
        yield 1, "no section of the chapter's own"
    if "References" in titles and titles[-1] != "References":
        yield chapter.line_of("References"), "References are not the last section"
    if "paragraph_open" not in map(kind, chapter.sections[0][1]):
        yield 1, "no promise under the title"
    verbs = list(map(kind, chapter.section(OPTIONAL[0]))).count("list_item_open")
    if OPTIONAL[0] in titles and verbs not in range(3, 6):
        yield chapter.line_of(OPTIONAL[0]), f"{OPTIONAL[0]}: {verbs} items; three to five"
    if "Predict" in titles:
        if "?" not in markdown.plain_text(chapter.section("Predict")):
            yield chapter.line_of("Predict"), "Predict asks no question"
        later = chapter.sections[titles.index("Predict") + 2 :]
        if not re.search(r"(?i)predict|guess", " ".join(markdown.plain_text(blocks) for _, blocks in later)):
            yield chapter.line_of("Predict"), "the chapter does not come back to the question of Predict"


@rule("course")
def summary(chapter: Chapter) -> Iterator[Fault]:
    """At most five bullets."""
    bullets = list(map(kind, chapter.section("Summary"))).count("list_item_open")
    if not 1 <= bullets <= 5:
        yield chapter.line_of("Summary"), f"the summary has {bullets} bullets; one to five"


@rule("course")
def exercises(chapter: Chapter) -> Iterator[Fault]:
    """By hand, in code, for founders: three or more, each with a folded solution that ran and shows something."""
    blocks = chapter.section("Exercises")
    said = markdown.plain_text(blocks)
    for what in ("By hand", "In code", "For founders"):
        if not re.search(rf"(?i)\b{what}\b", said):
            yield chapter.line_of("Exercises"), f"no exercise says {what!r}"
    solutions = [block for block in blocks if kind(block) == "code" and "hide-cell" in tags(block)]
    if len(solutions) < 3:
        line = chapter.line_of("Exercises")
        yield line, f"{len(solutions)} solutions (code cells tagged hide-cell); three or more"
    for cell in solutions:
        if not cell.outputs:
            yield chapter.line(cell), "the solution shows nothing"
    for before, block in pairwise(blocks):
        if kind(before) == kind(block) == "code" and "hide-cell" not in tags(block):
            yield chapter.line(block), "a code cell between a solution and the next exercise is not folded"


@rule("contents")
def solution_text(chapter: Chapter) -> Iterator[Fault]:
    """A solution's text is the cell's last expression, Markdown with one raw string, which the catalogues find."""
    for cell in chapter.code:
        found = calls(cell.source, "Markdown") if "hide-cell" in tags(cell) else []
        if not found:
            continue
        last = tree(cell.source).body[-1]
        literal = len(found[0].args) == 1 and isinstance(found[0].args[0], ast.Constant)
        good = len(found) == 1 and isinstance(last, ast.Expr) and ast.dump(last.value) == ast.dump(found[0]) and literal
        if not good or not re.search(r'Markdown\(\s*r"""', cell.source):
            yield chapter.line(cell), 'the text is not one Markdown(r"""…""") at the end'


@rule("contents")
def quiz(chapter: Chapter) -> Iterator[Fault]:
    """One quiz, in Check yourself: literals without formulas, three or more answers a question, one of them right."""
    found = [(cell, call) for cell in chapter.code for call in calls(cell.source, "quiz")]
    if len(found) != 1:
        if found or "course" in chapter.scopes:
            yield chapter.line_of("Check yourself"), f"{len(found)} quizzes; one"
        return
    cell, call = found[0]
    line = chapter.line(cell)
    if "course" in chapter.scopes and not any(block is cell for block in chapter.section("Check yourself")):
        yield line, "the quiz is not in Check yourself"
    try:
        questions = ast.literal_eval(ast.Tuple(call.args, ast.Load()))
        quizzes.check(questions)
    except (ValueError, TypeError) as error:
        yield line, f"the quiz: {error}"
        return
    if call.keywords:
        yield line, "the quiz has keyword arguments"
    if "$" in str(questions):
        yield line, "the quiz holds LaTeX, which it does not render"


@rule("course")
def length(chapter: Chapter) -> Iterator[Fault]:
    """1,500 to 3,000 words of prose; code, outputs and quiz do not count."""
    words = len(markdown.plain_text([block for block in chapter.blocks if isinstance(block, Token)]).split())
    if words not in WORDS:
        yield 1, f"{words} words; {WORDS.start:,} to {WORDS.stop - 1:,}"


@rule("course")
def figures(chapter: Chapter) -> Iterator[Fault]:
    """Six figures or tables, or more."""
    count = markdown.tables(chapter.blocks)
    for output in (output for cell in chapter.code for output in cell.outputs):
        data = output.get("data", {})
        count += "image/png" in data or "image/svg+xml" in data or "<table" in data.get("text/html", "")
        count += markdown.tables(markdown.parse(data.get("text/markdown", "")))
        count += _printed_table(output.get("text", ""))
    if count < FIGURES:
        yield 1, f"{count} figures and tables; {FIGURES} or more"


def _printed_table(text: str) -> bool:
    """Whether printed text is a table: three lines or more, most of them with two gaps of two spaces or more."""
    lines = [line for line in text.splitlines() if line.strip()]
    return len(lines) >= 3 and sum(len(re.findall(r"\S\s{2,}", line)) >= 1 for line in lines) >= 0.7 * len(lines)


@rule("contents")
def described_figures(chapter: Chapter) -> Iterator[Fault]:
    """Each picture has a caption and a different alternative text in the cell's metadata; one picture a cell."""
    for cell in chapter.code:
        pictures = sum(any(kind.startswith("image/") for kind in output.get("data", {})) for output in cell.outputs)
        if not pictures:
            continue
        line, said = chapter.line(cell), cell.metadata.get("mystnb", {})
        caption = str(said.get("figure", {}).get("caption", "")).strip()
        alt = str(said.get("image", {}).get("alt", "")).strip()
        if pictures > 1:
            yield line, f"{pictures} pictures share one description: {first_line(cell.source)}"
        if not caption:
            yield line, f"no caption: {first_line(cell.source)}"
        if not alt:
            yield line, f"no alternative text: {first_line(cell.source)}"
        elif alt == caption:
            yield line, f"the alternative text repeats the caption: {first_line(cell.source)}"
