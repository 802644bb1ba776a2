"""The terms of book/glossary.md: their Chinese, and what the Chinese edition does not use for them.

In a table with the columns 中文 and 不用, a row says how its term is translated. A term with a remark in parentheses
has other meanings too: of it only the words under 不用 are held. A Chinese form with its English, 词元（token）, is to
be glossed so once in each chapter where it occurs.
"""

import re
from dataclasses import dataclass
from functools import cache

from chinese.messages import ROOT


@dataclass(frozen=True)
class Term:
    english: str
    forms: tuple[str, ...]  # any of these will do
    never: tuple[str, ...] = ()
    glossed: bool = False
    ambiguous: bool = False  # the word means other things too

    @property
    def pattern(self) -> re.Pattern:
        return re.compile(rf"\b{re.escape(self.english)}(?:s|es)?\b", re.IGNORECASE)


def _parts(cell: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in cell.split("；") if part.strip())


def terms_of(page: str) -> list[Term]:
    """The terms of a page's tables, long ones first."""
    found, columns = [], []
    for line in page.split("\n"):
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")] if line.startswith("|") else []
        if not cells or cells[0] == "English":
            columns = cells
        elif "中文" in columns and not cells[0].startswith("-"):
            row = dict(zip(columns, cells, strict=True))
            english, _, remark = row["English"].partition(" (")
            forms = re.sub("（[^）]*）", "", row["中文"])
            glossed = forms != row["中文"]
            found.append(Term(english, _parts(forms), _parts(row.get("不用", "")), glossed, bool(remark)))
    return sorted(found, key=lambda term: -len(term.english))


@cache
def terms() -> list[Term]:
    page = ROOT / "book" / "glossary.md"
    return terms_of(page.read_text(encoding="utf-8")) if page.exists() else []
