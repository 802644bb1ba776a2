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


def five(which):
    def read():
        from advantage import records

        return records.prices()["five_prices"]["rows"][0][which]

    return read


BILLS = (
    "With the input that belongs to it, a million written tokens cost {bought} from the API. For {volume} million a "
    "month the API asks {api}; your own machines cost {own}. "
)
CALCULATOR = Calculator(
    name="build-or-buy",
    chapter="notebooks/strategy/build-buy-tune",
    function=result,
    arguments=[
        Argument("volume", "Tokens written", "millions a month", 1, 100_000, 1_000, "log", 0),
        Argument("output", "The API's output", "$ per million", 0.01, 100, five("output"), "log", 2),
        Argument("new", "The API's new input", "$ per million", 0.01, 20, five("input"), "log", 2),
        Argument("cached", "The API's cached input", "$ per million", 0.001, 5, five("input_cached"), "log", 3),
        Argument("hit_rate", "Input found in the cache", "share, 0 to 1", 0, 1, round(342 / 608, 2), "even", 2),
        Argument("inputs", "Input tokens for each one written", "tokens", 0, 300, round(608 / 168, 1), "even", 1),
        Argument("fixed", "Your people and your idle machines", "$ a month", 100, 1_000_000, 20_000, "log", 0),
        Argument("own_per_million", "Your machines, one more million", "$ per million", 0.01, 50, 1, "log", 2),
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
