"""Cost and price of a token, against published numbers, closed forms and arrays."""

import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from advantage import records
from advantage.strategy import unit_economics as ue

positive = st.floats(1e-3, 1e15)
CHIPS = records.accelerators()


def test_the_published_serving_day():
    """Reference: DeepSeek, open-infra-index, day 6 (2025): $87,072 of cost, $562,027 of revenue, 545 %."""
    tokens = {"input_cached": 342e9, "input": 266e9, "output": 168e9}
    cost, revenue = ue.serving_day(226.75, 8, 2.0, tokens, {"input_cached": 0.14, "input": 0.55, "output": 2.19})
    assert cost == 87_072
    assert revenue == pytest.approx(562_027, rel=2e-4)  # the published tokens are rounded to billions
    assert ue.mark_up(562_027, cost) == pytest.approx(5.45, abs=0.005)
    assert ue.gross_margin(562_027, cost) == pytest.approx(0.845, abs=5e-4)


@pytest.mark.parametrize(
    ("name", "batch"), [("A100 80GB SXM", 153), ("H100 SXM", 295), ("H200 SXM", 206), ("B200 SXM", 281)]
)
def test_published_crossovers(name, batch):
    """Reference: the ridge points in bf16 that are quoted for these chips, FLOP per byte."""
    chip = CHIPS[name]
    assert ue.crossover_batch(chip["flops"], chip["bytes_per_second"]) == pytest.approx(batch / 1, abs=0.6)


@pytest.mark.parametrize(
    ("layers", "kv_heads", "expected"), [(32, 32, 524_288), (32, 8, 131_072), (80, 8, 327_680)], ids=["7B", "8B", "70B"]
)
def test_published_cache_sizes(layers, kv_heads, expected):
    """Reference: Llama-2-7B, Llama-3-8B and Llama-3-70B, bytes per token in 16 bit."""
    assert ue.kv_bytes_per_token(layers, kv_heads, 128) == expected


@given(positive, positive, positive)
def test_at_the_crossover_both_limits_are_equal(parameters, flops, bandwidth):
    """Reference: the definition of the crossover."""
    batch = ue.crossover_batch(flops, bandwidth)
    compute = 2 * parameters * batch / flops
    assert ue.decode_seconds(parameters, batch, flops, bandwidth) == pytest.approx(compute, rel=1e-9)
    assert ue.weight_bytes(parameters) / bandwidth == pytest.approx(compute, rel=1e-9)


@given(st.lists(positive, min_size=1, max_size=5), st.integers(1, 4096), positive, positive)
def test_arrays_give_what_numbers_give(parameters, batch, flops, bandwidth):
    """Reference: the same functions on single numbers."""
    expected = [ue.decode_seconds(p, batch, flops, bandwidth, kv_bytes=7.0) for p in parameters]
    for array in (np.array(parameters), torch.tensor(parameters, dtype=torch.float64)):
        assert np.allclose(ue.decode_seconds(array, batch, flops, bandwidth, kv_bytes=7.0), expected, rtol=1e-12)


@given(positive, positive)
def test_larger_is_exact(a, b):
    """Reference: Python's max."""
    assert ue.larger(a, b) == max(a, b)


@given(st.floats(0.01, 1e6), st.floats(0.01, 1e6))
def test_margin_and_mark_up_tell_the_same(revenue, cost):
    """Reference: margin = m / (1 + m) for a mark-up m."""
    m = ue.mark_up(revenue, cost)
    assert ue.gross_margin(revenue, cost) == pytest.approx(m / (1 + m), rel=1e-6, abs=1e-9)


@given(st.floats(0.1, 100), st.floats(1, 1e6), st.floats(0.01, 1))
def test_at_the_break_even_price_the_margin_is_zero(dollars, speed, utilisation):
    """Reference: the definition of break-even."""
    price = ue.cost_per_million(dollars, speed, utilisation)
    assert ue.break_even_utilisation(dollars, speed, price) == pytest.approx(utilisation, rel=1e-9)
    assert ue.price_for_margin(price, 0.0) == price
    assert ue.gross_margin(ue.price_for_margin(price, 0.8), price) == pytest.approx(0.8)


def test_an_hour_of_one_token_a_second():
    """Reference: 3,600 tokens for the price of an hour."""
    assert ue.cost_per_million(3.6, 1.0) == pytest.approx(1000.0)


def test_memory_limits_the_batch():
    """Reference: 80 GB less 14 GB of weights, in caches of 4,096 tokens of Llama-2-7B."""
    cache = 4096 * ue.kv_bytes_per_token(32, 32, 128)
    assert ue.largest_batch(80e9, 7e9, cache) == pytest.approx((80e9 - 14e9) / cache)
    assert ue.largest_batch(10e9, 7e9, cache) == 0


def test_every_figure_has_its_date_and_source():
    """Reference: the rule that figures from elsewhere carry both."""
    for figure in [*records.accelerators().values(), *records.prices().values()]:
        assert figure["date"]
        assert figure["source"]


@pytest.mark.parametrize(
    "module",
    [
        "unit_economics",
        "two_sided",
        "networks",
        "advantage",
        "price_plans",
        "build_buy_tune",
        "choosing",
        "go_to_market",
        "outlook",
        "lags",
    ],
)
def test_nothing_beyond_the_standard_library_is_imported(module):
    """Reference: the promise that the functions run in a browser, where `advantage` is a bare folder."""
    code = (
        "import sys, types, collections, math\n"
        f"bare = types.ModuleType('advantage'); bare.__path__ = [{str(Path(ue.__file__).parents[1])!r}]\n"
        "sys.modules['advantage'] = bare; before = set(sys.modules)\n"
        f"import advantage.strategy.{module}\n"
        "print(sorted(set(sys.modules) - before))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found = eval(result.stdout)  # each other's modules too, none of which may bring anything else
    assert [name for name in found if name != "advantage.checks" and not name.startswith("advantage.strategy")] == []


def test_integers_do_not_overflow():
    """Reference: 2 · 671e9 · 608e9 / 1e15 in exact arithmetic; half precision would be infinite."""
    parameters, tokens = np.array([671_000_000_000]), np.array([608_000_000_000])
    assert ue.prefill_seconds(parameters, tokens, 1e15) == pytest.approx(2 * 671e9 * 608e9 / 1e15, rel=1e-15)
    small = np.array([2**31 - 1], dtype=np.int32)
    assert ue.kv_bytes_per_token(small, small, small) == pytest.approx(4 * (2**31 - 1) ** 3, rel=1e-15)
    assert ue.weight_bytes(torch.tensor([2**62])).item() == 2.0**63
    assert ue.decode_seconds(1e9, np.array([6e4], dtype=np.float16), 1e16, 1e12, kv_bytes=1e6) == pytest.approx(0.062)


EVERY = {  # function → arguments that are right; each is broken in turn
    ue.weight_bytes: {"parameters": 1e9, "bits": 16},
    ue.kv_bytes_per_token: {"layers": 2, "kv_heads": 2, "d_head": 2, "bits": 16},
    ue.experts_touched: {"experts": 8, "active": 2, "batch": 3},
    ue.weights_read: {"parameters": 9e9, "active_parameters": 3e9, "experts": 8, "active": 2, "batch": 3},
    ue.decode_seconds: {"parameters": 1e9, "batch": 2, "flops": 1e12, "bytes_per_second": 1e9, "bits": 8,
                        "kv_bytes": 3, "read": 2e9},
    ue.prefill_seconds: {"parameters": 1e9, "tokens": 2, "flops": 1e12, "bytes_per_second": 1e9, "bits": 8, "read": 1},
    ue.crossover_batch: {"flops": 1e12, "bytes_per_second": 1e9, "bits": 8, "all_over_active": 2},
    ue.largest_batch: {"memory_bytes": 1e10, "parameters": 1e9, "kv_bytes": 1e6, "bits": 8},
    ue.cost_per_million: {"dollars_per_hour": 2, "tokens_per_second": 100, "utilisation": 0.5},
    ue.price_and_speed: {"dollars_per_hour": 2, "parameters": 1e9, "batch": 2, "flops": 1e12, "bytes_per_second": 1e9,
                         "bits": 8, "kv_bytes": 3, "read": 2e9},
    ue.texts_in_service: {"tokens_per_second": 0.1, "parameters": 1e9, "flops": 1e12, "bytes_per_second": 1e9,
                          "bits": 8, "kv_bytes": 3},
    ue.busy_share: {"texts": 2},
    ue.gross_margin: {"revenue": 2, "cost": 1},
    ue.mark_up: {"revenue": 2, "cost": 1},
    ue.break_even_utilisation: {"dollars_per_hour": 2, "tokens_per_second": 100, "price_per_million": 9},
    ue.price_for_margin: {"cost": 1, "margin": 0.5},
    ue.fleet_cost: {"tokens": 1e9, "tokens_per_second": 100, "dollars_per_hour": 2},
    ue.serving_day: {"nodes": 1, "gpus_per_node": 8, "dollars_per_gpu_hour": 2, "tokens": {"a": 1}, "prices": {"a": 1}},
    ue.revenue: {"tokens": {"a": 1}, "prices": {"a": 1}},
    ue.mix_price: {"tokens": {"a": 1}, "prices": {"a": 1}},
}  # fmt: skip
BAD = [
    -1.0,
    float("nan"),
    float("inf"),
    -float("inf"),
    True,
    "1",
    [1.0],
    np.array([1.0, -1.0]),
    np.array([1.0, np.nan]),
]


@pytest.mark.parametrize(("function", "right"), EVERY.items(), ids=[f.__name__ for f in EVERY])
def test_every_argument_of_every_function_is_checked(function, right):
    """Reference: the rule that bad input is named; only a margin may be negative, and None leaves the choice."""
    function(**right)
    for name, value in right.items():
        for bad in BAD if name != "margin" else BAD[1:-2]:
            with pytest.raises(ValueError, match=rf"{name}.*: .*; must be "):
                function(**right | {name: {"a": bad} if isinstance(value, dict) else bad})


def test_every_public_function_is_among_them():
    """Reference: the module."""
    public = {f for name, f in vars(ue).items() if callable(f) and f.__module__ == ue.__name__ and name[0] != "_"}
    assert public - {ue.larger} == set(EVERY)


@pytest.mark.parametrize(("batch", "experts"), [(1, 8), (8, 57), (64, 222), (256, 256)])
def test_a_mixture_reads_more_than_its_active_weights(batch, experts):
    """Reference: 256 (1 − (1 − 8/256)^B), and a simulation of the draws."""
    assert ue.experts_touched(256, 8, batch) == pytest.approx(experts, abs=0.5)
    rng = np.random.default_rng(0)
    drawn = [np.unique(np.argsort(rng.random((batch, 256)))[:, :8]).size for _ in range(200)]
    assert np.mean(drawn) == pytest.approx(ue.experts_touched(256, 8, batch), rel=0.02)


def test_no_more_is_active_than_there_is():
    """Reference: a part is no more than the whole, of the weights as of the experts."""
    with pytest.raises(ValueError, match=r"^active_parameters / parameters: 1\.5; must be a share"):
        ue.weights_read(2e9, 3e9, experts=8, active=2, batch=3)
    with pytest.raises(ValueError, match=r"^active / experts: 1\.5; must be a share"):
        ue.weights_read(3e9, 2e9, experts=2, active=3, batch=3)


@given(st.floats(1e9, 1e12), st.floats(0.01, 1), st.integers(2, 512), st.floats(0.01, 1), st.floats(1, 1e4))
def test_what_is_read_lies_between_active_and_all(parameters, part, experts, share, batch):
    """Reference: one text reads the active weights, very many read all, a dense model always reads all."""
    active = max(1, round(experts * share))
    read = ue.weights_read(parameters, parameters * part, experts, active, batch)
    assert parameters * part * (1 - 1e-9) <= read <= parameters * (1 + 1e-9)
    assert ue.weights_read(parameters, parameters * part, experts, active, 1) == pytest.approx(parameters * part)
    if active < experts:
        assert ue.weights_read(parameters, parameters * part, experts, active, 1e9) == pytest.approx(parameters)
    assert ue.weights_read(parameters, parameters, experts, experts, batch) == pytest.approx(parameters)


def test_the_crossover_moves_by_all_over_active():
    """Reference: at that batch both limits of `decode_seconds` are equal, with all weights read."""
    batch = ue.crossover_batch(1e15, 3e12, 8, all_over_active=671 / 37)
    both = [2 * 37e9 * batch / 1e15, 671e9 / 3e12]
    assert both[0] == pytest.approx(both[1], rel=1e-12)
    assert ue.decode_seconds(37e9, batch, 1e15, 3e12, 8, read=671e9) == pytest.approx(both[0], rel=1e-12)
    with pytest.raises(ValueError, match=r"all_over_active: 0.5; must be 1 or more"):
        ue.crossover_batch(1e15, 3e12, all_over_active=0.5)


def test_a_prompt_of_one_token_reads_the_weights():
    """Reference: 16 GB at 3.35 TB/s are 4.8 ms; the arithmetic alone takes 16 µs."""
    assert ue.prefill_seconds(8e9, 1, 989.4e12, 3.35e12) == pytest.approx(4.8e-3, abs=5e-5)
    assert ue.prefill_seconds(8e9, 1, 989.4e12) == pytest.approx(16e-6, abs=5e-7)
    assert ue.prefill_seconds(8e9, 1e4, 989.4e12, 3.35e12) == ue.prefill_seconds(8e9, 1e4, 989.4e12)


KV = 1000 * ue.kv_bytes_per_token(32, 8, 128)


@pytest.mark.parametrize(("batch", "dollars", "speed"), [(1, 2.68, 208), (133, 0.042, 100), (488, 0.027, 42)])
def test_dollars_for_a_million_tokens_of_an_accelerator(batch, dollars, speed):
    """Reference: 8 B weights on an H100 at $2 an hour, texts of 1,000 tokens, by hand."""
    chip = CHIPS["H100 SXM"]
    found = ue.price_and_speed(2.0, 8e9, batch, chip["flops"], chip["bytes_per_second"], kv_bytes=KV)
    assert found == (pytest.approx(dollars, abs=10 ** -(2 + (dollars < 1)) / 2), pytest.approx(speed, abs=0.5))


def test_busy_is_not_full():
    """Reference: a simulated queue whose texts all move on together, at 96 million tokens a day on one H100."""
    chip = CHIPS["H100 SXM"]
    asked = 96e6 / 86400
    texts = ue.texts_in_service(asked, 8e9, chip["flops"], chip["bytes_per_second"], kv_bytes=KV)
    rng, clock, left, area, idle = np.random.default_rng(1), 0.0, np.zeros(0), 0.0, 0.0
    arrivals = np.cumsum(rng.exponential(500 / asked, 4000))
    while len(arrivals):
        due = int(np.searchsorted(arrivals, clock, side="right"))
        left, arrivals = np.append(left, np.full(due, 500.0)), arrivals[due:]
        if not len(left):
            idle, clock = idle + arrivals[0] - clock, arrivals[0]
            continue
        steps = 10  # tokens at a time, for speed
        seconds = steps * ue.decode_seconds(8e9, len(left), chip["flops"], chip["bytes_per_second"], kv_bytes=KV)
        area, clock, left = area + len(left) * seconds, clock + seconds, left[left > steps] - steps
    assert area / clock == pytest.approx(texts, rel=0.1)
    assert 1 - idle / clock == pytest.approx(ue.busy_share(texts), abs=0.01)
    largest = ue.price_and_speed(2.0, 8e9, 488, chip["flops"], chip["bytes_per_second"], kv_bytes=KV)[1] * 488
    assert asked / largest == pytest.approx(0.054, abs=5e-4)


@given(st.floats(0.001, 0.999), positive)
def test_texts_in_service_obey_littles_law(part, parameters):
    """Reference: B = D · step(B), found by iterating it."""
    asked = part / (2 * parameters / 1e15 + 1e6 / 1e12)
    texts = ue.texts_in_service(asked, parameters, 1e15, 1e12, kv_bytes=1e6)
    step = ue.decode_seconds(parameters, texts, 1e15, 1e12, kv_bytes=1e6)
    assert asked * step == pytest.approx(texts, rel=1e-8)
    with pytest.raises(ValueError, match=r"tokens_per_second: .*below what the machine can write"):
        ue.texts_in_service(1.001 * 1e15 / (2 * parameters), parameters, 1e15, 1e12)


def test_three_products_of_the_published_day():
    """Reference: the same source's speeds of a node, 73.7 and 14.8 thousand tokens a second, in exact arithmetic."""
    reading, writing = ue.fleet_cost(608e9, 73.7e3, 16), ue.fleet_cost(168e9, 14.8e3, 16)
    assert reading + writing == pytest.approx(87_072, rel=0.001)  # the nodes that were paid for
    assert ue.gross_margin(266e3 * 0.55, reading) == pytest.approx(0.75, abs=0.005)
    assert ue.gross_margin(266e3 * 0.55 + 342e3 * 0.14, reading) == pytest.approx(0.81, abs=0.005)
    assert ue.gross_margin(168e3 * 2.19, writing) == pytest.approx(0.86, abs=0.005)


def test_the_price_of_a_mix():
    """Reference: by hand; 294 tokens in for each one out, 96 % of them cached."""
    tokens = {"input": 0.04 * 294, "cached": 0.96 * 294, "output": 1}
    prices = {"input": 5.0, "cached": 0.5, "output": 25.0}
    assert ue.mix_price(tokens, prices) == pytest.approx((58.8 + 141.12 + 25) / 295, rel=1e-12)
    with pytest.raises(ValueError, match="tokens: 0"):
        ue.mix_price({"a": 0}, {"a": 1})
    with pytest.raises(ValueError, match="prices: for"):
        ue.revenue({"a": 0}, {"b": 1})


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: ue.decode_seconds(0, 1, 1, 1), "parameters"),
        (lambda: ue.decode_seconds(1, -1, 1, 1), "batch"),
        (lambda: ue.decode_seconds(1, 1, 1, 1, kv_bytes=-1), "kv_bytes"),
        (lambda: ue.decode_seconds(float("nan"), 1, 1, 1), "parameters"),
        (lambda: ue.decode_seconds(np.array([1.0, 0.0]), 1, 1, 1), "parameters"),
        (lambda: ue.cost_per_million(1, 1, 1.5), "utilisation"),
        (lambda: ue.cost_per_million(-1, 1), "dollars_per_hour"),
        (lambda: ue.price_for_margin(1, 1), "margin"),
        (lambda: ue.gross_margin(0, 1), "revenue"),
        (lambda: ue.serving_day(1, 1, 1, {"a": 1}, {"b": 1}), "prices"),
    ],
)
def test_bad_input_is_named(call, name):
    """Reference: the docstrings."""
    with pytest.raises(ValueError, match=f"^{name}"):
        call()


def test_frozen_prices_are_those_of_the_package():
    """Reference: genai-prices, in the version that requirements.lock names; other versions hold other prices."""
    path = Path(__file__).parents[2] / "benchmarks" / "prices.py"
    tables = runpy.run_path(str(path))["frozen"]()
    assert tables == {name: records.prices()[name] for name in tables}


def test_the_published_day_under_other_lists():
    """Reference: by hand, 87,072 against 342, 266 and 168 billion tokens at each list's prices."""
    tokens = {"input_cached": 342e9, "input": 266e9, "output": 168e9}
    margins = [
        ue.gross_margin(ue.revenue(tokens, {name: row[name] for name in tokens}), 87_072)
        for row in records.prices()["day_lists"]["rows"]
    ]
    expected = [0.845, 0.690, 0.809, 0.437, -0.022, 0.669, 0.493, 0.386, 0.693]
    assert margins == pytest.approx(expected, abs=5e-4)


def test_twenty_offers_of_one_model():
    """Reference: counted and ordered by hand."""
    offers = records.prices()["offers_8b"]["rows"]
    output = sorted(row["output"] for row in offers)
    assert len(offers) == 20
    assert (output[9] + output[10]) / 2 == pytest.approx(0.105)
    assert (output[0], output[-1]) == (0.05, 0.827)
