"""Build or buy: from which volume on a machine of one's own is cheaper than an API."""

from advantage.checks import not_negative, positive
from advantage.strategy.build_buy_tune import break_even_volume, cached_input_price
from website.calculators.declared import Argument, Calculator, Chart, Line


def result(volume, output, new, cached, hit_rate, inputs, fixed, own_per_million):
    """The bill of an API for a mix of tokens, and of one's own machines for the same tokens."""
    bought = not_negative("output", output) + not_negative("inputs", inputs) * cached_input_price(new, cached, hit_rate)
    even = break_even_volume(fixed, own_per_million, bought)
    api = positive("volume", volume) * bought
    own = fixed + volume * own_per_million
    return {
        "case": "never" if own_per_million >= bought else "buy" if api <= own else "build",
        "bought": bought,
        "api": api,
        "own": own,
        "even": even,
        "volume": volume,
        "saved": abs(api - own),
    }


def offers(which):
    def read():
        from statistics import median

        from advantage import records

        return round(median(row[which] for row in records.prices()["offers_8b"]["rows"]), 3)

    return read


def machine():
    """The chapter's own machine with a chat: a model of 8 B weights on an H100, 0.3 of its bound sold."""
    from advantage import records
    from advantage.strategy import choosing
    from advantage.strategy.unit_economics import cost_per_million, kv_bytes_per_token

    chip = [records.accelerators()["H100 SXM"][what] for what in ("flops", "bytes_per_second", "memory_bytes")]
    kept, cache = 500 * (1 + READ), kv_bytes_per_token(layers=32, kv_heads=8, d_head=128)
    speed = choosing.written_per_second(choosing.mix(READ, HITS), kept, 8e9, cache, chip)
    return round(cost_per_million(records.prices()["gpu_hour"]["value"], speed, 0.3), 3)


READ, HITS = 608 / 168, 342 / 608  # a chat's, of the published day in the chapter on unit economics
BILLS = (
    "With the input that belongs to it, a million written tokens cost {bought} from the API. For {volume} million a "
    "month the API asks {api}; your own machines cost {own}. "
)
CALCULATOR = Calculator(
    name="build-or-buy",
    chapter="notebooks/strategy/build-buy-tune",
    function=result,
    arguments=[
        Argument("volume", "Tokens written", "millions a month", 100, 1_000_000, 30_000, "log", 0),
        Argument("output", "The API's output", "$ per million", 0.01, 100, offers("output"), "log", 3),
        Argument("new", "The API's new input", "$ per million", 0.01, 20, offers("input"), "log", 3),
        Argument("cached", "The API's cached input", "$ per million", 0.001, 20, offers("input"), "log", 3),
        Argument("hit_rate", "Input found in the cache", "share, 0 to 1", 0, 1, round(HITS, 2)),
        Argument("inputs", "Input tokens for each one written", "tokens", 0, 300, round(READ, 1), "even", 1),
        Argument("fixed", "Your people and your idle machines", "$ a month", 100, 1_000_000, 5_000, "log", 0),
        Argument("own_per_million", "Your machines, one more million", "$ per million", 0.01, 50, machine, "log", 3),
    ],
    outputs={"bought": "$", "api": "$", "own": "$", "even": "#", "volume": "#", "saved": "$"},
    sentences={
        "buy": BILLS + "Buying saves {saved}; owning is cheaper from {even} million a month on.",
        "build": BILLS + "Owning saves {saved}, and is cheaper from {even} million a month on.",
        "never": BILLS + "Owning never pays: one more million costs you no less than it costs to buy.",
    },
    chart=Chart(
        "Where the lines cross, both cost the same",
        "volume",
        "dollars a month",
        "log",
        [Line("api", "the API"), Line("own", "your own machines")],
    ),
)
