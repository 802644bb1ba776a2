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
    ],
)
def test_published_exchange_options(arguments, value):
    """Reference: rows of Haug's table of European exchange options, as QuantLib's tests print them."""
    assert bbt.margrabe(*arguments) == pytest.approx(value, abs=5e-4)


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
    ],
)
def test_bad_input_is_named(call, name):
    """Reference: the docstrings."""
    with pytest.raises(ValueError, match=f"^{name}"):
        call()
