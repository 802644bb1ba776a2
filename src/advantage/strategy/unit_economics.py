"""What a token costs and earns, in plain arithmetic.

Every function works on numbers and on arrays alike, in float64, and imports nothing beyond the standard library, so
that it also runs in a browser. Units are in the names or the docstrings: operations, bytes, seconds, dollars, tokens.
Whatever is not a finite number of the right sign is a `ValueError` that names it.
"""

from advantage.checks import every, not_negative, number, positive, share, wrong

E = 2.718281828459045


def weight_bytes(parameters: float, bits: float = 16) -> float:
    """Bytes of a model's weights."""
    return positive("parameters", parameters) * positive("bits", bits) / 8


def kv_bytes_per_token(layers: float, kv_heads: float, d_head: float, bits: float = 16) -> float:
    """Bytes that the key–value cache keeps for each token: two vectors for each layer and head.

    Source: Pope et al. 2022 (arXiv:2211.05102).
    """
    heads = positive("layers", layers) * positive("kv_heads", kv_heads)
    return 2 * heads * positive("d_head", d_head) * positive("bits", bits) / 8


def experts_touched(experts: float, active: float, batch: float) -> float:
    """Experts of a layer that a step reads when each of `batch` texts draws `active` of them: E (1 − (1 − k/E)^B).

    It supposes that every expert is drawn as often as any other, independently for each text.

    Raises:
        ValueError: an argument is not positive, or `active` exceeds `experts`.
    """
    experts, active, batch = positive("experts", experts), positive("active", active), positive("batch", batch)
    share("active / experts", active / experts)
    return experts * (1 - (1 - active / experts) ** batch)


def weights_read(parameters: float, active_parameters: float, experts: float, active: float, batch: float) -> float:
    """Weights that a step of a mixture of experts reads; all of them lie between the two parameter counts.

    All = shared + E e and active = shared + k e give the size of the experts, e; a step reads the shared part and
    the experts that its texts touch.

    Args:
        parameters: all weights.
        active_parameters: weights that one token is multiplied by.
        experts: routed experts of a layer, E.
        active: those that one token uses, k.
        batch: texts written at the same time.

    Raises:
        ValueError: an argument is not positive, or what is active exceeds what there is.
    """
    touched = experts_touched(experts, active, batch)
    parameters = positive("parameters", parameters)
    active_parameters = positive("active_parameters", active_parameters)
    share("active_parameters / parameters", active_parameters / parameters)
    further = (touched - active) / larger(experts - active, 1e-300)  # of the experts beyond a token's own
    return active_parameters + (parameters - active_parameters) * further


def decode_seconds(
    parameters: float,
    batch: float,
    flops: float,
    bytes_per_second: float,
    bits: float = 16,
    kv_bytes: float = 0,
    read: float | None = None,
) -> float:
    """Least seconds for one step that writes one token for each of `batch` texts: the roofline.

    The step multiplies every active weight once for each text (2 operations), and reads every weight that it touches
    once for all of them, plus each text's cache. The slower of the two decides, which supposes that a machine
    reads while it multiplies; without that it takes up to their sum, twice as long.
    Source: Williams et al. 2009 (doi:10.1145/1498765.1498785).

    Args:
        parameters: active weights, those that one token is multiplied by.
        batch: texts written at the same time.
        flops: operations per second of the machine.
        bytes_per_second: its memory's speed.
        bits: of one weight.
        kv_bytes: bytes of one text's cache.
        read: weights that the step reads, as `weights_read` gives them; the active ones if it is left out.

    Returns:
        Seconds for the step.

    Raises:
        ValueError: an argument is not positive (`kv_bytes`: negative).
    """
    batch = positive("batch", batch)
    compute = 2 * positive("parameters", parameters) * batch / positive("flops", flops)
    weights = weight_bytes(parameters if read is None else positive("read", read), bits)
    kept = batch * not_negative("kv_bytes", kv_bytes)
    return larger(compute, (weights + kept) / positive("bytes_per_second", bytes_per_second))


def prefill_seconds(
    parameters: float,
    tokens: float,
    flops: float,
    bytes_per_second: float | None = None,
    bits: float = 16,
    read: float | None = None,
) -> float:
    """Least seconds to read a prompt of `tokens`: 2 operations for each weight and token, and each weight read once.

    Args:
        parameters: active weights.
        tokens: of the prompt.
        flops: operations per second of the machine.
        bytes_per_second: its memory's speed; without it the arithmetic alone is counted.
        bits: of one weight.
        read: weights that are read, where they are more than the active ones.
    """
    compute = 2 * positive("parameters", parameters) * positive("tokens", tokens) / positive("flops", flops)
    if bytes_per_second is None:
        return compute
    memory = weight_bytes(parameters if read is None else positive("read", read), bits)
    return larger(compute, memory / positive("bytes_per_second", bytes_per_second))


def crossover_batch(flops: float, bytes_per_second: float, bits: float = 16, all_over_active: float = 1) -> float:
    """The batch at which reading the weights takes as long as multiplying by them; below it, memory is the limit.

    `all_over_active` is the weights that a step reads over those that a token uses: 1 for a dense model, and for a
    mixture of experts at a large batch all weights over the active ones.
    """
    operations = positive("flops", flops) * positive("bits", bits) / 8
    ratio = positive("all_over_active", all_over_active)
    if not every(ratio >= 1):
        raise wrong("all_over_active", all_over_active, "1 or more, for the active weights are among all")
    return operations / (2 * positive("bytes_per_second", bytes_per_second)) * ratio


def largest_batch(memory_bytes: float, parameters: float, kv_bytes: float, bits: float = 16) -> float:
    """Texts whose caches fit into the memory that all the weights leave (a number that may have a fraction)."""
    left = positive("memory_bytes", memory_bytes) - weight_bytes(parameters, bits)
    kv_bytes = positive("kv_bytes", kv_bytes)
    return larger(0 * kv_bytes, left / kv_bytes)


def cost_per_million(dollars_per_hour: float, tokens_per_second: float, utilisation: float = 1.0) -> float:
    """Dollars for a million tokens of a machine that is paid for all the time and sells a share of what it could.

    Args:
        dollars_per_hour: price of the machine.
        tokens_per_second: what it could write.
        utilisation: tokens sold over tokens that it could write, in (0, 1].
    """
    share("utilisation", utilisation)
    sold = positive("tokens_per_second", tokens_per_second) * positive("utilisation", utilisation)
    return not_negative("dollars_per_hour", dollars_per_hour) / 3600 / sold * 1e6


def price_and_speed(
    dollars_per_hour: float,
    parameters: float,
    batch: float,
    flops: float,
    bytes_per_second: float,
    bits: float = 16,
    kv_bytes: float = 0,
    read: float | None = None,
) -> tuple[float, float]:
    """(dollars for a million tokens, tokens per second that the reader of one text sees) of an accelerator.

    A larger batch shares the reading of the weights and slows each text; between the two lies the choice that a
    service makes. Arguments as in `decode_seconds`. Both are bounds: a real service is dearer and slower.
    """
    step = decode_seconds(parameters, batch, flops, bytes_per_second, bits, kv_bytes, read)
    return cost_per_million(dollars_per_hour, batch / step), 1 / step


def texts_in_service(
    tokens_per_second: float,
    parameters: float,
    flops: float,
    bytes_per_second: float,
    bits: float = 16,
    kv_bytes: float = 0,
) -> float:
    """Texts that are being written at the same time, on average, where each joins the batch as it arrives.

    Little's law: texts = tokens a second × seconds of a step, and the step's length depends on the texts,
    B = D (W + B k) / bandwidth. For random arrivals `busy_share` is the time with at least one text.

    Args:
        tokens_per_second: tokens asked for, D.
        parameters, flops, bytes_per_second, bits, kv_bytes: as in `decode_seconds`, of a dense model.

    Raises:
        ValueError: an argument is not positive, or more is asked for than the machine can write at any batch.
    """
    asked = positive("tokens_per_second", tokens_per_second)
    arithmetic = asked * 2 * positive("parameters", parameters) / positive("flops", flops)
    bandwidth = positive("bytes_per_second", bytes_per_second)
    left = 1 - asked * not_negative("kv_bytes", kv_bytes) / bandwidth
    if not every((arithmetic < 1) & (left > 0)):
        raise wrong("tokens_per_second", tokens_per_second, "below what the machine can write at its largest batch")
    return asked * weight_bytes(parameters, bits) / bandwidth / left


def busy_share(texts: float) -> float:
    """Share of the time that at least one text is in service, when their number is Poisson with that mean: 1 − e^−B."""
    return 1 - E ** -not_negative("texts", texts)


def gross_margin(revenue: float, cost: float) -> float:
    """Share of the revenue that is left after the cost: (revenue − cost) / revenue."""
    revenue = positive("revenue", revenue)
    return (revenue - not_negative("cost", cost)) / revenue


def mark_up(revenue: float, cost: float) -> float:
    """What is left as a share of the cost: (revenue − cost) / cost."""
    cost = positive("cost", cost)
    return (not_negative("revenue", revenue) - cost) / cost


def break_even_utilisation(dollars_per_hour: float, tokens_per_second: float, price_per_million: float) -> float:
    """Share of what the machine could write that must be sold for its revenue to equal its price; above 1: never."""
    return cost_per_million(dollars_per_hour, tokens_per_second) / positive("price_per_million", price_per_million)


def price_for_margin(cost: float, margin: float) -> float:
    """The price that leaves a given gross margin: cost / (1 − margin); a negative margin is a loss."""
    cost, margin = not_negative("cost", cost), number("margin", margin)
    if not every(margin < 1):
        raise wrong("margin", margin, "below 1, for no price leaves all of itself")
    return cost / (1 - margin)


def revenue(tokens: dict[str, float], prices: dict[str, float]) -> float:
    """Dollars for tokens of several kinds.

    Args:
        tokens: name → tokens of that kind.
        prices: name → dollars per million tokens of that kind; the same names.

    Raises:
        ValueError: the names differ, or a number is negative.
    """
    if set(tokens) != set(prices):
        raise ValueError(f"prices: for {sorted(prices)}, with tokens of {sorted(tokens)}; give both the same names")
    return sum(
        not_negative(f"tokens[{name!r}]", tokens[name]) / 1e6 * not_negative(f"prices[{name!r}]", prices[name])
        for name in tokens
    )


def mix_price(tokens: dict[str, float], prices: dict[str, float]) -> float:
    """Dollars for a million tokens of a mix of kinds, such as a chat's or an agent's. Arguments as in `revenue`."""
    total = revenue(tokens, prices)
    return total / positive("tokens", sum(number(f"tokens[{name!r}]", tokens[name]) for name in tokens)) * 1e6


def fleet_cost(tokens: float, tokens_per_second: float, dollars_per_hour: float) -> float:
    """Dollars of the machine hours that `tokens` take at one machine's speed."""
    hours = not_negative("tokens", tokens) / positive("tokens_per_second", tokens_per_second) / 3600
    return hours * not_negative("dollars_per_hour", dollars_per_hour)


def serving_day(
    nodes: float,
    gpus_per_node: float,
    dollars_per_gpu_hour: float,
    tokens: dict[str, float],
    prices: dict[str, float],
) -> tuple[float, float]:
    """(cost, revenue) of 24 hours, in dollars.

    Args:
        nodes: machines, on average over the day.
        gpus_per_node: accelerators in each.
        dollars_per_gpu_hour: what one costs.
        tokens: name → tokens of that kind in the day.
        prices: name → dollars per million tokens of that kind; the same names.

    Raises:
        ValueError: the names of `tokens` and `prices` differ, or a number is negative.
    """
    gpus = not_negative("nodes", nodes) * not_negative("gpus_per_node", gpus_per_node)
    cost = gpus * not_negative("dollars_per_gpu_hour", dollars_per_gpu_hour) * 24
    return cost, revenue(tokens, prices)


def larger(a: float, b: float) -> float:
    """The larger of two numbers, or of two arrays entry by entry; in plain arithmetic, exact where it matters.

    With `a > b` as 0 or 1 it picks one of the two and adds nothing to it, unlike half of a + b plus their distance,
    which rounds.
    """
    return (a > b) * a + (a <= b) * b
