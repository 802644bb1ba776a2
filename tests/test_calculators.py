"""The calculators without a browser: the chapters' own numbers, what is declared, and what the page is served."""

import ast
import collections
import importlib.util
import inspect
import json
import math
import random
import re
from pathlib import Path

import polib
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from advantage import records
from advantage.strategy import build_buy_tune, price_plans, runway
from website.calculators import served
from website.calculators.answer import Answer, Refusal, answer, numbers, position
from website.calculators.chart import drawn, even_ticks, log_ticks, shown
from website.calculators.declared import NAMES, RULES, calculator, key, start, texts
from website.calculators.page import form, share
from website.places import ROOT

CATALOGUE = ROOT / "book" / "locale" / "zh_CN" / "book" / "calculators.po"
PLACES = re.compile(r"\{(\w+)\}")


def starts(name):
    return {argument.name: start(argument) for argument in calculator(name).arguments}


def results(name, **changes):
    return calculator(name).function(**starts(name) | changes)


# --- the chapters' numbers -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("batch", "dollars", "speed"), [(1, 2.68, 208), (133, 0.042, 100), (488, 0.027, 42)])
def test_unit_economics_are_the_chapters(batch, dollars, speed):
    """Reference: the table under "A price for each speed" in the chapter on unit economics, all sold."""
    found = results("unit-economics", batch=batch, utilisation=1)
    assert found["cost"] == pytest.approx(dollars, abs=5e-3 if batch == 1 else 5e-4)
    assert round(found["seen"]) == speed


def test_starts_come_from_the_records_where_these_have_them(monkeypatch):
    """Changing a record moves the start: nothing is typed twice."""
    prices = {"gpu_hour": {"value": 3.25}, "offers_8b": {"rows": [{"input": 0.7, "output": 5.0}]}}
    monkeypatch.setattr(records, "prices", lambda: prices)
    monkeypatch.setattr(
        records, "accelerators", lambda: {"H100 SXM": {"flops": 8e14, "bytes_per_second": 4e12, "memory_bytes": 8e10}}
    )
    first, last = starts("unit-economics"), starts("build-or-buy")
    assert [first[n] for n in ("dollars_per_hour", "price", "flops", "bytes_per_second")] == [3.25, 5, 800, 4]
    assert [last[n] for n in ("new", "cached", "output")] == [0.7, 0.7, 5]


def test_at_break_even_what_is_sold_pays_for_the_machine():
    """The margin is nothing at the share that the answer calls break-even."""
    even = results("unit-economics")["even"]
    assert results("unit-economics", utilisation=even)["margin"] == pytest.approx(0, abs=1e-12)
    assert results("unit-economics", utilisation=even * 1.01)["case"] == "keeps"
    assert results("unit-economics", utilisation=even * 0.99)["case"] == "loses"
    assert results("unit-economics", price=1e-4)["case"] == "never"


def test_the_flywheel_is_the_chapters():
    """Reference: the chapter's printed gains and worths of six months, with and without leaks."""
    assert results("flywheel", spillover=0)["gain"] == pytest.approx(1.82, abs=5e-3)
    assert results("flywheel", nat=10, spillover=0)["gain"] == pytest.approx(0.61, abs=5e-3)
    for releases, leak, worth in ((0, 0, 647_998), (0.6, 0.5, 66_980), (3, 1, 21_374)):
        assert results("flywheel", releases=releases, spillover=leak)["worth"] == pytest.approx(worth, rel=2e-3)
    found = results("flywheel")
    assert found["case"] == "dies pays"
    assert found["better"] == pytest.approx(0.91, abs=5e-3)
    even = results("flywheel", cost=70_000, releases=0.6)["star"]
    assert results("flywheel", releases=0.6, spillover=even)["worth"] == pytest.approx(70_000, rel=1e-6)
    assert results("flywheel", spillover=0, cost=1e6)["case"] == "grows costs"


def test_two_sided_prices_are_armstrongs():
    """Reference: p1 = f1 + t1 − α2, p2 = f2 + t2 − α1 and profit (t1 + t2 − α1 − α2)/2, Armstrong 2006, section 4."""
    found = results("two-sided", t1=5, t2=4, alpha1=0.5, alpha2=4, f1=1, f2=2)
    assert (found["p1"], found["p2"], found["profit"]) == (2, 5.5, 2.25)
    alone = results(
        "two-sided", alpha1=0, alpha2=0
    )  # without externalities cost plus t, and half-way from cost to worth
    assert [alone[n] for n in ("p1", "p2", "both1", "both2")] == pytest.approx([1.1, 1.1, 1.1, (0.1 + 1.2) / 2])


@pytest.mark.parametrize(("alpha2", "hosts"), [(0, 0.45), (1, 0.7)])
def test_two_sided_start_is_the_chapters_figure(alpha2, hosts):
    """Reference: the figure "Who is worth more to the others pays less": fees above a cost of 0.1."""
    found = results("two-sided", alpha2=alpha2)
    assert found["p1"] - 0.1 == pytest.approx(1 - alpha2)
    assert found["p2"] - 0.1 == pytest.approx(0.6)
    assert found["both1"] - 0.1 == pytest.approx(1 - 1.1 * alpha2, abs=0.05)
    assert found["both2"] - 0.1 == pytest.approx(hosts)


def test_price_plan_is_the_chapters():
    """Reference: the chapter's table at 12 sessions: a loss of 92 dollars flat, 5 with the cap, 24 with overage."""
    found = results("price-plan", sessions=12)
    assert [round(found[n]) for n in ("flat", "ends", "charged")] == [-92, 5, 24]
    assert results("price-plan", sessions=20 / 9.36)["flat"] == pytest.approx(0, abs=1e-9)


def test_price_plan_with_a_limit_that_nobody_reaches():
    """Limits: a charge of 0 above the limit is no limit, and a limit far away too."""
    found = results("price-plan", overage=0)
    assert found["charged"] == pytest.approx(found["flat"], rel=1e-9)
    far = results("price-plan", cap=1e9)
    assert far["ends"] == pytest.approx(far["flat"], rel=1e-6)
    one = results("price-plan", sessions=1)["flat"]
    assert one == pytest.approx(price_plans.plan_profit(20, 9.36, 0.59).profit)


def test_build_or_buy_is_even_at_its_break_even():
    """Both bills are the same there, and on either side another one is lower."""
    even = results("build-or-buy")["even"]
    assert results("build-or-buy", volume=even)["saved"] == pytest.approx(0, abs=1e-6)
    assert results("build-or-buy", volume=2 * even)["case"] == "build"
    assert results("build-or-buy", volume=even / 2)["case"] == "buy"
    never = results("build-or-buy", own_per_million=1e6)
    assert (never["case"], never["even"]) == ("never", math.inf)
    bought = results("build-or-buy", hit_rate=1, inputs=2, cached=0.5, output=4)["bought"]
    assert bought == 5 == 4 + 2 * build_buy_tune.cached_input_price(9, 0.5, 1)


def test_runway_is_the_chapters():
    """The first passage with a cliff where credits end, and without one where there is no bill."""
    found = results("runway")
    cliff = 100_000 / 13_671
    assert found["empty"] == pytest.approx(runway.ruin_with_cliff(6e5, -28e3, -41_671, 25e3, cliff, 18), abs=2e-4)
    assert found["lasts"] == pytest.approx(cliff + (6e5 - 28e3 * cliff) / 41_671)
    assert found["told"] == pytest.approx(600 / 28)
    free = results("runway", bill=0)
    assert free["blind"] == runway.ruin(6e5, -28e3, 25e3, 18) == pytest.approx(free["empty"], abs=2e-4)
    assert results("runway", expiry=0)["empty"] == pytest.approx(runway.ruin(6e5, -41_671, 25e3, 18))
    assert [results("runway", revenue=r)["case"] for r in (24e3, 60e3, 70e3)] == ["ends", "seems", "lasts"]


# --- what is declared ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_declaration_fits_its_function(name):
    """Arguments in the function's order, a start within the slider, and a value for all that a sentence prints."""
    declared = calculator(name)
    assert declared.name == name
    assert [argument.name for argument in declared.arguments] == list(inspect.signature(declared.function).parameters)
    found = results(name)
    assert set(declared.outputs) <= set(found)
    for sentence in declared.sentences.values():
        assert set(PLACES.findall(sentence)) <= set(declared.outputs)
    assert found.get("case", "") in declared.sentences
    assert {line.y for line in declared.chart.lines} <= set(declared.outputs)
    for argument in declared.arguments:
        assert argument.low <= start(argument) <= argument.high
        assert argument.low > 0 or argument.spread == "even"
        assert 0 <= share(argument, start(argument)) <= 1
        assert position(argument, share(argument, start(argument))) == pytest.approx(start(argument), rel=1e-9)


def test_settings_have_names_of_their_own_and_shared_ones_agree():
    """A link has one value for each: whoever shares a key shares its unit and its start."""
    seen = {}
    for name in NAMES:
        declared = calculator(name)
        for argument in declared.arguments:
            setting = argument.unit, start(argument)
            assert seen.setdefault(key(declared, argument), setting) == setting


def test_unknown_calculator():
    with pytest.raises(ValueError, match="name: 'nothing'; must be one of unit-economics"):
        calculator("nothing")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("bad", ["abc", "", float("nan"), float("inf"), -1e9])
def test_bad_input_is_refused_by_the_name_of_its_field(name, bad):
    """So that the page can say it beside the field: each argument is checked by its own name and as it was typed."""
    declared = calculator(name)
    for argument in declared.arguments:
        values = starts(name) | {argument.name: bad}
        found = answer(name, list(values.values()))
        if isinstance(found, Answer):
            assert name == "two-sided", "only there may a cost or a benefit be any number"
            assert bad == -1e9
            continue
        assert argument.name in found.arguments or (bad == -1e9 and "t1" in found.arguments), found.sentence
        if bad == bad and len(found.arguments) == 1:
            assert repr(bad) in found.sentence or repr(float(bad)) in found.sentence


@pytest.mark.parametrize("name", NAMES)
def test_every_setting_within_the_sliders_has_an_answer_or_a_reason(name):
    """Random settings: a sentence without a place left, and a chart with a line for each; or a refusal."""
    declared, draw, answered = calculator(name), random.Random(1), 0
    for _ in range(60):
        found = answer(name, [position(argument, draw.random()) for argument in declared.arguments])
        if isinstance(found, Refusal):
            assert "; must be " in found.sentence
            continue
        answered += 1
        assert not PLACES.search(found.sentence)
        assert not re.search(r"\b(nan|inf|None)\b", found.sentence + found.chart)
        assert found.chart.count('class="line ') == 2 * len(declared.chart.lines)
    assert answered > 20


@pytest.mark.parametrize("name", NAMES)
def test_texts_are_escaped_and_placed(name):
    """Words of another language with marks of HTML arrive as text."""
    found = answer(name, list(starts(name).values()), lambda text: f'<b>"{text}&')
    assert "<b>" not in found.chart
    assert "<b>" not in form(name, lambda text: f'<b>"{text}&', "").replace("&lt;b&gt;", "")


def test_refusals_in_another_language_have_the_original_in_brackets():
    word = {"it must be a finite number above 0": "须大于 0", "%s; the function says: %s.": "%s（%s）"}.get
    found = answer("price-plan", [0, 1, 9, 1, 50, 1, 0], lambda text: word(text, text))
    assert found.sentence == "须大于 0（price: 0; must be a positive, finite number）"
    assert set(RULES) <= set(re.findall(r'"(.*?)"', (ROOT / "src" / "advantage" / "checks.py").read_text()))


def test_chinese_sentences_have_the_places_of_the_english():
    translated = {entry.msgid: entry.msgstr for entry in polib.pofile(str(CATALOGUE))}
    for name in NAMES:
        for text in texts(calculator(name)):
            if chinese := translated.get(text):
                assert sorted(PLACES.findall(chinese)) == sorted(PLACES.findall(text)), text


# --- the chart -------------------------------------------------------------------------------------------------------


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
def test_even_ticks_are_round_and_few(low, width):
    high = low + width
    assume(high - low > 1e-9 * max(abs(low), 1))
    ticks = even_ticks(low, high)
    assert 2 <= len(ticks) <= 7
    assert all(low - 1e-6 * width <= tick <= high + 1e-6 * width for tick in ticks)


@given(st.floats(1e-6, 1e6), st.floats(1.5, 1e6))
def test_log_ticks_are_round_and_few(low, ratio):
    ticks = log_ticks(low, low * ratio)
    assert len(ticks) <= 12
    assert ticks
    assert all(low * 0.999 <= tick <= low * ratio * 1.001 for tick in ticks)
    assert ratio < 10 or all(f"{tick:.0e}"[0] in "125" for tick in ticks)


@pytest.mark.parametrize(
    ("value", "cents", "said"),
    [
        (0, False, "0"), (-0.0, True, "0"), (1234567.8, False, "1,234,568"), (12.34, False, "12.3"),
        (0.02674, False, "0.0267"), (2.676, True, "2.68"), (20.0, True, "20"), (0.372, True, "0.372"),
        (0.6, True, "0.60"), (0.2, False, "0.2"), (-3.5, False, "−3.5"), (-750e9, False, "−750,000,000,000"),
        (-2e-9, True, "−0.000000002"), (math.inf, False, "–"), (math.nan, True, "–"), (25652.5, False, "25,653"),
        (0.125, True, "0.125"), (1.5e20, False, "1.50e20"), (1e-15, True, "0"),
        (9.999, False, "10"), (0.9996, False, "1"),
    ],
)  # fmt: skip
def test_numbers_are_shown_with_three_digits(value, cents, said):
    assert shown(value, cents) == said


def test_lines_break_where_nothing_can_be_computed():
    svg = drawn("t", ("x", False), ("y", True), [1, 2, 3, 4], [("a", [1, 0, 10, None], 1)], 9, "here")
    assert re.search(r'line-0" d="M[\d. ]+M[\d. ]+"', svg)
    assert "dot" not in svg, "a setting beyond the axis has no dot"


# --- what is served --------------------------------------------------------------------------------------------------


def handed_over() -> dict[str, list]:
    script = served.files()["python/modules.js"].decode()
    return json.loads(script[script.index("(") + 1 : script.rindex(")")])


def test_the_package_is_served_as_it_is():
    """Byte for byte, but for the two empty packages: no second implementation."""
    entries = handed_over()
    ours = {name: entry[1] for name, entry in entries.items() if name.partition(".")[0] in ("advantage", "website")}
    assert {
        "advantage.checks",
        *(f"advantage.strategy.{n}" for n in ("unit_economics", "two_sided", "price_plans")),
    } <= set(ours)
    for name, text in ours.items():
        base = ROOT / ("src" if name.startswith("advantage") else "tools") / Path(*name.split("."))
        file = base.with_suffix(".py") if base.with_suffix(".py").exists() else base / "__init__.py"
        assert text == ("" if name in ("advantage", "website") else file.read_text(encoding="utf-8"))


def test_nothing_but_the_standard_library_is_needed():
    allowed = {"advantage", "website", "collections", "math", "$timestamp"}
    assert {name.partition(".")[0] for name in handed_over()} == allowed


def test_what_the_page_cannot_have_is_named_when_it_is_built(monkeypatch):
    with pytest.raises(ValueError, match="not to be had in the page; import it inside"):
        served.modules(["advantage.strategy.business_model"])
    monkeypatch.setattr(served, "imported", lambda source: ["numpy"])
    with pytest.raises(ValueError, match="numpy: not to be had"):
        served.modules(["website.calculators.chart"])
    monkeypatch.setattr(served, "imported", lambda source: ["collections", "collections.Counter"])
    with pytest.raises(ValueError, match=r"collections.Counter: not to be had"):
        served.modules(["website.calculators.chart"])
    monkeypatch.undo()
    with pytest.raises(ValueError, match="relative import"):
        served.imported("from . import x")
    assert served.imported("import a\nif a:\n    import b\ndef f():\n    import c") == ["a", "b"]


def test_a_build_without_the_interpreter_says_what_to_do(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install --requirement requirements\.lock"):
        served.brython("brython.js")


def standin():
    spec = importlib.util.spec_from_file_location("standin", served.STANDINS / "collections.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.namedtuple


def test_named_tuples_of_the_page_are_those_of_the_standard_library():
    """Reference: collections.namedtuple."""
    for made in (standin(), collections.namedtuple):
        Point = made("Point", "x y z", defaults=(3,))
        point = Point(1, y=2)
        assert (point, point.x, point.z, point[1], Point._fields) == ((1, 2, 3), 1, 3, 2, ("x", "y", "z"))
        assert repr(point) == "Point(x=1, y=2, z=3)"
        assert (lambda a, b, c: a + b + c)(*point) == 6
        for wrong in ({"x": 1}, {"x": 1, "y": 2, "w": 3}):
            with pytest.raises(TypeError):
                Point(**wrong)
        with pytest.raises(TypeError):
            Point(1, 2, 3, 4)
        with pytest.raises(TypeError):
            Point(1, 2, x=3)
        with pytest.raises(AttributeError):
            point.x = 5


def test_the_page_has_no_second_implementation():
    """The script and the page's own Python compute nothing that a chapter computes: no formula of money in them."""
    script = (ROOT / "book" / "_static" / "calculators.js").read_text(encoding="utf-8")
    assert not re.search(r"Math\.(exp|sqrt|erf|pow)", script)
    for name in NAMES:
        tree = ast.parse((ROOT / "tools/website/calculators" / f"{name.replace('-', '_')}.py").read_text())
        assert any(isinstance(n, ast.ImportFrom) and n.module.startswith("advantage.strategy.") for n in tree.body)


@pytest.mark.parametrize("name", NAMES)
def test_numbers_are_the_functions(name):
    assert numbers(name, list(starts(name).values())) == [float(results(name)[o]) for o in calculator(name).outputs]
