"""Which way to a model: what a mix of tokens costs to buy and to write oneself, and a choice by task, data and budget.

Plain arithmetic and the standard library, so that it also runs in a browser.
"""

from collections import namedtuple
from math import ceil

from advantage.checks import not_negative, positive, share, text, wrong
from advantage.strategy import unit_economics as ue

# One way to a model: dollars of tokens for a try, the share of tries that is accepted; dollars a month whatever the
# volume, before the first answer, and to make it anew at each release of the base model; labelled examples that it
# takes; whether the data stay in the house.
Way = namedtuple(
    "Way", "name per_try success monthly upfront renewal examples inside", defaults=(0.0, 0.0, 0.0, 0, False)
)
# Dollars for an accepted answer, all counted, and over all months; why it cannot be taken, empty where it can.
Verdict = namedtuple("Verdict", "name per_accepted total against")


def mix(read: float, hit_rate: float = 0.0, write_share: float = 0.0) -> dict[str, float]:
    """Tokens of each kind for one written token, by the names of the five prices.

    Args:
        read: tokens of input for each one of output.
        hit_rate: share of the input that is read from the cache.
        write_share: share of the rest that is written to the cache, and charged at that price instead.
    """
    read, hits, written = not_negative("read", read), share("hit_rate", hit_rate), share("write_share", write_share)
    new = read * (1 - hits)
    return {
        "input": new * (1 - written),
        "input_cached": read * hits,
        "cache_write": new * written,
        "output": 1.0,
    }


def bought(tokens: dict[str, float], prices: dict[str, float]) -> float:
    """Dollars for a million written tokens of a mix, with all that is read for them.

    A seller without a price for the cache charges the price of new input for it.

    Args:
        tokens: as `mix` gives them.
        prices: name → dollars a million; `input` and `output`, and where they exist `input_cached`, `cache_write`.

    Raises:
        ValueError: a price is missing or negative.
    """
    missing = {"input", "output"} - set(prices)
    if missing:
        raise ValueError(f"prices: {sorted(prices)}; must have {' and '.join(sorted(missing))} too")
    new = prices["input"]
    complete = {"input_cached": new, "cache_write": new, **prices}
    return ue.revenue(tokens, {name: complete[name] for name in tokens}) * 1e6


def written_per_second(
    tokens: dict[str, float],
    kept: float,
    parameters: float,
    kv_bytes_per_token: float,
    chip: tuple[float, float, float],
    bits: float = 16,
) -> float:
    """Tokens that one accelerator writes in a second, at most, with as many texts as fit and their input read too.

    A written token takes its share of a step and the reading of the input that no cache holds. A bound: what a service
    reaches is a share of it.

    Args:
        tokens: as `mix` gives them; cached input costs no arithmetic.
        kept: tokens whose keys and values each text keeps.
        parameters: weights of a dense model.
        kv_bytes_per_token: of the cache.
        chip: operations per second, bytes per second, bytes of memory.
        bits: of a number.

    Raises:
        ValueError: an argument is not positive, or not even one text fits.
    """
    flops, bandwidth, memory = chip
    cache = positive("kept", kept) * positive("kv_bytes_per_token", kv_bytes_per_token)
    texts = ue.largest_batch(memory, parameters, cache, bits) // 1
    if texts < 1:
        raise wrong("kept", kept, "so short that one text fits beside the weights")
    writing = ue.decode_seconds(parameters, texts, flops, bandwidth, bits, cache) / texts
    new = not_negative("tokens", tokens["input"] + tokens["cache_write"])
    return 1 / (writing + 2 * parameters * new / flops)


def cascade(
    weak: tuple[float, float],
    strong: tuple[float, float],
    caught: float,
    false_alarms: float = 0.0,
    judge: float = 0.0,
) -> tuple[float, float]:
    """(dollars a task, share of tasks that succeed) when the weak model answers first and a judge may call the strong.

    It supposes that the strong model does as well on what is passed on as on all tasks; on hard tasks it does worse.

    Args:
        weak, strong: (dollars a try, success) of each.
        caught: share of the weak model's failures that the judge passes on.
        false_alarms: share of its successes that are passed on.
        judge: dollars to judge one answer.
    """
    (weak_cost, p_weak), (strong_cost, p_strong) = weak, strong
    p_weak, p_strong = share("weak[1]", p_weak), share("strong[1]", p_strong)
    passed_on = (1 - p_weak) * share("caught", caught) + p_weak * share("false_alarms", false_alarms)
    cost = not_negative("weak[0]", weak_cost) + not_negative("judge", judge)
    kept = p_weak * (1 - false_alarms)
    return cost + passed_on * not_negative("strong[0]", strong_cost), kept + passed_on * p_strong


def choose(
    ways: list[Way],
    accepted: float,
    months: float,
    budget: float,
    examples: float = 0,
    inside: bool = False,
    checking: float = 0.0,
    release_rate: float = 0.0,
) -> list[Verdict]:
    """The ways to a model for one task, the cheapest that can be taken first.

    Total = upfront + renewal λ T + T (monthly + A (per_try + checking)/success), for A accepted answers a month.

    Args:
        ways: what there is to choose from.
        accepted: answers a month that must be accepted, A.
        months: how long, T.
        budget: dollars that can be spent over all months.
        examples: labelled examples that there are.
        inside: whether the data must stay in the house.
        checking: dollars to find out whether a try is accepted.
        release_rate: λ, releases of the base model a month.

    Raises:
        ValueError: an argument is out of range, or there is no way.
    """
    if not ways:
        raise wrong("ways", ways, "a list of one way or more")
    answers = positive("accepted", accepted) * positive("months", months)
    not_negative("budget", budget)
    not_negative("examples", examples)
    found = []
    for way in ways:
        total = _total(way, answers, months, checking, release_rate)
        against = _against(way, total, budget, examples, inside)
        found.append(Verdict(way.name, total / answers, total, against))
    return sorted(found, key=lambda verdict: (bool(verdict.against), verdict.total))


def ten_ways(
    accepted: float,
    tries: dict[str, float],
    success: dict[str, float],
    machine: tuple[float, float],
    people: float,
    tuned: tuple[float, float, int],
    distilled: tuple[float, float, int],
    pretraining: float,
    routed: float = 0.35,
    dedicated: float = 1.5,
) -> list[Way]:
    """The ten ways to a model, priced for one task, to be put in order by `choose`.

    Machines are whole ones, as many as the tries behind the accepted answers take.

    Args:
        accepted: answers a month that must be accepted.
        tries: dollars of tokens for a try, `strong`, `weak` and `open`; without `open` the ways that need open weights
            are left out, as where a call does not fit their window.
        success: share of tries that is accepted, of `API`, `small API`, `router`, `open weights`, `fine-tune` and
            `distil`; one's own pre-trained model is taken to be as good as the open weights.
        machine: (dollars a month, tries a month) of one machine.
        people: dollars a month for running one's own.
        tuned, distilled: (dollars before the first answer, dollars again at each release, labelled examples).
        pretraining: dollars.
        routed: share of a router's calls that the strong model gets.
        dedicated: what a dedicated endpoint asks, over the rent of the machine.

    Raises:
        ValueError: an argument is out of range, or a success is missing.
    """
    missing = {"API", "small API", "router", "open weights", "fine-tune", "distil"} - set(success)
    if missing:
        raise ValueError(f"success: {sorted(success)}; must have {', '.join(sorted(missing))} too")
    strong, weak = not_negative("tries", tries["strong"]), not_negative("tries", tries["weak"])
    mixed = share("routed", routed) * strong + (1 - routed) * weak
    ways = [
        Way("API", strong, success["API"]),
        Way("small API", weak, success["small API"]),
        Way("router", mixed, success["router"], upfront=2_000),
    ]
    if "open" not in tries:
        return ways

    def rent(name: str) -> float:
        needed = positive("accepted", accepted) / positive(f"success of {name}", success[name])
        return machine[0] * ceil(needed / positive("machine[1]", machine[1]))

    hosted = not_negative("tries", tries["open"])
    tune = dict(zip(("upfront", "renewal", "examples"), tuned))
    own, own_tuned = people + rent("open weights"), people + rent("fine-tune")
    return [
        *ways,
        Way("open weights, hosted", hosted, success["open weights"]),
        Way("dedicated", 0.0, success["open weights"], monthly=dedicated * rent("open weights")),
        Way("own machine", 0.0, success["open weights"], monthly=own, inside=True),
        Way("fine-tune, hosted", hosted, success["fine-tune"], **tune),
        Way("fine-tune, own", 0.0, success["fine-tune"], monthly=own_tuned, inside=True, **tune),
        Way("distil", hosted, success["distil"], **dict(zip(tune, distilled))),
        Way("pre-train", 0.0, success["open weights"], monthly=own, upfront=pretraining, inside=True),
    ]


def _total(way: Way, answers: float, months: float, checking: float, release_rate: float) -> float:
    """Dollars over all months."""
    name = text("name", way.name)
    share(f"success of {name}", way.success)
    tries = answers / positive(f"success of {name}", way.success)
    each = not_negative(f"per_try of {name}", way.per_try) + not_negative("checking", checking)
    made_anew = not_negative(f"renewal of {name}", way.renewal) * not_negative("release_rate", release_rate) * months
    kept = not_negative(f"monthly of {name}", way.monthly) * months
    return not_negative(f"upfront of {name}", way.upfront) + made_anew + kept + tries * each


def _against(way: Way, total: float, budget: float, examples: float, inside: bool) -> str:
    """Why a way cannot be taken; empty where it can."""
    reasons = []
    if inside and not way.inside:
        reasons.append("data leave the house")
    if way.examples > examples:
        reasons.append(f"{way.examples - examples:,.0f} examples short")
    if total > budget:
        reasons.append(f"${total - budget:,.0f} over budget")
    return ", ".join(reasons)
