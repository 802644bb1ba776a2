"""Two-sided prices: what two competing platforms charge developers and hosts, in two games."""

from advantage.checks import not_negative, number
from advantage.strategy.two_sided import bottleneck_prices, hotelling_prices, hotelling_profit
from website.calculators.declared import Argument, Calculator, Chart, Line


def result(alpha2, alpha1, t1, t2, f1, f2, alone):
    """Everybody on one platform (Armstrong's duopoly), and hosts on every one that is worth its fee (bottleneck)."""
    p1, p2 = hotelling_prices(t1, t2, alpha1, alpha2, f1, f2)
    net = number("f2", f2) - not_negative("alone", alone)
    try:
        both = bottleneck_prices(t1, alpha1, alpha2, f1, net, t2)
    except ValueError as error:  # its f2 is what a host costs less what the platform is worth to it alone
        raise ValueError(str(error).replace("f2:", "f2 - alone:", 1)) from None
    return {
        "p1": p1,
        "p2": p2,
        "profit": hotelling_profit(t1, t2, alpha1, alpha2),
        "both1": both.p1,
        "both2": both.p2 + alone,
        "both_profit": both.profit,
    }


CALCULATOR = Calculator(
    name="two-sided",
    chapter="notebooks/strategy/two-sided",
    function=result,
    arguments=[
        Argument("alpha2", "What all developers are worth to a host", "dollars", 0, 2, 0.5),
        Argument("alpha1", "What all hosts are worth to a developer", "dollars", 0, 2, 0.4),
        Argument("t1", "What the less liked platform costs a developer", "dollars, at most", 0.1, 5, 1),
        Argument("t2", "What the less liked platform costs a host", "dollars, at most", 0.1, 5, 1),
        Argument("f1", "What a developer costs you", "dollars", 0, 3, 0.1),
        Argument("f2", "What a host costs you", "dollars", 0, 3, 0.1),
        Argument("alone", "What a platform is worth to a host without developers", "dollars", 0, 3, 1.2),
    ],
    outputs={"p1": "$", "p2": "$", "profit": "$", "both1": "$", "both2": "$", "both_profit": "$"},
    sentences={
        "": "If everybody joins one platform, a developer pays {p1} and a host {p2}, and each platform earns {profit}. "
        "If hosts join every platform that is worth its fee, a developer pays {both1} and a host {both2}, and each "
        "platform earns {both_profit}. Who has a negative fee is paid to come."
    },
    chart=Chart(
        "Who is worth more to the others pays less",
        "alpha2",
        "fee ($)",
        "even",
        [
            Line("p1", "developers, one platform each"),
            Line("p2", "hosts, one platform each"),
            Line("both1", "developers, hosts on both"),
            Line("both2", "hosts, hosts on both"),
        ],
    ),
)
