"""A volume as an EPUB 3: one file of XHTML for each page, formulas as MathML, pictures, contents and cover."""

import copy
import mimetypes
import re
import uuid
import zipfile
from html import escape
from pathlib import Path

from bs4 import Tag

from website.places import STATIC
from website.volume import Page, Volume
from website.words import speaker

CONTAINER = """<?xml version="1.0" encoding="UTF-8"?>
<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container">
<rootfiles><rootfile full-path="book/content.opf" media-type="application/oebps-package+xml"/></rootfiles>
</container>
"""
MATHML = "http://www.w3.org/1998/Math/MathML"
FONT = "fonts/latin-modern-math.woff2"


def xhtml(volume: Volume, title: str, body: str) -> str:
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE html>
<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops" lang="{volume.lang}" \
xml:lang="{volume.lang}">
<head><title>{escape(title)}</title><link rel="stylesheet" href="epub.css"/></head>
<body>
{body}
</body>
</html>
"""


def chapter(volume: Volume, page: Page) -> str:
    """A page as XHTML: its links name files, its pictures stand beside it."""
    article = copy.copy(page.article)
    for formula in article.select("math"):
        formula["xmlns"] = MATHML
        for element in formula.select("[displaystyle], [scriptlevel]"):  # MathML Core's, on any element
            if element.name != "mstyle":
                names = {"displaystyle", "scriptlevel"} & element.attrs.keys()
                element.wrap(Tag(name="mstyle", attrs={name: element.attrs.pop(name) for name in sorted(names)}))
    for chart in article.select("svg"):
        chart["xmlns"] = "http://www.w3.org/2000/svg"
    for link in article.select('a[href^="#"]'):
        link["href"] = f"{owner(volume, link['href'][1:])}.xhtml{link['href']}"
    for image in article.select("img"):
        image["src"] = f"images/{Path(image['src']).name}"
    for element in article.select("[data-pagefind-body], [data-pagefind-ignore]"):
        del element.attrs["data-pagefind-body"]
    article.name, article.attrs = "section", {"id": page.id}
    return xhtml(volume, page.title, str(article))


def owner(volume: Volume, target: str) -> str:
    """The page in which an id stands, by what the id begins with."""
    found = [page.id for page in volume.pages if target == page.id or target.startswith(f"{page.id}--")]
    return max(found, key=len)


def contents(volume: Volume) -> str:
    """The navigation document: parts, their pages, and the sections of each."""
    word, parts = speaker(volume.language), []
    for page in volume.pages:
        sections = "".join(
            f'<li><a href="{page.id}.xhtml#{heading["id"]}">{escape(" ".join(heading.get_text().split()))}</a></li>'
            for heading in page.article.select("h2[id]")
        )
        entry = (
            f'<li><a href="{page.id}.xhtml">{escape(page.title)}</a>{f"<ol>{sections}</ol>" if sections else ""}</li>'
        )
        if page.part or not parts:
            parts.append((page.part, []))
        parts[-1][1].append(entry)
    lists = "".join(
        f"<li><span>{escape(part)}</span><ol>{''.join(pages)}</ol></li>" if part else "".join(pages)
        for part, pages in parts
    )
    return xhtml(
        volume, volume.title, f'<nav epub:type="toc" id="toc"><h1>{word("Contents")}</h1><ol>{lists}</ol></nav>'
    )


def cover(volume: Volume, card: str) -> str:
    return xhtml(
        volume,
        volume.title,
        f'<section epub:type="cover"><img src="images/{card}" alt="{escape(volume.title)}"/>'
        f"<h1>{escape(volume.title)}</h1></section>",
    )


def package(volume: Volume, files: dict[str, str | bytes], day: str, card: str) -> str:
    """The package document: metadata, what is in the book, and its order."""
    word, items = speaker(volume.language), []
    for name, data in files.items():
        kind = "application/xhtml+xml" if name.endswith(".xhtml") else mimetypes.guess_type(name)[0] or "font/woff2"
        properties = ["nav"] if name == "nav.xhtml" else ["cover-image"] if name == f"images/{card}" else []
        tags = {"<math": "mathml", "<svg": "svg"}
        properties += [what for tag, what in tags.items() if isinstance(data, str) and tag in data]
        attribute = f' properties="{" ".join(properties)}"' if properties else ""
        items.append(f'<item id="{item_id(name)}" href="{name}" media-type="{kind}"{attribute}/>')
    order = ["cover.xhtml", "nav.xhtml", *(f"{page.id}.xhtml" for page in volume.pages)]
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="id" xml:lang="{volume.lang}">
<metadata xmlns:dc="http://purl.org/dc/elements/1.1/">
<dc:identifier id="id">urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, volume.address)}</dc:identifier>
<dc:title>{escape(volume.title)}</dc:title>
<dc:creator>{word("the authors of the course")}</dc:creator>
<dc:language>{volume.lang}</dc:language>
<dc:rights>CC BY 4.0, MIT</dc:rights>
<dc:date>{day}</dc:date>
<meta property="dcterms:modified">{day}T00:00:00Z</meta>
</metadata>
<manifest>
{chr(10).join(items)}
</manifest>
<spine>
{chr(10).join(f'<itemref idref="{item_id(name)}"/>' for name in order)}
</spine>
</package>
"""


def item_id(name: str) -> str:
    return "f-" + re.sub(r"[^\w-]", "-", name)


def write(volume: Volume, target: Path, day: str) -> None:
    """Write the EPUB, whole or not at all."""
    card = "card.png" if volume.language == "en" else "card-zh.png"
    files: dict[str, str | bytes] = {"cover.xhtml": cover(volume, card), "nav.xhtml": contents(volume)}
    pictures = {f"images/{card}": STATIC / card}
    for page in volume.pages:
        files[f"{page.id}.xhtml"] = chapter(volume, page)
        pictures |= {f"images/{Path(i['src']).name}": volume.folder / i["src"] for i in page.article.select("img")}
    files |= {name: path.read_bytes() for name, path in sorted(pictures.items())}
    files |= {"epub.css": (STATIC / "epub.css").read_text(encoding="utf-8"), FONT: (STATIC / FONT).read_bytes()}
    new = target.with_suffix(".new")
    with zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("mimetype", "application/epub+zip", zipfile.ZIP_STORED)  # first, and not compressed
        book.writestr("META-INF/container.xml", CONTAINER)
        book.writestr("book/content.opf", package(volume, files, day, card))
        for name, data in files.items():
            book.writestr(f"book/{name}", data)
    new.replace(target)
