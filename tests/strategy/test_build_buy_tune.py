"""Break-even, routing and options, against published rows, trees, integrals and simulation."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from advantage.strategy import build_buy_tune as bbt

prices, rates, spreads = st.floats(1, 200), st.floats(-0.1, 0.2), st.floats(0.01, 0.8)


@pytest.mark.parametrize(
    ("arguments", "value"),
    [
        ((22, 20, 0.06, 0.04, 0.20, 0.15, -0.5, 0.1), 2.125),
        ((22, 20, 0.06, 0.04, 0.20, 0.20, -0.5, 0.1), 2.199),
        ((22, 20, 0.06, 0.04, 0.20, 0.20, 0.0, 0.1), 2.091),
        ((22, 2 * 10, 0.06, 0.04, 0.20, 0.15, 0.5, 0.5), 2.138),  # two of the second asset
        ((2 * 11, 20, 0.06, 0.04, 0.20, 0.20, 0.5, 0.5), 2.231),
        ((2 * 11, 2 * 10, 0.06, 0.04, 0.20, 0.25, 0.5, 0.5), 2.374),
    ],
)
def test_published_exchange_options(arguments, value):
    """Reference: Haug's table of European exchange options, in QuantLib's test-suite/margrabeoption.cpp at 2a13d45."""
    assert bbt.margrabe(*arguments) == pytest.approx(value, abs=5e-4)


def test_the_whole_published_table():
    """Reference: all 18 rows of that table, to the tolerance of QuantLib's own test; 3.228 is 3.2272 here."""
    table = {
        (0.1, -0.5): (2.125, 2.199, 2.283),
        (0.1, 0.0): (2.045, 2.091, 2.152),
        (0.1, 0.5): (1.974, 1.989, 2.019),
        (0.5, -0.5): (2.762, 2.989, 3.228),
        (0.5, 0.0): (2.479, 2.650, 2.847),
        (0.5, 0.5): (2.138, 2.231, 2.374),
    }
    for (years, rho), row in table.items():
        found = [bbt.margrabe(22, 20, 0.06, 0.04, 0.2, sigma2, rho, years) for sigma2 in (0.15, 0.2, 0.25)]
        assert found == pytest.approx(row, abs=1e-3)


@pytest.mark.parametrize(
    ("sigma2", "rho", "years", "value"),
    [
        (0.15, -0.5, 0.1, 2.1357),
        (0.25, -0.5, 0.1, 2.2902),
        (0.15, 0.5, 0.1, 2.0001),
        (0.15, -0.5, 0.5, 2.8051),
        (0.20, 0.0, 0.5, 2.6945),
        (0.25, 0.5, 0.5, 2.4261),
    ],
)
def test_a_right_that_may_be_used_early(sigma2, rho, years, value):
    """Reference: the same file's American rows, by an approximation that an exact value may exceed a little."""
    sigma = math.sqrt(0.2**2 + sigma2**2 - 2 * rho * 0.2 * sigma2)
    found = 20 * bbt.binomial(22 / 20, 1, 0.04, sigma, years, 400, american=True, payout=0.06)
    assert value - 1e-3 < found < 1.007 * value
    last_day = 20 * bbt.binomial(22 / 20, 1, 0.04, sigma, years, 400, payout=0.06)
    assert last_day == pytest.approx(bbt.margrabe(22, 20, 0.06, 0.04, 0.2, sigma2, rho, years), abs=2e-3)
    never_early = 20 * bbt.binomial(22 / 20, 1, 0.04, sigma, years, 400, american=True)  # no payout: Margrabe's result
    assert never_early == pytest.approx(20 * bbt.binomial(22 / 20, 1, 0.04, sigma, years, 400), abs=1e-10)


def test_the_cheaper_of_two_bills_each_month():
    """Reference: two correlated paths of monthly bills, simulated; and twelve times nothing where they move as one."""
    rng, months = np.random.default_rng(1), 12
    z1 = rng.standard_normal((200_000, months))
    z2 = 0.4 * z1 + math.sqrt(1 - 0.4**2) * rng.standard_normal((200_000, months))
    paths = []
    for bill, q, sigma, z in ((100, 0.1, 0.6, z1), (110, -0.2, 0.3, z2)):
        paths.append(bill * np.exp(np.cumsum((-q - sigma**2 / 2) / 12 + sigma * z / math.sqrt(12), axis=1)))
    saved = np.maximum(paths[0] - paths[1], 0).sum(axis=1)
    found = bbt.switching_worth(100, 110, 0.1, -0.2, 0.6, 0.3, 0.4, months)
    assert saved.mean() == pytest.approx(found, abs=4 * saved.std() / math.sqrt(len(saved)))
    assert bbt.switching_worth(100, 110, 0, 0, 0.5, 0.5, 1, 12) == 0
    assert bbt.switching_worth(100, 90, 0, 0, 0.5, 0.5, 1, 12) == pytest.approx(120)
    assert bbt.switching_worth(100, 90, 0.1, 0, 0.5, 0.2, 0, 1) == bbt.margrabe(100, 90, 0.1, 0, 0.5, 0.2, 0, 1 / 12)


def test_an_exchange_by_simulation():
    """Reference: two correlated lognormals, by a mean of a million draws."""
    z1, z2 = np.random.default_rng(0).multivariate_normal([0, 0], [[1, 0.3], [0.3, 1]], 1_000_000).T
    ends = [
        s * np.exp((-q - v**2 / 2) * 2 + v * math.sqrt(2) * z)
        for s, q, v, z in ((22, 0.06, 0.3, z1), (20, 0.04, 0.2, z2))
    ]
    draws = np.maximum(ends[0] - ends[1], 0)
    found = bbt.margrabe(22, 20, 0.06, 0.04, 0.3, 0.2, 0.3, 2)
    assert draws.mean() == pytest.approx(found, abs=4 * draws.std() / 1000)


@given(prices, prices, rates, rates, spreads, spreads, st.floats(-1, 1), st.floats(0, 5))
def test_exchange_options(s1, s2, q1, q2, v1, v2, rho, years):
    """Reference: parity, homogeneity, the bounds, and that the right the other way round differs by the forward."""
    there = bbt.margrabe(s1, s2, q1, q2, v1, v2, rho, years)
    back = bbt.margrabe(s2, s1, q2, q1, v2, v1, rho, years)
    forward = s1 * math.exp(-q1 * years) - s2 * math.exp(-q2 * years)
    assert there - back == pytest.approx(forward, abs=1e-8)
    assert max(forward, 0) - 1e-9 <= there <= s1 * math.exp(-q1 * years) + 1e-9
    assert bbt.margrabe(2 * s1, 2 * s2, q1, q2, v1, v2, rho, years) == pytest.approx(2 * there, rel=1e-9, abs=1e-9)


@given(prices, prices, rates, spreads, st.floats(0.01, 5))
def test_an_option_is_an_exchange_for_money(spot, strike, rate, sigma, years):
    """Reference: Margrabe with a second asset that does not move, the integral over the lognormal, and parity."""
    call = bbt.black_scholes(spot, strike, rate, sigma, years)
    put = bbt.black_scholes(spot, strike, rate, sigma, years, "put")
    assert call == pytest.approx(bbt.margrabe(spot, strike, 0, rate, sigma, 0, 0, years), abs=1e-8)
    assert call - put == pytest.approx(spot - strike * math.exp(-rate * years), abs=1e-8)
    spread = sigma * math.sqrt(years)
    edge = (math.log(strike / spot) - (rate - sigma**2 / 2) * years) / spread
    end = lambda z: spot * np.exp((rate - sigma**2 / 2) * years + spread * z)  # noqa: E731
    z = np.linspace(np.clip(edge, -12, 20), 24, 20_001)
    worth = np.trapezoid((end(z) - strike) * norm.pdf(z), z) * math.exp(-rate * years)
    assert call == pytest.approx(worth, abs=1e-5 * spot)


def test_published_options():
    """Reference: Hull, chapters on Black–Scholes–Merton and on binomial trees."""
    assert bbt.black_scholes(42, 40, 0.1, 0.2, 0.5) == pytest.approx(4.76, abs=0.005)
    assert bbt.black_scholes(42, 40, 0.1, 0.2, 0.5, "put") == pytest.approx(0.81, abs=0.005)
    growth = math.exp(0.05)
    assert bbt.tree(50, 52, growth, 1.2, 0.8, 2, "put", False) == pytest.approx(4.1923, abs=5e-4)  # with p to 4 digits
    assert bbt.tree(50, 52, growth, 1.2, 0.8, 2, "put", True) == pytest.approx(5.0894, abs=5e-4)
    assert bbt.binomial(50, 50, 0.1, 0.4, 5 / 12, 5, "put", True) == pytest.approx(4.49, abs=0.005)


def test_the_tree_goes_to_black_scholes():
    """Reference: Black–Scholes, errors that fall as 1/steps; an early call without dividends gains nothing."""
    for kind in ("call", "put"):
        exact = bbt.black_scholes(42, 40, 0.1, 0.2, 0.5, kind)
        errors = [abs(bbt.binomial(42, 40, 0.1, 0.2, 0.5, n, kind) - exact) for n in (50, 800)]
        assert errors[1] < errors[0] / 8
        assert errors[1] < 1e-3
    early = bbt.binomial(42, 40, 0.1, 0.2, 0.5, 200, american=True)
    assert early == pytest.approx(bbt.binomial(42, 40, 0.1, 0.2, 0.5, 200), abs=1e-10)


@pytest.mark.parametrize("years", [0, 1e-12])
def test_without_time_or_spread_a_right_is_worth_what_it_pays_today(years):
    """Reference: max(S − K, 0), and with interest the discounted strike."""
    for spot in (30, 40, 50):
        assert bbt.black_scholes(spot, 40, 0.1, 0.2, years) == pytest.approx(max(spot - 40, 0), abs=1e-5)
    assert bbt.black_scholes(42, 40, 0.1, 0, 0.5) == pytest.approx(42 - 40 * math.exp(-0.05))
    assert bbt.margrabe(22, 20, 0, 0, 0.2, 0.2, 1, 3) == pytest.approx(2)
    assert bbt.margrabe(20, 22, 0, 0, 0.3, 0.3, 1, 3) == 0


def test_the_published_routing_saving():
    """Reference: RouteLLM's 85 % on MT-Bench, from 14 % of calls at $24.7 and $0.24 a million."""
    assert bbt.routing_saving(0.14, 24.7, 0.24) == pytest.approx(0.85, abs=0.005)
    assert bbt.routing_saving(1, 5, 1) == 0
    assert bbt.routing_saving(0, 5, 1) == pytest.approx(0.8)
    assert bbt.cascade_cost(1, 5, 0.2, 0.1) == pytest.approx(2.1)


@given(st.floats(0, 1e5), st.floats(0, 10), st.floats(0.01, 10))
def test_at_the_break_even_volume_both_bills_are_equal(fixed, own, saved):
    """Reference: the definition; and a volume that never comes is infinite."""
    volume = bbt.break_even_volume(fixed, own, own + saved)
    assert fixed + own * volume == pytest.approx((own + saved) * volume, rel=1e-6, abs=1e-9)
    assert bbt.break_even_volume(fixed, own, own) == math.inf


def test_an_accepted_answer_and_a_fine_tune():
    """Reference: tries until the first success, and lives until the first release, simulated."""
    rng = np.random.default_rng(0)
    assert bbt.cost_per_accepted(0.02, 0.25, 0.03) == pytest.approx(0.2)
    assert (0.05 * rng.geometric(0.25, 200_000)).mean() == pytest.approx(0.2, rel=0.02)
    lives = rng.exponential(4, 200_000)
    worth = 100 * (1 - np.exp(-0.01 * lives)) / 0.01
    assert worth.mean() == pytest.approx(bbt.worth_until_release(100, 0.25, 0.01), rel=0.02)
    month = np.arange(600) + 0.5  # a release that takes 40 % away, again and again
    releases = np.cumsum(rng.poisson(0.25, (5_000, 600)), axis=1)
    left = (100 * 0.6**releases * np.exp(-0.01 * month)).sum(axis=1)
    assert left.mean() == pytest.approx(bbt.worth_until_release(100, 0.25, 0.01, lost=0.4), rel=0.06)
    assert bbt.worth_until_release(100, 0.25, 0.01, lost=0) == pytest.approx(100 / 0.01)
    assert bbt.break_even_success(0.0001, 0.0065, 0.9) == pytest.approx(0.9 / 65)
    even = bbt.break_even_success(0.01, 0.03, 0.9, 0.05)
    assert bbt.cost_per_accepted(0.01, even, 0.05) == pytest.approx(bbt.cost_per_accepted(0.03, 0.9, 0.05))
    assert bbt.break_even_success(0.2, 0.1, 0.9) > 1
    assert bbt.cached_input_price(5, 0.5, 0.96) == pytest.approx(0.68)


def test_arrays_are_taken_entry_by_entry():
    """Reference: the numbers one by one."""
    spots = np.array([30, 40, 50])
    one_by_one = [bbt.black_scholes(s, 40, 0.1, 0.2, 0.5) for s in spots]
    assert np.allclose(bbt.black_scholes(spots, 40, 0.1, 0.2, 0.5), one_by_one, rtol=1e-12)
    one_by_one = [bbt.margrabe(s, 40, 0.1, 0.2, 0.5, 0.1, 0.2, 1) for s in spots]
    assert np.allclose(bbt.margrabe(spots, 40, 0.1, 0.2, 0.5, 0.1, 0.2, 1), one_by_one, rtol=1e-12)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: bbt.margrabe(0, 1, 0, 0, 0.1, 0.1, 0, 1), "s1: 0"),
        (lambda: bbt.margrabe(1, 1, 0, 0, -0.1, 0.1, 0, 1), "sigma1: -0.1"),
        (lambda: bbt.margrabe(1, 1, 0, 0, 0.1, 0.1, 1.5, 1), r"\|rho\|: 1.5"),
        (lambda: bbt.margrabe(1, 1, float("nan"), 0, 0.1, 0.1, 0, 1), "q1: nan"),
        (lambda: bbt.margrabe(1, 1, 0, 0, 0.1, 0.1, 0, -1), "years: -1"),
        (lambda: bbt.black_scholes(1, 1, 0, 0.1, 1, "swap"), "kind: 'swap'"),
        (lambda: bbt.black_scholes(1, -1, 0, 0.1, 1), "strike: -1"),
        (lambda: bbt.binomial(1, 1, 0, 0.1, 1, 0), "steps: 0"),
        (lambda: bbt.binomial(1, 1, 5, 0.1, 1, 1), "growth: .*take more steps"),
        (lambda: bbt.tree(1, 1, 1.3, 1.2, 0.8, 2, "put", False), "growth: 1.3"),
        (lambda: bbt.routing_saving(1.1, 1, 1), "strong_share: 1.1"),
        (lambda: bbt.cost_per_accepted(1, 0), "success: 0"),
        (lambda: bbt.break_even_volume(1, -1, 1), "own_per_million: -1"),
        (lambda: bbt.cached_input_price(1, 1, 2), "hit_rate: 2"),
        (lambda: bbt.worth_until_release(1, 0), "release_rate: 0"),
        (lambda: bbt.worth_until_release(1, 1, 0, 0), r"discount \+ release_rate \* lost: 0"),
        (lambda: bbt.worth_until_release(1, 1, lost=1.2), "lost: 1.2"),
        (lambda: bbt.break_even_success(1, 0, 0.5), r"other_cost \+ checking: 0"),
        (lambda: bbt.break_even_success(1, 1, 0), "other_success: 0"),
        (lambda: bbt.switching_worth(1, 1, 0, 0, 0.1, 0.1, 0, 0), "months: 0"),
        (lambda: bbt.binomial(1, 1, 0, 0.1, 1, payout=float("inf")), "payout: inf"),
        (lambda: bbt.tree(1, 1, 1.1, 1.2, 0.8, 2, "put", False, 0), "paid: 0"),
    ],
)
def test_bad_input_is_named(call, name):
    """Reference: the docstrings."""
    with pytest.raises(ValueError, match=f"^{name}"):
        call()
