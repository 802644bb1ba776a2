"""Unit economics: what a million tokens cost on a rented accelerator, and what a price leaves."""

from advantage.checks import positive
from advantage.strategy.unit_economics import (
    break_even_utilisation,
    cost_per_million,
    gross_margin,
    kv_bytes_per_token,
    price_and_speed,
)
from website.calculators.declared import Argument, Calculator, Chart, Line

KEPT = kv_bytes_per_token(layers=32, kv_heads=8, d_head=128)  # bytes of each token, of the chapter's 8 B model


def result(parameters, kept, batch, bytes_per_second, flops, dollars_per_hour, utilisation, price):
    """The roofline's bound for one batch, and the money that a share of it earns."""
    price = positive("price", price)
    _, seen = price_and_speed(
        dollars_per_hour,
        1e9 * positive("parameters", parameters),
        batch,
        1e12 * positive("flops", flops),
        1e12 * positive("bytes_per_second", bytes_per_second),
        kv_bytes=KEPT * positive("kept", kept),
    )
    written = batch * seen
    cost = cost_per_million(dollars_per_hour, written, utilisation)
    margin = gross_margin(price, cost)
    even = break_even_utilisation(dollars_per_hour, written, price)
    return {
        "case": "keeps" if margin >= 0 else "loses" if even <= 1 else "never",
        "step": 1000 / seen,
        "seen": seen,
        "written": written,
        "sold": utilisation,
        "cost": cost,
        "price": price,
        "margin": margin,
        "loss": cost - price,
        "even": even,
    }


def rent():
    from advantage import records

    return records.prices()["gpu_hour"]["value"]


def h100(what):
    def read():
        from advantage import records

        return records.accelerators()["H100 SXM"][what] / 1e12

    return read


def median_offer():
    from statistics import median

    from advantage import records

    return round(median(row["output"] for row in records.prices()["offers_8b"]["rows"]), 3)


SPEED = (
    "A step takes at least {step} ms: each reader sees up to {seen} tokens per second, and the machine writes up to "
    "{written}. With {sold}% of that sold, a million tokens cost {cost}. "
)
CALCULATOR = Calculator(
    name="unit-economics",
    chapter="notebooks/strategy/unit-economics",
    function=result,
    arguments=[
        Argument("parameters", "Active weights", "billions", 0.5, 500, 8, "log", 1),
        Argument("kept", "Length of a text", "tokens", 100, 100_000, 1_000, "log", 0),
        Argument("batch", "Texts written at once", "texts", 1, 1_000, 64, "log", 0),
        Argument("bytes_per_second", "Memory speed of the accelerator", "TB/s", 0.5, 20, h100("bytes_per_second")),
        Argument("flops", "Arithmetic of the accelerator, 16 bit", "TFLOP/s", 50, 5_000, h100("flops"), "log", 1),
        Argument("dollars_per_hour", "Rent of the accelerator", "$ per hour", 0.1, 20, rent, "log", 2, "rent"),
        Argument("utilisation", "Sold, of what the bound allows", "share, 0 to 1", 0.01, 1, 0.17, "log", 2),
        Argument("price", "Your price", "$ per million tokens", 0.01, 20, median_offer, "log", 3),
    ],
    outputs={
        "step": "#",
        "seen": "#",
        "written": "#",
        "sold": "%",
        "cost": "$",
        "price": "$",
        "margin": "%",
        "loss": "$",
        "even": "%",
    },
    sentences={
        "keeps": SPEED + "At a price of {price} you keep {margin}% of the revenue; you break even with {even}% sold.",
        "loses": SPEED + "At a price of {price} you lose {loss} on each million; you break even with {even}% sold.",
        "never": SPEED
        + "At a price of {price} you lose {loss} on each million, and would still lose if you sold all of it.",
    },
    chart=Chart(
        "Texts that share a step share its cost",
        "batch",
        "dollars per million tokens",
        "log",
        [Line("cost", "cost of a million tokens"), Line("price", "your price")],
    ),
)
