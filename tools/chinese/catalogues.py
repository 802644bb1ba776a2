"""The catalogues under book/locale/zh_CN, one for each page: read, brought up to date with the English, written.

A translation is kept; one whose English changed is marked fuzzy and keeps the old English beside it; one whose English
is gone is dropped. A catalogue is never deleted: whoever takes a page out of the book says so by deleting it.
"""

import re
from collections.abc import Iterator
from difflib import get_close_matches
from functools import cache
from pathlib import Path

import polib

from advantage.files import whole
from chinese.messages import ROOT, Message, messages
from chinese.text import Lookup, says_something

CATALOGUES = ROOT / "book" / "locale" / "zh_CN"
HEADER = {
    "Project-Id-Version": "From Attention to Advantage",
    "Language": "zh_CN",
    "MIME-Version": "1.0",
    "Content-Type": "text/plain; charset=UTF-8",
    "Content-Transfer-Encoding": "8bit",
}
CLOSE = 0.6  # how like its old English a changed message must be to keep the old translation, as fuzzy


def files() -> dict[str, Path]:
    """Catalogue name → file, of all that are there."""
    return {p.relative_to(CATALOGUES).with_suffix("").as_posix(): p for p in sorted(CATALOGUES.rglob("*.po"))}


def read(path: Path) -> polib.POFile:
    try:
        return polib.pofile(path.read_text(encoding="utf-8"), wrapwidth=0)
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path.name}: cannot be read as a catalogue: {error}") from None


def updated(old: polib.POFile | None, wanted: list[Message], memory: dict[str, str]) -> polib.POFile:
    """A catalogue of the messages wanted. `memory` has translations of the same English in other catalogues."""
    known = {entry.msgid: entry for entry in old or [] if not entry.obsolete}
    kinds = dict(wanted)
    gone = {text: entry for text, entry in known.items() if text not in kinds and entry.msgstr}
    catalogue = polib.POFile(wrapwidth=0)
    catalogue.metadata = HEADER
    for text, kind in kinds.items():
        entry = known.get(text)
        if entry is None:
            entry = polib.POEntry(msgid=text, msgstr=memory.get(text, ""))
            if not entry.msgstr and (close := get_close_matches(text, gone, 1, CLOSE)):
                previous = gone.pop(close[0])
                entry.msgstr, entry.tcomment = previous.msgstr, previous.tcomment
                entry.previous_msgid, entry.flags = previous.previous_msgid or previous.msgid, ["fuzzy"]
        entry.comment, entry.occurrences = kind, []
        catalogue.append(entry)
    return catalogue


def write(path: Path, text: str) -> bool:
    """Write a file in one step, unless it says so already. Returns whether it changed."""
    if path.exists() and path.read_bytes() == text.encode():
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole(path) as file:
        file.write(text)
    return True


def as_text(catalogue: polib.POFile) -> str:
    return re.sub(r"\A(#\s*\n)*", "", str(catalogue).lstrip("\n")).rstrip("\n") + "\n"


def extracted() -> Iterator[tuple[str, polib.POFile]]:
    """(name, catalogue as it should be) of all. Raises ValueError, before the first, if one would lose its source."""
    wanted, there = messages(), files()
    old = {name: read(path) for name, path in there.items()}
    for name, catalogue in old.items():
        path = there[name].relative_to(ROOT)
        if name not in wanted:
            raise ValueError(
                f"{path}: its page is not in _toc.yml. Put the page back, move the catalogue to the page's new name "
                f"(git mv), or give its translations up (git rm)"
            )
        if not wanted[name] and catalogue.translated_entries():
            raise ValueError(f"{path}: nothing to translate was found on its page, so all translations would go")
    memory: dict[str, str] = {}
    for catalogue in old.values():
        for entry in catalogue.translated_entries():
            memory[entry.msgid] = entry.msgstr if memory.get(entry.msgid, entry.msgstr) == entry.msgstr else ""
    for name, texts in wanted.items():
        yield name, updated(old.get(name), texts, memory)


def extract() -> dict[str, tuple[int, int]]:
    """Update all catalogues. Returns of each how many messages it has, and how many are to be translated."""
    counts = {}
    for name, catalogue in extracted():
        write(CATALOGUES / f"{name}.po", as_text(catalogue))
        counts[name] = len(catalogue), len(catalogue.untranslated_entries()) + len(catalogue.fuzzy_entries())
    return counts


@cache
def _translated(name: str) -> dict[str, str]:
    path = CATALOGUES / f"{name}.po"
    return {entry.msgid: entry.msgstr for entry in read(path).translated_entries()} if path.exists() else {}


def translations(name: str, strict: bool) -> Lookup:
    """Looks messages up in a catalogue; what is not there stays English, or is a ValueError if `strict`."""
    catalogue = _translated(name)

    def lookup(text: str) -> str:
        if strict and text not in catalogue and says_something(text):
            raise ValueError(f"{name}.po: no translation of {text!r}")
        return catalogue.get(text, text)

    return lookup


def forget() -> None:
    """Read the catalogues anew the next time."""
    _translated.cache_clear()
