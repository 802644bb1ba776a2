"""Erlang's C, the newsvendor and checkpoints, against published values, SciPy, exact fractions, and simulation."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.optimize import minimize_scalar
from scipy.special import lambertw

from advantage.strategy import capacity


@pytest.mark.parametrize(
    ("servers", "load", "waits"), [(5, 4, 0.5541), (3, 2, 0.4444), (11, 10, 0.6821), (14, 10, 0.1741), (1, 0.3, 0.3)]
)
def test_published_values_of_erlang(servers, load, waits):
    """Reference: tables of Erlang's C; with one server the load itself."""
    assert capacity.erlang_c(servers, load) == pytest.approx(waits, abs=5e-5)


def test_calls_of_three_minutes():
    """Reference: the example of call centres: 100 calls in half an hour, 180 s each, 14 agents, within 20 s."""
    wait = capacity.erlang_wait(14, 100 / 1800 * 180, 180, 20)
    assert wait.mean == pytest.approx(7.84, abs=0.005)
    assert 1 - wait.late == pytest.approx(0.888, abs=5e-4)


@given(st.integers(1, 60), st.integers(1, 999))
@settings(max_examples=60, deadline=None)
def test_erlang_in_exact_fractions(servers, thousandths):
    """Reference: the textbook's sum of A^k/k!, in fractions."""
    load = Fraction(thousandths * servers, 1000)
    terms = [Fraction(1)]
    for k in range(1, servers + 1):
        terms.append(terms[-1] * load / k)
    last = terms[-1] * servers / (servers - load)
    exact = last / (sum(terms[:-1]) + last)
    assert capacity.erlang_c(servers, float(load)) == pytest.approx(float(exact), rel=1e-9)


def test_edges_of_erlang():
    """No load, a load just below the servers, more servers than a factorial holds, and very many at low load."""
    assert capacity.erlang_c(5, 0) == 0
    assert capacity.erlang_c(5, 5 - 1e-9) == pytest.approx(1, abs=1e-8)
    assert capacity.erlang_c(5, 5e-324) == 0
    assert capacity.erlang_c(10**9, 5.0) == 0
    for servers in (10**3, 10**6):
        load = servers - math.sqrt(servers)
        beta = (servers - load) / math.sqrt(load)
        assert capacity.erlang_c(servers, load) == pytest.approx(
            capacity.halfin_whitt(beta), rel=2 / math.sqrt(servers)
        )
    poisson = stats.poisson(4500.0)  # B is a Poisson's last term over its sum
    block = math.exp(poisson.logpmf(5000) - poisson.logcdf(5000))
    assert capacity.erlang_c(5000, 4500.0) == pytest.approx(block / (1 - 0.9 * (1 - block)), rel=1e-9)


def test_the_square_root_of_the_load():
    """Reference: .2234 for β = 1 against .2370 exact at a load of 100; the limits of β."""
    assert capacity.halfin_whitt(1) == pytest.approx(0.2234, abs=5e-5)
    assert capacity.erlang_c(110, 100) == pytest.approx(0.2370, abs=5e-5)
    assert capacity.halfin_whitt(1e-9) == pytest.approx(1)
    assert capacity.halfin_whitt(50) == 0


@given(st.floats(0, 3000), st.floats(0.001, 0.999))
@settings(max_examples=60, deadline=None)
def test_the_fewest_servers(load, waits):
    """Reference: its definition; more load needs no fewer."""
    servers = capacity.servers_for(load, waits)
    assert capacity.erlang_c(servers, load) <= waits
    assert servers - 1 <= load or capacity.erlang_c(servers - 1, load) > waits
    assert capacity.servers_for(load + 1, waits) >= servers


@pytest.mark.parametrize(
    ("mean", "sd", "underage", "overage", "quantity", "cost"),
    [(50, 8, 0.70, 0.18, 56.6040, 1.9976), (120, 10, 18, 2, 132.815515655446, 35.09966638649737)],
)
def test_published_newsvendors(mean, sd, underage, overage, quantity, cost):
    """Reference: Snyder & Shen 2019, example 4.3, and the example on the page of their library `stockpyl`."""
    found = capacity.newsvendor(mean, sd, underage, overage)
    assert found.quantity == pytest.approx(quantity, abs=5e-5)
    assert found.cost == pytest.approx(cost, abs=5e-5)


@given(st.floats(0, 1000), st.floats(0.01, 100), st.floats(0.01, 100), st.floats(0.01, 100))
@settings(max_examples=60, deadline=None)
def test_no_other_stock_is_cheaper(mean, sd, underage, overage):
    """Reference: SciPy's quantile, and its search on the two expected costs."""
    quantity, cost = capacity.newsvendor(mean, sd, underage, overage)
    assert quantity == pytest.approx(stats.norm.ppf(underage / (underage + overage), mean, sd), rel=1e-9, abs=1e-9)

    def expected(at):
        short = capacity.expected_excess(mean, sd, at)
        return underage * short + overage * (at - mean + short)

    found = minimize_scalar(expected, bracket=(mean - sd, mean + sd))
    assert cost == pytest.approx(expected(quantity), rel=1e-9)
    assert cost == pytest.approx(found.fun, rel=1e-6)


def test_edges_of_the_newsvendor():
    """No spread; equal costs; costs and spread scale the cost."""
    assert capacity.newsvendor(50, 0, 3, 1) == (50, 0)
    assert capacity.newsvendor(50, 8, 2, 2).quantity == pytest.approx(50)
    base = capacity.newsvendor(50, 8, 3, 1).cost
    assert capacity.newsvendor(50, 16, 3, 1).cost == pytest.approx(2 * base)
    assert capacity.newsvendor(50, 8, 6, 2).cost == pytest.approx(2 * base)


def test_intervals_of_young_and_daly():
    """Reference: by hand for 60 s and 4 h: √(2 · 60 · 14,400) = 1,314.53; Daly's series, term by term; his limit M."""
    assert capacity.checkpoint_interval(60, 14_400) == pytest.approx(1314.534, abs=5e-4)
    x = math.sqrt(60 / 28_800)
    daly = 1314.5341380 * (1 + x / 3 + x**2 / 9) - 60
    assert capacity.checkpoint_interval(60, 14_400, "daly") == pytest.approx(daly)
    assert daly == pytest.approx(1274.84, abs=0.005)
    assert capacity.checkpoint_interval(500, 250, "daly") == 250


@given(st.floats(1e-3, 1e4), st.floats(1, 1e7))
@settings(max_examples=100, deadline=None)
def test_the_exact_interval(cost, mean):
    """Reference: Lambert's W, τ = M (1 + W(−e^{−1 − C/M})), and SciPy's search on the useful share."""
    exact = capacity.checkpoint_interval(cost, mean, "exact")
    if cost / mean > 1e-5:  # nearer its branch W itself rounds
        assert exact == pytest.approx(mean * (1 + lambertw(-math.exp(-1 - cost / mean)).real), rel=1e-7)
    best = capacity.useful_share(exact, cost, mean)
    for factor in (0.9, 0.999, 1.001, 1.1):
        assert capacity.useful_share(factor * exact, cost, mean) <= best * (1 + 1e-13)
    assert exact <= mean
    for method in ("young", "daly"):
        near = capacity.checkpoint_interval(cost, mean, method)
        assert capacity.useful_share(near, cost, mean) <= best * (1 + 1e-13)
        assert near == pytest.approx(exact, rel=2 * math.sqrt(cost / mean) if method == "young" else cost / mean + 1e-9)


def test_the_intervals_agree_where_checkpoints_are_cheap():
    """Reference: the limit C/M → 0, in which all three are √(2 C M)."""
    for cost in (1e-3, 1e-6, 1e-9):
        young = capacity.checkpoint_interval(cost, 1e6)
        for method in ("daly", "exact"):
            found = capacity.checkpoint_interval(cost, 1e6, method)
            assert found == pytest.approx(young, rel=math.sqrt(cost / 1e6))


def simulated_share(seed, interval, cost, mean, restart, segments):
    """Useful share of the time, failure by failure: each segment repeats until work and checkpoint fit before one."""
    draw = np.random.default_rng(seed)
    total = 0.0
    for _ in range(segments):
        while (failure := draw.exponential(mean)) < interval + cost:
            total += failure
            while (failure := draw.exponential(mean)) < restart:
                total += failure
            total += restart
        total += interval + cost
    return segments * interval / total


@pytest.mark.parametrize("setting", [(1315, 60, 14_400, 0), (1315, 60, 14_400, 600), (100, 80, 150, 40)])
def test_the_useful_share_simulated(setting):
    """Reference: failures drawn one by one, eight seeds, within five standard errors and 2 %."""
    runs = [simulated_share(seed, *setting, 3000) for seed in range(8)]
    exact = capacity.useful_share(*setting)
    assert abs(np.mean(runs) - exact) < min(5 * np.std(runs, ddof=1) / math.sqrt(8), 0.02 * exact)


def test_edges_of_the_useful_share():
    """No failures to speak of; a segment that never ends; free checkpoints, ever shorter."""
    assert capacity.useful_share(900, 100, 1e15) == pytest.approx(0.9)
    assert capacity.useful_share(1e9, 1, 1.0) == 0
    assert capacity.useful_share(1e-9, 0, 100.0) == pytest.approx(1)
    assert capacity.useful_share(100, 10, 1000, 1e9) == 0


NAN = float("nan")


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: capacity.erlang_c(5, 5), "load"),
        (lambda: capacity.erlang_c(5, 6), "load"),
        (lambda: capacity.erlang_c(5, -1), "load"),
        (lambda: capacity.erlang_c(5, NAN), "load"),
        (lambda: capacity.erlang_c(5, True), "load"),
        (lambda: capacity.erlang_c(5, "4"), "load"),
        (lambda: capacity.erlang_c(0, 0), "servers"),
        (lambda: capacity.erlang_c(5.0, 4), "servers"),
        (lambda: capacity.erlang_c(True, 0.5), "servers"),
        (lambda: capacity.erlang_wait(5, 4, 0), "service_seconds"),
        (lambda: capacity.erlang_wait(5, 4, 1, -1), "within"),
        (lambda: capacity.servers_for(4, 0), "waits"),
        (lambda: capacity.servers_for(-4, 0.5), "load"),
        (lambda: capacity.halfin_whitt(0), "beta"),
        (lambda: capacity.newsvendor(-1, 8, 1, 1), "mean"),
        (lambda: capacity.newsvendor(50, -8, 1, 1), "sd"),
        (lambda: capacity.newsvendor(50, NAN, 1, 1), "sd"),
        (lambda: capacity.newsvendor(50, 8, 0, 1), "underage"),
        (lambda: capacity.newsvendor(50, 8, 1, False), "overage"),
        (lambda: capacity.newsvendor(50, 8, 1, 1e-30), "underage"),
        (lambda: capacity.checkpoint_interval(0, 100), "checkpoint_seconds"),
        (lambda: capacity.checkpoint_interval(60, NAN), "mtbf_seconds"),
        (lambda: capacity.checkpoint_interval(60, True), "mtbf_seconds"),
        (lambda: capacity.checkpoint_interval(60, 100, "weibull"), "method"),
        (lambda: capacity.useful_share(0, 60, 100), "interval"),
        (lambda: capacity.useful_share(10, -1, 100), "checkpoint_seconds"),
        (lambda: capacity.useful_share(10, 1, 100, -1), "restart_seconds"),
    ],
)
def test_bad_input_is_named(call, name):
    with pytest.raises(ValueError, match=rf"^{name}.*must be"):
        call()
