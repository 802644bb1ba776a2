"""Texts that share an accelerator, against balance equations, `ciw`, simulation with other lengths, and Erlang's C."""

import heapq
import math
import random

import ciw
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advantage import records
from advantage.strategy import capacity
from advantage.strategy import unit_economics as ue

SPEEDS = st.lists(st.floats(0.1, 10), min_size=1, max_size=8)


def balance(arrivals, rates, room):
    """The stationary law from the generator of the chain, by linear algebra."""
    places = len(rates) + room
    flow = np.zeros((places + 1, places + 1))
    for n in range(places):
        flow[n, n + 1] = arrivals
        flow[n + 1, n] = rates[min(n, len(rates) - 1)]
    flow -= np.diag(flow.sum(1))
    system = np.vstack([flow.T, np.ones(places + 1)])
    return np.linalg.lstsq(system, np.append(np.zeros(places + 1), 1), rcond=None)[0]


@given(st.floats(0.1, 10), SPEEDS, st.integers(0, 6))
@settings(max_examples=60, deadline=None)
def test_the_law_of_any_speeds(arrivals, rates, room):
    """Reference: the balance equations, solved; flows in and out are equal, and Little's law in its two parts."""
    law = balance(arrivals, rates, room)
    assert capacity.occupancy(arrivals, rates, room) == pytest.approx(law, abs=1e-9)
    queue = capacity.sharing(arrivals, rates, room)
    full = np.arange(len(law))
    batch = np.minimum(full, len(rates))
    assert queue.in_service == pytest.approx(law @ batch, abs=1e-8)
    assert queue.waiting == pytest.approx(law @ (full - batch), abs=1e-8)
    assert queue.lost == pytest.approx(law[-1], abs=1e-9)
    done = sum(p * rates[min(n, len(rates)) - 1] for n, p in enumerate(law) if n)
    assert arrivals * (1 - queue.lost) == pytest.approx(done, abs=1e-8)
    assert queue.sojourn == pytest.approx(law @ full / done, rel=1e-6)
    assert queue.waits == pytest.approx(law[len(rates) : -1].sum() / (1 - law[-1]), rel=1e-6, abs=1e-9)


@given(SPEEDS, st.floats(0.05, 0.8))
@settings(max_examples=40, deadline=None)
def test_a_line_without_limit_is_a_very_long_one(rates, load):
    """Reference: 400 places in the line, which hold all but 0.8^400 of it; Erlang's tail of the wait, added up."""
    arrivals = load * rates[-1]
    endless, long = capacity.sharing(arrivals, rates), capacity.sharing(arrivals, rates, 400)
    assert endless == pytest.approx(long, rel=1e-6, abs=1e-12)
    chances = capacity.occupancy(arrivals, rates, 400)[len(rates) :]
    seconds = 1.5 / rates[-1]
    fewer, tail, term = [], 0.0, math.exp(-1.5)  # k + 1 departures take longer than s: k or fewer happen in s
    for k in range(len(chances)):
        tail += term
        fewer.append(tail)
        term *= 1.5 / (k + 1)
    assert capacity.late(arrivals, rates, seconds) == pytest.approx(np.dot(chances, fewer), rel=1e-6, abs=1e-12)
    assert capacity.late(arrivals, rates, 0) == pytest.approx(endless.waits)


@given(st.integers(1, 40), st.floats(0.01, 0.99), st.floats(0.1, 10))
@settings(max_examples=60, deadline=None)
def test_servers_are_a_special_case(servers, share, service):
    """Reference: Erlang's C. Each text at full speed up to c; sharing above c keeps the sojourn, without a line."""
    load = share * servers
    arrivals = load / service
    rates = [n / service for n in range(1, servers + 1)]
    queue, erlang = capacity.sharing(arrivals, rates), capacity.erlang_wait(servers, load, service)
    assert queue.waits == pytest.approx(erlang.waits, rel=1e-9, abs=1e-15)
    assert queue.wait == pytest.approx(erlang.mean, rel=1e-9, abs=1e-12)
    assert queue.service == pytest.approx(service, rel=1e-9)
    shared = capacity.sharing(arrivals, rates + [rates[-1]] * 7)
    assert shared.sojourn == pytest.approx(queue.sojourn, rel=1e-9)
    assert shared.wait < queue.wait or erlang.waits < 1e-12
    assert capacity.late(arrivals, rates, service) == pytest.approx(
        capacity.erlang_wait(servers, load, service, service).late, rel=1e-9, abs=1e-15
    )


def ciw_run(seed, places, threshold, arrivals, lengths, until):
    """Records of `ciw`: at most `places` share a service whose speed is that of `threshold` servers."""
    ciw.seed(seed)
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Exponential(arrivals)],
        service_distributions=[lengths],
        number_of_servers=[places],
        ps_thresholds=[threshold],
    )
    simulation = ciw.Simulation(network, node_class=ciw.PSNode)
    simulation.simulate_until_max_time(until)
    return [r for r in simulation.get_all_records() if 100 < r.arrival_date < until - 100]


@pytest.mark.parametrize(
    ("places", "threshold", "arrivals", "lengths", "until"),
    [
        (float("inf"), 5, 4, ciw.dists.Exponential(1), 1500),  # 1.5541
        (float("inf"), 2, 1.2, ciw.dists.Deterministic(1), 2000),  # any lengths where nobody waits
        (6, 2, 1.4, ciw.dists.Exponential(1), 5000),
    ],
)
def test_ciw_simulates_the_same(places, threshold, arrivals, lengths, until):
    """Reference: the library `ciw`, four seeds, within four standard errors between them and 6 % at most."""
    batch = 200 if places == float("inf") else places
    expected = capacity.sharing(arrivals, [min(n, threshold) for n in range(1, batch + 1)])
    runs = [ciw_run(seed, places, threshold, arrivals, lengths, until) for seed in range(4)]
    sojourns = [np.mean([r.exit_date - r.arrival_date for r in run]) for run in runs]
    waits = [np.mean([r.waiting_time > 1e-9 for r in run]) for run in runs]
    for found, exact in ((sojourns, expected.sojourn), (waits, expected.waits)):
        error = np.std(found, ddof=1) / 2
        assert abs(np.mean(found) - exact) <= min(4 * error + 1e-9, 0.06 * exact + 0.01)


def test_the_sojourn_of_limited_sharing():
    """Reference: 1 + C(5, 4)/(5 − 4) = 1.5541 for five servers' speed, shared or not."""
    assert capacity.sharing(4, [1, 2, 3, 4, 5]).sojourn == pytest.approx(1.5541125541)
    assert capacity.sharing(4, [min(n, 5) for n in range(1, 400)]).sojourn == pytest.approx(1.5541125541)


def shared_run(seed, arrivals, rates, length, texts=60_000):
    """Mean sojourn where all texts advance alike, each at μ(n)/n, by events; `length` has mean 1."""
    draw = random.Random(seed)
    now = progress = total = 0.0
    batch, coming = [], draw.expovariate(arrivals)
    for _ in range(2 * texts):
        n = len(batch)
        ready = now + (batch[0][0] - progress) * n / rates[n - 1] if n else math.inf
        if coming < ready:
            progress += (coming - now) * rates[n - 1] / n if n else 0.0
            now = coming
            heapq.heappush(batch, (progress + length(draw), now))
            coming = now + draw.expovariate(arrivals)
        else:
            progress, now = batch[0][0], ready
            total += now - heapq.heappop(batch)[1]
    return total / texts


@pytest.mark.parametrize(
    "length",
    [
        lambda draw: draw.expovariate(1),
        lambda draw: 1.0,
        lambda draw: draw.choice([0.2, 0.2, 0.2, 3.4]),
    ],
    ids=["exponential", "equal", "two kinds"],
)
def test_speeds_that_depend_on_the_batch_and_any_lengths(length):
    """Reference: simulation by events. A step takes 1 + n/8 of a text alone's, as with caches that must be read."""
    rates = [n / (1 + n / 8) for n in range(1, 200)]
    runs = [shared_run(seed, 4, rates, length, 20_000) for seed in range(5)]
    error = np.std(runs, ddof=1) / math.sqrt(5)
    exact = capacity.sharing(4, rates).sojourn
    assert abs(np.mean(runs) - exact) < min(4.6 * error, 0.06 * exact)


def test_an_accelerator_is_busy_long_before_it_is_full():
    """Reference: computed apart for 8.03 · 10⁹ weights on one H100, 500 tokens written and 1,000 kept."""
    table = [(18, 1.0, 0.635, 206), (96, 5.6, 0.996, 199), (300, 19.3, 1, 180), (760, 64.6, 1, 136), (1300, 176, 1, 85)]

    def step(batch):
        return ue.decode_seconds(8.03e9, batch, 989e12, 3.35e12, kv_bytes=1000 * 131_072)

    rates = capacity.completions(step, 500, 480)
    for millions, texts, busy, speed in table:
        queue = capacity.sharing(millions * 1e6 / 86_400 / 500, rates)
        assert queue.in_service == pytest.approx(texts, rel=0.02)
        assert 1 - queue.idle == pytest.approx(busy, abs=0.002)
        assert 500 / queue.service == pytest.approx(speed, rel=0.01)
        assert queue.in_service == pytest.approx(  # the mean of a curve against the curve at the mean
            ue.texts_in_service(millions * 1e6 / 86_400, 8.03e9, 989e12, 3.35e12, kv_bytes=1000 * 131_072), rel=0.03
        )


def test_steps_between_measured_batches():
    """Reference: NumPy's interpolation, and what was measured, for Inkwell's server too."""
    batches, seconds = [1, 2, 8, 32], [0.01, 0.0105, 0.0133, 0.0213]
    step = capacity.measured_steps(batches, seconds)
    assert [step(n) for n in range(1, 33)] == pytest.approx(np.interp(range(1, 33), batches, seconds))
    assert capacity.completions(step, 10, 32)[31] == pytest.approx(32 / 0.213)
    for curve in records.serving()["curve"].values():
        served = capacity.measured_steps(curve["texts"], np.array(curve["step_ms"]) / 1000)
        assert [1000 * served(n) for n in curve["texts"]] == pytest.approx(curve["step_ms"])
    for batch in (0, 33, 2.5, True):
        with pytest.raises(ValueError, match="batch"):
            step(batch)


@given(
    st.floats(0.1, 2),
    st.floats(0.0, 0.2),
    st.floats(1.01, 6),
    st.floats(0.01, 5),
    st.floats(0.5, 0.99),
    st.floats(0, 2),
)
@settings(max_examples=40, deadline=None)
def test_the_largest_load_meets_both_targets_and_no_more(first, more, room, wait, share, prompt):
    """Reference: its own definition: the targets hold, a further text in the batch or 1 % more load breaks one."""

    def step(batch):
        return first + more * (batch - 1)

    tokens, most = 20.0, 40
    gap = (first + prompt / tokens) * room
    load = capacity.largest_load(step, tokens, gap, prompt + wait, share, prompt, most)
    rates = capacity.completions(step, tokens, most, prompt)
    assert load.gap <= gap
    assert load.gap == pytest.approx(step(load.limit) + load.limit * prompt / tokens)
    if load.limit < most:
        after = load.limit + 1
        assert step(after) + after * prompt / tokens > gap or rates[load.limit] <= rates[load.limit - 1] * (1 + 1e-12)
    assert load.late <= 1 - share
    batch = rates[: load.limit]
    assert load.late == pytest.approx(capacity.late(load.arrivals, batch, wait))
    assert load.arrivals < batch[-1] <= load.bound == max(rates)
    more_load = min(1.01 * load.arrivals, (load.arrivals + batch[-1]) / 2)
    if more_load > load.arrivals * (1 + 1e-9):
        assert capacity.late(more_load, batch, wait) > 1 - share
    assert load.queue == capacity.sharing(load.arrivals, batch)


def test_latency_gives_before_the_queue():
    """Reference: by hand. One token a text, steps of n seconds: the machine writes one a second at any batch."""
    tight = capacity.largest_load(lambda n: 1.0 + n, 10, 3.0, 1e9, most=100)
    assert tight.limit == 2
    assert tight.arrivals == pytest.approx(2 / 30)  # who would wait for ever loads the batch to its end
    assert tight.bound == pytest.approx(100 / 1010)
    falls = capacity.largest_load(lambda n: 1.0 if n < 4 else n / 2, 10, 99.0, 1e9, most=9)
    assert falls.limit == 3  # 3/10 a second, and 2/10 above


def test_edges_of_a_queue():
    """Nobody arrives; one place; very many places; a line of no places (Erlang's loss formula)."""
    assert capacity.sharing(0, [2.0, 3.0]) == (1, 0, 0, 0, 0, 0.5, 0, 0.5)
    assert capacity.occupancy(0, [2.0], 2) == [1, 0, 0, 0]
    assert capacity.sharing(0.5, [1.0]).sojourn == pytest.approx(2)  # M/M/1: 1/(μ − λ)
    many = capacity.sharing(99_000, [float(n) for n in range(1, 100_001)])
    assert many.in_service == pytest.approx(99_000, rel=1e-9)
    assert many.waits == pytest.approx(capacity.erlang_c(100_000, 99_000), rel=1e-6)
    blocked = capacity.sharing(2, [1.0, 2.0, 3.0], 0)
    assert blocked.lost == pytest.approx((8 / 6) / (1 + 2 + 2 + 8 / 6))
    assert blocked.wait == 0
    assert capacity.sharing(50, [1.0], 3).lost == pytest.approx(0.98, abs=1e-3)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: capacity.sharing(-1, [1.0]), "arrivals"),
        (lambda: capacity.sharing(float("nan"), [1.0]), "arrivals"),
        (lambda: capacity.sharing(True, [1.0]), "arrivals"),
        (lambda: capacity.sharing(1, [1.0]), "arrivals"),
        (lambda: capacity.sharing(2, [3.0, 1.0]), "arrivals"),
        (lambda: capacity.sharing(1, []), "rates"),
        (lambda: capacity.sharing(1, [2.0, 0.0]), r"rates\[1\]"),
        (lambda: capacity.sharing(1, [2.0], 1.5), "room"),
        (lambda: capacity.occupancy(1, [2.0], -1), "room"),
        (lambda: capacity.late(1, [2.0], -1), "seconds"),
        (lambda: capacity.completions(3, 10, 4), "step_seconds"),
        (lambda: capacity.completions(lambda n: 0.0, 10, 4), r"step_seconds\(1\)"),
        (lambda: capacity.completions(lambda n: 1.0, 0, 4), "tokens"),
        (lambda: capacity.completions(lambda n: 1.0, 10, 0), "limit"),
        (lambda: capacity.completions(lambda n: 1.0, 10, 4, -1), "prompt_seconds"),
        (lambda: capacity.measured_steps([2, 4], [1.0, 2.0]), "batches"),
        (lambda: capacity.measured_steps([1, 4, 4], [1.0, 2.0, 3.0]), "batches"),
        (lambda: capacity.measured_steps(7, [1.0]), "batches"),
        (lambda: capacity.measured_steps([1, 4], [1.0]), "seconds"),
        (lambda: capacity.largest_load(lambda n: 1.0, 10, 0.5, 9), "gap"),
        (lambda: capacity.largest_load(lambda n: 1.0, 10, 5, 1, prompt_seconds=2), "first_token"),
        (lambda: capacity.largest_load(lambda n: 1.0, 10, 5, 1, share=1.0), "share"),
        (lambda: capacity.largest_load(lambda n: 1.0, 10, 5, 1, most=0), "most"),
    ],
)
def test_bad_input_is_named(call, name):
    with pytest.raises(ValueError, match=rf"^{name}.*must be"):
        call()
