"""What a token costs and earns, in plain arithmetic.

Every function works on numbers and on arrays alike and imports nothing, so that it also runs in a browser.
Units are in the names or the docstrings: operations, bytes, seconds, dollars, tokens.
"""


def weight_bytes(parameters, bits=16):
    """Bytes of a model's weights."""
    _positive(parameters=parameters, bits=bits)
    return parameters * bits / 8


def kv_bytes_per_token(layers, kv_heads, d_head, bits=16):
    """Bytes that the key–value cache keeps for each token: two vectors for each layer and head.

    Source: Pope et al. 2022 (arXiv:2211.05102).
    """
    _positive(layers=layers, kv_heads=kv_heads, d_head=d_head, bits=bits)
    return 2 * layers * kv_heads * d_head * bits / 8


def decode_seconds(parameters, batch, flops, bytes_per_second, bits=16, kv_bytes=0):
    """Least seconds for one step that writes one token for each of `batch` texts: the roofline.

    The step multiplies every weight once for each text (2 operations), and reads every weight once for all of them,
    plus each text's cache. The slower of the two decides.
    Source: Williams et al. 2009 (doi:10.1145/1498765.1498785).

    Args:
        parameters: active weights per token.
        batch: texts written at the same time.
        flops: operations per second of the machine.
        bytes_per_second: its memory's speed.
        bits: of one weight.
        kv_bytes: bytes of one text's cache.

    Returns:
        Seconds for the step.

    Raises:
        ValueError: an argument is not positive (`kv_bytes`: negative).
    """
    _positive(parameters=parameters, batch=batch, flops=flops, bytes_per_second=bytes_per_second, bits=bits)
    _not_negative(kv_bytes=kv_bytes)
    compute = 2 * parameters * batch / flops
    memory = (weight_bytes(parameters, bits) + batch * kv_bytes) / bytes_per_second
    return larger(compute, memory)


def prefill_seconds(parameters, tokens, flops):
    """Least seconds to read a prompt of `tokens`: 2 operations for each weight and token."""
    _positive(parameters=parameters, tokens=tokens, flops=flops)
    return 2 * parameters * tokens / flops


def crossover_batch(flops, bytes_per_second, bits=16):
    """The batch at which reading the weights takes as long as multiplying by them; below it, memory is the limit."""
    _positive(flops=flops, bytes_per_second=bytes_per_second, bits=bits)
    return flops * bits / 8 / (2 * bytes_per_second)


def largest_batch(memory_bytes, parameters, kv_bytes, bits=16):
    """Texts whose caches fit into the memory that the weights leave (a number that may have a fraction)."""
    _positive(memory_bytes=memory_bytes, parameters=parameters, kv_bytes=kv_bytes, bits=bits)
    return larger(0 * kv_bytes, (memory_bytes - weight_bytes(parameters, bits)) / kv_bytes)


def cost_per_million(dollars_per_hour, tokens_per_second, utilisation=1.0):
    """Dollars for a million tokens of a machine that is paid for all the time and busy for a share of it.

    Args:
        dollars_per_hour: price of the machine.
        tokens_per_second: its speed while it is busy.
        utilisation: share of the time that it is busy, in (0, 1].
    """
    _positive(tokens_per_second=tokens_per_second, utilisation=utilisation)
    _not_negative(dollars_per_hour=dollars_per_hour)
    _at_most_one(utilisation=utilisation)
    return dollars_per_hour / 3600 / (tokens_per_second * utilisation) * 1e6


def gross_margin(revenue, cost):
    """Share of the revenue that is left after the cost: (revenue − cost) / revenue."""
    _positive(revenue=revenue)
    return (revenue - cost) / revenue


def mark_up(revenue, cost):
    """What is left as a share of the cost: (revenue − cost) / cost."""
    _positive(cost=cost)
    return (revenue - cost) / cost


def break_even_utilisation(dollars_per_hour, tokens_per_second, price_per_million):
    """Share of the time that the machine must be busy for its revenue to equal its price; above 1: never."""
    _positive(price_per_million=price_per_million)
    return cost_per_million(dollars_per_hour, tokens_per_second) / price_per_million


def price_for_margin(cost, margin):
    """The price that leaves a given gross margin: cost / (1 − margin)."""
    _not_negative(cost=cost)
    if not _all(margin < 1):
        raise ValueError(f"margin: {margin!r}; must be below 1, for no price leaves all of itself")
    return cost / (1 - margin)


def serving_day(nodes, gpus_per_node, dollars_per_gpu_hour, tokens, prices):
    """(cost, revenue) of 24 hours, in dollars.

    Args:
        nodes: machines, on average over the day.
        gpus_per_node: accelerators in each.
        dollars_per_gpu_hour: what one costs.
        tokens: name → tokens of that kind in the day.
        prices: name → dollars per million tokens of that kind; the same names.

    Raises:
        ValueError: the names of `tokens` and `prices` differ.
    """
    if set(tokens) != set(prices):
        raise ValueError(f"prices: for {sorted(prices)}, with tokens of {sorted(tokens)}; give both the same names")
    cost = nodes * gpus_per_node * dollars_per_gpu_hour * 24
    return cost, sum(tokens[name] / 1e6 * prices[name] for name in tokens)


def larger(a, b):
    """The larger of two numbers, or of two arrays entry by entry; in plain arithmetic, exact where it matters.

    With `a > b` as 0 or 1 it picks one of the two and adds nothing to it, unlike half of a + b plus their distance,
    which rounds.
    """
    return (a > b) * a + (a <= b) * b


def _all(condition):
    return bool(condition.all()) if hasattr(condition, "all") else bool(condition)


def _positive(**named):
    for name, value in named.items():
        if not _all(value > 0):
            raise ValueError(f"{name}: {value!r}; must be positive")


def _not_negative(**named):
    for name, value in named.items():
        if not _all(value >= 0):
            raise ValueError(f"{name}: {value!r}; must not be negative")


def _at_most_one(**named):
    for name, value in named.items():
        if not _all(value <= 1):
            raise ValueError(f"{name}: {value!r}; is a share, at most 1")
