"""A chapter as the rules see it: both halves, its sections, and the line of the `.md` on which each thing stands."""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import nbformat
from markdown_it.token import Token
from nbformat import NotebookNode

import halves
import markdown
import parts
import stale

ROOT = Path(__file__).resolve().parents[2]

Fault = tuple[int, str]  # line of the .md, what is wrong
Rule = Callable[["Chapter"], Iterator[Fault]]
RULES: dict[str, Rule] = {}
SCOPES = ("pair", "contents", "course")  # every pair; those in _toc.yml; those whose part has a chapter's sections


def rule(scope: str) -> Callable[[Rule], Rule]:
    """Register a rule; `scope` says which pairs it holds for."""

    def register(function: Rule) -> Rule:
        function.scope = scope
        RULES[function.__name__] = function
        return function

    return register


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
        return halves.read_executed(self.md) or self.text

    @property
    def name(self) -> str:
        return f"{self.md.parent.name}/{self.md.stem}"

    @property
    def scopes(self) -> set[str]:
        if halves.is_draft(self.md, self.root):
            return {"pair"}
        return set(SCOPES if parts.part_of(self.md).is_course else SCOPES[:2])

    @property
    def code(self) -> list[NotebookNode]:
        return halves.code_of(self.notebook)

    @cached_property
    def lines(self) -> list[int]:
        """The line on which each cell begins."""
        return markdown.cell_lines(self.md.read_text(encoding="utf-8"), [cell.source for cell in self.notebook.cells])

    def line(self, block: Token | NotebookNode) -> int:
        """The line of a code cell or a Markdown token."""
        if isinstance(block, Token):
            return block.meta["line"]
        return next(line for line, cell in zip(self.lines, self.notebook.cells) if cell is block)

    @property
    def prose(self) -> list[tuple[int, str]]:
        """(line, source) of each Markdown cell."""
        return [(n, cell.source) for n, cell in zip(self.lines, self.notebook.cells) if cell.cell_type == "markdown"]

    @property
    def blocks(self) -> list[Token | NotebookNode]:
        """The page from top to bottom: Markdown tokens of the top level of every cell, and code cells."""
        flat = []
        for line, cell in zip(self.lines, self.notebook.cells):
            flat += [cell] if cell.cell_type == "code" else markdown.parse(cell.source, line)
        return flat

    @property
    def sections(self) -> list[tuple[str, list[Token | NotebookNode]]]:
        """(heading of level two, what stands under it), in order; the first has the title and all before the next."""
        found: list[tuple[str, list]] = [("", [])]
        blocks = self.blocks
        for index, block in enumerate(blocks):
            if isinstance(block, Token) and block.type == "heading_open" and block.tag == "h2":
                found.append((blocks[index + 1].content, []))
            found[-1][1].append(block)
        return found

    def section(self, title: str) -> list[Token | NotebookNode]:
        return next((blocks for heading, blocks in self.sections if heading == title), [])

    def line_of(self, title: str) -> int:
        """The line of a section's heading; 1 if there is none."""
        return next((self.line(block) for block in self.section(title)), 1)


def kind(block: Token | NotebookNode) -> str:
    """A Markdown token's type; "code" for a code cell."""
    return getattr(block, "type", "code")


def tags(cell: NotebookNode) -> list[str]:
    return cell.metadata.get("tags", [])


def first_line(source: str) -> str:
    return source.strip().splitlines()[0][:60] if source.strip() else "(empty)"


def tree(source: str) -> ast.Module:
    """A code cell as a syntax tree."""
    return ast.parse(stale.python_source(source))


def calls(source: str, name: str) -> list[ast.Call]:
    """Calls in a code cell of a function with this last name."""
    return [node for node in ast.walk(tree(source)) if isinstance(node, ast.Call) and stale.called(node) == name]


def shown(output: NotebookNode) -> str:
    """All that an output says in text."""
    data = {kind: text for kind, text in output.get("data", {}).items() if not kind.startswith("image/")}
    return "\n".join([output.get("text", ""), *map(str, data.values())])


def read(path: Path) -> NotebookNode:
    return nbformat.read(path, as_version=4)
