"""Two-sided prices: what two competing platforms charge the two groups that meet on them."""

from advantage.strategy.two_sided import hotelling_prices, hotelling_profit
from website.calculators.declared import Argument, Calculator, Chart, Line


def result(t1, t2, alpha1, alpha2, f1, f2):
    """Armstrong's two platforms, which each member joins one of."""
    p1, p2 = hotelling_prices(t1, t2, alpha1, alpha2, f1, f2)
    paid = [name for name, price in (("first", p1), ("second", p2)) if price < 0]
    return {
        "case": "both" if len(paid) == 2 else paid[0] if paid else "",
        "p1": p1,
        "p2": p2,
        "size1": abs(p1),
        "size2": abs(p2),
        "profit": hotelling_profit(t1, t2, alpha1, alpha2),
    }


PROFIT = " Each platform earns {profit} a month for each user in the market, if there are as many developers."
CALCULATOR = Calculator(
    name="two-sided",
    chapter="notebooks/strategy/two-sided",
    function=result,
    arguments=[
        Argument("t1", "What the less liked platform costs a user, at most", "$ a month", 0.5, 30, 10, "even", 1),
        Argument("t2", "What the less liked platform costs a developer, at most", "$ a month", 0.5, 30, 10, "even", 1),
        Argument("alpha1", "What developers are worth to a user", "$ a month", 0, 20, 3, "even", 1),
        Argument("alpha2", "What users are worth to a developer", "$ a month", 0, 20, 8, "even", 1),
        Argument("f1", "What a user costs you", "$ a month", 0, 20, 1, "even", 1),
        Argument("f2", "What a developer costs you", "$ a month", 0, 20, 2, "even", 1),
    ],
    outputs={"p1": "$", "p2": "$", "size1": "$", "size2": "$", "profit": "$"},
    sentences={
        "": "A user pays {size1} a month and a developer {size2}." + PROFIT,
        "first": "A user is paid {size1} a month to come, and a developer pays {size2}." + PROFIT,
        "second": "A user pays {size1} a month, and a developer is paid {size2} to come." + PROFIT,
        "both": "A user is paid {size1} a month to come, and a developer {size2}." + PROFIT,
    },
    chart=Chart(
        "The side that is worth more to the other pays less",
        "alpha2",
        "dollars a month",
        "even",
        [Line("p1", "a user's price"), Line("p2", "a developer's price")],
    ),
)
