"""The contract of a chapter (CONTRIBUTING.md), one function a rule: each returns what is wrong, or nothing.

python tests/contract/rules.py [PATH ...]    # every rule on the pairs given, or on all of them
"""

import ast
import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import nbformat
from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.dollarmath import dollarmath_plugin
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "src")]

import chapter as new_chapter  # noqa: E402
import halves  # noqa: E402
import pairs  # noqa: E402
import parts  # noqa: E402
import stale  # noqa: E402
from advantage import quizzes  # noqa: E402

BEFORE = ["What you will be able to do", "Predict"]
AFTER = ["Where it breaks", "For founders", "Exercises", "Check yourself", "Summary", "References"]
WORDS = range(1500, 3001)
FIGURES = 6
OUTPUT_BYTES = 200_000
TAGS = {"nbval-ignore-output", "hide-cell", "hide-input", "hide-output", "photo"}

# What only one machine has; tests/contract is the one place where such paths may stand.
MACHINE_PATH = re.compile(r"(?<![\w.:/])/(?:home|Users|root|work)/[\w.-]+|[A-Z]:\\{1,2}Users\\|site-packages/")
TEMPORARY_PATH = re.compile(r"(?<![\w.])/tmp/|/var/folders/|ipykernel_\d+")

AMERICAN = re.compile(
    r"(?i)\b(?:behaviors?|colors?|colored|favors?|favorable|honor|neighbors?|neighborhood|labor|center(?:ed|s)?|fibers?"
    r"|gray|defense|model(?:ed|ing)|label(?:ed|ing)|travel(?:ed|ing)|cancel(?:ed|ing)|signal(?:ed|ing)|fulfill"
    r"|analyz\w+|optimiz\w+|normaliz\w+|initializ\w+|generaliz\w+|regulariz\w+|parametriz\w+|factoriz\w+|memoriz\w+"
    r"|maximiz\w+|minimiz\w+|summariz\w+|utiliz\w+|recogniz\w+|organiz\w+|specializ\w+|realiz\w+|quantiz\w+)\b"
)


# --- reading -----------------------------------------------------------------------------------------------------


# CommonMark, tables and dollar maths: what Colab, GitHub and VS Code all render. Nothing else is known here.
PARSER = MarkdownIt("commonmark").enable("table").disable("text_join")
PARSER.use(dollarmath_plugin, allow_space=False, double_inline=True)


@dataclass
class Chapter:
    """A pair, with the tree that its links and its address refer to."""

    md: Path
    root: Path = ROOT

    @cached_property
    def text(self) -> NotebookNode:
        return halves.read_text(self.md)

    @cached_property
    def notebook(self) -> NotebookNode:
        """The executed half; the other, without outputs, where there is none."""
        ipynb = self.md.with_suffix(".ipynb")
        return nbformat.read(ipynb, as_version=4) if ipynb.exists() else self.text

    @property
    def part(self) -> str:
        return self.md.parent.name

    @property
    def name(self) -> str:
        return f"{self.part}/{self.md.stem}"

    @property
    def is_chapter(self) -> bool:
        """`start` holds tools for the reader's machine, which need not have a chapter's sections."""
        return self.part != "start"

    @property
    def code(self) -> list[NotebookNode]:
        return [cell for cell in self.notebook.cells if cell.cell_type == "code"]

    @property
    def prose(self) -> list[str]:
        return [cell.source for cell in self.notebook.cells if cell.cell_type == "markdown"]

    @cached_property
    def blocks(self) -> list[Token | NotebookNode]:
        """The page from top to bottom: Markdown tokens of the top level of every cell, and code cells."""
        flat = []
        for cell in self.notebook.cells:
            flat += [cell] if cell.cell_type == "code" else PARSER.parse(cell.source)
        return flat

    @cached_property
    def sections(self) -> list[tuple[str, list[Token | NotebookNode]]]:
        """(heading of level two, what stands under it), in order; the first has the title and all before the next."""
        found: list[tuple[str, list]] = [("", [])]
        for index, block in enumerate(self.blocks):
            if isinstance(block, Token) and block.type == "heading_open" and block.tag == "h2":
                found.append((self.blocks[index + 1].content, []))
            found[-1][1].append(block)
        return found

    def section(self, title: str) -> list[Token | NotebookNode]:
        return next((blocks for heading, blocks in self.sections if heading == title), [])


def tags(cell: NotebookNode) -> list[str]:
    return cell.metadata.get("tags", [])


def first_line(source: str) -> str:
    return source.strip().splitlines()[0][:60] if source.strip() else "(empty)"


def where(chapter: Chapter, cell: NotebookNode) -> str:
    """Name a code cell for a message: its place among the code cells and its first line."""
    return f"code cell {chapter.code.index(cell) + 1} ({first_line(cell.source)})"


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


def links(tokens: list) -> list[tuple[str, str]]:
    """(target, text) of every link and picture."""
    found = []
    children = list(inline(tokens))
    for index, token in enumerate(children):
        if token.type == "link_open":
            text = next((child.content for child in children[index + 1 :] if child.content), "")
            found.append((str(token.attrs["href"]), text))
        elif token.type == "image":
            found.append((str(token.attrs["src"]), token.content))
    return found


def tables(tokens: list) -> int:
    return sum(isinstance(token, Token) and token.type == "table_open" for token in tokens)


# --- references --------------------------------------------------------------------------------------------------


def source_of(url: str) -> str:
    """What a link cites: doi:…, arxiv:… without version, or the address itself."""
    url = url.split("#")[0].rstrip("/")
    if found := re.match(r"https?://(?:dx\.)?doi\.org/(.+)$", url):
        doi = found[1].lower()
        arxiv = re.match(r"10\.48550/arxiv\.(.+)$", doi)
        return f"arxiv:{arxiv[1]}" if arxiv else f"doi:{doi}"
    if found := re.match(r"https?://arxiv\.org/(?:abs|pdf)/([^v?]+|[a-z-]+/\d+)", url):
        return f"arxiv:{found[1].removesuffix('.pdf')}"
    return re.sub(r"^https?://(www\.)?", "", url)


def bibliography(root: Path = ROOT) -> dict[str, set[str]]:
    """Key of each entry of references.bib (and of book/references/) with what it may be cited by."""
    from pybtex.database import parse_file

    found = {}
    for file in [root / "book" / "references.bib", *sorted((root / "book" / "references").glob("*.bib"))]:
        if not file.exists():
            continue
        for key, entry in parse_file(str(file), "bibtex").entries.items():
            fields = {name.lower(): value.strip() for name, value in entry.fields.items()}
            names = {f"doi:{fields['doi'].lower()}"} if "doi" in fields else set()
            names |= {f"arxiv:{fields['eprint'].split('v')[0]}"} if "eprint" in fields else set()
            names |= {source_of(fields["url"])} if "url" in fields else set()
            found[key] = {
                source_of(f"https://doi.org/{name[4:]}") if name.startswith("doi:") else name for name in names
            }
    return found


def cited_by(text: str) -> set[str]:
    """What a page cites: its links' sources, and the keys of its {cite} roles."""
    found = {source_of(url) for url, _ in links(PARSER.parse(text)) if url.startswith("http")}
    for role in re.findall(r"\{cite[^}]*\}`([^`]+)`", text):
        found |= {key.strip() for key in role.split(",")}
    return found


def uncited(root: Path = ROOT) -> list[str]:
    """Entries of the bibliography that no page cites."""
    cited = set()
    for page in [*(root / "notebooks").rglob("*.md"), *(root / "book").rglob("*.md")]:
        cited |= cited_by(page.read_text(encoding="utf-8"))
    return [f"{key}: no page cites it" for key, names in bibliography(root).items() if not ({key} | names) & cited]


# --- links -------------------------------------------------------------------------------------------------------


def anchors(text: str) -> set[str]:
    """The anchors that headings give, as GitHub and MyST make them, and targets of MyST: (name)=."""
    found = set(re.findall(r"(?m)^\(([\w-]+)\)=\s*$", text))
    tokens = PARSER.parse(text)
    for index, token in enumerate(tokens):
        if token.type == "heading_open":
            heading = "".join(child.content for child in tokens[index + 1].children or [])
            found.add(re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-"))
    return found


def broken_links(page: Path, tokens: list, text: str, root: Path = ROOT) -> list[str]:
    """Relative links of a page that lead nowhere, or to an anchor that is not there."""
    wrong = []
    for url, _ in links(tokens):
        if re.match(r"[a-z][a-z0-9+.-]*:", url):
            if not url.startswith(("https://", "mailto:")):
                wrong.append(f"{url}: links leave the course by https only")
            continue
        path, _, anchor = url.partition("#")
        target = (page.parent / path).resolve() if path else page
        if path and not target.is_relative_to(root.resolve()):
            wrong.append(f"{url}: leads out of the repository")
        elif path and not target.exists():
            wrong.append(f"{url}: there is no such file")
        elif anchor:
            if target != page and target.suffix == ".ipynb":
                other = "\n\n".join(
                    cell.source for cell in nbformat.read(target, as_version=4).cells if cell.cell_type == "markdown"
                )
            else:
                other = text if target == page else target.read_text(encoding="utf-8")
            if anchor not in anchors(other):
                wrong.append(f"{url}: {target.name} has no heading with that anchor")
    return wrong


# --- the rules ---------------------------------------------------------------------------------------------------

Rule = Callable[[Chapter], list[str]]
RULES: dict[str, Rule] = {}


def rule(function: Rule) -> Rule:
    RULES[function.__name__] = function
    return function


@rule
def header(chapter: Chapter) -> list[str]:
    """The .md half begins with the one header that all have."""
    if chapter.md.read_text(encoding="utf-8").startswith(halves.HEADER):
        return []
    return ["the .md half does not begin with the header of tools/halves.py (`make chapter` shows it)"]


@rule
def in_step(chapter: Chapter) -> list[str]:
    """Both halves say the same, and the code that ran is the code of today."""
    problem = pairs.check(chapter.md)
    return [f"{problem}: run make notebooks"] if problem else []


@rule
def executed(chapter: Chapter) -> list[str]:
    """Every code cell ran once and in order."""
    counts = [cell.execution_count for cell in chapter.code]
    return [] if halves.is_executed(chapter.notebook) else [f"execution counts are {counts}"]


@rule
def no_errors(chapter: Chapter) -> list[str]:
    """No output is an error or a warning on stderr: a failure that the chapter shows is caught and printed."""
    return [
        f"{where(chapter, cell)}: {'stderr' if output.output_type == 'stream' else 'an error'} in its output"
        for cell in chapter.code
        for output in cell.outputs
        if output.output_type == "error" or (output.output_type == "stream" and output.name == "stderr")
    ]


@rule
def caps(chapter: Chapter) -> list[str]:
    """The last run kept to the part's seconds, on a CPU, and to 2 GB."""
    record = chapter.notebook.metadata.get("advantage", {})
    missing = {"seconds", "peak_memory_mb", "device", "python", "torch", "date", "code_sha256"} - set(record)
    if missing:
        return [f"the run's record lacks {', '.join(sorted(missing))}: run make notebooks"]
    wrong = []
    if record["seconds"] > parts.limit(chapter.md):
        wrong.append(f"took {record['seconds']} s; {chapter.part} has {parts.limit(chapter.md)} s")
    if record["peak_memory_mb"] > parts.MEMORY_MB:
        wrong.append(f"took {record['peak_memory_mb']} MB of memory; the limit is {parts.MEMORY_MB} MB")
    if not record["device"].startswith("CPU"):
        wrong.append(f"was executed on {record['device']}; committed outputs come from a CPU")
    return wrong


@rule
def first_cell(chapter: Chapter) -> list[str]:
    """The first code cell is the one of CONTRIBUTING.md, with the address of pyproject.toml and the part's seconds."""
    expected = new_chapter.first_cell(chapter.md, new_chapter.address(chapter.root))
    if not chapter.code or chapter.code[0].source != expected:
        return [f"the first code cell is not exactly:\n{expected}"]
    return [] if tags(chapter.code[0]) == ["nbval-ignore-output"] else ["its first cell is not nbval-ignore-output"]


@rule
def plain_markdown(chapter: Chapter) -> list[str]:
    """Only what Colab, GitHub and VS Code render alike: no HTML, role, directive, footnote, target or comment."""
    wrong = []
    for source in chapter.prose:
        place = f"in the cell {first_line(source)!r}"
        for token in PARSER.parse(source):
            if token.type == "html_block":
                wrong.append(f"HTML {place}: {first_line(token.content)}")
            if token.type == "fence" and re.match(r"[{:]", token.info):
                wrong.append(f"directive {token.info} {place}")
            children = token.children or []
            for child, following in zip(children, [*children[1:], None]):
                if child.type == "html_inline":
                    wrong.append(f"HTML {place}: {child.content}")
                if child.type == "image":
                    wrong.append(f"picture {place}: Colab has no file beside the notebook; draw it in a cell")
                if child.type == "text":
                    if (
                        following is not None
                        and following.type == "code_inline"
                        and re.search(r"\{[\w:.-]+\}$", child.content)
                    ):
                        wrong.append(f"role {place}: {child.content[-30:]}`{following.content}`")
                    if re.match(r":::|%\s|\([\w-]+\)=", child.content):
                        wrong.append(f"MyST syntax {place}: {first_line(child.content)}")
                    if re.search(r"\[\^[\w-]+\]", child.content):
                        wrong.append(f"footnote {place}: {child.content[:40]}")
                    if "$" in child.content:
                        wrong.append(f"a stray dollar sign {place}: {child.content[:60]!r} (an amount is written \\$)")
    return wrong


@rule
def maths_blocks(chapter: Chapter) -> list[str]:
    """`$$` stands alone on its line, in pairs, with blank lines around the block."""
    wrong = []
    for source in chapter.prose:
        lines = re.sub(r"(?ms)^(`{3,}|~{3,}).*?^\1\s*$", lambda found: "code\n" * found[0].count("\n"), source).split(
            "\n"
        )
        opened = None
        for number, line in enumerate(lines):
            stripped = re.sub(r"`[^`]*`", "", line).strip()
            if "$$" not in stripped:
                continue
            alone = stripped == "$$"
            whole = not alone and opened is None and re.fullmatch(r"\$\$[^$]+\$\$", stripped)
            if not alone and not whole:
                wrong.append(f"$$ shares a line with text: {stripped[:60]}")
                continue
            before = lines[number - 1].strip() if number else ""
            after = lines[number + 1].strip() if number + 1 < len(lines) else ""
            if (whole or opened is None) and before:
                wrong.append(f"no blank line before the formula after: {before[:60]}")
            if (whole or opened is not None) and after:
                wrong.append(f"no blank line after the formula before: {after[:60]}")
            if alone:
                opened = None if opened is not None else number
        if opened is not None:
            wrong.append(f"$$ opens and does not close in the cell {first_line(source)!r}")
    return wrong


@rule
def headings(chapter: Chapter) -> list[str]:
    """One title, in the first cell; no level skipped; no two headings alike, so that each has its anchor."""
    tokens = chapter.blocks
    found = [
        (int(token.tag[1]), tokens[index + 1].content)
        for index, token in enumerate(tokens)
        if isinstance(token, Token) and token.type == "heading_open"
    ]
    wrong = []
    if not found or found[0][0] != 1 or not isinstance(tokens[0], Token) or tokens[0].type != "heading_open":
        wrong.append("the first line is not the title")
    if sum(level == 1 for level, _ in found) != 1:
        wrong.append("there is more or less than one title")
    wrong += [f"{text!r} skips a level" for (before, _), (level, text) in pairwise(found) if level > before + 1]
    texts = [text for _, text in found]
    return wrong + [f"two headings read {text!r}" for text in sorted({text for text in texts if texts.count(text) > 1})]


@rule
def call_outs(chapter: Chapter) -> list[str]:
    """A block quote begins with a bold lead."""
    wrong = []
    for index, block in enumerate(chapter.blocks):
        if isinstance(block, Token) and block.type == "blockquote_open":
            children = chapter.blocks[index + 2].children or []
            begin = next((child.type for child in children if child.type != "text" or child.content), None)
            if begin != "strong_open":
                wrong.append(f"a block quote without a bold lead: {chapter.blocks[index + 2].content[:60]}")
    return wrong


@rule
def shape(chapter: Chapter) -> list[str]:
    """The sections of CONTRIBUTING.md, in order, with sections of the chapter's own between."""
    if not chapter.is_chapter:
        return []
    titles = [title for title, _ in chapter.sections[1:]]
    own = [title for title in titles if title not in BEFORE + AFTER]
    if titles != BEFORE + own + AFTER or not own:
        return [f"sections are {titles}; they must be {BEFORE}, at least one of your own, {AFTER}"]
    wrong = []
    if "paragraph_open" not in [getattr(block, "type", "") for block in chapter.sections[0][1]]:
        wrong.append("no promise under the title")
    verbs = sum(getattr(block, "type", "") == "list_item_open" for block in chapter.section(BEFORE[0]))
    if verbs not in range(3, 6):
        wrong.append(f"{BEFORE[0]}: {verbs} items; three to five")
    if "?" not in plain_text(chapter.section("Predict")):
        wrong.append("Predict asks no question")
    later = " ".join(plain_text(blocks) for title, blocks in chapter.sections[3:])
    if not re.search(r"(?i)predict|guess", later):
        wrong.append("the chapter does not come back to the question of Predict")
    return wrong


@rule
def summary(chapter: Chapter) -> list[str]:
    """At most five bullets and nothing else."""
    if not chapter.is_chapter:
        return []
    types = [getattr(block, "type", "code") for block in chapter.section("Summary")]
    bullets = types.count("list_item_open")
    return [] if 1 <= bullets <= 5 else [f"the summary has {bullets} bullets; one to five"]


@rule
def exercises(chapter: Chapter) -> list[str]:
    """By hand, in code, for founders: three or more, each with a folded solution that ran and shows something."""
    if not chapter.is_chapter:
        return []
    blocks = chapter.section("Exercises")
    wrong = [
        f"no exercise says {kind!r}"
        for kind in ("By hand", "In code", "For founders")
        if not re.search(rf"(?i)\b{kind}\b", plain_text(blocks))
    ]
    cells = [block for block in blocks if not isinstance(block, Token)]
    solutions = [cell for cell in cells if "hide-cell" in tags(cell)]
    if len(solutions) < 3:
        wrong.append(f"{len(solutions)} solutions (code cells tagged hide-cell); three or more")
    wrong += [f"{where(chapter, cell)}: the solution shows nothing" for cell in solutions if not cell.outputs]
    for before, block in zip([None, *blocks], blocks):
        if not isinstance(block, Token) and not isinstance(before, Token) and "hide-cell" not in tags(block):
            wrong.append(f"{where(chapter, block)}: a code cell between a solution and the next exercise is not folded")
    return wrong


@rule
def solution_text(chapter: Chapter) -> list[str]:
    """A solution's text is the cell's last expression, Markdown with one raw string, which the catalogues find."""
    wrong = []
    for cell in chapter.code:
        calls = [
            node
            for node in ast.walk(ast.parse(stale.python_source(cell.source)))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Markdown"
        ]
        if not calls or "hide-cell" not in tags(cell):
            continue
        last = ast.parse(stale.python_source(cell.source)).body[-1]
        literal = len(calls[0].args) == 1 and isinstance(calls[0].args[0], ast.Constant)
        good = len(calls) == 1 and isinstance(last, ast.Expr) and ast.dump(last.value) == ast.dump(calls[0]) and literal
        if not good or not re.search(r'Markdown\(\s*r"""', cell.source):
            wrong.append(f'{where(chapter, cell)}: the text is not one Markdown(r"""…""") at the end')
    return wrong


@rule
def quiz(chapter: Chapter) -> list[str]:
    """One quiz, in Check yourself: literals without formulas, three or more answers a question, one of them right."""
    found = []
    for cell in chapter.code:
        for node in ast.walk(ast.parse(stale.python_source(cell.source))):
            name = getattr(getattr(node, "func", None), "attr", getattr(getattr(node, "func", None), "id", ""))
            if isinstance(node, ast.Call) and name == "quiz":
                found.append((cell, node))
    if not chapter.is_chapter and not found:
        return []
    if len(found) != 1:
        return [f"{len(found)} quizzes; one"]
    cell, call = found[0]
    wrong = []
    if chapter.is_chapter and not any(block is cell for block in chapter.section("Check yourself")):
        wrong.append("the quiz is not in Check yourself")
    try:
        questions = ast.literal_eval(ast.Tuple(call.args, ast.Load()))
        quizzes.check(questions)
    except (ValueError, TypeError) as error:
        return [*wrong, f"the quiz: {error}"]
    if call.keywords:
        wrong.append("the quiz has keyword arguments")
    if "$" in str(questions):
        wrong.append("the quiz holds LaTeX, which it does not render")
    return wrong


@rule
def length(chapter: Chapter) -> list[str]:
    """1,500 to 3,000 words of prose; code, outputs and quiz do not count."""
    if not chapter.is_chapter:
        return []
    words = len(plain_text([block for block in chapter.blocks if isinstance(block, Token)]).split())
    return [] if words in WORDS else [f"{words} words; {WORDS.start:,} to {WORDS.stop - 1:,}"]


@rule
def figures(chapter: Chapter) -> list[str]:
    """Six figures or tables, or more."""
    if not chapter.is_chapter:
        return []
    count = tables(chapter.blocks)
    for cell in chapter.code:
        for output in cell.outputs:
            data = output.get("data", {})
            count += "image/png" in data or "image/svg+xml" in data or "<table" in data.get("text/html", "")
            count += tables(PARSER.parse(data.get("text/markdown", "")))
            count += _printed_table(output.get("text", ""))
    return [] if count >= FIGURES else [f"{count} figures and tables; {FIGURES} or more"]


def _printed_table(text: str) -> bool:
    """Whether printed text is a table: three lines or more, most of them with two gaps of two spaces or more."""
    lines = [line for line in text.splitlines() if line.strip()]
    return len(lines) >= 3 and sum(len(re.findall(r"\S\s{2,}", line)) >= 1 for line in lines) >= 0.7 * len(lines)


@rule
def described_figures(chapter: Chapter) -> list[str]:
    """Each picture has a caption and a different alternative text in the cell's metadata; one picture a cell."""
    wrong = []
    for cell in chapter.code:
        pictures = sum(any(kind.startswith("image/") for kind in output.get("data", {})) for output in cell.outputs)
        if not pictures:
            continue
        said = cell.metadata.get("mystnb", {})
        caption = str(said.get("figure", {}).get("caption", "")).strip()
        alt = str(said.get("image", {}).get("alt", "")).strip()
        if pictures > 1:
            wrong.append(f"{where(chapter, cell)}: {pictures} pictures share one description")
        if not caption:
            wrong.append(f"{where(chapter, cell)}: no caption")
        if not alt:
            wrong.append(f"{where(chapter, cell)}: no alternative text")
        elif alt == caption:
            wrong.append(f"{where(chapter, cell)}: the alternative text repeats the caption")
    return wrong


def _has_band(source: str) -> bool:
    """Whether code asserts a band: an order (<, >) or a call named …close within an assert, or assert_close itself."""
    for node in ast.walk(ast.parse(stale.python_source(source))):
        named = getattr(getattr(node, "func", None), "attr", getattr(getattr(node, "func", None), "id", ""))
        if isinstance(node, ast.Call) and named in {"assert_close", "assert_allclose", "assert_array_less"}:
            return True
        if not isinstance(node, ast.Assert):
            continue
        for part in ast.walk(node.test):
            called = getattr(getattr(part, "func", None), "attr", getattr(getattr(part, "func", None), "id", ""))
            if isinstance(part, ast.Call) and "close" in called:
                return True
            if isinstance(part, ast.Compare) and any(
                isinstance(op, ast.Lt | ast.LtE | ast.Gt | ast.GtE) for op in part.ops
            ):
                return True
    return False


@rule
def held_statements(chapter: Chapter) -> list[str]:
    """A cell whose output is not compared, or the next code cell, asserts a band."""
    wrong = []
    code = chapter.code
    for index, cell in enumerate(code[1:], 1):
        if "nbval-ignore-output" in tags(cell) and not any(_has_band(near.source) for near in code[index : index + 2]):
            wrong.append(f"{where(chapter, cell)}: no assert with a band (<, >, isclose) here or in the next code cell")
    return wrong


@rule
def nothing_skipped(chapter: Chapter) -> list[str]:
    """No tag but the known ones, no metadata but tags and mystnb, and no marker by which nbval would skip a cell."""
    wrong = []
    for half in (chapter.text, chapter.notebook):
        for cell in half.cells:
            unknown = set(tags(cell)) - TAGS
            keys = set(cell.metadata) - set(halves.KEPT)
            if unknown or keys:
                wrong.append(f"{first_line(cell.source)!r}: {', '.join(sorted(unknown | keys))} is not used here")
            if cell.cell_type == "code" and re.search(r"(?i)#\s*(NBVAL_|PYTEST_VALIDATE)", cell.source):
                wrong.append(f"{first_line(cell.source)!r}: a comment for nbval; use the tag")
    return sorted(set(wrong))


@rule
def portable_outputs(chapter: Chapter) -> list[str]:
    """No address in memory in an output that is compared; no path of one machine anywhere; no output above 200 kB."""
    wrong = []
    for cell in chapter.notebook.cells:
        if found := MACHINE_PATH.search(cell.source) or TEMPORARY_PATH.search(cell.source):
            wrong.append(f"{first_line(cell.source)!r}: path of one machine: {found[0]}")
    for cell in chapter.code:
        for output in cell.outputs:
            size = len(json.dumps(output))
            if size > OUTPUT_BYTES:
                wrong.append(f"{where(chapter, cell)}: an output of {size:,} bytes; {OUTPUT_BYTES:,} at most")
            data = {kind: text for kind, text in output.get("data", {}).items() if not kind.startswith("image/")}
            text = output.get("text", "") + "\n".join(map(str, data.values()))
            if found := MACHINE_PATH.search(text) or TEMPORARY_PATH.search(text):
                wrong.append(f"{where(chapter, cell)}: path of one machine in its output: {found[0]}")
            compared = "nbval-ignore-output" not in tags(cell)
            if compared and (found := re.search(r"\bat 0x[0-9a-fA-F]+|0x[0-9a-f]{8,}", text)):
                wrong.append(f"{where(chapter, cell)}: an address in memory: {found[0]}")
    return wrong


@rule
def citations(chapter: Chapter) -> list[str]:
    """Every DOI and arXiv link, and every link under References, is in the bibliography."""
    known = set().union(*bibliography(chapter.root).values())
    references = [url for url, _ in links(chapter.section("References"))]
    wrong = []
    if chapter.is_chapter and not references:
        wrong.append("no link under References")
    for url in dict.fromkeys(url for url, _ in links(chapter.blocks)):
        source = source_of(url)
        if (source.startswith(("doi:", "arxiv:")) or url in references) and source not in known:
            wrong.append(f"{url} is not in book/references.bib (doi, eprint or url)")
    return wrong


@rule
def relative_links(chapter: Chapter) -> list[str]:
    """Links inside the course resolve, anchors too; to chapters they end in .ipynb, to pages of book/ in .md."""
    wrong = broken_links(chapter.md, chapter.blocks, "\n\n".join(chapter.prose), chapter.root)
    for url, _ in links(chapter.blocks):
        path = url.partition("#")[0]
        if re.match(r"[a-z][a-z0-9+.-]*:", url) or not path:
            continue
        target = (chapter.md.parent / path).resolve()
        if target.is_relative_to((chapter.root / "notebooks").resolve()) and target.suffix != ".ipynb":
            wrong.append(f"{url}: a link to a chapter ends in .ipynb")
        if target.is_relative_to((chapter.root / "book").resolve()) and target.suffix != ".md":
            wrong.append(f"{url}: a link to a page of book/ ends in .md")
    return wrong


@rule
def in_contents(chapter: Chapter) -> list[str]:
    """The chapter stands in _toc.yml."""
    toc = (chapter.root / "_toc.yml").read_text(encoding="utf-8")
    entry = f"notebooks/{chapter.name}"
    return [] if re.search(rf"(?m)^\s*- file: {re.escape(entry)}\s*$", toc) else [f"{entry} is not in _toc.yml"]


@rule
def spelling(chapter: Chapter) -> list[str]:
    """Spelling is British; titles of works (in italics, links or References) and code are not ours."""
    blocks = [block for title, section in chapter.sections if title != "References" for block in section]
    return [f"{word!r}: spelling is British" for word in american(blocks)]


def american(tokens: list) -> list[str]:
    """American spellings in Markdown tokens, outside links and italics."""
    found, inside = [], 0
    for token in inline(tokens):
        inside += token.type in {"link_open", "em_open"}
        inside -= token.type in {"link_close", "em_close"}
        if token.type == "text" and not inside:
            found += AMERICAN.findall(token.content)
    return found


def problems(chapter: Chapter) -> list[str]:
    """Everything that is wrong with a chapter, each with the rule that it breaks."""
    return [f"{name}: {problem}" for name, check in RULES.items() for problem in check(chapter)]


def unshown_numbers(chapter: Chapter) -> list[str]:
    """Numbers of the prose, of three characters or more, that stand in no code and no output: to be checked by eye."""
    shown = " ".join(cell.source for cell in chapter.code)
    for cell in chapter.code:
        for output in cell.outputs:
            data = {kind: text for kind, text in output.get("data", {}).items() if not re.search("^image/|svg$", kind)}
            shown += " ".join(["", output.get("text", ""), *map(str, data.values())])
    number = re.compile(r"(?<![\w.,])\d[\d,.]*\d(?![\w])")
    known = {found.replace(",", "") for found in number.findall(shown)}
    wrong = []
    for title, section in chapter.sections:
        for line in plain_text(section).splitlines() if title != "References" else []:
            for found in number.findall(line):
                plain = found.replace(",", "")
                rounded = any(each.startswith(plain) for each in known)
                year = re.fullmatch(r"(?:19|20)\d\d", plain)
                if len(plain) > 2 and not rounded and not year:
                    wrong.append(f"{found} in {line.strip()[:80]!r}")
    return wrong


def main(argv: list[str]) -> int:
    found = False
    check = unshown_numbers if "--numbers" in argv else problems
    for md in pairs.find([Path(path) for path in argv if path != "--numbers"]):
        for problem in check(Chapter(md)):
            found = True
            print(f"{pairs.name(md)}: {problem}")
    return int(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
