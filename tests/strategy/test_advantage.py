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
        (1, 0.6, 0.8, 0.6, 0),
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


@pytest.mark.parametrize(
    ("t", "s", "lam", "rho", "nu"), [(1, 0.5, 1, 0.5, 0), (2, 1, 0.9, 0.3, 0.2), (1, 0.7, 1, 0, 0)]
)
def test_customers_who_do_not_look_ahead(t, s, lam, rho, nu):
    """Reference: the slope of profit in numbers, the second period by best replies; first shares are static."""
    closed = adv.switching_cost_prices(t, s, 0.0, lam, rho, nu, foresight=False)

    def profit(price):
        y = (closed.first - price) / t
        return price * (1 + y) / 2 + lam * second_period(y, t, s, rho, nu)[1]

    h = 1e-4
    assert (profit(closed.first + h) - profit(closed.first - h)) / (2 * h) == pytest.approx(0, abs=1e-7)
    assert profit(closed.first) == pytest.approx(closed.profit, abs=1e-8)
    assert closed.first < adv.switching_cost_prices(t, s, 0.0, lam, rho, nu).first


@given(st.floats(0.1, 10), st.floats(-1, 5), st.floats(0, 1), st.floats(0, 0.9), st.floats(0, 1), st.booleans())
def test_without_switching_costs_both_periods_are_static(t, cost, discount, unchanged, new, foresight):
    """Reference: Hotelling's c + t in each period, whoever the customers are."""
    new = min(new, 1 - unchanged)
    found = adv.switching_cost_prices(t, 0, cost, discount, unchanged, new, foresight)
    assert found == pytest.approx((cost + t, cost + t, t / 2 * (1 + discount)))


def bought(gap, t, s, rho, nu, people=20001):
    """The share of the firm that is cheaper by `gap`: each customer's bill at both firms, one customer at a time."""
    x = (np.arange(people) + 0.5) / people
    mine, rival = t * x - gap, t * (1 - x)
    from_mine, from_rival = mine <= rival + s, mine + s < rival
    settled = np.where(x < 0.5, from_mine, from_rival).mean()
    return rho * settled + nu * (mine <= rival).mean() + (1 - rho - nu) * (from_mine.mean() + from_rival.mean()) / 2


@given(st.floats(-3, 3), st.floats(0.5, 2), st.floats(0, 0.99), st.floats(0, 0.9), st.floats(0, 1))
def test_who_buys_after_an_even_first_period(gap, t, s, rho, nu):
    """Reference: customers one by one."""
    nu = min(nu, 1 - rho)
    assert adv.buyers(gap, t, s * t, rho, nu) == pytest.approx(bought(gap, t, s * t, rho, nu), abs=2e-4)


@pytest.mark.parametrize("t", [1.0, 2.5])
@pytest.mark.parametrize(
    ("s", "rho", "nu"),
    [(0.25, 0.5, 0), (0.5, 0.5, 0), (0.75, 0.5, 0), (0.9, 0, 0), (0.8, 0, 0), (0.1, 0.3, 0.2), (0.4, 0.6, 0)],
)
def test_no_other_price_pays_more_than_the_gain(t, s, rho, nu):
    """Reference: the profit at 4,000 prices, customers one by one; by scale, dollars double when t and s do."""
    margin = t / (1 - rho)
    prices = np.linspace(0, margin + 2 * t, 4001)
    best = max(price * bought(margin - price, t, s * t, rho, nu, 1001) for price in prices[::10])
    fine = max(price * adv.buyers(margin - price, t, s * t, rho, nu) for price in prices)
    gain = adv.deviation_gain(t, s * t, rho, nu)
    assert gain == pytest.approx(max(0, best - margin / 2), abs=2e-3 * t)
    assert gain == pytest.approx(max(0, fine - margin / 2), abs=1e-6 * t)
    assert adv.deviation_gain(2 * t, 2 * s * t, rho, nu) == pytest.approx(2 * gain)


def test_the_harvest_has_two_edges():
    """Reference: by hand, ρ = 0: a rise by s/2 earns (t + s/2)²/(4 t), more than t/2 from s = 2 (√2 − 1) t on."""
    edge = 2 * (2**0.5 - 1)
    assert adv.deviation_gain(1, edge - 1e-6) == 0
    assert adv.deviation_gain(1, edge + 1e-3) == pytest.approx((1 + (edge + 1e-3) / 2) ** 2 / 4 - 0.5)
    assert adv.deviation_gain(1, 0.1, 0.5) > 0
    with pytest.raises(ValueError, match=r"^switching: 0\.1; must be 0, or such"):
        adv.switching_cost_prices(1, 0.1, unchanged=0.5)


def test_three_prices_by_hand():
    """Reference: worked by hand from the first-order conditions; t = 1, s = 1/2, no discount."""
    assert adv.switching_cost_prices(1, 0.5) == pytest.approx((5 / 6, 1, 11 / 12))  # 1 − 2 s (1 − s)/3
    assert adv.switching_cost_prices(1, 0.5, unchanged=0.5) == pytest.approx((5 / 4, 2, 13 / 8))
    assert adv.switching_cost_prices(1, 0.5, unchanged=0.5, foresight=False) == pytest.approx((0, 2, 1), abs=1e-12)


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


@given(st.floats(0.02, 0.98), st.floats(-5, 5), st.floats(0.05, 10))
def test_an_advantage_is_read_off_a_market(share, gap, weight):
    """Reference: at a price that much higher, logit leaves half the customers; by symmetry the rival reads −A."""
    found = adv.measured_advantage(share, gap, weight)
    assert adv.share_at_equal_price(weight * (found - gap)) == pytest.approx(share)
    assert adv.measured_advantage(1 - share, -gap, weight) == pytest.approx(-found)


@given(st.floats(-30, 30), st.floats(0.1, 10), st.floats(0, 5))
@example(0.0, 1.0, 0.0)
@example(500.0, 1.0, 0.0)
def test_logit_prices(advantage, weight, cost):
    """Reference: the first-order conditions p − c = 1/(weight (1 − share)), and the advantage read off the market."""
    found = adv.logit_prices(advantage, weight, cost)
    assert (found.price - cost) * weight * (1 - found.share) == pytest.approx(1)
    assert (found.rival - cost) * weight * found.share == pytest.approx(1)
    if abs(advantage) < 100:
        read = adv.measured_advantage(found.share, found.price - found.rival, weight)
        assert read * weight == pytest.approx(advantage, abs=1e-7)
    mirror = adv.logit_prices(-advantage, weight, cost)
    assert (mirror.rival, mirror.price, 1 - mirror.share) == pytest.approx(found)


@pytest.mark.parametrize("advantage", [-3.0, 0.0, 0.5, 2.0, 6.0])
def test_logit_prices_by_best_replies(advantage):
    """Reference: each seller in turn takes the price that SciPy finds best."""
    prices = [1.0, 1.0]
    for _ in range(60):
        for i, lead in enumerate((advantage, -advantage)):
            prices[i] = minimize_scalar(
                lambda p, lead=lead, other=prices[1 - i]: -p / (1 + math.exp(-(lead + 2 * (other - p)))),
                bounds=(0, 20),
                method="bounded",
                options={"xatol": 1e-10},
            ).x
    found = adv.logit_prices(advantage, 2.0)
    assert prices == pytest.approx([found.price, found.rival], abs=1e-6)


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


def test_a_platform_now_or_later():
    """Reference: by hand; and draws of projects that can reuse it or not, the firm building where the mean pays."""
    assert adv.platform_now_or_later(400, 80, 12, 0.5, 0.9, 0.2, 0) == pytest.approx((128, 128))
    assert adv.platform_now_or_later(400, 80, 12, 0.5, 0.9, 0.2, 1) == pytest.approx((128, 154))
    rng = np.random.default_rng(3)
    reuse = np.where(rng.random(400_000) < 0.5, 0.9, 0.2)
    worth = 10 * reuse * 80 - 400
    won = rng.binomial(2, reuse)
    drawn = sum(max(0, worth[won == k].sum()) for k in range(3)) / len(won)
    now, later = adv.platform_now_or_later(400, 80, 12, 0.5, 0.9, 0.2, 2)
    assert (12 * reuse * 80 - 400).mean() == pytest.approx(now, abs=3)
    assert drawn == pytest.approx(later, abs=2)


@given(st.integers(0, 20), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_more_is_known_after_more_projects(wait, chance, reused, otherwise):
    """Reference: a look that costs nothing never hurts, and knowing r for certain is worth most."""
    worth = [adv.platform_now_or_later(400, 80, 12 + k, chance, reused, otherwise, k)[1] for k in (wait, wait + 1)]
    certain = chance * max(0, 960 * reused - 400) + (1 - chance) * max(0, 960 * otherwise - 400)
    assert worth[0] <= worth[1] + 1e-9 <= certain + 2e-9


@given(st.floats(0, 1e3), st.floats(0, 1e2), st.integers(0, 50), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_a_free_look_is_never_worth_less(fixed, saved, count, chance, reused, otherwise):
    """Reference: the option of not building; without doubt it is max(0, the net saving), and dollars scale."""
    now, later = adv.platform_now_or_later(fixed, saved, count, chance, reused, otherwise, 0)
    assert later >= max(0, now) - 1e-9 * (fixed + saved * count)
    sure, option = adv.platform_now_or_later(fixed, saved, count, 1, reused, otherwise, 0)
    assert option == pytest.approx(max(0, sure))
    assert sure == pytest.approx(-adv.premature_platform_loss(fixed, 0, saved, count, reused))
    assert adv.platform_now_or_later(2 * fixed, 2 * saved, count, chance, reused, otherwise, 0) == pytest.approx(
        (2 * now, 2 * later)
    )


def test_the_best_of_two_by_hand():
    """Reference: E max(0, X, Y) = 1/√(2π) + 1/(2√π); with one, 1/√(2π)."""
    assert adv.best_of(1) == pytest.approx(1 / math.sqrt(2 * math.pi), rel=1e-10)
    assert adv.best_of(2) == pytest.approx(1 / math.sqrt(2 * math.pi) + 0.5 / math.sqrt(math.pi), rel=1e-10)


@given(st.floats(0.05, 0.9), st.floats(0.001, 0.05), st.floats(0.06, 0.9), st.floats(0.5, 0.99))
def test_items_against_statsmodels(base, difference, discordance, power):
    """Reference: statsmodels' normal sample size, half of alpha in each tail, and the inverses."""
    reference = pytest.importorskip("statsmodels.stats.power").normal_sample_size_one_tail
    for variance, given_discordance in ((2 * base * (1 - base), None), (discordance, discordance)):
        items = adv.items_to_resolve(base, difference, given_discordance, power=power)
        expected = reference(difference, power, 0.025, std_null=variance**0.5, std_alternative=variance**0.5)
        assert items == pytest.approx(expected, rel=1e-8)
        assert adv.smallest_difference(items, variance, power=power) == pytest.approx(difference)
        if difference <= variance:
            assert adv.detection_chance(items, difference, variance) == pytest.approx(power)


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
        (lambda: adv.logit_prices(float("nan"), 1), "advantage: nan"),
        (lambda: adv.logit_prices(1e6, 1), "advantage: 1000000.0"),
        (lambda: adv.logit_prices(1, 0), "price_weight: 0"),
        (lambda: adv.measured_advantage(1, 0, 1), "share_held: 1"),
        (lambda: adv.measured_advantage(0.5, "1", 1), "price_gap: '1'"),
        (lambda: adv.buyers(None, 1, 0.5), "gap: None"),
        (lambda: adv.deviation_gain(1, -0.5), "switching: -0.5"),
        (lambda: adv.deviation_gain(1, 0.5, 0.5, 0.6), "unchanged, new"),
        (lambda: adv.platform_now_or_later(1, 1, 2, 0.5, 1, 0, 3), "wait: 3"),
        (lambda: adv.platform_now_or_later(1, 1, 2, 0.5, 1, 0, 0.5), "wait: 0.5"),
        (lambda: adv.platform_now_or_later(1, 1, 2, 1.5, 1, 0, 1), "chance: 1.5"),
        (lambda: adv.detection_chance(100, 0.2, 0.1), "discordance: 0.1"),
        (lambda: adv.detection_chance(0, 0.1, 0.1), "items: 0"),
        (lambda: adv.smallest_difference(10, 0), "discordance: 0"),
        (lambda: normal.quantile(1), "probability: 1"),
    ],
)
def test_bad_input_is_named(call, name):
    """Reference: the docstrings."""
    with pytest.raises(ValueError, match=f"^{name}"):
        call()
