"""The few words that are the site's own (buttons, labels), in the language of the page.

They are found by their call: each is the literal argument of `word`, in a template or in this package.
"""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import polib

from website.places import ROOT


def speaker(language: str) -> Callable[[str], str]:
    """word("Search") in `language`, from `book/locale/<language>/site.po`."""
    if language == "en":
        return str

    def word(english: str) -> str:
        try:
            return _catalogue(language)[english]
        except KeyError:
            raise ValueError(f"{catalogue_path(language)}: no translation of {english!r}") from None

    return word


def catalogue_path(language: str) -> Path:
    return ROOT / "book" / "locale" / language / "site.po"


@lru_cache
def _catalogue(language: str) -> dict[str, str]:
    return {entry.msgid: entry.msgstr for entry in polib.pofile(str(catalogue_path(language))) if entry.msgstr}
