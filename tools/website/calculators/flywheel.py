"""Flywheel: whether a lead in data grows, what a head start is worth, and up to which leak it pays."""

from advantage.checks import inside, not_negative, positive, wrong
from advantage.strategy.flywheel import break_even_spillover, forever, head_start_worth, learned, loop_gain
from website.calculators.declared import Argument, Calculator, Chart, Line

DISCOUNT, STALE, UTILS, MONTHS = 0.98, 0.05, 0.5, 20  # the chapter's: a month, a month, for a dollar, of learning


def result(customers, left, public, nat, term, beta, lead, releases, spillover, cost):
    """The gain of the loop with taste, and the worth of a lead where both sellers look ahead."""
    lead, catch_up = max(1, round(positive("lead", lead))), not_negative("releases", releases) / 12
    if catch_up > 1:
        raise wrong("releases", releases, "12 or less: in the model one comes in a month, or none")
    cost = positive("cost", cost)
    flow = positive("customers", customers) * positive("left", left)
    B = positive("term", term) * positive("public", public) ** inside("beta", beta, 0, 5)
    gain = loop_gain(UTILS * positive("nat", nat), B, beta, flow, STALE, public, spillover)
    learning = learned(MONTHS, customers * nat, B, beta, flow, public)
    worth = head_start_worth(learning, DISCOUNT, lead, spillover, catch_up)
    average = forever(learning, DISCOUNT)
    return {
        "case": ("grows" if gain > 1 else "dies") + (" pays" if worth > cost else " costs"),
        "gain": gain,
        "worth": worth,
        "cost": cost,
        "star": break_even_spillover(learning, DISCOUNT, lead, cost, catch_up),
        "better": (average[min(lead, MONTHS)] - average[0]) / customers,
    }


def law(what):
    def read():
        from advantage import records

        fitted = records.scaling_law()
        return round(fitted["beta"] if what == "beta" else fitted["B"] / 250_000 ** fitted["beta"], 3)

    return read


GROWS = "A customer more brings {gain} customers more by its data: a small lead grows. "
DIES = "A customer more brings {gain} customers more by its data: a small lead dies out. "
PAYS = "The head start is worth {worth} and costs {cost}; it would pay up to a leak of {star}%. "
COSTS = "The head start is worth only {worth} and costs {cost}; it pays up to a leak of {star}%. "
BEGINNER = (
    "If nothing leaks, a beginner takes the market with a product that is better by {better} a customer and month."
)
CALCULATOR = Calculator(
    name="flywheel",
    chapter="notebooks/strategy/flywheel",
    function=result,
    arguments=[
        Argument("customers", "Customers in your niche", "customers", 10, 100_000, 1_000, "log", 0),
        Argument("left", "Text of a customer that you may use", "bytes a month", 1, 100_000, 100, "log", 0),
        Argument("public", "Text that anybody has", "bytes", 1e4, 1e9, 250_000, "log", 0),
        Argument("nat", "What a customer pays for a nat of loss", "$ a month", 1, 200, 30, "log", 1),
        Argument("term", "What more text could still take off the loss", "nats", 0.01, 5, law("term"), "log", 3),
        Argument("beta", "Exponent of the scaling law", "β", 0.05, 1, law("beta"), "even", 3),
        Argument("lead", "Head start", "months", 1, 60, 6, "even", 0),
        Argument("releases", "Releases that have what you learned", "a year", 0, 12, 3, "even", 1),
        Argument("spillover", "Sales that teach the rival too", "share, 0 to 1", 0, 1, 0.3),
        Argument("cost", "What the head start costs", "dollars", 100, 1e6, 16_000, "log", 0),
    ],
    outputs={"gain": "#", "worth": "$", "cost": "$", "star": "%", "better": "$"},
    sentences={
        "grows pays": GROWS + PAYS + BEGINNER,
        "grows costs": GROWS + COSTS + BEGINNER,
        "dies pays": DIES + PAYS + BEGINNER,
        "dies costs": DIES + COSTS + BEGINNER,
    },
    chart=Chart(
        "The more leaks, the less a lead is worth",
        "spillover",
        "dollars",
        "log",
        [Line("worth", "worth of the head start"), Line("cost", "what it costs")],
    ),
)
