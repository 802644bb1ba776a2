"""Price plans: closed forms against simulation, numerical optima, and limits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize, minimize_scalar
from scipy.stats import lognorm

from advantage.strategy import price_plans as pp

BILLS = np.exp(np.random.default_rng(0).normal(*pp.lognormal(9.36, 0.59), 500_000))


def test_the_lognormal_of_a_mean_and_a_median():
    """Reference: SciPy's."""
    mu, sigma = pp.lognormal(9.36, 0.59)
    other = lognorm(sigma, scale=np.exp(mu))
    assert (other.mean(), other.median()) == pytest.approx((9.36, 0.59))
    assert pp.lognormal_quantile(mu, sigma, 0.99) == pytest.approx(other.ppf(0.99))
    assert pp.capped_mean(mu, sigma, 1e9) == pytest.approx(9.36)
    for cap in (0.01, 1, 40):
        assert pp.capped_mean(mu, sigma, cap) == pytest.approx(np.minimum(BILLS, cap).mean(), rel=0.02)
        assert pp.capped_mean(mu, sigma, cap) == pytest.approx(
            other.expect(lambda x, c=cap: min(x, c), epsabs=1e-9), rel=1e-3
        )


@pytest.mark.parametrize(
    ("price", "cap", "overage", "leave"),
    [(20, None, None, 0), (20, 40, None, 0), (20, 10, None, 0), (20, 40, 1.2, 0), (20, 40, 0.5, 5), (2, 40, 3.0, 0),
     (20, 10, 0.5, 0), (20, 10, 1.0, 2), (20, None, None, 4), (3, 40, None, 5)],
)  # fmt: skip
def test_a_plan_by_simulation(price, cap, overage, leave):
    """Reference: half a million simulated customers."""
    use = BILLS[leave <= BILLS]
    cost = use if cap is None else np.minimum(use, cap) if overage is None else use
    paid = price + (0 if overage is None else overage * np.maximum(use - cap, 0))
    found = pp.plan_profit(price, 9.36, 0.59, cap, overage, leave)
    error = 4 * np.std(paid - cost) / len(use) ** 0.5
    assert found.profit == pytest.approx((paid - cost).mean(), abs=error)
    assert found.margin == pytest.approx((paid - cost).mean() / np.mean(paid), abs=error / price)
    assert found.losing == pytest.approx((cost > paid).mean(), abs=3e-3)
    assert found.capped == pytest.approx(0 if cap is None else (use >= cap).mean(), abs=3e-3)


@given(st.floats(1, 100), st.floats(1.1, 50), st.floats(0.1, 1), st.floats(1, 200), st.floats(0.1, 10))
def test_units_do_not_matter(price, mean, median, cap, unit):
    """Reference: cents or dollars; a cap never costs; overage at cost leaves what a cap leaves."""
    plan = pp.plan_profit(price, mean, median, cap)
    scaled = pp.plan_profit(price * unit, mean * unit, median * unit, cap * unit)
    assert scaled.profit == pytest.approx(unit * plan.profit, rel=1e-6, abs=1e-6)
    assert scaled[1:] == pytest.approx(plan[1:], abs=1e-6)
    assert plan.profit >= pp.plan_profit(price, mean, median).profit - 1e-9
    assert pp.plan_profit(price, mean, median, cap, 1.0).profit == pytest.approx(plan.profit, rel=1e-6, abs=1e-6)


def utility(theta, q):
    return 2 * theta * np.sqrt(np.maximum(q, 0))


@pytest.mark.parametrize(("low", "high", "share", "cost"), [(1, 1.5, 0.5, 1), (1, 1.2, 0.3, 0.7), (1, 3, 0.6, 1)])
def test_the_menu(low, high, share, cost):
    """Reference: SciPy's maximum under the customers' four conditions; 1.25, 1.060 and .406 for the first."""
    found = pp.menu(low, high, share, cost)
    best = minimize(
        lambda x: -((1 - share) * (x[1] - cost * x[0]) + share * (x[3] - cost * x[2])),
        [0.2, 0.5, 2, 3],
        method="SLSQP",
        bounds=[(1e-12, 50)] * 4,
        constraints=[
            {"type": "ineq", "fun": lambda x: utility(low, x[0]) - x[1]},
            {"type": "ineq", "fun": lambda x: utility(high, x[2]) - x[3]},
            {"type": "ineq", "fun": lambda x: utility(high, x[2]) - x[3] - utility(high, x[0]) + x[1]},
            {"type": "ineq", "fun": lambda x: utility(low, x[0]) - x[1] - utility(low, x[2]) + x[3]},
        ],
        options={"ftol": 1e-12, "maxiter": 1000},
    )
    assert found.profit == pytest.approx(-best.fun, abs=5e-3)  # its slope at quality 0 is infinite
    two = pp.two_part_tariff(low, high, share, cost)
    mean = (1 - share) * low**2 + share * high**2
    best = minimize_scalar(lambda p: -(low**2 / p + (p - cost) * mean / p**2), bounds=(cost / 2, 9), method="bounded")
    assert two.profit == pytest.approx(-best.fun, abs=1e-8)
    one = pp.linear_price(low, high, share, cost)
    best = minimize_scalar(lambda p: -(p - cost) * mean / p**2, bounds=(cost, 9), method="bounded")
    assert one.profit == pytest.approx(-best.fun, abs=1e-8)
    if (low, high) == (1, 1.5):
        assert found == pytest.approx((0.25, 1, 2.25, 4, 1.25))
        assert (two.price, two.profit, one.profit) == pytest.approx((1.238, 1.060, 0.406), abs=5e-4)
    if high == 3:
        assert found.q_low == found.t_low == 0  # the small kind is not worth serving


@pytest.mark.parametrize(("peak", "off", "shifting"), [(10, 4, False), (10, 9, True), (10, 10, True)])
def test_peak_load(peak, off, shifting):
    """Reference: the maximum of both surpluses less cost, by SciPy; revenue pays for the machines."""
    found = pp.peak_load_prices(peak, off, 1, 3)
    best = minimize(
        lambda q: -(peak * q[0] - q[0] ** 2 / 2 + off * q[1] - q[1] ** 2 / 2 - q[0] - q[1] - 3 * q[2]),
        [5, 2, 6],
        method="SLSQP",
        constraints=[{"type": "ineq", "fun": lambda q: q[2] - q[0]}, {"type": "ineq", "fun": lambda q: q[2] - q[1]}],
        options={"ftol": 1e-14},
    ).x
    assert (peak - found.peak, off - found.off_peak, found.capacity) == pytest.approx(tuple(best), abs=1e-4)
    assert found.shifting == shifting
    revenue = (found.peak - 1) * (peak - found.peak) + (found.off_peak - 1) * (off - found.off_peak)
    assert revenue == pytest.approx(3 * found.capacity, abs=1e-9)


def test_spending_after_a_price_change():
    """Reference: at −1.11 it rises by 8 % when the price halves and by 29 % when it falls tenfold."""
    assert pp.spend_ratio(0.5, -1.11) == pytest.approx(1.08, abs=0.005)
    assert pp.spend_ratio(0.1, -1.11) == pytest.approx(1.29, abs=0.005)
    assert pp.spend_ratio(0.3, -1) == 1


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: pp.lognormal(1, 1), "mean: 1"),
        (lambda: pp.lognormal(1, 0), "median: 0"),
        (lambda: pp.plan_profit(20, 9, 1, None, 1.0), "cap: None"),
        (lambda: pp.plan_profit(20, 9, 1, 5, None, 6), "cap: 5"),
        (lambda: pp.plan_profit(0, 9, 1), "price: 0"),
        (lambda: pp.plan_profit(20, 9, 1, -5), "cap: -5"),
        (lambda: pp.plan_profit(20, 9, 1, leave_below=float("nan")), "leave_below: nan"),
        (lambda: pp.menu(2, 1, 0.5, 1), "theta_high: 1"),
        (lambda: pp.menu(1, 2, 1, 1), "high_share: 1"),
        (lambda: pp.two_part_tariff(1, 2, 0.5, 0), "cost: 0"),
        (lambda: pp.peak_load_prices(4, 10, 1, 3), "a_off: 10"),
        (lambda: pp.peak_load_prices(4, 3, 1, 3), "a_peak, a_off"),
        (lambda: pp.spend_ratio(0, -1), "price_ratio: 0"),
    ],
)
def test_bad_input_is_named(call, name):
    """Reference: the docstrings."""
    with pytest.raises(ValueError, match=f"^{name}"):
        call()
