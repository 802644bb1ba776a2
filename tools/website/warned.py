"""Warnings name the file that an author edits: a notebook's text, not the executed pair that the page is made of."""

import json
import logging
import re
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.util import logging as sphinx_logging

from markdown import cell_lines
from website.places import CACHE, CHINESE, ROOT

CELL = 10_000  # MyST-NB counts the lines of cell n from n times this on


def line_in_text(text: str, sources: list[str], line: int) -> int:
    """Where in the text of a pair a line of its notebook stands."""
    index, within = divmod(line, CELL)
    return cell_lines(text, sources[: max(index, 1)])[-1] + max(within, 1) - 1


def edited(location: str) -> str:
    """`…/pricing.ipynb:30014` as `notebooks/strategy/pricing.md:120`; in the Chinese edition with its catalogue."""
    name, _, line = location.rpartition(":") if re.search(r":\d+$", location) else (location, "", "")
    path = Path(name)
    chinese = CACHE / CHINESE / "source"
    translated = path.is_relative_to(chinese)
    path = path.relative_to(chinese) if translated else path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
    if path.suffix == ".ipynb" and (ROOT / path.with_suffix(".md")).exists():
        if line:
            cells = json.loads((ROOT / path).read_text(encoding="utf-8"))["cells"]
            text = (ROOT / path.with_suffix(".md")).read_text(encoding="utf-8")
            line = str(line_in_text(text, ["".join(cell["source"]) for cell in cells], int(line)))
        path = path.with_suffix(".md")
    where = path.as_posix() + (f":{line}" if line else "")
    catalogue = f"book/locale/{CHINESE}/{path.with_suffix('.po').as_posix()}"
    return f"{where} (in Chinese: {catalogue})" if translated else where


class Edited(logging.Filter):
    """After Sphinx's own filters, which have made the location a string."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(location := getattr(record, "location", None), str):
            record.location = edited(location)
        return True


def setup(app: Sphinx) -> dict[str, bool]:
    for handler in logging.getLogger(sphinx_logging.NAMESPACE).handlers:
        handler.addFilter(Edited())
    return {"parallel_read_safe": True}
