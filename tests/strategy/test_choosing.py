"""The choice among ways to a model, against simulation, arithmetic by hand and its own limits."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advantage.strategy import choosing
from advantage.strategy import unit_economics as ue
from advantage.strategy.choosing import Way

H100 = (989e12, 3.35e12, 80e9)
FIVE = {"input": 2.0, "input_cached": 0.1, "cache_write": 2.5, "output": 10.0}
shares = st.floats(0, 1)


def test_a_mix_by_hand():
    """Reference: 294 tokens in for one out, 96 % of them cached, half of the rest written to the cache."""
    tokens = choosing.mix(294, 0.96, 0.5)
    expected = {"input": 5.88, "input_cached": 282.24, "cache_write": 5.88, "output": 1}
    assert tokens == pytest.approx(expected)
    assert choosing.bought(tokens, FIVE) == pytest.approx(5.88 * 2 + 282.24 * 0.1 + 5.88 * 2.5 + 10)
    assert choosing.bought(tokens, {"input": 0.1, "output": 0.4}) == pytest.approx(29.8)  # no price for the cache


@given(st.floats(0, 500), shares, shares)
def test_a_mix_loses_no_token(read, hit_rate, write_share):
    """Reference: what is read is new, cached or written, and without a discount it does not matter which."""
    tokens = choosing.mix(read, hit_rate, write_share)
    assert sum(tokens.values()) == pytest.approx(read + 1)
    assert choosing.bought(tokens, {"input": 3.0, "output": 7.0}) == pytest.approx(3 * read + 7)
    assert choosing.bought(choosing.mix(read), FIVE) >= choosing.bought(choosing.mix(read, hit_rate), FIVE) - 1e-9


def test_one_machine_by_hand():
    """Reference: the roofline written out, 8 billion weights, texts of 1,000 tokens; and its limit without input."""
    k = ue.kv_bytes_per_token(32, 8, 128)
    tokens = choosing.mix(4, 0.5)
    texts = int((80e9 - 16e9) / (1_000 * k))
    writing = (16e9 + texts * 1_000 * k) / 3.35e12 / texts
    found = choosing.written_per_second(tokens, 1_000, 8e9, k, H100)
    assert found == pytest.approx(1 / (writing + 2 * 16e9 / 989e12))
    nothing_read = choosing.written_per_second(choosing.mix(0), 1_000, 8e9, k, H100)
    assert nothing_read == pytest.approx(texts / ue.decode_seconds(8e9, texts, *H100[:2], kv_bytes=1_000 * k))
    with pytest.raises(ValueError, match=r"^kept: .*so short that one text fits"):
        choosing.written_per_second(tokens, 1e6, 8e9, k, H100)


def test_a_cascade_by_simulation():
    """Reference: a million tasks, each with its own draws."""
    rng, n = np.random.default_rng(0), 1_000_000
    weak, strong = rng.random(n) < 0.6, rng.random(n) < 0.9
    passed_on = np.where(weak, rng.random(n) < 0.1, rng.random(n) < 0.8)
    cost, success = choosing.cascade((1, 0.6), (20, 0.9), 0.8, 0.1, judge=0.5)
    assert 1.5 + 20 * passed_on.mean() == pytest.approx(cost, rel=0.005)
    assert np.where(passed_on, strong, weak).mean() == pytest.approx(success, abs=0.002)
    assert choosing.cascade((1, 0.6), (20, 0.9), 0, 0) == (1, 0.6)  # a judge that lets all pass
    assert choosing.cascade((1, 0.6), (20, 0.9), 1, 1) == pytest.approx((21, 0.9))  # and one that lets none


def test_a_choice_by_hand():
    """Reference: 1,000 accepted answers a month for a year, every sum on paper."""
    ways = [
        Way("api", 0.02, 0.8),
        Way("own", 0.001, 0.5, monthly=100, inside=True),
        Way("tuned", 0.001, 0.8, monthly=100, upfront=300, renewal=200, examples=500, inside=True),
    ]
    found = choosing.choose(ways, 1_000, 12, 1e6, examples=500, checking=0.01, release_rate=0.25)
    totals = {verdict.name: verdict.total for verdict in found}
    assert totals["api"] == pytest.approx(12_000 * 0.03 / 0.8)
    assert totals["own"] == pytest.approx(1_200 + 12_000 * 0.011 / 0.5)
    assert totals["tuned"] == pytest.approx(300 + 200 * 3 + 1_200 + 12_000 * 0.011 / 0.8)
    assert [verdict.name for verdict in found] == ["api", "own", "tuned"]
    assert found[0].per_accepted == pytest.approx(totals["api"] / 12_000)
    found = choosing.choose(ways, 1_000, 12, 2_000, examples=100, inside=True, checking=0.01, release_rate=0.25)
    assert {verdict.name: verdict.against for verdict in found} == {
        "own": "",
        "api": "data leave the house",
        "tuned": "400 examples short, $265 over budget",
    }
    assert found[0].name == "own"  # the only one that can be taken, though not the cheapest


@given(st.floats(1, 1e6), st.floats(0.05, 1), st.floats(0, 1), st.floats(0, 1e4))
def test_a_choice_scales_with_its_units(accepted, success, per_try, monthly):
    """Reference: every dollar doubled doubles the total; one way alone comes out as the closed forms say."""
    one = choosing.choose([Way("a", per_try, success, monthly)], accepted, 6, 1e12)[0]
    two = choosing.choose([Way("a", 2 * per_try, success, 2 * monthly)], accepted, 6, 1e12)[0]
    assert two.total == pytest.approx(2 * one.total)
    assert one.per_accepted == pytest.approx(monthly / accepted + per_try / success)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: choosing.mix(-1), "read: -1"),
        (lambda: choosing.mix(1, 1.1), "hit_rate: 1.1"),
        (lambda: choosing.mix(1, 0.5, math.nan), "write_share: nan"),
        (lambda: choosing.bought(choosing.mix(1), {"output": 1}), "prices: .*must have input"),
        (lambda: choosing.bought(choosing.mix(1), {"input": -1, "output": 1}), "prices\\['input'\\]: -1"),
        (lambda: choosing.cascade((1, 1.5), (1, 1), 1), r"weak\[1\]: 1.5"),
        (lambda: choosing.cascade((1, 0.5), (1, 1), -0.1), "caught: -0.1"),
        (lambda: choosing.choose([], 1, 1, 1), r"ways: \[\]"),
        (lambda: choosing.choose([Way("a", 1, 0)], 1, 1, 1), "success of a: 0"),
        (lambda: choosing.choose([Way("", 1, 1)], 1, 1, 1), "name: ''"),
        (lambda: choosing.choose([Way("a", 1, 1, -5)], 1, 1, 1), "monthly of a: -5"),
        (lambda: choosing.choose([Way("a", 1, 1)], 0, 1, 1), "accepted: 0"),
        (lambda: choosing.choose([Way("a", 1, 1)], 1, 1, -1), "budget: -1"),
    ],
)
def test_bad_input_is_named(call, name):
    """Reference: the docstrings."""
    with pytest.raises(ValueError, match=f"^{name}"):
        call()


SUCCESS = {"API": 0.9, "small API": 0.8, "router": 0.85, "open weights": 0.75, "fine-tune": 0.88, "distil": 0.85}


def test_the_ten_ways_by_hand():
    """Reference: each way written out; 750,001 tries of open weights are the first that take a second machine."""
    priced = {"strong": 0.01, "weak": 0.002, "open": 0.001}
    arguments = (SUCCESS, (1_500, 750_000), 4_000, (8_000, 3_000, 1_000), (3_100, 1_500, 200), 1e6)
    ways = {way.name: way for way in choosing.ten_ways(562_500, priced, *arguments)}
    assert len(ways) == 10
    assert ways["router"].per_try == pytest.approx(0.35 * 0.01 + 0.65 * 0.002)
    assert (ways["dedicated"].monthly, ways["own machine"].monthly) == (2_250, 5_500)
    assert ways["fine-tune, own"] == Way("fine-tune, own", 0.0, 0.88, 5_500, 8_000, 3_000, 1_000, True)
    assert ways["distil"] == Way("distil", 0.001, 0.85, 0.0, 3_100, 1_500, 200)
    assert [name for name, way in ways.items() if way.inside] == ["own machine", "fine-tune, own", "pre-train"]
    more = {way.name: way for way in choosing.ten_ways(562_501, priced, *arguments)}
    assert (more["own machine"].monthly, more["fine-tune, own"].monthly) == (7_000, 5_500)


def test_without_open_weights_three_ways_are_left():
    """Reference: a call longer than the window of the open model can only be bought."""
    rest = ((1_500, 750_000), 4_000, (8_000, 3_000, 1_000), (3_100, 1_500, 200), 1e6)
    left = choosing.ten_ways(1_000, {"strong": 0.01, "weak": 0.002}, SUCCESS, *rest)
    assert [way.name for way in left] == ["API", "small API", "router"]
    short = {name: p for name, p in SUCCESS.items() if name != "distil"}
    with pytest.raises(ValueError, match=r"^success: .*must have distil too"):
        choosing.ten_ways(1_000, {"strong": 1, "weak": 1}, short, *rest)
    with pytest.raises(ValueError, match=r"^success of fine-tune"):
        choosing.ten_ways(1, {"strong": 1, "weak": 1, "open": 1}, {**SUCCESS, "fine-tune": 0}, *rest)
