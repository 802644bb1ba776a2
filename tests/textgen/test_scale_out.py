"""The formulas of many devices, held against published tables and against what is counted step by step."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from advantage import records
from advantage.textgen import scale_out

H100 = scale_out.Cluster(flops=1e15, link=450e9, network=50e9)
SMALL = scale_out.Model(parameters=8e9, layers=32, width=4096)


@given(st.integers(1, 40), st.integers(0, 1000))
def test_a_ring_sends_what_turning_it_sends(ranks, part):
    """Reference: the turns of a ring, counted: p − 1 to sum the parts, p − 1 to pass them on, one part each."""
    size = part * ranks
    turns = [part for _ in ("sum", "pass on") for _ in range(ranks - 1)]
    assert scale_out.ring_bytes(size, ranks) == pytest.approx(sum(turns))
    halves = [scale_out.ring_bytes(size, ranks, name) for name in ("reduce_scatter", "all_gather")]
    assert sum(halves) == pytest.approx(scale_out.ring_bytes(size, ranks))


def test_memory_is_that_of_zero():
    """Reference: Rajbhandari et al. 2020, figure 1: 7.5 billion parameters, 64 devices, in GB."""
    printed = {0: 120, 1: 31.4, 2: 16.6, 3: 1.9}
    for stage, gigabytes in printed.items():
        assert scale_out.memory(7.5e9, 64, stage).total / 1e9 == pytest.approx(gigabytes, abs=0.05)


def test_volumes_are_those_of_zero():
    """Reference: Rajbhandari et al. 2020, section 7: 2 Ψ, 2 Ψ and 3 Ψ numbers, for many devices."""
    for stage, numbers in ((0, 2), (1, 2), (2, 2), (3, 3)):
        assert scale_out.data_bytes(1e9, 10**6, stage) / 2e9 == pytest.approx(numbers, rel=1e-5)
    assert scale_out.data_bytes(1e9, 1, 3) == 0


def schedule(stages, microbatches):
    """When the last device of an all-forward, all-backward pipeline is done; a pass takes 1 forward and 2 back."""
    done: dict[tuple, float] = {}
    free = [0.0] * stages
    jobs = [("forward", m, s, 1.0) for m in range(microbatches) for s in range(stages)]
    jobs += [("backward", m, s, 2.0) for m in range(microbatches) for s in reversed(range(stages))]
    for kind, m, s, seconds in jobs:
        before = (kind, m, s - 1 if kind == "forward" else s + 1)
        start = max(free[s], done.get(before, 0.0))
        if kind == "backward" and s == stages - 1:
            start = max(start, done["forward", m, s])
        done[kind, m, s] = free[s] = start + seconds
    return max(free)


@given(st.integers(1, 9), st.integers(1, 20))
def test_a_bubble_is_what_a_schedule_waits(stages, microbatches):
    """Reference: the schedule of GPipe, job after job (Narayanan et al. 2021, figure 3)."""
    ideal = 3.0 * microbatches
    waited = schedule(stages, microbatches) / ideal - 1
    assert scale_out.bubble(stages, microbatches) == pytest.approx(waited)
    assert scale_out.bubble(stages, microbatches, 3) == pytest.approx(waited / 3)


def test_tensor_bytes_are_those_of_megatron():
    """Reference: Narayanan et al. 2021, section 3.2: 8 b s h (t − 1) / t numbers for each layer and micro-batch."""
    b, s, h, t = 2, 2048, 12288, 8
    assert scale_out.tensor_bytes(b, s, h, t) == pytest.approx(2 * 8 * b * s * h * (t - 1) / t)
    assert scale_out.tensor_bytes(b, s, h, 1) == 0


@pytest.mark.parametrize("name", ["megatron_175b", "megatron_530b"])
def test_speeds_of_more_devices_follow_from_those_of_fewer(name):
    """Reference: Narayanan et al. 2021, table 2; one efficiency, fitted to the first row, forecasts the others."""
    run = records.published_training()[name]
    model = scale_out.Model(run["parameters"], run["layers"], run["width"])
    cluster = scale_out.Cluster(312e12, run["link"], run["network"])

    def share(devices, efficiency):
        sizes = {"tensor": run["tensor"], "pipeline": run["pipeline"]}
        data = devices // (run["tensor"] * run["pipeline"])
        rest = {"batch": run["batch"], "context": run["context"], "recompute": True, "stage": 0, "gradient": 2}
        return scale_out.plan(model, cluster, data=data, efficiency=efficiency, **sizes, **rest).hidden

    first = run["rows"][0]
    scale = first["tflops"] / share(first["devices"], 0.5)
    for row in run["rows"][1:]:
        assert share(row["devices"], 0.5) * scale == pytest.approx(row["tflops"], rel=0.015)


def test_one_device_multiplies_as_well_as_it_can():
    """Reference: nothing to wait for, so that the efficiency is the share; three quarters of it with recomputing."""
    alone = scale_out.plan(SMALL, H100, data=1, batch=4, context=2048, efficiency=0.4)
    assert (alone.devices, alone.bubble, alone.tensor, alone.pipeline, alone.data) == (1, 0, 0, 0, 0)
    assert alone.hidden == alone.exposed == pytest.approx(0.4)
    assert alone.compute == pytest.approx(6 * 8e9 * 4 * 2048 / 0.4e15)
    again = scale_out.plan(SMALL, H100, data=1, batch=4, context=2048, efficiency=0.4, recompute=True)
    assert again.hidden == pytest.approx(0.3)
    assert alone.memory == scale_out.memory(8e9, 1, 1, gradient=4)


@given(st.sampled_from([1, 2, 4, 8]), st.sampled_from([1, 2, 4]), st.sampled_from([1, 2, 4, 8]), st.integers(0, 3))
def test_a_plan_adds_up(tensor, pipeline, data, stage):
    """Reference: the definition of utilisation: useful operations over the peak, times seconds, times devices."""
    made = scale_out.plan(
        SMALL, H100, data=data, tensor=tensor, pipeline=pipeline, batch=64, context=2048, efficiency=0.5, stage=stage
    )
    assert made.devices == tensor * pipeline * data
    useful = 6 * 8e9 * 64 * 2048 / (made.devices * 1e15)
    longest = max(made.compute + made.bubble, made.tensor, made.pipeline + made.data)
    assert made.hidden == pytest.approx(useful / longest)
    total = made.compute + made.bubble + made.tensor + made.pipeline + made.data
    assert made.exposed == pytest.approx(useful / total)
    assert made.exposed <= made.hidden <= 0.5
    weights, share = 2 * 8e9 / (tensor * pipeline), (data - 1) / data
    gathers = {0: 2, 1: 1, 2: 1, 3: 2 * made.microbatches}[stage]  # of weights; stage 0: of gradients, twice as large
    assert made.data == pytest.approx(share * (2 + gathers) * weights / H100.network)


@pytest.mark.parametrize(("hours", "minutes"), [(24, 117), (6, 57)])
def test_the_period_is_that_of_daly(hours, minutes):
    """Reference: Daly 2006, figures 3 and 4: with 5 minutes to write, the best period to higher order."""
    assert scale_out.checkpoint_period(5 * 60, hours * 3600) / 60 == pytest.approx(minutes, rel=0.06)


@given(st.floats(1, 600), st.floats(1e4, 1e6), st.floats(0, 600))
def test_no_other_period_loses_less(write, between, restart):
    """Reference: SciPy's search for the minimum."""
    best = scale_out.checkpoint_period(write, between)
    found = minimize_scalar(
        lambda x: scale_out.lost_share(math.exp(x), write, between, restart), bounds=(0, 20), method="bounded"
    )
    assert scale_out.lost_share(best, write, between, restart) <= found.fun * (1 + 1e-9)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: scale_out.ring_bytes(-1, 2), "size: -1"),
        (lambda: scale_out.ring_bytes(1, 0), "ranks: 0"),
        (lambda: scale_out.ring_bytes(1, 2, "gossip"), "collective: 'gossip'"),
        (lambda: scale_out.memory(math.nan, 2), "parameters: nan"),
        (lambda: scale_out.memory(1, 2, 4), "stage: 4"),
        (lambda: scale_out.memory(1, 2, state=-1), "state: -1"),
        (lambda: scale_out.data_bytes(1, 2, weight=-2), "weight: -2"),
        (lambda: scale_out.data_bytes(1, 2.0), "ranks: 2.0"),
        (lambda: scale_out.bubble(0, 1), "stages: 0"),
        (lambda: scale_out.bubble(2, 0), "microbatches: 0"),
        (lambda: scale_out.bubble(2, 1, 0), "chunks: 0"),
        (lambda: scale_out.tensor_bytes(1, 0, 1, 2), "context: 0"),
        (lambda: scale_out.checkpoint_period(0, 1), "write: 0"),
        (lambda: scale_out.lost_share(1, 1, 1, -1), "restart: -1"),
        (lambda: scale_out.plan(SMALL, H100, data=3, batch=4, context=8, efficiency=0.5), "batch: 4"),
        (lambda: scale_out.plan(SMALL, H100, data=1, batch=4, context=8, efficiency=0), "efficiency: 0"),
        (lambda: scale_out.plan(SMALL, H100, data=1, batch=4, context=8, efficiency=1.1), "efficiency: 1.1"),
        (
            lambda: scale_out.plan(SMALL._replace(layers=0), H100, data=1, batch=4, context=8, efficiency=0.5),
            "layers: 0",
        ),
    ],
)
def test_bad_input_is_named(call, message):
    """Reference: the contract: the argument and its value."""
    with pytest.raises(ValueError, match=message):
        call()
