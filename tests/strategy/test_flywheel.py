"""The flywheel: the loop against its own simulation, the game against value iteration and published closed forms."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from advantage import records
from advantage.strategy import flywheel as fw

LAW = records.scaling_law()
TEXT = {"B": LAW["B"], "beta": LAW["beta"]}
MARKET = {"flow": 1e5, "stale": 0.05, "base": 2.5e5}


def simulate(taste, lead, months=3_000, **market):
    """The first seller's share after so many months, `lead` times the rival's data at the start."""
    stocks = (2.5e5 * lead, 2.5e5)
    for _ in range(months):
        s, stocks = fw.loop_turn(stocks, taste, **TEXT, **{**MARKET, **market})
    return s, stocks


@pytest.mark.parametrize("taste", [3, 10, 30])
@pytest.mark.parametrize("spillover", [0, 0.2, 1])
def test_the_loop_rests_where_its_simulation_ends(taste, spillover):
    """Reference: months one after the other, from three leads; the ends of the list are where they end."""
    rests = fw.loop_rests(taste, **TEXT, **MARKET, spillover=spillover)
    ends = [simulate(taste, lead, spillover=spillover)[0] for lead in (2, 0.5, 1)]
    assert ends == pytest.approx([rests[-1], rests[0], 0.5], abs=1e-6)
    assert (len(rests) > 1) == (fw.loop_gain(taste, **TEXT, **MARKET, spillover=spillover) > 1)
    for s in rests:
        stocks = fw.loop_stocks(s, **MARKET, spillover=spillover)
        assert fw.loop_share(*stocks, **TEXT, taste=taste) == pytest.approx(s, abs=1e-6)
        assert fw.loop_turn(stocks, taste, **TEXT, **MARKET, spillover=spillover)[1] == pytest.approx(stocks, rel=1e-5)


@given(st.floats(0.1, 40), st.floats(0, 0.99), st.floats(0.01, 0.9), st.floats(1e3, 1e7))
def test_the_gain_is_the_slope_of_the_loop(taste, spillover, stale, flow):
    """Reference: the share that a slightly larger share leads to, by a difference."""
    market = {"flow": flow, "stale": stale, "base": 2.5e5, "spillover": spillover}
    step = 1e-5
    up, down = (fw.loop_share(*fw.loop_stocks(0.5 + h, **market), **TEXT, taste=taste) for h in (step, -step))
    assert fw.loop_gain(taste, **TEXT, **market) == pytest.approx((up - down) / (2 * step), rel=1e-5, abs=1e-8)


@given(st.floats(1, 40))
@example(8)
def test_tipping_is_where_the_gain_is_one(taste):
    """Reference: SciPy's root of the gain; and the share just above and just below it, simulated."""
    phi = fw.tipping_spillover(taste, **TEXT, **MARKET)

    def over(p):
        return fw.loop_gain(taste, **TEXT, **MARKET, spillover=p) - 1

    assert phi == pytest.approx(brentq(over, 0, 1) if over(0) > 0 else 0, abs=1e-9)


def test_tipping_in_the_simulation():
    """Reference: Less spillover than the critical one and a lead grows, more and it dies out."""
    phi = fw.tipping_spillover(15, **TEXT, **MARKET)
    assert simulate(15, 1.1, spillover=0.7 * phi)[0] > 0.6
    assert simulate(15, 1.1, spillover=1.3 * phi)[0] == pytest.approx(0.5, abs=1e-6)


def test_limits_of_the_loop():
    """No taste for quality, full spillover: half each whatever the data; twice the units, the same shares."""
    assert fw.loop_share(1e9, 1, 0, **TEXT) == fw.loop_share(5, 5, 40, **TEXT) == 0.5
    assert fw.loop_gain(30, **TEXT, **MARKET, spillover=1) == 0
    assert fw.loop_rests(30, **TEXT, **MARKET, spillover=1) == [0.5]
    assert fw.loop_share(1, 1e30, 1e6, **TEXT) == 0
    assert sum(fw.loop_share(a, b, 12, **TEXT) for a, b in ((3e5, 9e5), (9e5, 3e5))) == pytest.approx(1)
    bits = {"B": LAW["B"] * 8 ** LAW["beta"], "beta": LAW["beta"]}  # the law with data in bits
    eight = {"flow": 8e5, "stale": 0.05, "base": 2e6}
    assert fw.loop_gain(12, **bits, **eight) == pytest.approx(fw.loop_gain(12, **TEXT, **MARKET))


def iterate(own, rival, discount, spillover=0.0, catch_up=0.0, rounds=700):
    """Reference: value iteration in all states at once, from zero: (own values, rival's values, margin)."""
    f = np.asarray(own, float)[:, None] - np.asarray(rival, float)[None, :]
    n, m = f.shape
    i, j = np.meshgrid(np.arange(n), np.arange(m), indexing="ij")
    i1, j1, top = np.minimum(i + 1, n - 1), np.minimum(j + 1, m - 1), np.minimum

    def after(V, a, b):
        level = np.maximum(a, b)
        together = V[top(level, n - 1), top(level, m - 1)]
        return (1 - catch_up) * V[a, b] + catch_up * together

    def sold(V, a, b):
        return (1 - spillover) * after(V, a, b) + spillover * after(V, i1, j1)

    VI = VE = np.zeros((n, m))
    for _ in range(rounds):
        won = sold(VI, i1, j), sold(VE, i1, j)
        lost = sold(VI, i, j1), sold(VE, i, j1)
        margin = f + discount * (won[0] - lost[0] + won[1] - lost[1])
        VI, VE = np.maximum(margin, 0) + discount * lost[0], np.maximum(-margin, 0) + discount * won[1]
    return VI, VE, margin


curves = st.lists(st.sampled_from([0.0, 0.3, 1.0, 2.5]), min_size=1, max_size=6).map(
    lambda steps: list(itertools.accumulate(steps))
)
games = st.tuples(curves, curves, st.floats(-4, 4), st.floats(0.1, 0.95))


@settings(max_examples=60, deadline=None)
@given(games, st.floats(0, 1), st.floats(0, 1))
@example(([0.0, 1.0], [0.0, 1.0], 0.0, 0.9), 0.0, 0.0)
@example(([0.0], [0.0, 1.0, 3.5], 0.5, 0.9), 1.0, 1.0)
def test_the_game_against_value_iteration(game, spillover, catch_up):
    """Reference: value iteration, both values and the margin in every state, with and without leaks."""
    own, rival, better, discount = game
    rival = [better + v for v in rival]
    found = fw.learning_game(own, rival, discount, spillover, catch_up)
    scale = 1 + max(map(abs, own + rival)) / (1 - discount)
    for table, reference in zip(found, iterate(own, rival, discount, spillover, catch_up)):
        assert np.array(table) == pytest.approx(reference, abs=1e-9 * scale)


@settings(max_examples=200, deadline=None)
@given(games)
def test_the_winner_rule_in_every_state(game):
    """Reference: Hagiu & Wright 2023, proposition 1: who would be worth more serving for ever, wins."""
    own, rival, better, discount = game
    rival = [better + v for v in rival]
    margin = fw.learning_game(own, rival, discount).margin
    for i, mine in enumerate(fw.forever(own, discount)):
        for j, other in enumerate(fw.forever(rival, discount)):
            if abs(mine - other) > 1e-9:
                assert (margin[i][j] > 0) == (mine > other)


@settings(max_examples=200, deadline=None)
@given(games)
def test_the_published_values_in_every_state(game):
    """Reference: Hagiu & Wright 2023, corollary 1, its four cases; Δ from proposition 1 summed as it is printed."""
    own, rival, better, discount = game
    d = discount

    def cutoff(i, j):
        i, j = min(i, len(own) - 1), min(j, len(rival) - 1)
        top_i, top_j = len(own) - 1, len(rival) - 1
        sums = sum(d**k * own[i + k] for k in range(top_i - i + 1)) - sum(
            d**k * rival[j + k] for k in range(top_j - j + 1)
        )
        return (1 - d) * sums + d ** (top_i - i + 1) * own[-1] - d ** (top_j - j + 1) * rival[-1]

    found = fw.learning_game(own, [better + v for v in rival], d)
    for i, j in itertools.product(range(len(own)), range(len(rival))):
        here, cut = better, cutoff(i, j)
        if abs(here - cut) < 1e-9:
            continue
        if here < cutoff(i, j + 1):
            want = (-here / (1 - d) + (cut - d * cutoff(i, j + 1)) / (1 - d) ** 2, 0)
        elif here < cut:
            want = ((cut - here) / (1 - d) ** 2, 0)
        elif here < cutoff(i + 1, j):
            want = (0, (here - cut) / (1 - d) ** 2)
        else:
            want = (0, here / (1 - d) - (cut - d * cutoff(i + 1, j)) / (1 - d) ** 2)
        assert (found.own[i][j], found.rival[i][j]) == pytest.approx(want, rel=1e-7, abs=1e-7)


@settings(max_examples=100, deadline=None)
@given(curves, st.floats(0.1, 0.95), st.floats(0, 1), st.floats(-4, 6))
def test_the_published_cutoff_with_shared_data(learning, discount, catch_up, better):
    """Reference: Hagiu & Wright 2023, equation 2: a leader who has learned all, shared with chance λ each period."""
    top, d = len(learning) - 1, discount * (1 - catch_up)
    margin = fw.learning_game(learning, [better + v for v in learning], discount, 0, catch_up).margin
    for j in range(top):
        cutoff = (1 - d) * sum(d**k * (learning[top] - learning[j + k]) for k in range(top - j))
        if abs(better - cutoff) > 1e-9:
            assert (margin[top][j] > 0) == (better < cutoff)


def test_published_s_curve():
    """Reference: Hagiu & Wright 2023, equation 4: no learning before sale 2, 0.7 dollars a sale up to sale 6."""
    theta, first, last, d = 0.7, 2, 6, 0.8
    curve = [theta * max(min(n, last) - first, 0) for n in range(last + 1)]

    def formula(n):
        return theta * (max(n - first, 0) + (d ** (max(first - n, 0) + 1) - d ** (last - n + 1)) / (1 - d))

    assert fw.forever(curve, d) == pytest.approx([formula(n) for n in range(last + 1)], abs=1e-12)


@given(curves, st.floats(0.1, 0.95), st.integers(0, 3))
def test_full_spillover_leaves_the_lead_as_it_is(learning, discount, lead):
    """Reference: at φ = 1 a sale teaches both, so the leader earns the static difference of every period."""
    top = len(learning) - 1
    lead = min(lead, top)
    static = [learning[min(lead + k, top)] - learning[k] for k in range(top + 1)]
    worth = sum(discount**k * gap for k, gap in enumerate(static))
    found = fw.learning_game(learning, learning, discount, spillover=1)
    assert found.own[lead][0] == pytest.approx(worth, abs=1e-9)
    assert found.rival[lead][0] == pytest.approx(0, abs=1e-9)


@given(curves, st.floats(0.1, 0.95), st.floats(0, 1), st.floats(0, 1))
def test_equal_sellers_bid_all_away(learning, discount, spillover, catch_up):
    """Reference: at equal data neither has anything to sell that the other has not; the game looks the same to both."""
    found = fw.learning_game(learning, learning, discount, spillover, catch_up)
    for i in range(len(learning)):
        assert found.own[i][i] == pytest.approx(0, abs=1e-9)
    assert np.array(found.own) == pytest.approx(np.array(found.rival).T, abs=1e-9)


@settings(max_examples=150, deadline=None)
@given(curves, st.floats(0.1, 0.95), st.floats(0, 1), st.floats(0, 1), st.integers(0, 6))
@example([0.0, 0.0, 1.0], 0.9, 0.0, 0.0, 1)
@example([0.0], 0.9, 0.5, 0.5, 3)
def test_head_start_is_the_game(learning, discount, spillover, catch_up, lead):
    """Reference: the game in every state; and the leader, once ahead, is outbid nowhere."""
    game = fw.learning_game(learning, learning, discount, spillover, catch_up)
    here = min(lead, len(learning) - 1)
    found = fw.head_start_worth(learning, discount, lead, spillover, catch_up)
    assert found == pytest.approx(game.own[here][0], abs=1e-8)
    assert all(game.margin[i][j] >= -1e-9 for i in range(len(learning)) for j in range(i))


def test_head_start_simulated():
    """Reference: the sum drawn: leaks and releases by chance, 20,000 paths."""
    f = np.array(fw.learned(12, 30_000, **TEXT, flow=1e5, base=2.5e5))
    rng, paths, months = np.random.default_rng(0), 20_000, 300
    leaked = np.minimum(np.cumsum(rng.random((paths, months)) < 0.3, axis=1), 12)
    leaked = np.hstack([np.zeros((paths, 1), int), leaked[:, :-1]])
    alone = np.cumprod(np.hstack([np.ones((paths, 1)), rng.random((paths, months - 1)) > 0.05]), axis=1)
    own = f[np.minimum(4 + np.arange(months), 12)]
    drawn = (0.98 ** np.arange(months) * alone * (own - f[leaked])).sum(1)
    found = fw.head_start_worth(f, 0.98, 4, 0.3, 0.05)
    assert abs(drawn.mean() - found) < 4 * drawn.std() / np.sqrt(paths)


@pytest.mark.parametrize("catch_up", [0, 0.05, 0.25])
def test_break_even_spillover(catch_up):
    """Reference: the value of the lead at φ*, above it and below it; it falls with the spillover all the way."""
    f = fw.learned(20, 30_000, **TEXT, flow=1e5, base=2.5e5)

    def worth(phi):
        return fw.learning_game(f, f, 0.98, phi, catch_up).own[6][0]

    values = [worth(phi) for phi in np.linspace(0, 1, 21)]
    assert all(a > b for a, b in itertools.pairwise(values))
    phi = fw.break_even_spillover(f, 0.98, 6, values[8], catch_up)
    assert phi == pytest.approx(0.4, abs=1e-9)
    assert fw.break_even_spillover(f, 0.98, 6, values[0] + 1, catch_up) == 0
    assert fw.break_even_spillover(f, 0.98, 6, values[-1] - 1, catch_up) == 1


def test_learned_is_the_law():
    """Reference: the losses of `textgen.scaling` at one size, whose other terms cancel."""
    from advantage.textgen import scaling

    law = scaling.Law(*(LAW[k] for k in scaling.Law._fields))
    sizes = 2.5e5 + 1e5 * np.arange(6)
    losses = scaling.loss(1e5, sizes, *law)
    assert fw.learned(5, 30_000, **TEXT, flow=1e5, base=2.5e5) == pytest.approx(30_000 * (losses[0] - losses))


def test_wright():
    """Reference: an 80 % curve has b = −.32193, and its 100th unit costs 22.7 % of the first (Wright 1936)."""
    assert math.log2(fw.learning_curve(1, 0.8, 2)) == pytest.approx(-0.32193, abs=5e-6)
    assert fw.learning_curve(1, 0.8, 100) == pytest.approx(0.227, abs=5e-4)
    assert fw.learning_curve(7, 0.9, 8) == pytest.approx(7 * 0.9**3)
    assert fw.learning_curve(7, 1, 1e9) == 7


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: fw.loop_share(0, 1, 1, 1, 1), "own"),
        (lambda: fw.loop_share(1, float("nan"), 1, 1, 1), "rival"),
        (lambda: fw.loop_gain(1, 1, 0, 1, 0.1, 1), "beta"),
        (lambda: fw.loop_gain(1, 1, 1, 1, 0, 1), "stale"),
        (lambda: fw.loop_stocks(1.1, 1, 0.1, 1), "own_share"),
        (lambda: fw.loop_rests(1, 1, 1, 1, 0.1, 1, 2), "spillover"),
        (lambda: fw.loop_turn((1, 1), 1, 1, 1, 1, 1.5, 1), "stale"),
        (lambda: fw.tipping_spillover(-1, 1, 1, 1, 0.1, 1), "taste"),
        (lambda: fw.learned(-1, 1, 1, 1, 1, 1), "periods"),
        (lambda: fw.learned(3, 1, 1, 1, 1, 0), "base"),
        (lambda: fw.forever([], 0.9), "values"),
        (lambda: fw.forever([0, 1], 1), "discount"),
        (lambda: fw.learning_game([0, 1], [1, 0], 0.9), "rival"),
        (lambda: fw.learning_game([0, float("inf")], [0], 0.9), "own"),
        (lambda: fw.learning_game([0, 1], [0], 0.9, 0.2, -0.1), "catch_up"),
        (lambda: fw.break_even_spillover([0, 1], 0.9, 1.5, 1), "lead"),
        (lambda: fw.break_even_spillover([0, 1], 0.9, 1, "much"), "cost"),
        (lambda: fw.head_start_worth([1, 0], 0.9, 1), "learning"),
        (lambda: fw.head_start_worth([0, 1], 0.9, -1), "lead"),
        (lambda: fw.learning_curve(1, 0, 2), "ratio"),
        (lambda: fw.learning_curve(1, 0.8, True), "unit"),
    ],
)
def test_refused(call, name):
    """Bad input is refused by the argument's name."""
    with pytest.raises(ValueError, match=rf"^{name}(\[\d+\])?: .*must be"):
        call()


def test_a_large_lead_may_last_where_a_small_one_dies():
    """Reference: the simulation from a small and from a large lead, with a gain below 1 and little public data."""
    market = {"B": 636.8, "beta": 0.678, "flow": 10_742.0, "stale": 0.05, "base": 5_684.0}
    assert fw.loop_gain(4.42, **market) < 1
    rests = fw.loop_rests(4.42, **market)
    assert len(rests) == 5
    for lead, end in ((1.2, 0.5), (1_000, rests[-1])):
        level = fw.loop_stocks(0.5, 10_742.0, 0.05, 5_684.0).own
        stocks = (level * lead, level)
        for _ in range(3_000):
            s, stocks = fw.loop_turn(stocks, 4.42, **market)
        assert s == pytest.approx(end, abs=1e-6)
