"""Everything that is wrong with the catalogues: messages without a translation, translations that break a rule."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import polib

from chinese import figures, glossary
from chinese.catalogues import CATALOGUES, files, read, write
from chinese.messages import ROOT, Message, messages
from chinese.rules import breaches
from chinese.unfinished import UNFINISHED


class Problem(NamedTuple):
    catalogue: str
    rule: str
    what: str

    def __str__(self) -> str:
        return f"{self.catalogue}.po: {self.what} [{self.rule}]"


def named(names: list[str], there: set[str]) -> set[str]:
    """The catalogues that are meant: by chapter, page, notebook or catalogue file. ValueError if there is none."""
    found = set()
    for name in names:
        path = Path(name).absolute()
        inside = [path.relative_to(base).as_posix() for base in (CATALOGUES, ROOT) if path.is_relative_to(base)]
        meant = {re.sub(r"\.(md|ipynb|po)$", "", candidate) for candidate in [name, *inside]}
        fits = {key for key in there if key in meant or any(key.endswith(f"/{short}") for short in meant)}
        if len(fits) != 1:
            what = f"which of {', '.join(sorted(fits))}?" if fits else "no such page, chapter or catalogue"
            raise ValueError(f"{name}: {what}")
        found |= fits
    return found


def problems(names: list[str] | None = None) -> list[Problem]:
    """Everything that is wrong with the catalogues, or with those named."""
    wanted, there = messages(), files()
    chosen = named(names, {*wanted, *there}) if names else {*wanted, *there}
    found = []
    for name in sorted(chosen):
        if name not in there:
            found.append(Problem(name, "extracted", "missing: run make translations"))
        elif name not in wanted:
            found.append(Problem(name, "extracted", "its page is not in _toc.yml"))
        else:
            found += _of_catalogue(name, read(there[name]), wanted[name])
    return found


def _of_catalogue(name: str, catalogue: polib.POFile, wanted: list[Message]) -> Iterator[Problem]:
    kinds, there = dict(wanted), {entry.msgid for entry in catalogue}
    for text in kinds:
        if text not in there:
            yield Problem(name, "extracted", f"run make translations: {text!r}")
    for entry in catalogue:
        at = f"{entry.msgid[:60]!r}"
        if entry.obsolete or entry.msgid not in kinds:
            yield Problem(name, "extracted", f"{at}: obsolete, run make translations")
            continue
        todo = "figures" if kinds[entry.msgid] == "figure" else "translated"
        if entry.fuzzy:
            yield Problem(name, todo, f"{at}: fuzzy, its English was {entry.previous_msgid!r}")
        elif not entry.msgstr.strip():
            yield Problem(name, todo, f"{at}: not translated")
        else:
            for rule, what in breaches(entry.msgid, entry.msgstr, entry.tcomment):
                yield Problem(name, rule, f"{at}: {what}")
            if kinds[entry.msgid] == "figure":
                for what in figures.breaches(entry.msgid, entry.msgstr):
                    yield Problem(name, "figures", f"{at}: {what}")
    if name.startswith("notebooks/"):
        if bare := figures.without_texts(ROOT / f"{name}.ipynb"):
            yield Problem(name, "figures", f"{bare} figures without texts to translate: execute the notebook anew")
        for what in not_glossed([entry for entry in catalogue.translated_entries() if entry.msgid in kinds], kinds):
            yield Problem(name, "glossed", what)


def not_glossed(entries: list[polib.POEntry], kinds: dict[str, str]) -> Iterator[str]:
    """The terms of a chapter that are to carry their English once in its text, and do not."""
    prose = [entry for entry in entries if kinds[entry.msgid] in ("", "solution", "table")]
    for term in glossary.terms():
        used = [entry for entry in prose if term.pattern.search(entry.msgid)] if term.glossed else []
        form = f"(?:{'|'.join(map(re.escape, term.forms))})(?:\\*\\*|\\*)?（[^）]*[A-Za-z]"
        if used and not any(re.search(form, entry.msgstr) for entry in prose):
            yield f"{term.english!r} is to be glossed once, {term.forms[0]}（{term.english}）: {used[0].msgid[:60]!r}"


def unfinished(found: list[Problem]) -> dict[str, set[str]]:
    """Catalogue → rules that it breaks."""
    rules: dict[str, set[str]] = {}
    for problem in found:
        rules.setdefault(problem.catalogue, set()).add(problem.rule)
    return rules


def unexpected(found: list[Problem]) -> list[Problem]:
    """The problems that `UNFINISHED` does not excuse."""
    return [problem for problem in found if problem.rule not in UNFINISHED.get(problem.catalogue, set())]


def record(rules: dict[str, set[str]]) -> None:
    """Write `UNFINISHED`, one line for each page."""
    path = Path(__file__).with_name("unfinished.py")
    head = path.read_text(encoding="utf-8").partition("UNFINISHED: ")[0]
    lines = [f"    {json.dumps(name)}: {{{json.dumps(sorted(kept))[1:-1]}}}," for name, kept in sorted(rules.items())]
    write(path, "\n".join([head + "UNFINISHED: dict[str, set[str]] = {", *lines, "}"]) + "\n")
