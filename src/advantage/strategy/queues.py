"""How many texts can an accelerator write at once? Texts that share it, at a speed that depends on their number.

A batch of n texts finishes μ(n) texts a second. An arrival joins the batch at once while there is a place in it, and
waits in line otherwise. The number present then moves one up or one down, and its stationary law is a product:
p(n) ∝ Π λ/μ(k), k = 1…n. Arrivals are Poisson. Where nobody has to wait, the law holds for any distribution of the
lengths with the same mean (processor sharing); with a line it supposes that lengths are exponential.
Plain numbers, standard library only, so that it also runs in a browser.
"""

from collections import namedtuple
from collections.abc import Callable, Sequence
from math import exp, fsum, log

from advantage.checks import inside, not_negative, positive, series, whole, wrong

Queue = namedtuple("Queue", "idle in_service waiting waits lost service wait sojourn")
Load = namedtuple("Load", "limit arrivals gap late bound queue")


def occupancy(arrivals: float, rates: Sequence[float], room: int | None = None) -> list[float]:
    """Probabilities of 0, 1, 2… texts in the system, up to a full batch and, where it is limited, a full line.

    With a line without limit the list ends at the full batch with nobody waiting; what it lacks to 1 is the
    probability that somebody waits.

    Args:
        arrivals: λ, texts a second.
        rates: μ(1), μ(2), …: texts a second that a batch of 1, 2, … finishes; as many as the batch has places.
        room: places in the line; `None` is a line without limit.

    Raises:
        ValueError: an argument is wrong, or without a limit more arrive than a full batch finishes.
    """
    arrivals, speeds, room = _system(arrivals, rates, room)
    if arrivals == 0:
        return [1.0] + [0.0] * (len(speeds) + (room or 0))
    logs = [0.0]
    for rate in speeds + [speeds[-1]] * (room or 0):
        logs.append(logs[-1] + log(arrivals) - log(rate))
    top = max(logs)  # the largest weight counts as 1: no number of places overflows
    weights = [exp(each - top) for each in logs]
    behind = 0 if room is not None else weights[-1] * _behind(arrivals, speeds)
    total = fsum(weights) + behind
    return [weight / total for weight in weights]


def sharing(arrivals: float, rates: Sequence[float], room: int | None = None) -> Queue:
    """What arrivals meet where texts share one accelerator: `occupancy`, and Little's law on batch and line.

    M/M/c is its special case, μ(n) = n μ for n up to c: c servers. With μ(n) = min(n, c) μ and more places than c
    the batch is shared above c and the sojourn is still that of M/M/c.

    Args:
        arrivals, rates, room: as in `occupancy`.

    Returns:
        idle: share of the time without a text. in_service, waiting: texts, on average.
        waits: share of the admitted that find no place in the batch. lost: share of the arrivals that find the line
        full and are turned away. service, wait, sojourn: seconds of an admitted text, on average; the sojourn is
        the sum of the two.

    Raises:
        ValueError: as in `occupancy`.
    """
    arrivals, rates, room = _system(arrivals, rates, room)
    chances = occupancy(arrivals, rates, room)
    if arrivals == 0:
        return Queue(1.0, 0.0, 0.0, 0.0, 0.0, 1 / rates[0], 0.0, 1 / rates[0])
    places = len(rates)
    full = fsum(chances[places:])
    waiting = fsum(i * chance for i, chance in enumerate(chances[places:]))
    lost = 0.0 if room is None else chances[-1]
    if room is None:
        behind = _behind(arrivals, rates)
        waiting = full * behind * (1 + behind)
        full *= 1 + behind
    in_service = fsum(n * chance for n, chance in enumerate(chances[:places])) + places * full
    admitted = arrivals * (1 - lost)
    service, wait = in_service / admitted, waiting / admitted
    return Queue(chances[0], in_service, waiting, (full - lost) / (1 - lost), lost, service, wait, service + wait)


def late(arrivals: float, rates: Sequence[float], seconds: float) -> float:
    """Share of the arrivals that wait longer than `seconds` for a place: P(wait) e^{−(μ − λ) s}, μ of a full batch.

    Args:
        arrivals, rates: as in `occupancy`; the line has no limit, and is served in order.
        seconds: s, 0 for all who wait at all.
    """
    seconds = not_negative("seconds", seconds)
    arrivals, rates, _ = _system(arrivals, rates, None)
    return _late(arrivals, rates, seconds)


def completions(
    step_seconds: Callable[[int], float], tokens: float, limit: int, prompt_seconds: float = 0.0
) -> list[float]:
    """Texts a second that batches of 1 to `limit` finish: μ(n) = n/(G t(n) + n s), for `sharing`.

    A text needs G steps, each of which writes one token for every text of the batch. While a prompt is read, the
    batch stands still, so that each text costs the others s seconds once.

    Args:
        step_seconds: t, a function: texts in the batch → seconds of one step (`unit_economics.decode_seconds`,
            or `measured_steps`).
        tokens: G, written for a text on average.
        limit: the largest batch.
        prompt_seconds: s, to read a text's prompt; 0 where another machine reads it.
    """
    tokens, prompt = positive("tokens", tokens), not_negative("prompt_seconds", prompt_seconds)
    return [n / (tokens * _step(step_seconds, n) + n * prompt) for n in range(1, whole("limit", limit, 1) + 1)]


def measured_steps(batches: Sequence[int], seconds: Sequence[float]) -> Callable[[int], float]:
    """Seconds of a step as a function of the batch, from measured ones: straight lines between the batches.

    Args:
        batches: texts written at once, rising from 1.
        seconds: of one step, as measured for each (`records.serving()["curve"]` has milliseconds).

    Returns:
        A function of a batch between the first and the last; it refuses others rather than guess.
    """
    series("batches", batches, positive)
    sizes = [whole(f"batches[{i}]", size, 1) for i, size in enumerate(batches)]
    steps = series("seconds", seconds, positive)
    if sizes[0] != 1 or sizes != sorted(set(sizes)):
        raise wrong("batches", batches, "rising, from 1 on")
    if len(sizes) != len(steps):
        raise wrong("seconds", seconds, f"as many as batches, {len(sizes)}")

    def step(batch: int) -> float:
        if not sizes[0] <= whole("batch", batch, 1) <= sizes[-1]:
            raise wrong("batch", batch, f"within what was measured, 1 to {sizes[-1]}")
        for i, size in enumerate(sizes):
            if batch == size:
                return steps[i]
            if batch < size:
                part = (batch - sizes[i - 1]) / (size - sizes[i - 1])
                return steps[i - 1] + part * (steps[i] - steps[i - 1])
        raise AssertionError  # the last size is the largest batch

    return step


def largest_load(
    step_seconds: Callable[[int], float],
    tokens: float,
    gap: float,
    first_token: float,
    share: float = 0.95,
    prompt_seconds: float = 0.0,
    most: int = 256,
) -> Load:
    """The most texts a second that meet both targets: seconds between tokens, and seconds to the first one.

    The gap sets the batch: the largest one whose step, with its texts' pauses for the prompts of others, is no
    longer than `gap`, and of those the one that finishes most. Who finds it full waits in line, and the load rises
    until the share of the arrivals whose wait and prompt take longer than `first_token` is 1 − `share`.
    The gap is a mean over a text's tokens; a single pause lasts `prompt_seconds`.

    Args:
        step_seconds, tokens, prompt_seconds: as in `completions`.
        gap: target between two tokens of a text, in seconds.
        first_token: target from a text's arrival to its first token, in seconds.
        share: of the arrivals that must have it by then.
        most: the largest batch that memory holds.

    Returns:
        limit: the batch. arrivals: the load, texts a second. gap: seconds between tokens in a full batch.
        late: share of the arrivals that miss the first target. bound: texts a second that the best batch up to
        `most` finishes, the load at which the queue itself would give. queue: `sharing` at the load.

    Raises:
        ValueError: an argument is wrong, or a text alone misses a target.
    """
    gap, first_token, share = positive("gap", gap), positive("first_token", first_token), inside("share", share, 0, 1)
    rates = completions(step_seconds, tokens, whole("most", most, 1), prompt_seconds)
    gaps = [n / (tokens * rate) for n, rate in enumerate(rates, start=1)]
    if gaps[0] > gap:
        raise wrong("gap", gap, f"{gaps[0]:.3g} seconds or more, what a text alone takes")
    if prompt_seconds > first_token:
        raise wrong("first_token", first_token, f"{prompt_seconds:.3g} seconds or more, what the prompt alone takes")
    within = next((n for n, each in enumerate(gaps) if each > gap), len(gaps))
    limit = max(range(within), key=rates.__getitem__) + 1
    batch, spare = rates[:limit], first_token - prompt_seconds
    low, high = 0.0, batch[-1]
    for _ in range(50):
        middle = (low + high) / 2
        if middle < high and _late(middle, batch, spare) <= 1 - share:
            low = middle
        else:
            high = middle
    return Load(limit, low, gaps[limit - 1], late(low, batch, spare), max(rates), sharing(low, batch))


def _system(arrivals, rates, room) -> tuple[float, list[float], int | None]:
    arrivals, rates = not_negative("arrivals", arrivals), series("rates", rates, positive)
    if room is not None:
        room = whole("room", room)
    elif arrivals >= rates[-1]:
        raise wrong(
            "arrivals", arrivals, f"below what a full batch finishes, {rates[-1]:g}, where the line has no limit"
        )
    return arrivals, rates, room


def _behind(arrivals, rates):
    """Weight of all states with a line, over that of a full batch with none: ρ/(1 − ρ)."""
    return arrivals / (rates[-1] - arrivals)


def _late(arrivals, rates, seconds):
    """`late` unchecked, for a search: the share that waits is 1/(1 + (1 − ρ) Σ Π μ/λ), as in Erlang's C."""
    if arrivals == 0:
        return 0.0
    term, others = 1.0, 0.0
    for rate in reversed(rates):
        term *= rate / arrivals
        others += term
    waits = 1 / (1 + (1 - arrivals / rates[-1]) * others)
    return waits * exp(-(rates[-1] - arrivals) * seconds)


def _step(step_seconds, batch):
    if not callable(step_seconds):
        raise wrong("step_seconds", step_seconds, "a function of the texts in a batch")
    return positive(f"step_seconds({batch})", step_seconds(batch))
