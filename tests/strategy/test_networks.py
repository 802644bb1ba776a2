"""Networks: outputs against best replies, tipping against linear equations and simulated newcomers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq

from advantage.strategy import networks as nw


def settle(surplus, bases, effect, seen, rounds=2_000):
    """Best replies to the other's output and to expectations, iterated until both come true.

    seen[i, j]: whether users of firm i count those of firm j; True for all, False for one's own only.
    """
    bases, outputs = np.asarray(bases, dtype=float), np.zeros(len(bases))
    if isinstance(seen, bool):
        seen = np.ones((len(bases),) * 2) if seen else np.eye(len(bases))
    for _ in range(rounds):
        reply = (surplus + effect * np.asarray(seen) @ (bases + outputs) - (outputs.sum() - outputs)) / 2
        outputs = np.maximum(0, outputs + 0.2 * (reply - outputs))
    return outputs


@pytest.mark.parametrize("compatible", [False, True])
@pytest.mark.parametrize(("n", "b"), [(2, 0.3), (5, 0.1), (1, 0.9)])
def test_networks_against_expectations_that_come_true(n, b, compatible):
    """Reference: each firm's best reply to outputs and expectations, iterated; .37037 and .41667 for two."""
    x = nw.network_cournot(1, n, b, compatible)
    assert settle(1, np.zeros(n), b, compatible) == pytest.approx(x, abs=1e-8)
    if n == 2:
        assert x == pytest.approx(0.41667 if compatible else 0.37037, abs=5e-6)


@pytest.mark.parametrize("compatible", [False, True])
@pytest.mark.parametrize("bases", [(0, 0), (1, 0), (0.2, 0.7), (0, 2.3), (0, 5), (5, 0)])
def test_two_networks_that_have_users(bases, compatible):
    """Reference: best-response iteration, corners included; without users, the symmetric formula."""
    assert nw.network_duopoly(1, *bases, 0.3, compatible) == pytest.approx(settle(1, bases, 0.3, compatible), abs=1e-8)
    assert nw.network_duopoly(2, 0, 0, 0.3, compatible).own == pytest.approx(nw.network_cournot(2, 2, 0.3, compatible))


@pytest.mark.parametrize("effect", [0, 0.3, 0.6])
@pytest.mark.parametrize("bases", [(0, 0), (0, 1), (0.4, 0.2), (3, 0), (12, 0)])
def test_an_adapter_of_one_side(bases, effect):
    """Reference: best-response iteration, the corner where the rival sells nothing included."""
    found = nw.one_way(1, *bases, effect)
    assert found == pytest.approx(settle(1, bases, effect, [[1, 1], [0, 1]]), abs=1e-8)
    assert found.own >= nw.network_duopoly(1, *bases, effect, False).own - 1e-12


@given(st.floats(0.1, 10), st.floats(0.02, 0.95), st.floats(0, 5))
def test_a_large_network_refuses(surplus, effect, rival):
    """Reference: the root of the difference of the two outputs; twice the money, twice the base."""

    def gain(base):
        apart, together = (nw.network_duopoly(surplus, base, rival, effect, yes).own for yes in (False, True))
        return together - apart

    found = nw.refusal_base(surplus, effect, rival)
    far = (4 * surplus + 4 * rival) / (1 - effect)
    assert found == pytest.approx(brentq(gain, 0, far, xtol=1e-13), rel=1e-6)
    assert gain(0.9 * found) > 0 > gain(1.1 * found)
    assert nw.refusal_base(2 * surplus, effect, 2 * rival) == pytest.approx(2 * found)


def ruin(a, b, q):
    """Reference for the next test: the linear equations of the walk, solved."""
    walk = np.eye(a + b - 1) - q * np.eye(a + b - 1, k=1) - (1 - q) * np.eye(a + b - 1, k=-1)
    up = np.zeros(a + b - 1)
    up[-1] = q
    return np.linalg.solve(walk, up)[b - 1], np.linalg.solve(walk, np.ones(a + b - 1))[b - 1]


@given(st.integers(1, 30), st.integers(1, 30), st.floats(0.3, 0.7))
def test_lock_in_solves_the_walk(a, b, q):
    """Reference: the linear equations of the walk; the two networks exchanged."""
    found = nw.lock_in(a, b, q)
    assert found == pytest.approx(ruin(a, b, q), rel=1e-6, abs=1e-9)
    assert nw.lock_in(b, a, 1 - q) == pytest.approx((1 - found.wins, found.adopters), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("drift", [0, 1e-12, 1e-9, 3e-8, 1e-7, 1e-6, 1e-4])
def test_lock_in_near_a_fair_coin(drift):
    """Reference: the linear equations; no digits are lost where the formula is nearly 0/0."""
    assert nw.lock_in(7, 12, 0.5 + drift / 2) == pytest.approx(ruin(7, 12, 0.5 + drift / 2), rel=1e-8)


def test_lock_in_by_newcomers():
    """Reference: Arthur's rule, one by one, within eight standard errors; with odds far from even, certainty."""
    rng = np.random.default_rng(1)
    wins, counts = [], []
    for _ in range(4_000):
        lead = count = 0
        while -3 < lead < 5:
            likes_a = rng.random() < 0.55
            lead += 1 if (likes_a and lead > -3) or lead >= 5 else -1
            count += 1
        wins.append(lead == 5)
        counts.append(count)
    found = nw.lock_in(5, 3, 0.55)
    assert found.wins == pytest.approx(np.mean(wins), abs=8 * np.std(wins) / 4_000**0.5)
    assert found.adopters == pytest.approx(np.mean(counts), abs=8 * np.std(counts) / 4_000**0.5)
    assert nw.lock_in(6, 4) == (0.4, 24)
    assert nw.lock_in(300, 500, 0.99) == pytest.approx((1, 300 / 0.98))
    assert nw.lock_in(300, 500, 0.01) == pytest.approx((0, 500 / 0.98))


def test_the_lead_that_is_needed():
    """Reference: by hand; half-compatible networks need twice the lead."""
    assert [nw.lead_needed(*case) for case in [(0.3, 0.1), (0.31, 0.1), (0.3, 0.1, 0.5), (0.01, 1)]] == [3, 4, 6, 1]


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: nw.network_cournot(1, 0, 0.1, True), "firms: 0"),
        (lambda: nw.network_cournot(0, 2, 0.1, True), "surplus: 0"),
        (lambda: nw.network_cournot(1, 2, 1, True), "effect: 1"),
        (lambda: nw.network_duopoly(1, -1, 0, 0.1, True), "own_base: -1"),
        (lambda: nw.network_duopoly(1, 0, float("nan"), 0.1, True), "rival_base: nan"),
        (lambda: nw.refusal_base(1, 1.5), "effect: 1.5"),
        (lambda: nw.refusal_base(1, 0.3, -1), "rival_base: -1"),
        (lambda: nw.one_way(1, -1, 0, 0.3), "own_base: -1"),
        (lambda: nw.lead_needed(1, 0), "effect: 0"),
        (lambda: nw.lead_needed(1, 1, 1), "compatibility: 1"),
        (lambda: nw.lock_in(0, 3), "lead_a: 0"),
        (lambda: nw.lock_in(3, 2.5), "lead_b: 2.5"),
        (lambda: nw.lock_in(3, 3, 1), "prefer_a: 1"),
    ],
)
def test_bad_input_is_named(call, name):
    """Reference: the docstrings."""
    with pytest.raises(ValueError, match=f"^{name}"):
        call()
