"""The measurements of a machine: a known time, and sizes that must not matter."""

import numpy as np
import pytest
import torch

from advantage import machine


@pytest.fixture
def clock(monkeypatch):
    """A clock that only the test moves: its first entry is the time in seconds."""
    now = [0.0]
    monkeypatch.setattr(machine.time, "perf_counter", lambda: now[0])
    return now


def takes(clock, seconds):
    """A function whose call number i takes seconds[i], the last of them from then on."""
    calls = []

    def function():
        clock[0] += seconds[min(len(calls), len(seconds) - 1)]
        calls.append(clock[0])

    return function, calls


@pytest.mark.parametrize(
    ("seconds", "budget", "best", "number"),
    [
        ([0.02], 0.1, 0.02, 5),  # as many calls as the budget holds
        ([0.02], 0.001, 0.02, 4),  # four at least
        ([0.0, 0.01], 0.03, 0.01, 4),  # the first call does not count, though it is the fastest
        ([0.5, 0.3, 0.1, 0.2], 0.6, 0.1, 4),  # the best of the others does
    ],
)
def test_the_best_time_is_measured(clock, seconds, budget, best, number):
    """Reference: the times that the function is made to take."""
    function, calls = takes(clock, seconds)
    np.testing.assert_allclose(machine.best_seconds(function, budget=budget), best, rtol=1e-9, atol=1e-12)
    np.testing.assert_equal(len(calls), number)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_speeds_are_those_of_a_computer(dtype):
    """Reference: no processor multiplies below 1 MFLOP/s, none above 10 PFLOP/s; no memory below 50 MB/s."""
    assert 1e-3 < machine.matmul_gflops(128, dtype, budget=0.02) < 1e7
    assert 0.05 < machine.memory_gbytes_per_second(16, budget=0.02) < 1e5


@pytest.mark.parametrize("device", ["cuda", "cuda:0", torch.device("cuda"), torch.device("cuda", 1), "mps", "xpu:0"])
def test_an_accelerator_is_waited_for_after_each_call(device, monkeypatch):
    """Reference: one synchronisation for each call, of that device."""
    calls, waits = [], []
    place = torch.device(device)
    monkeypatch.setattr(getattr(torch, place.type), "synchronize", lambda *of: waits.append((len(calls), *of)))
    machine.best_seconds(lambda: calls.append(1), device, budget=1e-9)
    of = (place,) if place.index is not None else ()
    assert waits == [(n, *of) for n in range(1, len(calls) + 1)]


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: machine.best_seconds(lambda: None, budget=float("nan")), "budget"),
        (lambda: machine.best_seconds(lambda: None, "gpu"), "device"),
        (lambda: machine.best_seconds(lambda: None, None), "device"),
        (lambda: machine.best_seconds(lambda: None, "meta"), "device"),
        (lambda: machine.matmul_gflops(2.5), "n"),
        (lambda: machine.best_seconds(lambda: None, budget=0), "budget"),
        (lambda: machine.matmul_gflops(0), "n"),
        (lambda: machine.memory_gbytes_per_second(0), "megabytes"),
    ],
)
def test_bad_input_is_named(call, name):
    """Reference: the docstrings."""
    with pytest.raises(ValueError, match=f"^{name}:"):
        call()
