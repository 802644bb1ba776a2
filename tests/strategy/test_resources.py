"""Hires and credits, against quadrature, sums by hand, and the limits without churn."""

import math

import numpy as np
import pytest
from scipy.integrate import quad

from advantage.strategy import resources


def test_a_hire_by_hand():
    """Reference: without churn lowest at r + c/b, c(r + c/2b) deep, paid back √((c/b)² + 2rc/b) later."""
    found = resources.hire(12_000, 3, 3_000)
    assert found == pytest.approx((60_000, 7, 7 + math.sqrt(16 + 24)))
    assert resources.hire(12_000, 3, 3_000, 1e-7) == pytest.approx(found, rel=1e-5)


def test_a_hire_with_churn():
    """Reference: quadrature of the revenue, for random hires."""
    rng = np.random.default_rng(0)
    for cost, ramp, gain, churn in rng.uniform((5e3, 0, 1e3, 0), (2e4, 6, 4e3, 0.04), (30, 4)):
        found = resources.hire(cost, ramp, gain, churn)
        if math.isinf(found.hole):
            assert gain / churn <= cost
            continue

        def rate(t, cost=cost, ramp=ramp, gain=gain, churn=churn):
            return gain * -math.expm1(-churn * max(0, t - ramp)) / churn - cost

        assert rate(found.lowest) == pytest.approx(0, abs=1e-6)
        assert quad(rate, 0, found.lowest, points=[ramp])[0] == pytest.approx(-found.hole)
        assert quad(rate, 0, found.paid_back, points=[ramp])[0] == pytest.approx(0, abs=1e-3)
        flows = resources.hire_flows(60, cost, ramp, gain, churn)
        assert sum(flows) == pytest.approx(quad(rate, 0, 60, points=[ramp])[0])
    assert resources.hire(10, 1, 1, 0.1).hole == math.inf  # ten customers' worth at most, and it costs ten


def test_flows_of_a_hire():
    """Reference: nothing before the start; the same from then on."""
    flows = resources.hire_flows(24, 12_000, 3, 3_000)
    late = resources.hire_flows(30, 12_000, 3, 3_000, start=6)
    assert late[:6] == [0] * 6
    assert late[6:] == pytest.approx(flows)
    assert flows[:3] == [-12_000] * 3
    assert sum(flows[:7]) == pytest.approx(-60_000)
    assert resources.hire_flows(2, 100, 0, 0) == [-100, -100]


def test_credits():
    """Reference: by hand: used up, expired, or never needed."""
    bills = [10, 20, 30, 40]
    assert resources.credits_used(bills, 35, 12) == [10, 20, 5, 0]
    assert resources.credits_used(bills, 1000, 2) == [10, 20, 0, 0]
    assert resources.credits_used(bills, 0, 12) == resources.credits_used(bills, 99, 0) == [0] * 4


def test_a_plan_by_hand():
    """Reference: two months by hand; a price of compute that doubles; no growth below −1."""
    assert resources.plan_flows(2, 100, 0.1, 0.2, 90, 10) == pytest.approx([100 - 90 - 30, 110 - 90 - 32])
    assert resources.plan_flows(2, 100, 0.1, 0.2, 90, 10, 40, 12) == pytest.approx([10, 110 - 90 - 22])
    assert resources.plan_flows(1, 100, 0, 0.2, 90, 10, price_factor=2) == pytest.approx([-50])
    flat = resources.plan_flows(36, 0, 0, 0, 45_000)
    assert resources.runway_months(600_000, flat) == pytest.approx(600 / 45)


def test_names_from_one_place():
    """Reference: __all__; each name is the module's own object."""
    from advantage.strategy import partners, runway, shares

    assert resources.ruin is runway.ruin
    assert resources.cap_table is shares.cap_table
    assert resources.hold_up is partners.hold_up
    assert all(hasattr(resources, name) for name in resources.__all__)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: resources.credits_used([], 1, 1), "bills"),
        (lambda: resources.credits_used([-1], 1, 1), r"bills\[0\]"),
        (lambda: resources.credits_used([1], -1, 1), "credit"),
        (lambda: resources.credits_used([1], 1, 1.5), "expiry"),
        (lambda: resources.plan_flows(0, 1, 0, 0, 0), "months"),
        (lambda: resources.plan_flows(1, 1, -1, 0, 0), "1 \\+ growth"),
        (lambda: resources.plan_flows(1, -1, 0, 0, 0), "revenue"),
        (lambda: resources.plan_flows(1, 1, 0, 0, 0, price_factor=-1), "price_factor"),
        (lambda: resources.hire(0, 1, 1), "cost"),
        (lambda: resources.hire(1, -1, 1), "ramp"),
        (lambda: resources.hire(1, 1, 0), "gain"),
        (lambda: resources.hire(1, 1, 1, math.nan), "churn"),
        (lambda: resources.hire_flows(1.0, 1, 1, 1), "months"),
    ],
)
def test_bad_input(call, name):
    """Reference: the rule of checks.py; the error begins with the argument."""
    with pytest.raises(ValueError, match=f"^{name}"):
        call()
