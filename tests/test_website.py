"""The tools that make the site: what they do with a fault, a changed file, and the book that is printed."""

import json
import os
import shutil
import socket
import subprocess
import sys
import unicodedata
import urllib.error
import urllib.request
import zipfile
from xml.etree import ElementTree

import pytest
from pypdf import PdfReader

from website import pdf, serve, server, volume, warned
from website.places import CACHE, ROOT
from website.printed import print_book

NOTEBOOKS = sorted(ROOT.glob("notebooks/*/*.ipynb"))


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_lines_of_a_notebook_are_found_in_its_text(notebook):
    """Each line of each cell, by its text: the text of a pair has all of them."""
    cells = ["".join(cell["source"]) for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]]
    text = notebook.with_suffix(".md").read_text(encoding="utf-8")
    lines = text.splitlines()
    for index, source in enumerate(cells, 1):
        for number, line in enumerate(source.splitlines(), 1):
            found = warned.line_in_text(text, cells, index * warned.CELL + number)
            assert lines[found - 1] == line, f"cell {index}, line {number}"


def test_a_warning_names_the_file_that_an_author_edits():
    path = NOTEBOOKS[0].relative_to(ROOT)
    assert warned.edited(f"{ROOT / path}:10001").startswith(path.with_suffix(".md").as_posix() + ":")
    chinese = warned.edited(f"{CACHE / 'zh_CN' / 'source' / path}:10001")
    assert chinese.endswith(f"(in Chinese: book/locale/zh_CN/{path.with_suffix('.po').as_posix()})")
    assert warned.edited(str(ROOT / "book" / "index.md") + ":7") == "book/index.md:7"
    assert warned.edited("elsewhere.rst") == "elsewhere.rst"


class NotFollowed(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *arguments: object) -> None:
        return None


@pytest.mark.parametrize(
    ("asked", "sent"), [("zh", "/zh/"), ("zh?a=b", "/zh/?a=b"), ("/zh", "/zh/"), ("//other.example/zh", None)]
)
def test_a_folder_without_its_slash_is_sent_on(asked, sent, tmp_path):
    """RFC 9110, 15.4.2: 301 and the address; else the page's relative links would lead out of its language."""
    (tmp_path / "zh").mkdir()
    (tmp_path / "zh" / "index.html").write_text("here")
    (tmp_path / "404.html").write_text("nothing")
    opener = urllib.request.build_opener(NotFollowed)
    with pytest.raises(urllib.error.HTTPError) as caught:
        opener.open(server.start(tmp_path) + asked)
    assert (caught.value.code, caught.value.headers["Location"]) == ((301, sent) if sent else (404, None))
    assert opener.open(server.start(tmp_path) + "zh/").read() == b"here"


def test_a_busy_port_is_said_before_anything_is_built(monkeypatch, capsys):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        monkeypatch.setenv("PORT", str(port))
        monkeypatch.setattr(serve, "run", lambda *command: pytest.fail("it built first"))
        assert serve.serve([]) == 1
    said = capsys.readouterr().err
    assert f"port {port}" in said
    assert "make serve PORT=" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("port", ["many", "70000", "-1"])
def test_a_port_that_is_none_is_said(port, monkeypatch, capsys):
    monkeypatch.setenv("PORT", port)
    monkeypatch.setattr(serve, "run", lambda *command: pytest.fail("it built first"))
    assert serve.serve([]) == 1
    assert port in capsys.readouterr().err


def test_a_changed_text_makes_its_notebook_first_and_a_fault_ends_nothing(monkeypatch, capsys):
    text = NOTEBOOKS[0].with_suffix(".md")
    ran = []

    def run(*command: object) -> bool:
        ran.append(command)
        return command[0] != serve.PAIRS  # as if a cell failed

    monkeypatch.setattr(serve, "run", run)
    assert serve.update({str(text), str(ROOT / "book" / "index.md"), str(ROOT / "notebooks" / "gone.md")})
    assert ran == [(serve.PAIRS, text), (ROOT / "tools" / "website",)]
    assert f"{text.relative_to(ROOT)}: its notebook was not made" in capsys.readouterr().err


def test_a_step_that_fails_does_not_raise():
    assert not serve.run("-c", "raise SystemExit(3)")


# --- the printed book ------------------------------------------------------------------------------------------------

CHAPTERS = ["book/how-to-use", "notebooks/models/attention", "book/calculators"]


@pytest.fixture(scope="module", params=["en", "zh_CN"])
def printed(request):
    """One chapter and one page of a language as PDF and EPUB, and the volume they were made from."""
    if pdf.chromium() is None:
        pytest.skip("printing needs Chromium")
    folder = ROOT / "_build" / f"print-{os.getpid()}"  # Chromium is served the build folder
    yield volume.volume(request.param, CHAPTERS), *print_book(folder, CHAPTERS, [request.param])
    shutil.rmtree(folder)


def plain(text: str) -> str:
    """Without spaces, and with characters where a font made radicals of them."""
    return unicodedata.normalize("NFKC", "".join(text.split()))


def test_pdf(printed):
    """Outline, page numbers, embedded fonts, links: what the PDF itself says, read by pypdf."""
    book, _, file = printed
    reader = PdfReader(file)
    assert reader.metadata.title == book.title
    titles, places = [], {}

    def walk(entries: list) -> None:
        for entry in entries:
            if isinstance(entry, list):
                walk(entry)
            else:
                titles.append(entry.title)
                places[entry.title] = reader.get_destination_page_number(entry) + 1

    walk(reader.outline)
    headings = [" ".join(h.get_text().split()) for page in book.pages for h in page.article.select("h1, h2, h3, h4")]
    squeeze = "".join
    assert [squeeze(t.split()) for t in titles if squeeze(t.split()) in {squeeze(h.split()) for h in headings}] == [
        squeeze(h.split()) for h in headings
    ]
    texts = [page.extract_text() for page in reader.pages]
    contents = texts[1].split()
    for page in book.pages:
        first = next(
            number for title, number in places.items() if squeeze(title.split()) == squeeze(page.title.split())
        )
        assert str(first) in contents, f"{page.title} is on page {first}; the contents say {texts[1]}"
    for number, text in enumerate(texts[1:], 2):
        assert str(number) in [line.strip() for line in text.splitlines()], f"page {number} has no number: {text}"
    for page in book.pages:  # its title stands in the contents, above the text, and in the running head
        assert sum(plain(page.title) in plain(text) for text in texts) >= 3, page.title
    assert "$$" not in squeeze(texts)
    assert len(reader.named_destinations) >= len(book.pages)
    for page in reader.pages:
        for font in page["/Resources"].get("/Font", {}).values():
            font = font.get_object()
            for inner in font.get("/DescendantFonts", [font]):
                inner = inner.get_object()
                descriptor = inner.get("/FontDescriptor", {})
                embedded = {"/FontFile", "/FontFile2", "/FontFile3"} & set(descriptor)
                assert embedded or inner["/Subtype"] == "/Type3", inner


def test_epub(printed):
    """EPUB 3.3: mimetype first, every file well-formed and listed, every link and picture there."""
    book, file, _ = printed
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        assert names[0] == "mimetype"
        assert archive.getinfo("mimetype").compress_type == zipfile.ZIP_STORED
        assert archive.read("mimetype") == b"application/epub+zip"
        trees = {
            name: ElementTree.fromstring(archive.read(name))
            for name in names
            if name.endswith((".xhtml", ".opf", ".xml"))
        }
    opf = {"opf": "http://www.idpf.org/2007/opf"}
    package = trees["book/content.opf"]
    listed = {f"book/{item.get('href')}" for item in package.iterfind(".//opf:item", opf)}
    assert listed == {name for name in names if name.startswith("book/")} - {"book/content.opf"}
    spine = [item.get("idref") for item in package.iterfind(".//opf:itemref", opf)]
    assert len(spine) == len(book.pages) + 2
    ids = {name: {e.get("id") for e in tree.iter() if e.get("id")} for name, tree in trees.items()}
    for name, tree in trees.items():
        assert len(ids[name]) == sum(1 for e in tree.iter() if e.get("id")), f"{name}: an id stands twice"
        for element in tree.iter():
            if source := element.get("src"):
                assert f"book/{source}" in names
                assert element.get("alt")
            link = element.get("href", "") if element.tag.endswith("}a") else ""
            if link and not link.startswith("http"):
                target, _, fragment = link.partition("#")
                assert f"book/{target}" in trees, link
                assert not fragment or fragment in ids[f"book/{target}"], link
    formulas = [e for tree in trees.values() for e in tree.iter("{http://www.w3.org/1998/Math/MathML}math")]
    assert len(formulas) > 20
    assert not any("$$" in "".join(tree.itertext()) for tree in trees.values())
    assert not [e for tree in trees.values() for e in tree.iter("{http://www.w3.org/1999/xhtml}details")]


@pytest.mark.parametrize("language", ["en", "zh_CN"])
def test_links_of_the_whole_volume_lead_somewhere(language):
    book = volume.volume(language)
    known = {page.id for page in book.pages} | {e["id"] for page in book.pages for e in page.article.select("[id]")}
    links = {a["href"] for page in book.pages for a in page.article.select("a[href]")}
    assert not {link for link in links if link.startswith("#") and link[1:] not in known}
    assert not {link for link in links if not link.startswith(("#", "http"))}
    for page in book.pages:
        for image in page.article.select("img"):
            assert (book.folder / image["src"]).is_file()
    assert not [page.id for page in book.pages if page.article.select("details, .headerlink, .chapter")]


def test_printing_without_a_browser_says_what_it_needs(monkeypatch, tmp_path):
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setattr(pdf.shutil, "which", lambda name: None)
    with pytest.raises(ValueError, match="printing needs Chromium"):
        pdf.write(volume.Volume("en", "A book", []), tmp_path / "book.pdf", "2026-01-01")
    assert not list(tmp_path.iterdir())


def test_the_command_runs_from_anywhere(tmp_path):
    done = subprocess.run([sys.executable, ROOT / "tools" / "website", "--help"], cwd=tmp_path, capture_output=True)
    assert done.returncode == 0
    assert b"--print" in done.stdout
