"""The API page: `.. modules:: advantage.textgen` documents every module of a package, so that none is forgotten."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

OWN_SECTIONS = {"models", "textgen", "strategy"}  # parts of the book, each listed by itself


def modules(package: str) -> Iterator[str]:
    """The package, then its modules and packages in the order of the alphabet."""
    yield package
    for module in pkgutil.iter_modules(importlib.import_module(package).__path__):
        name = f"{package}.{module.name}"
        if module.ispkg and module.name not in OWN_SECTIONS:
            yield from modules(name)
        elif not module.ispkg:
            yield name


class Modules(SphinxDirective):
    required_arguments = 1
    option_spec: ClassVar = {"without": directives.unchanged}

    def run(self) -> list[nodes.Node]:
        (package,) = self.arguments
        left_out = {f"{package}.{name}" for name in self.options.get("without", "").split()}
        self.env.note_dependency(str(Path(importlib.import_module(package).__file__).parent))  # changed by a new file
        found = nodes.Element()
        for name in modules(package):
            if name not in left_out:
                heading = nodes.rubric("", name)
                heading["heading-level"] = 3
                found += heading
                own = ["   :ignore-module-all:"] if name != package else []  # what it hands on stands elsewhere
                page = [f".. automodule:: {name}", "   :members:", *own]
                lines = StringList(page, source=self.get_source_info()[0])
                self.state.nested_parse(lines, self.content_offset, found)
        return found.children


def without_aliases(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """A named tuple's fields come with a docstring that says only their number; the class says what they are."""
    if re.fullmatch(r"Alias for field number \d+", " ".join(lines).strip()):
        lines.clear()


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("modules", Modules)
    app.connect("autodoc-process-docstring", without_aliases)
    return {"parallel_read_safe": True}
