"""The calculators in a browser: the same numbers as in CPython to 1e-9, and what readers do with them."""

import gzip
import random
import re
from urllib.parse import parse_qs, urlsplit

import pytest

from website.calculators.answer import Answer, answer, numbers, position
from website.calculators.declared import NAMES, WORDS, calculator, key, start
from website.calculators.page import word_of

pytestmark = pytest.mark.timeout(300)
PAGE = "book/calculators.html"
CLOSE = 1e-9
LEAST = 1e-12  # a difference below it, of numbers that cancel, is no difference


def grid(name: str) -> list[list[float | str]]:
    """The start, each argument's ends, settings within the sliders at random, and input that no function takes."""
    arguments = calculator(name).arguments
    begin = [start(argument) for argument in arguments]
    found = [begin]
    for place, argument in enumerate(arguments):
        for value in (argument.low, argument.high, -1, 0, 1e12, "abc", ""):
            found.append([*begin[:place], value, *begin[place + 1 :]])
    draw = random.Random(7)
    found += [[position(argument, draw.random()) for argument in arguments] for _ in range(30)]
    return found


def as_sent(value: float | str) -> float | int | str:
    """As a script hands it over: a number without a fraction is an int there."""
    return int(value) if not isinstance(value, str) and value == int(value) and abs(value) < 2**53 else value


@pytest.fixture(scope="module")
def table(browser, address):
    """What the page's Python says for every point of every grid: numbers, or why there are none."""
    page = browser.new_page()
    page.goto(address + PAGE)
    page.evaluate("calculators.start()")
    ask = """([name, points]) => points.map((values) => {
      const said = calculators.say(name, ...values);
      return [said[1] ? calculators.compute(name, ...values) : "", ...said];
    })"""
    found = {name: page.evaluate(ask, [name, grid(name)]) for name in NAMES}
    page.close()
    return found


@pytest.mark.parametrize("name", NAMES)
def test_the_page_computes_what_the_package_computes(name, table):
    """Reference: the same functions in CPython. Sentences and refusals are the same to the letter."""
    answered = refused = 0
    for values, (computed, sentence, *rest) in zip(grid(name), table[name]):
        sent = [as_sent(value) for value in values]
        here = answer(name, sent)
        assert sentence == here.sentence, values
        if isinstance(here, Answer):
            answered += 1
            there = [float(value) for value in computed.split()]
            wanted = numbers(name, sent)
            assert there == pytest.approx(wanted, rel=CLOSE, abs=LEAST), values
            assert rest[0] == here.chart, values
        else:
            refused += 1
            assert rest == ["", *here.arguments]
    assert answered > 20
    assert refused > 5


def touched(page, name="unit-economics"):
    page.locator(f"#calculator-{name}[data-answers]").wait_for()


def test_nothing_is_loaded_before_the_first_touch(open_page, address):
    """The page and all that it takes stays below 200 KiB, packed as a server packs it; Python is not among it."""
    asked = []
    page = open_page(PAGE)
    page.wait_for_load_state("networkidle")
    page.on("response", lambda response: asked.append(response))
    page.goto(address + PAGE, wait_until="networkidle")
    assert not [response.url for response in asked if "/python/" in response.url]
    weight = sum(len(gzip.compress(response.body())) for response in asked)
    assert weight < 200 * 1024
    page.locator("#unit-economics-batch").focus()
    page.keyboard.press("Tab")  # looking around is no touch
    assert not page.evaluate("window.__BRYTHON__")
    page.keyboard.press("ArrowRight")
    touched(page)
    assert {response.url.split("?")[0].rpartition("/")[2] for response in asked if "/python/" in response.url} == {
        "brython.js",
        "modules.js",
    }


@pytest.mark.parametrize("name", NAMES)
def test_every_slider_moves_the_answer_by_keyboard(name, open_page):
    page = open_page(PAGE)
    for argument in calculator(name).arguments:
        slider = page.get_by_role("slider", name=argument.label, exact=True).and_(
            page.locator(f"#calculator-{name} input")
        )
        slider.focus()
        before = slider.get_attribute("aria-valuetext")
        answers = int(page.locator(f"#calculator-{name}").get_attribute("data-answers") or 0)
        page.keyboard.press("Home" if argument.name == "leave_below" else "ArrowRight")
        page.keyboard.press("ArrowRight")
        page.wait_for_function(
            "([name, n]) => Number(document.getElementById(name).dataset.answers || 0) > n",
            arg=[f"calculator-{name}", answers],
        )
        assert slider.get_attribute("aria-valuetext") != before
        assert slider.get_attribute("aria-valuetext").endswith(argument.unit)
    moved = {a.name: page.locator(f"#{name}-{a.name}").input_value() for a in calculator(name).arguments}
    found = answer(name, [as_sent(float(value)) for value in moved.values()])
    assert page.locator(f"#calculator-{name} .answer").inner_text() == found.sentence


def test_answer_is_said_and_the_chart_has_words(open_page, axe):
    page = open_page(PAGE)
    page.locator("#two-sided-alpha2").fill("1.3")
    touched(page, "two-sided")
    said = page.locator("#calculator-two-sided .answer")
    assert said.get_attribute("aria-live") == "polite"
    assert "a developer pays −$0.20 and a host $0.70" in said.inner_text()
    chart = page.locator("#calculator-two-sided svg")
    assert chart.get_attribute("role") == "img"
    assert "Here: 1.3" in chart.get_attribute("aria-label")
    assert not axe(page)


@pytest.mark.parametrize("language", ["", "zh/"])
def test_bad_input_is_said_beside_its_field(language, open_page, axe):
    page = open_page(language + PAGE, *(("phone", "dark") if language else ()))
    field = page.locator("#price-plan-price")
    field.fill("many")
    original = "price: 'many'; must be a positive, finite number"
    error = page.locator("#price-plan-price-error")
    error.get_by_text(original).wait_for()
    chinese = f"必须是大于 0 的有限数（函数的英文提示是 {original}）。"
    assert error.inner_text() == (chinese if language else f"{original}.")
    assert field.get_attribute("aria-invalid") == "true"
    assert "price-plan-price-error" in field.get_attribute("aria-describedby")
    word = word_of("zh_CN" if language else "en")
    assert page.locator("#calculator-price-plan .answer").inner_text() == word(WORDS["none"])
    assert not axe(page)
    field.fill("1,000")
    page.locator("#price-plan-price:not([aria-invalid])").wait_for()
    assert "1,000" in page.locator("#calculator-price-plan .answer").inner_text()
    page.locator("#two-sided-t1").fill("0.1")  # of several arguments together
    page.locator("#two-sided-t2-error").get_by_text("t1, t2: (0.1, 1.0); must be so large").wait_for()
    assert not error.inner_text()


def test_link_holds_the_settings_and_carries_them_over(open_page, address):
    page = open_page(PAGE, permissions=["clipboard-read", "clipboard-write"])
    page.locator("#unit-economics-dollars_per_hour").fill("3.5")
    page.locator("#two-sided-alpha2").fill("0.75")
    touched(page, "two-sided")
    page.locator("#calculator-unit-economics .share").click()
    page.get_by_text(WORDS["copied"]).wait_for()
    link = page.evaluate("navigator.clipboard.readText()")
    assert link == page.url
    query = parse_qs(urlsplit(link).query)
    declared = calculator("unit-economics")
    assert {key(declared, a) for a in declared.arguments} | {"two-sided.alpha2"} == set(query)
    assert query["rent"] == ["3.5"]
    answers = [page.locator(f"#calculator-{n} .answer").inner_text() for n in ("unit-economics", "two-sided")]
    page.locator("a.language").click()  # the other language has them too
    page.wait_for_url("**/zh/book/calculators.html?*")
    touched(page)
    assert page.locator("#unit-economics-dollars_per_hour").input_value() == "3.5"
    other = open_page(link.removeprefix(address))
    touched(other)
    assert [other.locator(f"#calculator-{n} .answer").inner_text() for n in ("unit-economics", "two-sided")] == answers
    other.locator("#calculator-unit-economics .as-in-chapter").click()
    other.wait_for_function("document.getElementById('unit-economics-dollars_per_hour').value === '2'")
    begin = answer("unit-economics", [start(a) for a in declared.arguments]).sentence
    other.locator("#calculator-unit-economics .answer").get_by_text(begin, exact=True).wait_for()


def test_a_link_with_nonsense_says_so_and_runs_nothing(open_page):
    page = open_page(PAGE + "?rent=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E&nothing=3")
    error = page.locator("#unit-economics-dollars_per_hour-error")
    error.get_by_text("dollars_per_hour: '<img src=x onerror=alert(1)>'; must be").wait_for()
    assert page.locator(".calculator img").count() == 0


def test_interpreter_that_does_not_come_is_said(browser, address):
    page = browser.new_page()
    page.route("**/python/modules.js*", lambda route: route.abort())
    page.goto(address + PAGE)
    page.locator("#unit-economics-batch").fill("9")
    page.locator("#calculator-unit-economics .answer").get_by_text(WORDS["failed"]).wait_for()
    page.close()


@pytest.mark.parametrize("language", ["en", "zh_CN"])
def test_without_script_and_on_paper_the_start_stands_there(language, open_page):
    path = PAGE if language == "en" else f"zh/{PAGE}"
    page = open_page(path, java_script_enabled=False)
    word = word_of(language)
    assert page.locator("noscript p").all_inner_texts() == [word(WORDS["noscript"])] * len(NAMES)
    for name in NAMES:
        values = [start(argument) for argument in calculator(name).arguments]
        found = answer(name, values, word)
        assert page.locator(f"#calculator-{name} .answer").inner_text() == found.sentence
        assert page.locator(f"#calculator-{name} svg").is_visible()
        assert page.locator(f"#calculator-{name} input:disabled").count() == 2 * len(values)
    page.emulate_media(media="print")
    assert not page.locator("input[type=range]").first.is_visible()
    assert not page.locator(".actions").first.is_visible()
    field = page.locator("#unit-economics-batch")
    assert field.is_visible()
    assert field.input_value() == "64"


def test_on_a_phone_the_chart_stays_in_sight(open_page):
    page = open_page(PAGE, "phone")
    slider = page.locator("#calculator-unit-economics input[type=range]").last
    slider.evaluate("slider => slider.scrollIntoView({ block: 'end' })")
    box, bar = page.locator("#calculator-unit-economics .chart").bounding_box(), page.locator(".bar").bounding_box()
    assert bar["y"] + bar["height"] - 1 <= box["y"] <= 100
    assert box["y"] + box["height"] < slider.bounding_box()["y"]


def test_the_page_says_what_it_runs_on(open_page):
    page = open_page(PAGE)
    page.locator("#unit-economics-batch").fill("2")
    touched(page)
    assert re.fullmatch(r"3\.\d+", page.evaluate("__BRYTHON__.version_info.slice(0, 2).join('.')"))
