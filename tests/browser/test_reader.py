"""What a reader does with the site, with mouse, keyboard and phone, in both languages."""

import json
import re
import unicodedata
from pathlib import Path

import pytest

pytestmark = pytest.mark.timeout(300)
ROOT = Path(__file__).resolve().parents[2]
LANGUAGES = {"en": "", "zh-CN": "zh/"}
WORDS = [
    ("en", "loss"),
    ("en", "attention"),
    ("en", "margin"),
    ("zh-CN", "注意力"),
    ("zh-CN", "损失"),
    ("zh-CN", "毛利"),
    ("zh-CN", "最小化什么"),
    ("zh-CN", "softmax"),
    ("en", "ＧＰＴ"),
    ("zh-CN", "ＧＰＴ"),
]


@pytest.mark.parametrize(
    ("language", "word", "size"), [(*word, "desktop") for word in WORDS] + [(*WORDS[0], "phone"), (*WORDS[3], "phone")]
)
def test_search_finds_words_and_leads_to_them(language, word, size, open_page):
    page = open_page(LANGUAGES[language] + "index.html", size)
    if size == "desktop":
        page.keyboard.press("/")
    else:
        page.locator("button.search").tap()
    page.keyboard.type(word)
    word = unicodedata.normalize("NFKC", word)
    page.locator("#results mark", has_text=word).first.wait_for()  # not those of the letters typed before
    first = page.locator("#results a").first
    page.keyboard.press("ArrowDown")
    assert first.evaluate("link => link === document.activeElement")
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "index.html" not in url or "#" in url)
    assert page.locator("html").get_attribute("lang") == language
    assert (
        word.lower() in page.locator("article").inner_text().lower()
        or page.locator("article").get_by_text(word).count()
    )


def test_search_dialogue_closes_and_says_when_it_finds_nothing(open_page, axe):
    page = open_page("index.html")
    page.locator("button.search").click()
    page.keyboard.type("ыыыы")
    page.get_by_text("Nothing found.").wait_for()
    assert not axe(page)
    page.keyboard.press("Escape")
    assert not page.locator("dialog").is_visible()
    assert page.locator("button.search").evaluate("button => button === document.activeElement")


def test_search_results_are_accessible(open_page, axe):
    page = open_page("index.html", "phone", "dark")
    page.locator("button.search").tap()
    page.keyboard.type("attention")
    page.locator("#results a").first.wait_for()
    assert not axe(page)


@pytest.mark.parametrize("size", ["desktop", "phone"])
@pytest.mark.parametrize("start", ["index.html", "notebooks/models/gan-losses.html", "book/glossary.html"])
def test_language_switch_keeps_the_page(start, size, open_page):
    """There and back; tests/test_site.py holds the same link of every page."""
    page = open_page(start, size)
    for other, language in ((f"zh/{start}", "zh-CN"), (start, "en")):
        link = page.locator("a.language")
        assert link.is_visible()
        link.click()
        page.wait_for_url(f"**/{other}")
        assert page.locator("html").get_attribute("lang") == language


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_theme_switch_changes_and_is_remembered(scheme, open_page):
    page = open_page("index.html", scheme=scheme)
    paper = "getComputedStyle(document.body).backgroundColor"
    before = page.evaluate(paper)
    page.locator("button.theme").click()
    after = page.evaluate(paper)
    assert before != after
    page.reload()
    assert page.evaluate(paper) == after
    figure = "getComputedStyle(document.images[0]).filter"
    assert ("invert" in page.evaluate(figure)) == (
        scheme == "light"
    )  # from light it went dark, where figures are turned


def folded(chapter: str) -> int:
    """How many code cells of the chapter's notebook are folded: the set-up, and those whose tag asks for it."""
    source = ROOT / chapter.removeprefix("zh/").replace(".html", ".ipynb")
    cells = json.loads(source.read_text(encoding="utf-8"))["cells"]
    return 1 + sum(any(tag.startswith("hide-") for tag in cell["metadata"].get("tags", [])) for cell in cells)


def test_folds_and_quiz_answers_open_by_keyboard(chapter, open_page):
    page = open_page(chapter)
    assert page.locator("details.fold").count() == folded(chapter), "the set-up and every solution are folded"
    assert page.locator(".quiz details").count() >= 3
    for selector in (".fold", ".quiz details"):
        fold = page.locator(selector).last
        fold.evaluate("fold => fold.scrollIntoView()")
        assert fold.get_attribute("open") is None
        fold.locator("summary").first.focus()
        page.keyboard.press("Enter")
        assert fold.get_attribute("open") is not None
        assert fold.evaluate("fold => fold.lastElementChild.getBoundingClientRect().height") > 5
    assert re.match("[✓✗]", page.locator(".quiz details").last.locator("p").inner_text())
    assert page.locator(".quiz").first.inner_text().count("✓") <= 1, "answers are hidden until they are opened"


def test_mathematics_is_drawn_with_its_font(open_page):
    page = open_page("notebooks/models/attention.html")
    page.wait_for_function("document.fonts.status === 'loaded'")
    assert page.locator("math").count() > 20
    assert page.evaluate(
        "[...document.fonts].some((font) => font.family.includes('Latin Modern') && font.status === 'loaded')"
    )
    fraction = page.locator("math mfrac").first
    fraction.evaluate("fraction => fraction.scrollIntoView()")
    top, bottom = (fraction.locator(":scope > *").nth(i).bounding_box() for i in (0, 1))
    assert top["y"] + top["height"] <= bottom["y"] + 2, "the numerator stands above the denominator"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("example", ["notebooks/models/attention.html", "book/how-to-use.html"])
def test_code_and_formulas_have_contrast(example, scheme, open_page, axe):
    assert not axe(open_page(example, scheme=scheme), everywhere=True)


def test_skip_link_and_focus_are_visible(open_page):
    page = open_page("book/how-to-use.html")
    page.keyboard.press("Tab")
    skip = page.locator(".skip")
    assert skip.bounding_box()["y"] >= 0
    page.keyboard.press("Enter")
    assert page.url.endswith("#content")
    page.keyboard.press("Tab")
    assert page.evaluate("document.querySelector('main').contains(document.activeElement)")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"


def test_contents_open_and_close_on_a_phone(open_page, axe):
    page = open_page("book/how-to-use.html", "phone")
    contents = page.locator("nav.contents")
    assert not contents.is_visible()
    page.locator("button.menu").tap()
    assert contents.is_visible()
    assert not axe(page)
    page.keyboard.press("Escape")
    assert not contents.is_visible()
    page.locator("button.menu").tap()
    contents.locator("a").first.tap()
    page.wait_for_url("**/index.html")


def test_copy_copies_the_code(open_page):
    page = open_page("book/how-to-use.html", permissions=["clipboard-read", "clipboard-write"])
    page.locator(".copy").first.click()
    assert "make book" in page.evaluate("navigator.clipboard.readText()")


def test_pages_can_be_read_without_script(open_page):
    page = open_page("notebooks/models/attention.html", java_script_enabled=False)
    assert page.locator("math").count() > 20
    fold = page.locator("details.fold").first
    fold.locator("summary").click()
    assert fold.get_attribute("open") is not None
    assert page.locator("nav.contents a").first.is_visible()


def test_previous_and_next_lead_through_the_whole_book(open_page):
    page = open_page("index.html")
    seen = ["index.html"]
    while page.locator(".around .next").count():
        page.locator(".around .next").click()
        page.wait_for_load_state()
        seen.append(page.url)
    assert len(seen) == len(set(seen)) == 1 + page.locator("nav.contents ul[aria-labelledby] a").count()


def test_missing_page_at_any_depth(open_page, address, browser):
    page = browser.new_page()
    for path, home, language, heading in (
        ("nothing.html", "", "en", "This page does not exist"),
        ("zh/notebooks/models/nothing/at/all.html", "zh/", "zh-CN", "你访问的页面不存在"),
    ):
        assert page.goto(address + path).status == 404
        assert page.locator("html").get_attribute("lang") == language
        assert page.locator("h1").all_inner_texts() == [heading]
        assert page.title().startswith("页面不存在 · 从" if home else "Page not found · From")
        assert page.evaluate("getComputedStyle(document.body).fontFamily") != "serif", "it carries its own style"
        assert [link.get_attribute("href") for link in page.locator("a").all()] == [address + home]
    page.close()


@pytest.mark.parametrize("printed", ["notebooks/models/attention.html", "zh/notebooks/strategy/unit-economics.html"])
def test_print_shows_the_text_alone(printed, open_page):
    page = open_page(printed)
    page.emulate_media(media="print")
    for hidden in (".bar", "nav.contents", "nav.around", ".chapter .button"):
        assert not page.locator(hidden).first.is_visible()
    assert page.locator("h1").is_visible()
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == "rgb(255, 255, 255)"
