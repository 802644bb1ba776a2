"""The measurements of a machine: a known time, and sizes that must not matter."""

import time

import pytest
import torch

from advantage import machine


def test_a_known_time_is_measured():
    """Reference: time.sleep, which never sleeps less than it is told."""
    assert 0.02 <= machine.best_seconds(lambda: time.sleep(0.02), budget=0.1) < 0.1


def test_the_first_call_does_not_count():
    """Reference: a function whose first call is the fastest."""
    calls = []

    def function():
        calls.append(1)
        time.sleep(0.0 if len(calls) == 1 else 0.01)

    assert machine.best_seconds(function, budget=0.03) >= 0.01
    assert len(calls) >= 4


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
