"""The few words that are the site's own (buttons, labels), in the language of the page."""

from functools import lru_cache
from pathlib import Path

import polib

LOCALE = Path(__file__).resolve().parents[1] / "locale"


def word(english: str, language: str) -> str:
    """`english` in `language`, from `book/locale/<language>/site.po`."""
    if language == "en":
        return english
    try:
        return _catalogue(language)[english]
    except KeyError:
        raise ValueError(f"{catalogue_path(language)}: no translation of {english!r}") from None


def catalogue_path(language: str) -> Path:
    return LOCALE / language / "site.po"


@lru_cache
def _catalogue(language: str) -> dict[str, str]:
    return {entry.msgid: entry.msgstr for entry in polib.pofile(str(catalogue_path(language))) if entry.msgstr}
