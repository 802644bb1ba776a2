"""The API page: what autodoc should not say."""

import re

from sphinx.application import Sphinx


def without_aliases(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """A named tuple's fields come with a docstring that says only their number; the class says what they are."""
    if re.fullmatch(r"Alias for field number \d+", " ".join(lines).strip()):
        lines.clear()


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("autodoc-process-docstring", without_aliases)
    return {"parallel_read_safe": True}
