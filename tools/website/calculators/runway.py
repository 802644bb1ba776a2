"""Runway: how long the money lasts, and how likely it is gone by a month, where credits hide a bill until they end."""

from advantage.checks import not_negative, positive
from advantage.strategy.runway import cliff_months, ruin, ruin_with_cliff
from website.calculators.declared import Argument, Calculator, Chart, Line


def result(cash, revenue, payroll, bill, credit, expiry, spread, months):
    """The plan's months and the probability of an empty account, seeing the credits' end and blind to it."""
    before = not_negative("revenue", revenue) - not_negative("payroll", payroll)
    after = before - not_negative("bill", bill)
    credit, cliff = not_negative("credit", credit), not_negative("expiry", expiry)
    cliff = min(cliff, credit / bill) if bill else cliff
    return {
        "case": "lasts" if after >= 0 else "seems" if before >= 0 else "ends",
        "told": cliff_months(cash, before, before, 0),
        "lasts": cliff_months(cash, before, after, cliff),
        "cliff": cliff,
        "blind": ruin(cash, before, positive("spread", spread), months),
        "empty": ruin_with_cliff(cash, before, after, spread, cliff, months, nodes=100),
        "months": months,
        "burn": -after,
    }


RISK = "The account has been empty within {months} months with a probability of {empty}%"
CALCULATOR = Calculator(
    name="runway",
    chapter="notebooks/strategy/resources",
    function=result,
    arguments=[
        Argument("cash", "Money in the account", "dollars", 10_000, 10_000_000, 600_000, "log", 0, "cash"),
        Argument("revenue", "Revenue", "$ a month", 0, 200_000, 24_000, "even", 0, "revenue"),
        Argument("payroll", "All else than compute", "$ a month", 1_000, 500_000, 52_000, "log", 0, "payroll"),
        Argument("bill", "Compute", "$ a month", 0, 100_000, 13_671, "even", 0),
        Argument("credit", "Credits for compute", "dollars", 0, 500_000, 100_000, "even", 0),
        Argument("expiry", "The credits expire after", "months", 0, 36, 12, "even", 1),
        Argument("spread", "How far a month strays from plan", "dollars", 1_000, 500_000, 25_000, "log", 0),
        Argument("months", "To the next round", "months", 1, 48, 18, "even", 1),
    ],
    outputs={
        "told": "#",
        "lasts": "#",
        "cliff": "#",
        "blind": "%",
        "empty": "%",
        "months": "#",
        "burn": "$",
    },
    sentences={
        "ends": "Today's burn says {told} months. The credits end after {cliff}; then you burn {burn} a month, and the "
        "money lasts {lasts} months. " + RISK + "; who does not see the end of the credits would say {blind}%.",
        "seems": "Today you burn nothing. The credits end after {cliff} months; then you burn {burn} a month, and the "
        "money lasts {lasts} months. " + RISK + "; who does not see the end of the credits would say {blind}%.",
        "lasts": "By the plan the money lasts, with and without credits. " + RISK + ".",
    },
    chart=Chart(
        "The end of the credits is on the way",
        "months",
        "probability of an empty account",
        "even",
        [Line("empty", "with the end of the credits"), Line("blind", "blind to it")],
    ),
)
