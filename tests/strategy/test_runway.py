"""Runway, against SciPy's inverse Gaussian, repeated quadrature, published corrections, and simulation."""

import math

import numpy as np
import pytest
from scipy.stats import invgauss, norm

from advantage.strategy import runway


def test_published_first_passage():
    """Reference: .10478 within 36 months and .16530 ever, for 12 in cash, a drift of .3 and a spread of 2."""
    assert runway.ruin(12, 0.3, 2, 36) == pytest.approx(0.10478, abs=5e-6)
    assert runway.ruin_ever(12, 0.3, 2) == pytest.approx(0.16530, abs=5e-6)
    assert runway.ruin(12, 0.3, 2, 1e6) == pytest.approx(runway.ruin_ever(12, 0.3, 2))


def test_against_the_inverse_gaussian():
    """Reference: scipy.stats.invgauss; the first passage of a falling path has mean x/|μ| and shape x²/σ²."""
    rng = np.random.default_rng(0)
    for cash, drift, spread, months in rng.uniform((1, 0.1, 0.5, 1), (30, 4, 9, 60), (200, 4)):
        shape = cash**2 / spread**2
        law = invgauss(cash / drift / shape, scale=shape)
        assert runway.ruin(cash, -drift, spread, months) == pytest.approx(law.cdf(months), abs=1e-9)
        ever = runway.ruin_ever(cash, drift, spread)  # the rising path is the falling one, given that it gets there
        assert runway.ruin(cash, drift, spread, months) == pytest.approx(ever * law.cdf(months), abs=1e-9)


def test_far_into_the_tail():
    """Reference: for a spread near zero the money ends when the plan says; half of the paths are earlier."""
    for spread in (1e-3, 1, 100, 1000):
        assert runway.ruin(1e6, -1e5, spread, 10) == pytest.approx(0.5, abs=2e-3)
    assert runway.ruin(1e6, -1e5, 1e3, 9) < 1e-200
    assert runway.ruin(1e6, -1e5, 1e3, 11) == 1
    values = [runway.ruin(1e4, -10 * k, 100, 24) for k in range(1, 100)]
    assert values == sorted(values)
    assert runway.ruin(12, -0.3, 0, 39) == 0
    assert runway.ruin(12, -0.3, 0, 41) == 1
    assert runway.ruin(0, 5, 1, 1) == runway.ruin(0, 5, 1, 0) == 1
    assert runway.ruin(5, -5, 1, 0) == 0


def looked_at(cash, drift, spread, months, looks):
    """Ruin at looks only: the density of the survivors, carried from look to look on a grid."""
    step, dx = 1 / looks, spread / math.sqrt(looks) / 25
    x = np.arange(0.5, 2 * int((cash + 9 * spread * math.sqrt(months)) / dx)) * dx
    kernel = norm.pdf(np.arange(-200, 201) * dx, drift * step, spread * math.sqrt(step)) * dx
    density = norm.pdf(x, cash + drift * step, spread * math.sqrt(step))
    for _ in range(int(months * looks) - 1):
        density = np.convolve(density, kernel, "same")
    return 1 - density.sum() * dx


@pytest.mark.parametrize("looks", [1, 2, 4])
def test_what_looks_miss(looks):
    """Reference: quadrature from look to look; the correction is Broadie, Glasserman and Kou's."""
    exact = looked_at(12, 0.3, 2, 36, looks)
    assert runway.ruin_by_looks(12, 0.3, 2, 36, looks) == pytest.approx(exact, abs=6e-4)
    seen = runway.simulate(12, [0.3] * 36, 2, 40_000, steps=looks, dips="ignored")[-1]
    assert seen == pytest.approx(exact, abs=4 * math.sqrt(exact / 40_000))
    assert round(1.4603545088 / math.sqrt(2 * math.pi), 4) == runway.LOOK  # −ζ(1/2)/√(2π)


def test_the_bridge_removes_the_bias():
    """Reference: the closed form, at one look a month, for every month; looks alone are far off."""
    found = runway.simulate(12, [0.3] * 36, 2, 100_000)
    exact = np.array([runway.ruin(12, 0.3, 2, month) for month in range(1, 37)])
    assert np.abs(found - exact).max() < 4 * math.sqrt(exact[-1] / 100_000)
    ignored = runway.simulate(12, [0.3] * 36, 2, 100_000, dips="ignored")[-1]
    assert exact[-1] - ignored > 15 * math.sqrt(exact[-1] / 100_000)


def test_a_cliff():
    """Reference: no cliff where the drift stays, the closed form at either end, simulation."""
    for cliff in (0, 0.5, 10, 35.9, 36, 50):
        assert runway.ruin_with_cliff(12, 0.3, 0.3, 2, cliff, 36) == pytest.approx(0.1047825, abs=1e-6)
    assert runway.ruin_with_cliff(12, 0.3, -1, 2, 0, 36) == pytest.approx(runway.ruin(12, -1, 2, 36))
    assert runway.ruin_with_cliff(12, 0.3, -1, 2, 36, 36) == pytest.approx(runway.ruin(12, 0.3, 2, 36))
    assert runway.ruin_with_cliff(12, -3, 5, 2, 6, 36) == pytest.approx(
        runway.simulate(12, [-3] * 6 + [5] * 30, 2, 100_000)[-1], abs=0.005
    )
    assert runway.ruin_with_cliff(12, 0.3, -1, 2, 12, 36) == pytest.approx(
        runway.simulate(12, [0.3] * 12 + [-1] * 24, 2, 100_000)[-1], abs=0.005
    )
    assert runway.ruin_with_cliff(10, 0, -2, 0, 12, 16) == 0
    assert runway.ruin_with_cliff(10, 0, -2, 0, 12, 18) == 1
    assert runway.ruin_with_cliff(10, -2, 9, 0, 12, 18) == 1


def test_cash_for_a_risk():
    """Reference: the inverse of the closed form."""
    for risk in (0.01, 0.05, 0.5, 0.99):
        for drift in (-3, 0, 0.3):
            needed = runway.cash_for(risk, drift, 2, 36)
            assert runway.ruin(needed, drift, 2, 36) == pytest.approx(risk, abs=1e-9)


def test_months_of_a_plan():
    """Reference: cash over burn; a straight line within the month; flows that recover."""
    assert runway.runway_months(600, [-45] * 36) == pytest.approx(600 / 45)
    assert runway.runway_months(10, [-4, -4, -4]) == pytest.approx(2.5)
    assert runway.runway_months(10, [-4, -4, -2, 5]) == math.inf
    assert runway.runway_months(10, [-4, -4, -2, -1e-9]) == 3
    assert runway.runway_months(0, [-1]) == 0


def test_months_to_the_end_with_a_cliff():
    """Reference: the same plan month by month; before, at and beyond the cliff; one that lasts."""
    for cash, drift, later, cliff in [(600, -28, -42, 7), (100, -28, -42, 7), (196, -28, -42, 7), (600, 5, -42, 7)]:
        flows = [drift] * cliff + [later] * 60
        assert runway.cliff_months(cash, drift, later, cliff) == pytest.approx(runway.runway_months(cash, flows))
    assert runway.cliff_months(600, -28, 0, 7) == math.inf
    assert runway.cliff_months(600, -28, -42, 7.3) == pytest.approx(7.3 + (600 - 28 * 7.3) / 42)


def test_simulated_plans():
    """Reference: certainty without spread; more ruin where shocks remember; the spread of a month stays."""
    assert list(runway.simulate(10, [-4, -4, -4, 50], 0, 10)) == [0, 0, 1, 1]
    assert list(runway.simulate(0, [5.0], 1, 10)) == [1]
    plain = runway.simulate(20, [-0.2] * 36, 2, 20_000, dips="ignored")[-1]
    sticky = runway.simulate(20, [-0.2] * 36, 2, 20_000, dips="ignored", memory=0.6)[-1]
    heavy = runway.simulate(20, [-0.2] * 36, 2, 20_000, dips="ignored", tail=3)[-1]
    assert sticky > plain + 0.1
    assert heavy == pytest.approx(plain, abs=0.05)  # the same spread, but more of it in a few months
    first = [runway.simulate(2, [0.0], 2, 200_000, dips="ignored", memory=m)[0] for m in (0.0, 0.9)]
    assert first == pytest.approx([norm.cdf(-1)] * 2, abs=0.004)
    # in the long run a memory ρ acts like a spread that is √((1 + ρ)/(1 − ρ)) times as large
    long = runway.simulate(60, [-0.2] * 200, 2, 10_000, dips="ignored", memory=0.5)[-1]
    assert long == pytest.approx(runway.ruin_by_looks(60, -0.2, 2 * math.sqrt(3), 200), abs=0.04)
    assert (runway.simulate(20, [-1] * 9, 2, 50, seed=1) == runway.simulate(20, [-1] * 9, 2, 50, seed=1)).all()


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: runway.ruin(-1, 0, 1, 1), "cash"),
        (lambda: runway.ruin(1, math.nan, 1, 1), "drift"),
        (lambda: runway.ruin(1, 0, -1, 1), "spread"),
        (lambda: runway.ruin(1, 0, 1, math.inf), "months"),
        (lambda: runway.ruin_ever(1, 0.1, 0), "spread"),
        (lambda: runway.ruin_by_looks(1, 0, 1, 1, 0), "looks"),
        (lambda: runway.ruin_with_cliff(1, 0, 0, 1, -1, 1), "cliff"),
        (lambda: runway.ruin_with_cliff(1, 0, 0, 1, 1, 2, 3), "nodes"),
        (lambda: runway.cliff_months(1, 1, 1, -1), "cliff"),
        (lambda: runway.cash_for(0, 0, 1, 1), "risk"),
        (lambda: runway.runway_months(1, []), "flows"),
        (lambda: runway.simulate(1, [0, math.nan], 1), "drifts"),
        (lambda: runway.simulate(1, [0], 1, paths=0), "paths"),
        (lambda: runway.simulate(1, [0], 1, dips="often"), "dips"),
        (lambda: runway.simulate(1, [0], 1, memory=0.5), "dips"),
        (lambda: runway.simulate(1, [0], 1, steps=2, dips="ignored", memory=0.5), "steps"),
        (lambda: runway.simulate(1, [0], 1, dips="ignored", tail=2), "tail"),
        (lambda: runway.simulate(True, [0], 1), "cash"),
    ],
)
def test_bad_input(call, name):
    """Reference: the rule of checks.py; the error begins with the argument."""
    with pytest.raises(ValueError, match=f"^{name}"):
        call()
