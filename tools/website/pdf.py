"""A volume as a PDF: one page of HTML, printed by Chromium, with outline, contents and page numbers.

It is printed twice: a browser cannot say in the contents on which page a chapter will begin, so the first print is
asked.
"""

import copy
import logging
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import jinja2
from bs4 import Tag
from playwright.sync_api import Page as BrowserPage
from playwright.sync_api import sync_playwright
from pypdf import PdfReader, PdfWriter
from pypdf.generic import DictionaryObject, NameObject, TextStringObject

from website import server
from website.places import BUILD, STATIC, TEMPLATES
from website.volume import Volume
from website.words import speaker

FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-background-networking --disable-component-update "
    "--disable-sync --no-first-run"
)
logging.getLogger("pypdf").setLevel(logging.ERROR)  # it wonders at how Chromium counts objects
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def chromium() -> str | None:
    """The browser that CHROMIUM names, else the first that is installed."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)


def document(volume: Volume, day: str, numbers: dict[str, int]) -> str:
    """The whole volume as one page of HTML; `numbers` says on which page a chapter begins."""
    folder = volume.folder.relative_to(BUILD).as_posix()
    loader = jinja2.Environment(loader=jinja2.FileSystemLoader(TEMPLATES))
    text = loader.get_template("print.html").render(
        volume=volume,
        lang=volume.lang,
        word=speaker(volume.language),
        style=(STATIC / "print.css").read_text(encoding="utf-8"),
        day=day,
        address=volume.address,
        numbers=numbers,
        lowered=lowered,
    )
    return text.replace('src="_images/', f'src="/{folder}/_images/')


def lowered(article: Tag) -> Tag:
    """A chapter with its headings one level lower: above them stand the parts of the book."""
    article = copy.copy(article)
    for heading in article.select("h1, h2, h3, h4"):
        heading.name = f"h{int(heading.name[1]) + 1}"
    return article


def write(volume: Volume, target: Path, day: str) -> None:
    """Write the PDF. Raises ValueError where there is no Chromium."""
    program = chromium()
    if program is None:
        raise ValueError("printing needs Chromium (apt install chromium, or CHROMIUM=path)")
    source, new = target.with_suffix(".html"), target.with_suffix(".new")
    address = server.start(BUILD) + source.relative_to(BUILD).as_posix()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS.split())
        tab = browser.new_page()
        numbers: dict[str, int] = {}
        for number in range(2):
            source.write_text(document(volume, day, numbers), encoding="utf-8")
            print_page(tab, f"{address}?{number}", new)
            numbers = first_pages(new)
        headings = tab.evaluate("[...document.querySelectorAll('h1, h2, h3, h4, h5, h6')].map((one) => one.innerText)")
        browser.close()
    source.unlink()
    finish(new, volume, headings)
    new.replace(target)


def print_page(tab: BrowserPage, address: str, target: Path) -> None:
    tab.goto(address, wait_until="load", timeout=300_000)
    tab.evaluate("document.fonts.ready.then(() => Promise.all([...document.images].map((image) => image.decode())))")
    tab.pdf(path=target, prefer_css_page_size=True, print_background=True, outline=True, tagged=True)


def first_pages(pdf: Path) -> dict[str, int]:
    """On which page, from 1, each target of a link stands."""
    reader = PdfReader(pdf)
    found = {}
    for name, place in reader.named_destinations.items():
        found[name.lstrip("/")] = reader.get_destination_page_number(place) + 1
    return found


def finish(pdf: Path, volume: Volume, headings: list[str]) -> None:
    """Title, author, and the outline's titles: Chromium writes a heading twice that stands first on its page."""
    writer = PdfWriter(clone_from=pdf)
    entries = list(outline(writer.root_object["/Outlines"]))
    if len(entries) != len(headings):
        raise ValueError(f"{pdf.name}: {len(entries)} entries in the outline, {len(headings)} headings")
    for entry, heading in zip(entries, headings):
        entry[NameObject("/Title")] = TextStringObject(" ".join(heading.split()))
    word = speaker(volume.language)
    writer.add_metadata({"/Title": volume.title, "/Author": word("the authors of the course"), "/Creator": "Chromium"})
    writer.write(pdf)


def outline(parent: DictionaryObject) -> Iterator[DictionaryObject]:
    """The entries below one, in the order of the text."""
    entry = parent.get("/First")
    while entry is not None:
        entry = entry.get_object()
        yield entry
        yield from outline(entry)
        entry = entry.get("/Next")
