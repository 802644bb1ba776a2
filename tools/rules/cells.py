"""Rules for the pair and its cells: in step, executed, within limits, portable, and held by asserts."""

import ast
import json
import re
from collections.abc import Iterator

import chapter as new_chapter
import halves
import pairs
import parts
import stale
from rules.chapter import Chapter, Fault, first_line, rule, shown, tags, tree
from rules.clocks import on_a_clock
from website.places import repository

OUTPUT_BYTES = 200_000
TAGS = {"nbval-ignore-output", "hide-cell", "hide-input", "hide-output", "photo"}

# What only one machine has; the tests of this rule are the one place where such paths may stand.
MACHINE_PATH = re.compile(r"(?<![\w.:/])/(?:home|Users|root|work)/[\w.-]+|[A-Z]:\\{1,2}Users\\|site[-]packages/")
TEMPORARY_PATH = re.compile(r"(?<![\w.])/tmp/|/var/folders/|ipykernel_\d+")


@rule("pair")
def header(chapter: Chapter) -> Iterator[Fault]:
    """The .md half begins with the one header that all have."""
    if not chapter.md.read_text(encoding="utf-8").startswith(halves.HEADER):
        yield 1, "not the header of notebooks/_template.md: run make notebooks"


@rule("pair")
def in_step(chapter: Chapter) -> Iterator[Fault]:
    """Both halves say the same, and the code that ran is the code of today."""
    if problem := pairs.check(chapter.md):
        yield 1, f"{problem}: run make notebooks"


@rule("pair")
def executed(chapter: Chapter) -> Iterator[Fault]:
    """Every code cell ran once and in order."""
    if not halves.is_executed(chapter.notebook):
        yield 1, f"execution counts are {[cell.execution_count for cell in chapter.code]}: run make notebooks"


@rule("pair")
def no_errors(chapter: Chapter) -> Iterator[Fault]:
    """No output is an error or a warning on stderr: a failure that the chapter shows is caught and printed."""
    for cell in chapter.code:
        for output in cell.outputs:
            if output.output_type == "error" or output.get("name") == "stderr":
                what = "stderr" if output.output_type == "stream" else "an error"
                yield chapter.line(cell), f"{what} in the output of: {first_line(cell.source)}"


@rule("pair")
def caps(chapter: Chapter) -> Iterator[Fault]:
    """The last run kept to the chapter's seconds, on a CPU, and to 2 GB."""
    record = chapter.notebook.metadata.get("advantage", {})
    if missing := {"seconds", "peak_memory_mb", "device", "python", "torch", "date", "code_sha256"} - set(record):
        yield 1, f"the run's record lacks {', '.join(sorted(missing))}: run make notebooks"
        return
    if record["seconds"] > parts.limit(chapter.md):
        yield 1, f"took {record['seconds']} s of one processor; it has {parts.limit(chapter.md)} s"
    if record["peak_memory_mb"] > parts.MEMORY_MB:
        yield 1, f"took {record['peak_memory_mb']} MB of memory; the limit is {parts.MEMORY_MB} MB"
    if not record["device"].startswith("CPU"):
        yield 1, f"was executed on {record['device']}; committed outputs come from a CPU"


@rule("pair")
def first_cell(chapter: Chapter) -> Iterator[Fault]:
    """The first code cell is the one of CONTRIBUTING.md, with the address of pyproject.toml and the part's seconds."""
    expected = new_chapter.first_cell(chapter.md, repository(chapter.root))
    if not chapter.code or chapter.code[0].source != expected:
        yield 1, f"the first code cell is not exactly:\n{expected}"
    elif tags(chapter.code[0]) != ["nbval-ignore-output"]:
        yield chapter.line(chapter.code[0]), "the first cell is not nbval-ignore-output"


def _has_band(source: str) -> bool:
    """Whether code asserts a band: an order (<, >) or a call named …close within an assert, or assert_close itself."""
    for node in ast.walk(tree(source)):
        if stale.called(node) in {"assert_close", "assert_allclose", "assert_array_less"}:
            return True
        for part in ast.walk(node.test) if isinstance(node, ast.Assert) else ():
            orders = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)
            if "close" in stale.called(part) or any(isinstance(op, orders) for op in getattr(part, "ops", ())):
                return True
    return False


@rule("contents")
def held_statements(chapter: Chapter) -> Iterator[Fault]:
    """A cell whose output is not compared, or the next code cell, asserts a band."""
    code = chapter.code
    for index, cell in enumerate(code[1:], 1):
        if "nbval-ignore-output" in tags(cell) and not any(_has_band(near.source) for near in code[index : index + 2]):
            yield chapter.line(cell), "no assert with a band (<, >, isclose) here or in the next code cell"


@rule("pair")
def no_clocks(chapter: Chapter) -> Iterator[Fault]:
    """No assert rests on a clock: a busy machine would break it. Races give tokens or steps; seconds are only shown."""
    starts, total = [], 1  # (line of the joined cells, line of the .md)
    for cell in chapter.code:
        starts.append((total, chapter.line(cell)))
        total += stale.python_source(cell.source).rstrip("\n").count("\n") + 1
    joined = "\n".join(stale.python_source(cell.source).rstrip("\n") for cell in chapter.code)
    for line, said in on_a_clock(joined, runs=True):
        first, at = max(start for start in starts if start[0] <= line)
        yield at + line - first, said


@rule("pair")
def nothing_skipped(chapter: Chapter) -> Iterator[Fault]:
    """No tag but the known ones, no metadata but tags and mystnb, and no marker by which nbval would skip a cell."""
    for line, cell in zip(chapter.lines, chapter.notebook.cells):
        unknown = set(tags(cell)) - TAGS | set(cell.metadata) - set(halves.KEPT)
        if unknown:
            yield line, f"{', '.join(sorted(unknown))} is not used here"
        if cell.cell_type == "code" and re.search(r"(?i)#\s*(NBVAL_|PYTEST_VALIDATE)", cell.source):
            yield line, "a comment for nbval; use the tag"


@rule("pair")
def portable_outputs(chapter: Chapter) -> Iterator[Fault]:
    """No address in memory in an output that is compared; no path of one machine anywhere; no output above 200 kB."""
    for line, cell in zip(chapter.lines, chapter.notebook.cells):
        if found := MACHINE_PATH.search(cell.source) or TEMPORARY_PATH.search(cell.source):
            yield line, f"path of one machine: {found[0]}"
        for output in cell.get("outputs", []):
            size, text = len(json.dumps(output)), shown(output)
            if size > OUTPUT_BYTES:
                yield line, f"an output of {size:,} bytes; {OUTPUT_BYTES:,} at most"
            if found := MACHINE_PATH.search(text) or TEMPORARY_PATH.search(text):
                yield line, f"path of one machine in its output: {found[0]}"
            compared = "nbval-ignore-output" not in tags(cell)
            if compared and (found := re.search(r"\bat 0x[0-9a-fA-F]+|0x[0-9a-f]{8,}", text)):
                yield line, f"an address in memory: {found[0]}"
