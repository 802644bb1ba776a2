"""Choice and tests, against published tables, quadrature, and simulation."""

import math

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import norm

from advantage.strategy import go_to_market as gtm


def test_logit():
    """Reference: a constant changes nothing, ratios of shares depend on the two alone, the mark-up's condition."""
    one = gtm.logit_shares([1, 2, 3])
    assert sum(one) == pytest.approx(1)
    assert gtm.logit_shares([1001, 1002, 1003]) == pytest.approx(one)
    assert one[1] / one[0] == pytest.approx(math.e)
    h, weight = 1e-6, 0.5

    def profit(price):
        return price * gtm.logit_shares([3 - weight * price, 2 - weight * 4, 0])[0]

    def gap(price):
        return price - gtm.logit_mark_up(weight, gtm.logit_shares([3 - weight * price, 2 - weight * 4, 0])[0])

    price = brentq(gap, 0.1, 20, xtol=1e-14)
    assert (profit(price + h) - profit(price - h)) / (2 * h) == pytest.approx(0, abs=1e-8)


def test_the_size_of_a_test():
    """Reference: 1,030 for 20 % and 5 points, and simulated tests of that size."""
    n = gtm.sample_size(0.2, 0.05)
    assert round(n) == 1030
    assert gtm.power_of(n, 0.2, 0.05) == pytest.approx(0.8, abs=1e-12)
    rng = np.random.default_rng(0)
    a, b = rng.binomial(1030, 0.2, 40_000), rng.binomial(1030, 0.25, 40_000)
    z = np.abs(a - b) / 1030 / np.sqrt(2 * 0.16 / 1030)  # with the base rate's variance, as the formula has it
    assert (z > norm.ppf(0.975)).mean() == pytest.approx(0.8, abs=0.015)
    assert gtm.sample_size(0.8, -0.05) == pytest.approx(n)
    assert np.allclose(gtm.sample_size(np.array([0.2, 0.3]), 0.05), [n, gtm.sample_size(0.3, 0.05)])


@pytest.mark.parametrize(
    ("looks", "chance"), [(1, 0.05), (2, 0.083), (3, 0.107), (4, 0.126), (5, 0.142), (10, 0.193), (20, 0.248)]
)
def test_published_chances_of_peeking(looks, chance):
    """Reference: Armitage, McPherson & Rowe 1969, repeated 5 % tests."""
    assert gtm.peeking(looks) == pytest.approx(chance, abs=6e-4)


def test_peeking_by_simulation():
    """Reference: random walks; Pocock's 2.178, 2.413 and 2.555 for 2, 5 and 10 looks."""
    steps = np.random.default_rng(0).normal(size=(200_000, 5)).cumsum(1) / np.sqrt(np.arange(1, 6))
    assert (np.abs(steps) > norm.ppf(0.975)).any(1).mean() == pytest.approx(gtm.peeking(5), abs=0.004)
    for looks, z in [(1, 1.960), (2, 2.178), (5, 2.413), (10, 2.555)]:
        assert gtm.peeking_threshold(looks) == pytest.approx(z, abs=6e-4)


def test_a_p_value_that_may_be_looked_at():
    """Reference: at most 5 % of walks without a difference ever fall below 5 %; the ratio by quadrature."""
    rng = np.random.default_rng(0)
    n = np.arange(1, 1001)
    means = rng.normal(size=(4000, 1000)).cumsum(1) / n
    assert (gtm.always_valid_p(means, 1.0, n, 0.5).min(1) < 0.05).mean() < 0.05
    theta = np.linspace(-6, 6, 200_001)
    ratio = np.exp(20 * (theta * 0.9 - theta**2 / 2) / 2.0) * norm.pdf(theta, scale=0.5)
    assert 1 / np.trapezoid(ratio, theta) == pytest.approx(gtm.always_valid_p(0.9, 2.0, 20, 0.5), rel=1e-6)
    assert gtm.always_valid_p(0.0, 1.0, 10, 0.5) == 1


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: gtm.logit_shares([]), "utilities: "),
        (lambda: gtm.logit_mark_up(1, 1), "market_share: 1"),
        (lambda: gtm.sample_size(0.2, 0), "difference: 0"),
        (lambda: gtm.sample_size(0.2, 0.9), "difference: 0.9"),
        (lambda: gtm.sample_size(0, 0.1), "base: 0"),
        (lambda: gtm.sample_size(0.2, 0.1, power=1), "power: 1"),
        (lambda: gtm.peeking(0), "looks: 0"),
        (lambda: gtm.peeking(2, 0), "level: 0"),
        (lambda: gtm.always_valid_p(0, 0, 1, 1), "variance: 0"),
    ],
)
def test_bad_input_is_named(call, name):
    """Reference: the docstrings."""
    with pytest.raises(ValueError, match=f"^{name}"):
        call()
