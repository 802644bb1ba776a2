"""Bass's curve and its fit, against published estimates, a library, the differential equation, and simulation."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from scipy.optimize import curve_fit

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


@pytest.mark.parametrize(
    ("adopters", "of_m", "of_p", "of_q"),
    [
        (AIR_CONDITIONERS, 1411, 0.0020, 0.0402),
        (COLOUR_TV, 2267, 0.0032, 0.0542),
        (DRYERS, 1234, 0.0023, 0.0364),
    ],
)
def test_published_errors_of_the_fits(adopters, of_m, of_p, of_q):
    """Reference: the standard errors printed beside those fits, and SciPy's own least squares."""
    found = gtm.bass_errors(adopters)
    assert round(found[0]) == of_m
    assert found[1:] == (pytest.approx(of_p, abs=5e-5), pytest.approx(of_q, abs=5e-5))

    def sales(time, m, p, q):
        return m * (gtm.bass_share(p, q, time) - gtm.bass_share(p, q, time - 1))

    time = np.arange(1.0, len(adopters) + 1)
    covariance = curve_fit(sales, time, adopters, p0=gtm.fit_bass(adopters))[1]
    assert found == pytest.approx(np.sqrt(np.diag(covariance)), rel=1e-3)


def test_the_time_until_a_share_has_adopted():
    """Reference: the curve itself; without imitation, −ln(1 − F)/p."""
    for adopted in (0.01, 0.5, 0.99):
        assert gtm.bass_share(0.01, 0.4, gtm.bass_time(0.01, 0.4, adopted)) == pytest.approx(adopted, abs=1e-12)
    assert gtm.bass_time(0.3, 0, 0.5) == pytest.approx(math.log(2) / 0.3)
    assert np.allclose(gtm.bass_time(0.3, 0, np.array([0.5])), math.log(2) / 0.3)


def test_a_forecast_by_hand():
    """Reference: the curve goes on; the width by finite differences and Student's t; the scale of the market."""
    m, p, q = gtm.fit_bass(DRYERS)
    forecast = gtm.forecast_bass(DRYERS, 3)
    shares = [gtm.bass_share(p, q, t) for t in range(13, 17)]
    assert forecast.adopters == pytest.approx(m * np.diff(shares))

    def sales(time, m, p, q):
        return m * (gtm.bass_share(p, q, time) - gtm.bass_share(p, q, time - 1))

    fit = np.array([m, p, q])
    time, next_one = np.arange(1.0, 14), np.array([14.0])
    slopes, at = (
        np.column_stack(
            [(sales(when, *(fit + h)) - sales(when, *(fit - h))) / (2 * h.sum()) for h in np.diag(fit) * 1e-5]
        )
        for when in (time, next_one)
    )
    variance = ((DRYERS - sales(time, *fit)) ** 2).sum() / 10
    wide = 2.228139 * math.sqrt(variance * (1 + (at @ np.linalg.inv(slopes.T @ slopes) @ at.T).item()))
    assert forecast.high[0] - forecast.adopters[0] == pytest.approx(wide, rel=1e-4)
    assert forecast.low[0] == pytest.approx(forecast.adopters[0] - wide, rel=1e-4)
    twice = gtm.forecast_bass([2 * x for x in DRYERS], 3)
    assert twice.high == pytest.approx([2 * x for x in forecast.high], rel=1e-6)
    narrow = gtm.forecast_bass(DRYERS, 3, level=0.5)
    assert all(a < b for a, b in zip(narrow.high, forecast.high))


def test_the_interval_holds_where_the_model_is_true():
    """Reference: simulated diffusions with independent noise, past their peak: 95 % intervals, 240 forecasts."""
    rng = np.random.default_rng(0)
    true = 20_000 * np.diff([gtm.bass_share(0.01, 0.4, t) for t in range(15)])
    inside = []
    for _ in range(120):
        seen = np.maximum(true + rng.normal(0, 100, 14), 0)
        _, low, high = gtm.forecast_bass(seen[:12], 2)
        inside += [low[i] <= seen[12 + i] <= high[i] for i in range(2)]
    assert np.mean(inside) == pytest.approx(0.95, abs=0.04)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: gtm.fit_bass([1, 2, 3]), "adopters: .*4 or more"),
        (lambda: gtm.fit_bass([1, 2, -3, 4]), r"adopters\[2\]: -3"),
        (lambda: gtm.fit_bass([0, 0, 0, 0]), "adopters: .*above 0 somewhere"),
        (lambda: gtm.fit_bass([1, 2, 4, 8, 16, 32]), "adopters: .*bend"),
        (lambda: gtm.bass_peak(0, 1), "p: 0"),
        (lambda: gtm.bass_share(0.1, 0.1, float("nan")), "time: nan"),
        (lambda: gtm.bass_time(0.1, 0.1, 1), "adopted: 1"),
        (lambda: gtm.bass_errors([1, 2, 3]), "adopters: .*4 or more"),
        (lambda: gtm.forecast_bass(DRYERS, 0), "periods: 0"),
        (lambda: gtm.forecast_bass(DRYERS, 1, level=1), "level: 1"),
        (lambda: gtm.forecast_bass([1, 2, 4, 8, 16, 32], 2), "adopters: .*bend"),
    ],
)
def test_bad_input_is_named(call, name):
    """Reference: the docstrings."""
    with pytest.raises(ValueError, match=f"^{name}"):
        call()
