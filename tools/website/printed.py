"""The whole book as PDF and EPUB, in both languages: `python tools/website --print`, into _build/print."""

import json
from pathlib import Path

from website import epub, pdf
from website.places import LANGUAGES, PRINT, ROOT
from website.volume import documents, volume


def day() -> str:
    """Of the last run that the book shows: printed again, the same book has the same date."""
    runs = [ROOT / f"{name}.ipynb" for _, name in documents("en") if name.startswith("notebooks/")]
    return max(json.loads(run.read_text(encoding="utf-8"))["metadata"]["advantage"]["date"] for run in runs)


def print_book(folder: Path = PRINT, only: list[str] | None = None, languages: list[str] = LANGUAGES) -> list[Path]:
    """Write the PDF and the EPUB of each edition of the built site, or of some of its pages."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for language in languages:
        book = volume(language, only)
        for kind, write in ((".epub", epub.write), (".pdf", pdf.write)):
            target = folder / f"{book.name}{kind}"
            write(book, target, day())
            print(f"{target}: {target.stat().st_size / 1e6:.1f} MB", flush=True)
            written.append(target)
    return written
