"""Price plan: a flat rate against customers whose costs have a heavy tail, with a cap or a charge above it."""

from advantage.checks import positive
from advantage.strategy.price_plans import lognormal, plan_profit
from website.calculators.declared import Argument, Calculator, Chart, Line


def result(price, sessions, mean, median, cap, overage, leave_below):
    """The same plan without a limit, with service that ends at the cap, and with a charge above it."""
    lognormal(mean, median)  # refuses them as they were typed
    month = positive("sessions", sessions) * mean, sessions * median
    flat = plan_profit(price, *month, leave_below=leave_below)
    ends = plan_profit(price, *month, cap, leave_below=leave_below)
    charged = plan_profit(price, *month, cap, overage, leave_below)
    return {
        "flat": flat.profit,
        "ends": ends.profit,
        "charged": charged.profit,
        "losing": flat.losing,
        "capped": charged.capped,
        "price": price,
        "cap": cap,
    }


CALCULATOR = Calculator(
    name="price-plan",
    chapter="notebooks/strategy/business-model",
    function=result,
    arguments=[
        Argument("price", "Price of the plan", "$ a month", 1, 200, 20, "log", 2),
        Argument("sessions", "Use of an average customer", "sessions a month", 0.5, 20, 4, "even", 1),
        Argument("mean", "Mean cost of a session", "dollars", 0.1, 50, 9.36, "log", 2),
        Argument("median", "Median cost of a session", "dollars", 0.01, 20, 0.59, "log", 2),
        Argument("cap", "Cost at which a limit begins", "$ a month", 1, 500, 40, "log", 2),
        Argument("overage", "Charge above the limit", "$ for each $ of cost", 0, 3, 1.2),
        Argument("leave_below", "Customers who cost less than this leave", "$ a month", 0, 10, 0),
    ],
    outputs={"flat": "$", "ends": "$", "charged": "$", "losing": "%", "capped": "%", "price": "$", "cap": "$"},
    sentences={
        "": "At {price} a month the plan earns {flat} on an average customer if nothing is limited, {ends} if service "
        "ends at a cost of {cap}, and {charged} if use above that is charged. "
        "Without a limit {losing}% of the customers cost more than they pay; {capped}% reach the limit.",
    },
    chart=Chart(
        "A flat rate sinks as use grows",
        "sessions",
        "profit for each customer ($ a month)",
        "even",
        [
            Line("flat", "no limit"),
            Line("ends", "service ends at the limit"),
            Line("charged", "charged above the limit"),
        ],
    ),
)
