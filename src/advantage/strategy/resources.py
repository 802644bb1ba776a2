"""People, money, partners, compute: what a hire costs before it pays, credits that end, and the names of three modules.

First passage is in `runway`, the cap table in `shares`, hold-up in `partners`; their names can be had from here too.
The standard library only, but for `simulate`.
"""

from collections import namedtuple
from math import expm1, log1p

from advantage.checks import INFINITY, not_negative, number, positive, series, whole
from advantage.strategy.partners import HoldUp, Supply, hold_up, own_up_to, revenue_share, supply
from advantage.strategy.runway import (
    cash_for,
    cliff_months,
    ruin,
    ruin_by_looks,
    ruin_ever,
    ruin_with_cliff,
    runway_months,
    simulate,
)
from advantage.strategy.shares import CapTable, Safe, cap_table, least_cap, ownership

__all__ = [
    "CapTable",
    "Hire",
    "HoldUp",
    "Safe",
    "Supply",
    "cap_table",
    "cash_for",
    "cliff_months",
    "credits_used",
    "hire",
    "hire_flows",
    "hold_up",
    "least_cap",
    "own_up_to",
    "ownership",
    "plan_flows",
    "revenue_share",
    "ruin",
    "ruin_by_looks",
    "ruin_ever",
    "ruin_with_cliff",
    "runway_months",
    "simulate",
    "supply",
]

# hole: dollars spent at the lowest point; lowest: months until then; paid_back: months until the hire has cost nothing,
# infinite where it never does.
Hire = namedtuple("Hire", "hole lowest paid_back")


def credits_used(bills, credit: float, expiry: int) -> list[float]:
    """Dollars of each month's bill that a credit pays, until it is used up or has expired.

    Args:
        bills: dollars of compute, of each month in turn.
        credit: dollars.
        expiry: months after which what is left is lost.
    """
    left, paid = not_negative("credit", credit), []
    expiry = whole("expiry", expiry)
    for month, bill in enumerate(series("bills", bills, not_negative)):
        paid.append(min(bill, left) if month < expiry else 0.0)
        left -= paid[-1]
    return paid


def plan_flows(
    months: int,
    revenue: float,
    growth: float,
    compute_share: float,
    payroll: float,
    research: float = 0.0,
    credit: float = 0.0,
    expiry: int = 0,
    price_factor: float = 1.0,
) -> list[float]:
    """Dollars that come in less those that go out, of each month: revenue less payroll and the second payroll, compute.

    Args:
        months: how many.
        revenue: dollars in the first month.
        growth: of revenue, a month, as a share; above −1.
        compute_share: dollars of compute for a dollar of revenue.
        payroll: dollars a month for people and the rest.
        research: dollars a month for compute that no customer pays for.
        credit, expiry: as in `credits_used`.
        price_factor: of all compute, against today's prices.
    """
    factor = 1 + number("growth", growth)
    positive("1 + growth", factor)
    revenue, payroll = not_negative("revenue", revenue), not_negative("payroll", payroll)
    compute_share, research = not_negative("compute_share", compute_share), not_negative("research", research)
    incomes = [revenue * factor**month for month in range(whole("months", months, least=1))]
    bills = [not_negative("price_factor", price_factor) * (compute_share * income + research) for income in incomes]
    paid = credits_used(bills, credit, expiry)
    return [income - payroll - bill + part for income, bill, part in zip(incomes, bills, paid)]


def hire(cost: float, ramp: float, gain: float, churn: float = 0.0) -> Hire:
    """How deep a hole a hire digs who costs at once and brings revenue later.

    From the end of the ramp τ on each month adds b dollars of margin a month, of which a share χ leaves again, so that
    they bring b(1 − e^{−χs})/χ after s months. The hole is deepest when this reaches the cost c: without churn at
    τ + c/b, and c(τ + c/(2b)) deep. Where b/χ ≤ c it has no bottom.

    Args:
        cost: c, dollars a month.
        ramp: τ, months until the first dollar.
        gain: b, dollars a month of margin that each later month adds.
        churn: χ, rate at which they leave, a month.
    """
    cost, ramp = positive("cost", cost), not_negative("ramp", ramp)
    gain, churn = positive("gain", gain), not_negative("churn", churn)
    if churn * cost >= gain:
        return Hire(INFINITY, INFINITY, INFINITY)
    after = -log1p(-churn * cost / gain) / churn if churn > 1e-9 else cost / gain
    lowest = ramp + after
    hole = cost * lowest - _brought(after, gain, churn)
    low, high = lowest, 2 * lowest + 1
    while _brought(high - ramp, gain, churn) < cost * high:
        low, high = high, 2 * high
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if _brought(middle - ramp, gain, churn) < cost * middle else (low, middle)
    return Hire(hole, lowest, high)


def hire_flows(
    months: int, cost: float, ramp: float, gain: float, churn: float = 0.0, start: float = 0.0
) -> list[float]:
    """The same hire's dollars of each month, for a plan; nothing before the start.

    Args:
        months: how many.
        cost, ramp, gain, churn: as in `hire`.
        start: month of the first salary.
    """
    cost, ramp, start = positive("cost", cost), not_negative("ramp", ramp), not_negative("start", start)
    gain, churn = not_negative("gain", gain), not_negative("churn", churn)

    def so_far(time):
        worked = max(0.0, time - start)
        return _brought(max(0.0, worked - ramp), gain, churn) - cost * worked

    return [so_far(month + 1) - so_far(month) for month in range(whole("months", months, least=1))]


def _brought(time, gain, churn):
    """Dollars that the revenue of a hire has brought after some months of bringing."""
    if churn * time < 1e-6:
        return gain * time**2 / 2
    return gain * (time + expm1(-churn * time) / churn) / churn
