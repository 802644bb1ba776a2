"""Customers: published estimates from published data, simulation of each model, and what must hold for any numbers."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import beta as beta_function

from advantage.strategy import business_model as bm

positive = st.floats(0.1, 20)


def data(name):
    """A table inside the installed `lifetimes`, which is found and not imported."""
    folder = importlib.util.find_spec("lifetimes").submodule_search_locations[0]
    return np.genfromtxt(Path(folder) / "datasets" / name, delimiter=",", names=True)


def test_cdnow():
    """Reference: Fader, Hardie & Lee 2005: .243, 4.414, .793, 2.426, log-likelihood −9582.4."""
    rows = data("cdnow_customers_summary.csv")
    found = bm.fit_bg_nbd(rows["frequency"], rows["recency"], rows["T"])
    assert len(rows) == 2357
    assert found[:4] == pytest.approx((0.243, 4.414, 0.793, 2.426), abs=5e-4)
    assert found[4] == pytest.approx(-9582.4, abs=0.05)
    assert bm.bg_nbd_conditional(*found[:4], 2, 30.43, 38.86, 39) == pytest.approx(1.226, abs=5e-4)


def test_cdnow_held_out():
    """Reference: the paper's weeks 40 to 78: cumulative sales 4 % short, correlation 0.626, none before: 0.23 each."""
    rows = data("cdnow_customers_summary.csv")
    fit = (0.243, 4.414, 0.793, 2.426)
    folder = importlib.util.find_spec("lifetimes").submodule_search_locations[0]
    log = np.unique(np.loadtxt(Path(folder) / "datasets" / "CDNOW_sample.txt", usecols=(1, 2), dtype=int), axis=0)
    later = np.bincount(log[log[:, 1] > 19970930, 0], minlength=2358)[1:]
    total = sum(bm.bg_nbd_expected(*fit, age + 39) for age in rows["T"])
    assert total / (rows["frequency"].sum() + later.sum()) == pytest.approx(0.96, abs=0.005)
    columns = zip(rows["frequency"], rows["recency"], rows["T"])
    expected = np.array([bm.bg_nbd_conditional(*fit, *row, 39) for row in columns])
    assert np.corrcoef(expected, later)[0, 1] == pytest.approx(0.626, abs=5e-4)
    none = rows["frequency"] == 0
    assert expected[none].mean() == pytest.approx(0.23, abs=0.005)
    assert (none.sum(), later[none].sum()) == (1411, 334)


def test_donations():
    """Reference: Fader, Hardie & Shang 2010: 1.204, .750, .657, 2.783, log-likelihood −33,225.6."""
    rows = data("donations.csv")
    found = bm.fit_bg_bb(rows["frequency"], rows["recency"], rows["periods"], rows["weights"])
    assert rows["weights"].sum() == 11_104
    assert found[:4] == pytest.approx((1.204, 0.750, 0.657, 2.783), abs=6e-4)
    assert found[4] == pytest.approx(-33_225.6, abs=0.05)


def test_spend():
    """Reference: Fader & Hardie 2013: p 6.25, q 3.74, γ 15.44 on 946 repeat buyers."""
    rows = data("cdnow_customers_summary_with_transactions.csv")
    rows = rows[rows["x"] > 0]
    p, q, gamma, _ = bm.fit_gamma_gamma(rows["x"], rows["zbar"])
    assert len(rows) == 946
    assert (p, q, gamma) == (
        pytest.approx(6.25, abs=0.005),
        pytest.approx(3.74, abs=0.005),
        pytest.approx(15.44, abs=0.01),
    )
    assert bm.gamma_gamma_mean(p, q, gamma, 0, 0) == pytest.approx(35.17, abs=0.01)


@pytest.mark.parametrize(
    ("survivors", "alpha", "beta"),
    [
        ([1000, 631, 468, 382, 326, 289, 262, 241], 0.704, 1.182),
        ([1000, 869, 743, 653, 593, 551, 517, 491], 0.668, 3.806),
    ],
    ids=["regular", "high end"],
)
def test_published_retention(survivors, alpha, beta):
    """Reference: Fader & Hardie 2007, their two segments; the held-out years 8 to 12 within 5 %."""
    found = bm.fit_sbg(survivors)
    assert found[:2] == (pytest.approx(alpha, abs=6e-4), pytest.approx(beta, abs=6e-4))
    later = [223, 207, 194, 183, 173] if alpha > 0.7 else [468, 445, 427, 409, 394]
    assert [1000 * bm.sbg_survival(*found[:2], t) for t in range(8, 13)] == pytest.approx(later, rel=0.05)


@given(positive, positive, st.integers(0, 40))
def test_survival_is_a_mean_over_customers(alpha, beta, time):
    """Reference: E[(1 − θ)^t] over θ ~ beta (α, β), as B(α, β + t)/B(α, β); it starts at 1 and falls."""
    survival = bm.sbg_survival(alpha, beta, time)
    assert survival == pytest.approx(beta_function(alpha, beta + time) / beta_function(alpha, beta), rel=1e-9)
    assert bm.sbg_survival(alpha, beta, 0) == 1
    assert bm.sbg_survival(alpha, beta, time + 1) < survival
    assert np.allclose(bm.sbg_survival(alpha, beta, np.array([time, time])), survival)


@given(st.floats(0.3, 3), st.floats(0.5, 5))
@settings(max_examples=5, deadline=None)
def test_a_fit_finds_what_made_the_counts(alpha, beta):
    """Reference: the model itself, without noise; counts a hundred times as large change nothing."""
    survivors = [1e4 * bm.sbg_survival(alpha, beta, t) for t in range(10)]
    assert bm.fit_sbg(survivors)[:2] == pytest.approx((alpha, beta), rel=1e-4)
    assert bm.fit_sbg([100 * n for n in survivors])[:2] == pytest.approx((alpha, beta), rel=1e-4)


def simulate(r, alpha, a, b, time, customers=200_000, seed=0):
    """Purchases until `time`, customer by customer."""
    rng = np.random.default_rng(seed)
    rate, leave = rng.gamma(r, 1 / alpha, customers), rng.beta(a, b, customers)
    clock, bought, alive = rng.exponential(1 / rate), np.zeros(customers), np.ones(customers, bool)
    while (on := alive & (clock < time)).any():
        bought[on] += 1
        alive[on] = rng.random(on.sum()) >= leave[on]
        clock[on] += rng.exponential(1 / rate[on])
    return bought


@pytest.mark.parametrize("a", [0.8, 1.0, 2.5])
def test_expected_purchases(a):
    """Reference: simulated customers, also where the formula is 0/0; and a new customer's E[Y] is E[X]."""
    bought = simulate(0.5, 4.0, a, 2.4, 52)
    expected = bm.bg_nbd_expected(0.5, 4.0, a, 2.4, 52)
    assert bought.mean() == pytest.approx(expected, abs=4 * bought.std() / 200_000**0.5)
    assert bm.bg_nbd_expected(0.5, 4.0, a, 2.4, 0) == pytest.approx(0, abs=1e-9)
    assert bm.bg_nbd_conditional(0.5, 4.0, a, 2.4, 0, 0, 1e-9, 52) == pytest.approx(expected, rel=1e-6)
    assert bm.bg_nbd_expected(0.242593, 4.413532, 0.792886, 2.425753, 52) == pytest.approx(1.4440, abs=5e-5)


@given(positive, positive, positive, positive, st.floats(0.1, 100))
@settings(deadline=None)
def test_the_integral_behind_the_formula(r, alpha, a, b, time):
    """Reference: the paper's ₂F₁ where SciPy has it; the integral stands in at a = 1, a + b = 1 and elsewhere."""
    formula = bm.bg_nbd_expected(r, alpha, a, b, time)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bm, "hyp2f1", lambda *_: np.nan)
        assert bm.bg_nbd_expected(r, alpha, a, b, time) == pytest.approx(formula, rel=1e-6)


@pytest.mark.parametrize(("r", "alpha", "a", "b", "time"), [(0.75, 1, 0.5, 0.5, 39), (4, 0.1, 4, 0.1, 100)])
def test_where_the_formula_is_not_finite(r, alpha, a, b, time):
    """Reference: the same function a little beside."""
    near = bm.bg_nbd_expected(r, alpha, a + 1e-5, b + 1e-5, time)
    assert bm.bg_nbd_expected(r, alpha, a, b, time) == pytest.approx(near, rel=1e-4)


@given(positive, positive, positive, positive, st.floats(0.1, 100), st.floats(0.1, 10))
def test_units_of_time_do_not_matter(r, alpha, a, b, time, unit):
    """Reference: weeks or days, α is a time; and no more purchases than if nobody ever left."""
    expected = bm.bg_nbd_expected(r, alpha, a, b, time)
    assert bm.bg_nbd_expected(r, alpha * unit, a, b, time * unit) == pytest.approx(expected, rel=1e-6, abs=1e-9)
    assert -1e-9 <= expected <= r * time / alpha * (1 + 1e-6)


def test_the_gamma_gamma_mean_is_a_shrunken_one():
    """Reference: between one's own mean and everybody's, going to one's own; its integral for q > 1."""
    overall = bm.gamma_gamma_mean(6.25, 3.74, 15.44, 0, 0)
    assert overall == pytest.approx(6.25 * 15.44 / 2.74)
    one, many = (bm.gamma_gamma_mean(6.25, 3.74, 15.44, x, 100.0) for x in (1, 1000))
    assert overall < one < many < 100.0
    assert many == pytest.approx(100, rel=0.01)
    rate = lambda v: 15.44**3.74 * v**2.74 * np.exp(-15.44 * v) / 4.3  # noqa: E731
    total, mean = quad(rate, 0, 5)[0], quad(lambda v: rate(v) * 6.25 / v, 0, 5)[0]
    assert mean / total == pytest.approx(overall, rel=1e-6)


def test_retention_in_figures():
    """Reference: 100, +15, −3, −7 → 105 % and 90 %; the value of a customer as a sum of what is paid."""
    assert bm.net_revenue_retention(100, 15, 3, 7) == pytest.approx(1.05)
    assert bm.gross_revenue_retention(100, 3, 7) == pytest.approx(0.90)
    value = bm.lifetime_value(5, 0.8, 0.1)
    assert value == pytest.approx(sum(5 * (0.8 / 1.1) ** t for t in range(400)))
    assert [round(bm.lifetime_value(1, r, 0.1) - 1, 2) for r in (0.6, 0.7, 0.8, 0.9)] == [1.2, 1.75, 2.67, 4.5]
    assert bm.payback_periods(120, 10) == 12


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: bm.fit_bg_nbd([1, 2], [1, 2], [3]), "frequency, recency, age: "),
        (lambda: bm.fit_bg_nbd([], [], []), "frequency, recency, age: "),
        (lambda: bm.fit_bg_nbd([1.5], [1], [3]), "frequency: "),
        (lambda: bm.fit_bg_nbd([1], [4], [3]), "recency: .*at most age"),
        (lambda: bm.fit_bg_nbd([1], [0], [3]), "recency: .*positive where frequency is"),
        (lambda: bm.fit_bg_nbd([0, 0], [0, 0], [3, 3]), "frequency: .*above 0 for somebody"),
        (lambda: bm.fit_bg_nbd([-1], [0], [3]), "frequency: "),
        (lambda: bm.fit_bg_nbd([float("nan")], [0], [3]), "frequency: "),
        (lambda: bm.fit_bg_bb([3], [2], [6]), "frequency: .*at most recency"),
        (lambda: bm.fit_bg_bb([1], [2], [6], [1, 2]), "customers: "),
        (lambda: bm.fit_bg_bb([1], [1.5], [6]), "recency: .*whole"),
        (lambda: bm.fit_gamma_gamma([1, 2], [3, -1]), "value: "),
        (lambda: bm.fit_gamma_gamma([1, 2], [3]), "value: "),
        (lambda: bm.fit_gamma_gamma([0, 2], [3, 3]), "frequency: "),
        (lambda: bm.fit_sbg([100, 90]), "survivors: .*3 or more"),
        (lambda: bm.fit_sbg([100, 90, 95]), "survivors: .*never rise"),
        (lambda: bm.fit_sbg([100, 100, 100]), "survivors: .*some lost"),
        (lambda: bm.fit_sbg([100, float("nan"), 90]), r"survivors\[1\]: nan"),
        (lambda: bm.sbg_survival(0, 1, 1), "alpha: 0"),
        (lambda: bm.bg_nbd_expected(1, 1, 1, 1, -1), "time: -1"),
        (lambda: bm.bg_nbd_expected(1, True, 1, 1, 1), "alpha: True"),
        (lambda: bm.gamma_gamma_mean(1, 0.5, 1, 0, 0), "q: 0.5"),
        (lambda: bm.lifetime_value(1, 1, 0), "retention: 1"),
        (lambda: bm.gross_revenue_retention(100, 50, 60), r"contraction \+ churn: 110"),
        (lambda: bm.payback_periods(1, 0), "margin: 0"),
    ],
)
def test_bad_input_is_named(call, name):
    """Reference: the docstrings."""
    with pytest.raises(ValueError, match=f"^{name}"):
        call()
