"""Price plan: a flat rate against customers whose costs have a heavy tail, with a cap or a charge above it."""

from advantage.strategy.price_plans import plan_profit
from website.calculators.declared import Argument, Calculator, Chart, Line


def result(price, mean, median, cap, overage, leave_below):
    """The same plan without a limit, with service that ends at the cap, and with a charge above it."""
    flat = plan_profit(price, mean, median, leave_below=leave_below)
    ends = plan_profit(price, mean, median, cap, leave_below=leave_below)
    charged = plan_profit(price, mean, median, cap, overage, leave_below)
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
        Argument("mean", "Mean cost of a customer", "$ a month", 0.5, 100, 9.36, "log", 2),
        Argument("median", "Median cost of a customer", "$ a month", 0.05, 50, 0.59, "log", 2),
        Argument("cap", "Cost at which a limit begins", "$ a month", 1, 500, 50, "log", 2),
        Argument("overage", "Charge above the limit", "$ for each $ of cost", 0, 3, 1.2, "even", 2),
        Argument("leave_below", "Customers who cost less than this leave", "$ a month", 0, 5, 0, "even", 2),
    ],
    outputs={"flat": "$", "ends": "$", "charged": "$", "losing": "%", "capped": "%", "price": "$", "cap": "$"},
    sentences={
        "": "At {price} a month the plan earns {flat} on an average customer if nothing is limited, {ends} if service "
        "ends at a cost of {cap}, and {charged} if use above that is charged. "
        "Without a limit {losing}% of the customers cost more than they pay; {capped}% reach the limit.",
    },
    chart=Chart(
        "The lower the limit, the higher the profit",
        "cap",
        "profit for each customer ($ a month)",
        "even",
        [
            Line("charged", "charged above the limit"),
            Line("ends", "service ends at the limit"),
            Line("flat", "no limit"),
        ],
    ),
)
