"""The pages of the built site, in the order of the book, as one volume: what its PDF and its EPUB are made of.

A page's text is its `<article>` without what only a screen needs. Folds are open; each id has its page's name before
it, and a link within the book leads to such an id.
"""

import posixpath
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import yaml
from bs4 import BeautifulSoup, Tag

from website.places import CACHE, ROOT, SITE, repository, site_url, volume_name
from website.words import speaker

ON_SCREEN = (
    ".chapter, .part, .headerlink, script, .volumes, noscript, .calculator .actions, .calculator [type=range], .error"
)


@dataclass(frozen=True)
class Page:
    """One page: its name as an id, the part of the book that begins with it if one does, title and text."""

    id: str
    part: str
    title: str
    article: Tag


@dataclass(frozen=True)
class Volume:
    """One edition of the book."""

    language: str
    title: str
    pages: list[Page]

    @property
    def folder(self) -> Path:
        return edition(self.language)

    @property
    def lang(self) -> str:
        return "en" if self.language == "en" else "zh-CN"

    @property
    def address(self) -> str:
        """Where this edition is published."""
        return site_url(repository()) + ("" if self.language == "en" else "zh/")

    @property
    def name(self) -> str:
        """Of its files, without their suffix."""
        return volume_name(self.language)


def edition(language: str) -> Path:
    return SITE if language == "en" else SITE / "zh"


def documents(language: str) -> list[tuple[str, str]]:
    """Each page of the table of contents, the first one too: the part that begins with it, and its path in the site."""
    source = ROOT if language == "en" else CACHE / language / "source"
    contents = yaml.safe_load((source / "_toc.yml").read_text(encoding="utf-8"))
    found = [("", "index")]
    for part in contents["parts"]:
        found += [("" if n else part["caption"], c["file"]) for n, c in enumerate(part["chapters"])]
    return found


def volume(language: str, only: list[str] | None = None) -> Volume:
    """The whole book in one language, or some of its pages."""
    chosen = [(part, name) for part, name in documents(language) if only is None or name in only]
    ids = {f"{name}.html": name.replace("/", "--") for _, name in chosen}
    pages = []
    for part, name in chosen:
        html = (edition(language) / f"{name}.html").read_text(encoding="utf-8")
        article = BeautifulSoup(html, "html.parser").article
        open_folds(article, speaker(language)("Set-up"))
        still(article)
        place_links(article, f"{name}.html", ids, language)
        title = " ".join(article.h1.get_text().split())
        pages.append(Page(ids[f"{name}.html"], part, title, article))
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    return Volume(language, speaker(language)(config["title"]), pages)


def open_folds(article: Tag, set_up: str) -> None:
    """Solutions and answers are shown; the set-up, which is the same everywhere and shown nowhere, is not."""
    for element in article.select(ON_SCREEN):
        element.decompose()
    for fold in article.select("details"):
        summary = fold.summary
        if summary.get_text() == set_up:
            fold.decompose()
            continue
        fold.name, summary.name = "div", "p"
        fold["class"] = [*fold.get("class", []), "unfolded"]
        summary["class"] = "summary"
        fold.attrs.pop("open", None)


def still(article: Tag) -> None:
    """Calculators show their start: the value of each field as text, and charts with the one name that HTML folds."""
    for form in article.select("form.calculator"):
        form.name, form.attrs = "div", {"class": form["class"], "id": form["id"]}
        for control in form.select(".control"):
            control.attrs, label = {"class": control["class"]}, control.label
            label.name, label.attrs = "strong", {}
        for field in form.select("input"):
            field.replace_with(field["value"])
        for element in form.select("[aria-live], .controls"):
            element.attrs = {"class": element["class"]}
        for svg in form.select("svg"):
            svg["viewBox"] = svg.attrs.pop("viewbox", svg.get("viewBox"))


def place_links(article: Tag, path: str, ids: dict[str, str], language: str) -> None:
    """Ids and links of one page, as they are in a volume of pages with these ids."""
    for element in article.select("[id]"):
        element["id"] = f"{ids[path]}--{element['id']}"
    for image in article.select("img"):
        image["src"] = posixpath.normpath(urljoin(path, image["src"]))  # from the folder of the edition
        for attribute in ("loading", "decoding"):
            image.attrs.pop(attribute, None)
    for link in article.select("a[href]"):
        target = urlsplit(urljoin(f"https://book/{path}", link["href"]))
        if target.netloc != "book":
            continue
        page = unquote(target.path).lstrip("/")
        if page in ids:
            link["href"] = f"#{ids[page]}" + (f"--{unquote(target.fragment)}" if target.fragment else "")
        else:
            prefix = "" if language == "en" else "zh/"
            link["href"] = urljoin(site_url(repository()) + prefix, page) + (target.fragment and f"#{target.fragment}")
