"""Diffusion, comparisons and tests, against published tables, a library, and simulation."""

import math

import choix
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from scipy.optimize import brentq
from scipy.stats import norm

from advantage.strategy import go_to_market as gtm

AIR_CONDITIONERS = [96, 195, 238, 380, 1045, 1230, 1267, 1828, 1586, 1673, 1800, 1580, 1500]  # thousands, 1949–61
COLOUR_TV = [747, 1480, 2646, 5118, 5777, 5982, 5962, 4631]  # 1963–70
DRYERS = [106, 319, 492, 635, 737, 890, 1397, 1523, 1294, 1240, 1425, 1260, 1236]  # 1949–61


@pytest.mark.parametrize(
    ("adopters", "m", "p", "q"),
    [(AIR_CONDITIONERS, 18713, 0.0094, 0.3748), (COLOUR_TV, 39659, 0.0185, 0.6159), (DRYERS, 16497, 0.0136, 0.3267)],
)
def test_published_fits_of_bass(adopters, m, p, q):
    """Reference: non-linear least squares as Srinivasan & Mason (1986) and those after them print them."""
    found = gtm.fit_bass(adopters)
    assert round(found[0]) == m
    assert found[1:] == (pytest.approx(p, abs=5e-5), pytest.approx(q, abs=5e-5))


@given(st.floats(1e3, 1e7), st.floats(0.002, 0.05), st.floats(0.2, 0.8))
@settings(max_examples=10, deadline=None)
def test_a_fit_finds_what_made_the_data(m, p, q):
    """Reference: the model itself, over three times the time to its peak; scaling the market scales m alone."""
    periods = round(2 * gtm.bass_peak(p, q)) + 4
    sales = m * np.diff([gtm.bass_share(p, q, t) for t in range(periods + 1)])
    assert gtm.fit_bass(sales) == pytest.approx((m, p, q), rel=1e-4)
    assert gtm.fit_bass(list(3 * sales)) == pytest.approx((3 * m, p, q), rel=1e-4)


def test_diffusion_solves_its_equation():
    """Reference: dF/dt = (p + q F)(1 − F) by SciPy, and its steepest point; 8.6 years for room air conditioners."""
    p, q = 0.010399, 0.41861
    path = solve_ivp(lambda _, f: (p + q * f) * (1 - f), (0, 30), [0], t_eval=range(31), rtol=1e-11, atol=1e-13).y[0]
    assert [gtm.bass_share(p, q, t) for t in range(31)] == pytest.approx(path, abs=1e-9)
    assert gtm.bass_peak(p, q) == pytest.approx(8.6, abs=0.05)
    grid = np.linspace(0, 30, 300_001)
    assert grid[np.argmax(np.diff(gtm.bass_share(p, q, grid)))] == pytest.approx(gtm.bass_peak(p, q), abs=1e-3)
    assert gtm.bass_peak(0.5, 0.1) == 0
    assert gtm.bass_share(0.3, 0, 2) == pytest.approx(1 - math.exp(-0.6))


BASEBALL = [  # 1987, American League East: Milwaukee, Detroit, Toronto, New York, Boston, Cleveland, Baltimore
    [0, 7, 9, 7, 7, 9, 11],
    [6, 0, 7, 5, 11, 9, 9],
    [4, 6, 0, 7, 7, 8, 12],
    [6, 8, 6, 0, 6, 7, 10],
    [6, 2, 6, 7, 0, 7, 12],
    [4, 4, 5, 6, 6, 0, 6],
    [2, 4, 1, 3, 1, 7, 0],
]


def test_agrestis_baseball():
    """Reference: Agresti, Categorical Data Analysis, Bradley–Terry: 1.58, 1.44, 1.29, 1.25, 1.11, .68, 0."""
    found = gtm.bradley_terry(BASEBALL)
    assert found == pytest.approx([1.58, 1.44, 1.29, 1.25, 1.11, 0.68, 0], abs=0.005)
    games = [(i, j) for i, row in enumerate(BASEBALL) for j, n in enumerate(row) for _ in range(n)]
    library = choix.opt_pairwise(7, games)
    assert found == pytest.approx(library - library[-1], abs=1e-5)


def test_standard_errors():
    """Reference: the curvature of the log-likelihood by finite differences; and two players by hand."""
    wins = np.array(BASEBALL, dtype=float)

    def log_likelihood(b):
        b = np.append(b, 0)
        return float(np.sum(wins * (b[:, None] - np.logaddexp(b[:, None], b[None]))))

    b, h, e = np.array(gtm.bradley_terry(wins))[:-1], 1e-3, np.eye(6) * 1e-3
    curvature = [
        [
            (
                log_likelihood(b + x + y)
                - log_likelihood(b + x - y)
                - log_likelihood(b - x + y)
                + log_likelihood(b - x - y)
            )
            for y in e
        ]
        for x in e
    ]
    errors = np.sqrt(np.diag(np.linalg.inv(-np.array(curvature) / (4 * h * h))))
    assert gtm.bradley_terry_errors(wins) == pytest.approx([*errors, 0], rel=1e-4)
    assert gtm.bradley_terry([[0, 3], [1, 0]]) == pytest.approx([math.log(3), 0])
    assert gtm.bradley_terry_errors([[0, 3], [1, 0]]) == pytest.approx([math.sqrt(4 / 3), 0])
    assert gtm.bradley_terry([[9, 3], [1, 7]]) == pytest.approx([math.log(3), 0])  # nobody plays against himself


@given(st.lists(st.floats(-2, 2), min_size=2, max_size=6))
def test_abilities_come_back_from_expected_wins(abilities):
    """Reference: the model; the likelihood's slope is zero there."""
    b = np.array(abilities)
    wins = 50 / (1 + np.exp(b[None] - b[:, None]))
    assert gtm.bradley_terry(wins) == pytest.approx(b - b[-1], abs=1e-8)


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
        (lambda: gtm.fit_bass([1, 2, 3]), "adopters: .*4 or more"),
        (lambda: gtm.fit_bass([1, 2, -3, 4]), r"adopters\[2\]: -3"),
        (lambda: gtm.fit_bass([0, 0, 0, 0]), "adopters: .*above 0 somewhere"),
        (lambda: gtm.fit_bass([1, 2, 4, 8, 16, 32]), "adopters: .*bend"),
        (lambda: gtm.bass_peak(0, 1), "p: 0"),
        (lambda: gtm.bass_share(0.1, 0.1, float("nan")), "time: nan"),
        (lambda: gtm.bradley_terry([[0, 1]]), "wins: "),
        (lambda: gtm.bradley_terry([[0, 1], [float("nan"), 0]]), "wins: "),
        (lambda: gtm.bradley_terry("ab"), "wins: 'ab'"),
        (lambda: gtm.bradley_terry([[0, 1], [0, 0]]), "wins: .*no estimate exists"),
        (lambda: gtm.bradley_terry([[0, 1, 5], [1, 0, 5], [0, 0, 0]]), "wins: .*no estimate exists"),
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
