"""Advantage as quantities: closed forms against iteration, simulation and statsmodels-free formulas."""

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import brentq, minimize_scalar
from scipy.stats import norm

from advantage.strategy import advantage as adv
from advantage.strategy import normal


@given(st.floats(1e-300, 1 - 1e-15))
@example(0.5)
@example(1e-300)
def test_the_normal_quantile(probability):
    """Reference: SciPy's."""
    assert normal.quantile(probability) == pytest.approx(norm.ppf(probability), rel=1e-10, abs=1e-12)


@given(st.floats(-37, 37))
def test_the_normal_distribution(z):
    """Reference: SciPy's."""
    assert normal.below(z) == pytest.approx(norm.cdf(z), rel=1e-12, abs=0)
    assert normal.below(np.array([z]))[0] == pytest.approx(norm.cdf(z), rel=1e-12, abs=0)
    assert normal.density(z) == pytest.approx(norm.pdf(z), rel=1e-12)
    for x in (abs(z) + 1, np.array(abs(z) + 1)):
        assert normal.log(x) == pytest.approx(math.log(abs(z) + 1), rel=1e-12)


@pytest.mark.parametrize(
    ("difference", "discordance", "items"),
    [
        (0.05, None, 1005),
        (0.02, None, 6279),
        (0.01, None, 25116),
        (0.05, 0.1, 314),
        (0.02, 0.1, 1962),
        (0.01, 0.1, 7849),
    ],
)
def test_items_that_resolve_a_difference(difference, discordance, items):
    """Reference: (z.975 + z.8)² times the variance over Δ², with SciPy's quantiles."""
    found = adv.items_to_resolve(0.8, difference, discordance)
    assert round(found) == items
    variance = 2 * 0.16 if discordance is None else discordance
    assert found == pytest.approx((norm.ppf(0.975) + norm.ppf(0.8)) ** 2 * variance / difference**2, rel=1e-10)


def test_the_power_is_what_was_asked_for():
    """Reference: simulated paired evaluations of 1,962 items, and the formula the other way round."""
    items = adv.items_to_resolve(0.8, 0.02, 0.1)
    assert adv.detection_chance(items, 0.02, 0.1) == pytest.approx(0.8, abs=1e-12)
    rng = np.random.default_rng(0)
    wins, losses, _ = rng.multinomial(round(items), [0.06, 0.04, 0.9], 20000).T
    seen = np.abs(wins - losses) / np.sqrt(wins + losses) > norm.ppf(0.975)  # McNemar's test
    assert seen.mean() == pytest.approx(0.8, abs=0.01)


def second_period(y, t, s, rho, nu):
    """Nash prices (above cost) of the second period for shares (1 ± y)/2, by best replies on the customers' choices."""

    def buyers(gap, mine):  # of the firm whose rival is dearer by `gap` and who had a share `mine`
        new = 0.5 + gap / (2 * t)
        stay, come = 0.5 + (gap + s) / (2 * t), 0.5 + (gap - s) / (2 * t)
        return rho * mine + nu * new + (1 - rho - nu) * (mine * stay + (1 - mine) * come)

    prices = [t, t]
    for _ in range(300):
        for i, share in enumerate(((1 + y) / 2, (1 - y) / 2)):
            rival = prices[1 - i]
            slope = (1 - rho) / (2 * t)
            prices[i] = (buyers(rival, share) / slope) / 2  # demand is linear in one's own price
    profit = prices[0] * buyers(prices[1] - prices[0], (1 + y) / 2)
    return prices, profit


@pytest.mark.parametrize(
    ("t", "s", "lam", "rho", "nu"),
    [
        (1.0, 0.0, 1.0, 0.0, 0.0),
        (1.0, 0.5, 1.0, 0.0, 0.0),
        (2.0, 1.0, 0.9, 0.3, 0.2),
        (1.5, 0.7, 0.5, 0.0, 1.0),
        (1, 0.4, 0.8, 0.6, 0),
    ],
)
def test_switching_costs_against_firms_and_customers_who_look_ahead(t, s, lam, rho, nu):
    """Reference: backward induction by numbers: the second period by best replies, customers by integration."""

    def later_loss(
        y,
    ):  # what a customer of the first firm pays more in the second period than one of the other, besides taste
        (mine, other), _ = second_period(y, t, s, rho, nu)

        def paid(position, here, there):
            return min(here + t * position, there + t * (1 - position))

        moving = quad(lambda x: paid(x, mine, other + s) - paid(x, mine + s, other), 0, 1, limit=200, epsabs=1e-11)[0]
        return rho * (mine - other) + (1 - rho - nu) * moving

    def share(gap):  # y of the firm that is cheaper by `gap` now
        return brentq(lambda y: t * y * (1 + lam * rho) + lam * later_loss(y) - gap, -0.9, 0.9, xtol=1e-13)

    def profit(price, rival):
        y = share(rival - price)
        return price * (1 + y) / 2 + lam * second_period(y, t, s, rho, nu)[1]

    closed = adv.switching_cost_prices(t, s, 0.0, lam, rho, nu)
    h = 1e-4
    slope = (profit(closed.first + h, closed.first) - profit(closed.first - h, closed.first)) / (2 * h)
    assert slope == pytest.approx(0, abs=1e-6)
    best = minimize_scalar(
        lambda p: -profit(p, closed.first), bounds=(closed.first - 0.2, closed.first + 0.2), method="bounded"
    )
    assert best.x == pytest.approx(closed.first, abs=1e-3)
    assert second_period(0, t, s, rho, nu)[0] == pytest.approx([closed.second] * 2, abs=1e-8)
    assert profit(closed.first, closed.first) == pytest.approx(closed.profit, abs=1e-8)


@given(st.floats(0.1, 10), st.floats(-1, 5), st.floats(0, 1), st.floats(0, 1))
def test_without_switching_costs_both_periods_are_static(t, cost, discount, new):
    """Reference: Hotelling's c + t in each period."""
    found = adv.switching_cost_prices(t, 0, cost, discount, 0, new)
    assert found == pytest.approx((cost + t, cost + t, t / 2 * (1 + discount)))


def test_invest_then_harvest():
    """Reference: with unchanged tastes the first price falls below the second, by hand: t/(1 − ρ)."""
    found = adv.switching_cost_prices(1, 0.5, 0, 1, unchanged=0.5)
    assert found.second == 2.0
    assert found.first < found.second
    assert adv.switching_cost_prices(2, 1, 0, 1, 0.5) == pytest.approx([2 * x for x in found])


@given(st.floats(-5, 5), st.floats(0.01, 10), st.floats(-3, 3))
def test_the_premium_leaves_half_the_customers(gap, weight, loyalty):
    """Reference: at that price the utilities are equal."""
    price = adv.premium(gap, weight, loyalty)
    assert adv.share_at_equal_price(gap - weight * price, loyalty) == pytest.approx(0.5)
    assert adv.share_at_equal_price(gap) + adv.share_at_equal_price(-gap) == pytest.approx(1)
    assert adv.share_at_equal_price(0) == 0.5


@given(st.floats(0.1, 100), st.floats(0.5, 24), st.floats(0, 0.5))
def test_the_worth_of_a_lead(flow, half_life, discount):
    """Reference: the integral."""
    integral = quad(lambda t: flow * 2 ** (-t / half_life) * math.exp(-discount * t), 0, 80 * half_life, limit=200)[0]
    assert adv.lead_value(flow, half_life, discount) == pytest.approx(integral, rel=1e-7)


def test_break_even():
    """Reference: equal bills at that number of applications."""
    n = adv.platform_break_even(100, 5, 25)
    assert 100 + 5 * n == 25 * n == 125
    assert adv.platform_break_even(100, 25, 25) == math.inf
    assert adv.premature_platform_loss(100, 5, 25, n, 1.0) == 0
    assert adv.premature_platform_loss(100, 5, 25, 10, 0.25) == 50
    assert adv.lerner(4, 1) == 0.75


@pytest.mark.parametrize(
    ("k", "worth"), [(1, 0.3989), (2, 0.6810), (3, 0.8881), (5, 1.1697), (10, 1.5389), (25, 1.9653)]
)
def test_the_best_of_k(k, worth):
    """Reference: Baldwin & Clark's Q(k), and draws."""
    assert adv.best_of(k) == pytest.approx(worth, abs=5e-5)
    draws = np.random.default_rng(k).normal(size=(200_000, k)).max(1).clip(0)
    assert draws.mean() == pytest.approx(adv.best_of(k), abs=0.01)
    assert adv.modular_worth(4, k, 3.0) == pytest.approx(6 * adv.best_of(k))
    assert adv.best_of(0) == 0


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: adv.items_to_resolve(1, 0.1), "base: 1"),
        (lambda: adv.items_to_resolve(0.8, 0.3), "difference: 0.3"),
        (lambda: adv.items_to_resolve(0.8, 0), "difference: 0"),
        (lambda: adv.items_to_resolve(0.8, 0.1, 0.05), "discordance: 0.05"),
        (lambda: adv.items_to_resolve(0.8, 0.1, alpha=1), "alpha: 1"),
        (lambda: adv.items_to_resolve(0.8, 0.1, power=float("nan")), "power: nan"),
        (lambda: adv.switching_cost_prices(1, 1), "switching: 1"),
        (lambda: adv.switching_cost_prices(1, 0.5, unchanged=1), "unchanged, new"),
        (lambda: adv.switching_cost_prices(1, 0.5, unchanged=0.6, new=0.6), "unchanged, new"),
        (lambda: adv.switching_cost_prices(1, 0.5, discount=2), "discount: 2"),
        (lambda: adv.lead_value(1, 0, 0.1), "half_life: 0"),
        (lambda: adv.lerner(0, 1), "price: 0"),
        (lambda: adv.premium(1, 0), "price_weight: 0"),
        (lambda: adv.platform_break_even(-1, 0, 1), "fixed: -1"),
        (lambda: adv.best_of(2.5), "experiments: 2.5"),
        (lambda: normal.quantile(1), "probability: 1"),
    ],
)
def test_bad_input_is_named(call, name):
    """Reference: the docstrings."""
    with pytest.raises(ValueError, match=f"^{name}"):
        call()
