"""Cost and price of a token, against published numbers, closed forms and arrays."""

import subprocess
import sys

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


@pytest.mark.parametrize(("name", "batch"), [("A100 80GB SXM", 153), ("H100 SXM", 295), ("H200 SXM", 206)])
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


def test_no_array_library_is_imported():
    """Reference: the promise that the functions run in a browser."""
    code = (
        "import importlib.util, sys\n"
        f"spec = importlib.util.spec_from_file_location('ue', {ue.__file__!r})\n"
        "module = importlib.util.module_from_spec(spec); before = set(sys.modules); spec.loader.exec_module(module)\n"
        "print(sorted(set(sys.modules) - before))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


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
