"""The built site, without a browser: what its files say. Run after `python tools/website --strict`."""

import json
import re
import subprocess
import sys
import tomllib
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import imagesize
import pytest
import yaml

from website import font, places
from website.maths import FormulaError

ROOT = Path(__file__).resolve().parents[1]
SITE = ROOT / "_build" / "html"
REPOSITORY = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]["Repository"]
URL = places.site_url(REPOSITORY)
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
DOCUMENTS = [chapter["file"] for part in TOC["parts"] for chapter in part["chapters"]]
PATHS = ["index.html", *(f"{name}.html" for name in DOCUMENTS)]
PAGES = [prefix + path for prefix in ("", "zh/") for path in PATHS]
CHAPTERS = [page for page in PAGES if "notebooks/" in page]


class Tags(HTMLParser):
    """Every tag with its attributes, and the text of every element of some kinds."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.texts: dict[str, list[str]] = {}
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag in {"title", "h1", "pre", "math", "mtext"}:
            self.open.append(tag)
            self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag):
        if tag in self.open:
            while self.open.pop() != tag:
                pass

    def handle_data(self, data):
        for tag in self.open:
            self.texts[tag][-1] += data

    def all(self, element: str, **attributes: str) -> list[dict[str, str]]:
        return [a for tag, a in self.tags if tag == element and all(a.get(k) == v for k, v in attributes.items())]


@cache
def read(page: str) -> str:
    return (SITE / page).read_text(encoding="utf-8")


@cache
def tags(page: str) -> Tags:
    return Tags(read(page))


def address(page: str) -> str:
    return URL + re.sub(r"(^|/)index\.html$", r"\1", page)


def test_every_document_has_its_page_in_both_languages_and_no_other():
    built = {p.relative_to(SITE).as_posix() for p in SITE.rglob("*.html")}
    assert built == {*PAGES, "404.html"}


@pytest.mark.parametrize("prefix", ["", "zh/"])
def test_what_is_built_is_the_table_of_contents(prefix):
    """Every page of book/ is listed, and a draft, a notebook that is not listed, has no page."""
    listed = {TOC["root"], *DOCUMENTS}
    assert {f"book/{page.stem}" for page in ROOT.glob("book/*.md")} <= listed
    places_of_pages = [*SITE.glob(f"{prefix}book/*.html"), *SITE.glob(f"{prefix}notebooks/*/*.html")]
    built = {page.relative_to(SITE / prefix).with_suffix("").as_posix() for page in places_of_pages}
    assert built == listed - {TOC["root"]}


@pytest.mark.parametrize("page", [page for page in PAGES if page.startswith("zh/")])
def test_chinese_page_is_chinese_in_its_tooltips_and_marks(page):
    """Beside Chinese every mark is full-width and has no space, in what the site adds to the catalogues too."""
    assert 'title="Link to' not in read(page)
    body = read(page).partition("<body")[2]
    body = re.sub(r"<(script|style|pre|math|svg|code)\b.*?</\1>", "x", body, flags=re.DOTALL)
    body = re.sub(r"</?(strong|em|b|i|a|span|sup|sub|kbd|time)\b[^>]*>", "", body)
    body = re.sub(r"<[^>]*>", "\n", body)
    wrong = re.findall(
        r".*(?:[\u4e00-\u9fff”）》] ?[,;:?!](?!\w)|[\u4e00-\u9fff]\.(?!\w)|[，。；：？！] (?=\S)).*", body
    )
    assert not wrong


@pytest.mark.parametrize("page", [*PAGES, "404.html"])
def test_nothing_comes_from_outside(page):
    for tag, attributes in tags(page).tags:
        source = attributes.get("src", "")
        if tag == "link" and attributes.get("rel") in {"stylesheet", "preload", "icon", "modulepreload"}:
            source = attributes["href"]
        if source:
            assert not urlsplit(source).netloc, f"{page}: <{tag}> takes {source} from another host"
    own = read(page).replace(URL, "")  # the 404 page, served at any depth, names its own font in full
    assert not re.search(r"(url\(|@import|fetch\()\s*[\"']?https?:", own)
    assert not re.search(r"mathjax|thebe|jquery|fontawesome|googleapis|cdn\.", own, re.IGNORECASE)


def test_the_assets_name_no_other_host_either():
    for name in ("site.css", "site.js"):
        assert not re.search(r"https?:|//[a-z]+\.", read(f"_static/{name}").replace("// ", ""))


@pytest.mark.parametrize("page", PAGES)
def test_relative_links_and_their_anchors_resolve(page):
    missing = []
    for link in [a["href"] for a in tags(page).all("a") + tags(page).all("link") if "href" in a]:
        parts = urlsplit(urljoin(f"/{page}", link))
        if parts.netloc or parts.scheme in {"mailto", "data"}:
            continue
        target = SITE / unquote(parts.path).lstrip("/")
        target = target / "index.html" if target.is_dir() else target
        if not target.is_file():
            missing.append(link)
        elif parts.fragment and target.suffix == ".html":
            ids = {a.get("id") for _, a in tags(target.relative_to(SITE).as_posix()).tags}
            if unquote(parts.fragment) not in ids:
                missing.append(link)
    assert not missing, f"{page}: {missing}"


@pytest.mark.parametrize("path", PATHS)
def test_twins_name_each_other(path):
    for page, language, twin in ((path, "en", f"zh/{path}"), (f"zh/{path}", "zh-CN", path)):
        assert tags(page).all("html")[0]["lang"] == language
        assert tags(page).all("link", rel="canonical")[0]["href"] == address(page)
        alternates = {a["hreflang"]: a["href"] for a in tags(page).all("link", rel="alternate")}
        assert alternates == {"en": address(path), "zh-CN": address(f"zh/{path}"), "x-default": address(path)}
        (switch,) = tags(page).all("a", **{"class": "tool language"})
        assert urljoin(f"/{page}", switch["href"]) == f"/{twin}"


@pytest.mark.parametrize("page", PAGES)
def test_head_and_headings(page):
    found = tags(page)
    assert len(found.texts["h1"]) == 1
    assert found.texts["title"][0].strip()
    description = found.all("meta", name="description")[0]["content"]
    assert 15 <= len(description) <= 160, description
    graph = {a["property"]: a["content"] for a in found.all("meta") if "property" in a}
    assert graph["og:url"] == address(page)
    assert graph["og:image"] == f"{URL}_static/card{'-zh' if page.startswith('zh/') else ''}.png"
    assert graph["og:title"]
    assert graph["og:description"] == description


def test_titles_differ_within_each_language():
    for prefix in ("", "zh/"):
        titles = [tags(prefix + path).texts["title"][0] for path in PATHS]
        assert len(set(titles)) == len(titles)


@pytest.mark.parametrize("page", CHAPTERS)
def test_every_output_of_the_notebook_is_on_its_page(page):
    source = json.loads((SITE / page).with_suffix(".ipynb").read_text(encoding="utf-8"))
    figures, quizzes, said = 0, 0, []
    for cell in source["cells"]:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            figures += any(kind.startswith("image/") for kind in data)
            quizzes += "".join(data.get("text/html", "")).count('class="quiz"')
            if output["output_type"] == "stream":
                said.append("".join(output["text"]).strip())
    squeeze = "".join
    shown = [squeeze(text.split()) for text in tags(page).texts["pre"]]
    assert len(tags(page).all("img")) >= figures
    assert read(page).count('class="quiz"') == quizzes >= 1
    for text in said:
        text = squeeze(re.sub(r"\x1b\[[\d;]*m", "", text).split())
        assert any(text in block for block in shown), f"{page} lacks the output {text[:200]!r}"


@pytest.mark.parametrize("page", CHAPTERS)
def test_chapter_has_its_notebook_its_colab_link_and_its_run_time(page):
    name = page.removeprefix("zh/").removesuffix(".html")
    branch = "colab-zh" if page.startswith("zh/") else "main"
    project = urlsplit(REPOSITORY).path.strip("/")
    links = [a["href"] for a in tags(page).all("a", **{"class": "button"})]
    assert links == [
        f"https://colab.research.google.com/github/{project}/blob/{branch}/{name}.ipynb",
        f"{Path(name).name}.ipynb",
    ]
    run = json.loads((ROOT / f"{name}.ipynb").read_text(encoding="utf-8"))["metadata"]["advantage"]
    comma = ", " if branch == "main" else "，"
    assert f"{run['seconds']:.0f} s{comma}{run['peak_memory_mb']} MB" in read(page)
    if branch == "main":
        assert (SITE / page).with_suffix(".ipynb").read_bytes() == (ROOT / f"{name}.ipynb").read_bytes()


@pytest.mark.parametrize("page", PAGES)
def test_figures_have_alternative_text_and_a_size(page):
    for image in tags(page).all("img"):
        assert image["alt"].strip(), image["src"]
        width, height = imagesize.get(SITE / Path(page).parent / image["src"])
        shown = int(image["width"]) / int(image["height"])
        assert shown == pytest.approx(width / height, rel=0.01), f"{image['src']} is squeezed"


def test_every_character_of_a_formula_is_in_the_font():
    """Else it is drawn from another font: add it to tools/website/font.py and run that."""
    missing = {}
    for page in PAGES:
        found = tags(page)
        words = set("".join(found.texts.get("mtext", [])))  # these may be in the text's font
        for formula in found.texts.get("math", []):
            if bad := set(formula) - font.ALL - words - {"\n", "\ufe00"}:  # the last one is not drawn
                missing.setdefault("".join(sorted(bad)), page)
    assert not missing


def test_sitemap_and_robots_name_every_page():
    sitemap = read("sitemap.xml")
    assert sorted(re.findall("<loc>(.*?)</loc>", sitemap)) == sorted(map(address, PAGES))
    assert f"Sitemap: {URL}sitemap.xml" in read("robots.txt")


def test_card_is_a_png_of_the_size_that_the_pages_say():
    for name in ("card.png", "card-zh.png"):
        assert imagesize.get(SITE / "_static" / name) == (1200, 630)


def test_missing_page_needs_nothing_beside_it():
    found = tags("404.html")
    for tag, attributes in found.tags:
        for name in ("href", "src"):
            if name in attributes and tag != "link":
                assert attributes[name].startswith(URL)


def test_search_has_an_index_of_each_language():
    entry = json.loads(read("pagefind/pagefind-entry.json"))
    assert {name: language["page_count"] for name, language in entry["languages"].items()} == {
        "en": len(PATHS),
        "zh-cn": len(PATHS),
    }
    assert not list(SITE.rglob("searchindex.js"))


def test_every_module_is_on_one_api_page():
    """By the files of the package: what the pages list is generated, and nothing in it is left out or named twice."""
    source = ROOT / "src"
    names = {".".join(p.relative_to(source).with_suffix("").parts) for p in source.rglob("advantage/**/*.py")}
    names = {name.removesuffix(".__init__") for name in names} - {"advantage.notebook", "advantage.quizzes"}
    pages = [path for path in PATHS if path.startswith("book/api")]
    ids = [a["id"].removeprefix("module-") for page in pages for _, a in tags(page).tags if "id" in a]
    listed = [name for name in ids if name in names]
    assert sorted(listed) == sorted(names)
    assert {"advantage.start", "advantage.quiz"} <= set(ids)
    assert not any("Alias for field number" in read(page) for page in pages)


@pytest.mark.parametrize("path", PATHS)
def test_no_tooltip_of_a_chinese_page_is_english(path):
    titles = {a["title"] for _, a in tags(f"zh/{path}").tags if a.get("title")}
    assert not {title for title in titles if title.isascii() and " " in title}  # names of the API have no space


@pytest.mark.parametrize("path", PATHS)
def test_chinese_pages_have_chinese_punctuation_around_them(path):
    html = read(f"zh/{path}")
    footer, run = html[html.rindex("<footer>") :], re.search('<span class="run">.*?</span>', html)
    for text in [re.sub("<[^>]*>", "", footer), run[0] if run else ""]:
        assert not re.search("[\u4e00-\u9fff] ?[,:.;]", text), text
    assert "。</strong> " not in html


@pytest.mark.parametrize("page", PAGES)
def test_no_page_is_a_dead_end(page):
    """Each leads to its twin (see above), to the contents, and to the page before and after it."""
    order = [page.partition("zh/")[1] + path for path in PATHS]
    place = order.index(page)
    links = {
        a.get("rel"): urljoin(f"/{page}", a["href"]) for a in tags(page).all("a") if a.get("rel") in ("prev", "next")
    }
    wanted = {"prev": order[place - 1] if place else None, "next": order[place + 1] if place + 1 < len(order) else None}
    assert links == {rel: f"/{target}" for rel, target in wanted.items() if target}


def test_weight():
    assert (SITE / "_static/site.css").stat().st_size < 20_000
    assert (SITE / "_static/site.js").stat().st_size < 12_000
    assert (SITE / "_static/fonts/latin-modern-math.woff2").stat().st_size < 80_000
    assert all((SITE / page).stat().st_size < 400_000 for page in PAGES)


def test_second_build_has_nothing_to_do():
    done = subprocess.run([sys.executable, "tools/website"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "Nothing changed" in done.stdout


def test_formula_that_cannot_be_converted_fails_the_build_and_is_named(tmp_path):
    from sphinx.application import Sphinx

    (tmp_path / "index.md").write_text("# A page\n\nFine: $x^2$. Not fine: $\\notacommand{y}$.\n")
    app = Sphinx(
        tmp_path,
        None,
        tmp_path / "out",
        tmp_path / "trees",
        "html",
        {
            "extensions": ["myst_nb", "website.maths"],
            "myst_enable_extensions": ["dollarmath"],
            "html_math_renderer": "mathml",
        },
        status=None,
        warning=None,
    )
    with pytest.raises(FormulaError, match=r"index: .*notacommand"):
        app.build()


@pytest.mark.parametrize(
    ("repository", "url"),
    [
        ("https://github.com/Someone/course", "https://someone.github.io/course/"),
        ("https://github.com/someone/someone.github.io", "https://someone.github.io/"),
    ],
)
def test_address_of_the_published_site(repository, url):
    """GitHub's documentation: a project's site is at <owner>.github.io/<repository>, a user's at <owner>.github.io."""
    assert places.site_url(repository) == url
