"""Docstrings in the language of the site: each block between blank lines, dedented, is a message of `api.po`."""

import re
import textwrap
from functools import lru_cache
from pathlib import Path

import polib
from sphinx.application import Sphinx

LOCALE = Path(__file__).resolve().parents[1] / "locale"


@lru_cache
def _catalogue(language: str) -> dict[str, str]:
    path = LOCALE / language / "LC_MESSAGES" / "api.po"
    return {e.msgid: e.msgstr for e in polib.pofile(str(path)) if e.msgstr} if path.exists() else {}


def translate(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Replace each block of a docstring that the catalogue translates, before napoleon reads the sections."""
    if app.config.language == "en":
        return
    messages = _catalogue(app.config.language)
    translated = []
    for block in re.split(r"\n(?:[ \t]*\n)+", "\n".join(lines).strip("\n")):
        message = messages.get(textwrap.dedent(block), block)
        margin = re.match(r"[ \t]*", block)[0] if message is not block else ""
        translated += [*textwrap.indent(message, margin).splitlines(), ""]
    lines[:] = translated


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("autodoc-process-docstring", translate, priority=100)  # napoleon's is 500
    return {"parallel_read_safe": True}
