"""Prices of platforms: closed forms against best replies, first-order conditions and limits."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.optimize import minimize, minimize_scalar

from advantage.strategy import two_sided as ts


def best_reply(profit, start):
    return minimize(lambda p: -profit(p), start, method="BFGS", options={"gtol": 1e-10}).x


def meet(profit, start, rounds=200):
    """Best replies to a rival who asks what one asked oneself, until they meet."""
    prices = np.array(start, dtype=float)
    for _ in range(rounds):
        new = best_reply(lambda p, rival=prices: profit(p, rival), prices)
        if np.max(np.abs(new - prices)) < 1e-9:
            break
        prices = new
    return prices


@pytest.mark.parametrize(("a", "c", "expected"), [((1, 2), 0.3, (0.1, 1.1)), ((1, 1), 0.5, (0.5, 0.5))])
def test_rochet_tirole_by_hand(a, c, expected):
    """Reference: (2 a_i − a_j + c)/3, and SciPy's maximum of the profit."""
    assert ts.rochet_tirole_linear(*a, c) == pytest.approx(expected, abs=1e-12)
    found = best_reply(lambda p: (p.sum() - c) * (a[0] - p[0]) * (a[1] - p[1]), [0.3, 0.8])
    assert found == pytest.approx(expected, abs=1e-5)


@given(st.floats(0.1, 10), st.floats(0.1, 10), st.floats(-1, 5))
def test_rochet_tirole_lerner_and_structure(a_b, a_s, c):
    """Reference: (p − c)/p = 1/η and p_B/η_B = p_S/η_S; doubling every price and cost doubles the fees; symmetry."""
    assume(a_b + a_s > c + 0.01)
    p_b, p_s = ts.rochet_tirole_linear(a_b, a_s, c)
    for p, a in ((p_b, a_b), (p_s, a_s)):  # p/η = (a − p)
        assert p_b + p_s - c == pytest.approx(a - p, abs=1e-9)
    assert ts.rochet_tirole_linear(2 * a_b, 2 * a_s, 2 * c) == pytest.approx((2 * p_b, 2 * p_s), abs=1e-9)
    assert ts.rochet_tirole_linear(a_s, a_b, c) == pytest.approx((p_s, p_b), abs=1e-9)
    assert (p_b < 0) == (a_b < (a_s - c) / 2) or abs(p_b) < 1e-9


def test_two_platforms_against_best_replies():
    """Reference: best-response iteration on shares that solve both groups' choices, f + t − α of the *other* group."""
    t, alpha, f = (1.0, 0.8), (0.4, 0.2), (0.1, 0.1)

    def profit(p, rival):
        n = ts.hotelling_shares(*p, *rival, *t, *alpha)
        return (p[0] - f[0]) * n[0] + (p[1] - f[1]) * n[1]

    closed = ts.hotelling_prices(*t, *alpha, *f)
    assert closed == pytest.approx((0.9, 0.5), abs=1e-12)
    assert meet(profit, (0.5, 0.5)) == pytest.approx(closed, abs=1e-5)
    assert profit(closed, closed) == pytest.approx(ts.hotelling_profit(*t, *alpha), abs=1e-12)


def slope(function, point, h=1e-5):
    return [(function(point + h * e) - function(point - h * e)) / (2 * h) for e in np.eye(len(point))]


@given(
    st.floats(0.5, 5), st.floats(0.5, 5), st.floats(-0.4, 0.4), st.floats(-0.4, 0.4), st.floats(-1, 1), st.floats(-1, 1)
)
def test_nobody_gains_by_another_fee(t1, t2, alpha1, alpha2, f1, f2):
    """Reference: the profit's slope is zero at the closed form, to 1e-8."""
    closed = np.array(ts.hotelling_prices(t1, t2, alpha1, alpha2, f1, f2))

    def profit(p):
        n1, n2 = ts.hotelling_shares(*p, *closed, t1, t2, alpha1, alpha2)
        return (p[0] - f1) * n1 + (p[1] - f2) * n2

    assert slope(profit, closed) == pytest.approx([0, 0], abs=1e-8)


@given(st.floats(0.1, 5), st.floats(0.1, 5), st.floats(-1, 1), st.floats(-1, 1))
def test_without_externalities_each_group_is_a_static_line(t1, t2, f1, f2):
    """Reference: Hotelling's f + t."""
    assert ts.hotelling_prices(t1, t2, 0, 0, f1, f2) == pytest.approx((f1 + t1, f2 + t2))
    assert ts.hotelling_profit(t1, t2, 0, 0) == pytest.approx((t1 + t2) / 2)


@given(st.floats(-2, 2), st.floats(-2, 2), st.floats(-2, 2), st.floats(-2, 2))
def test_shares_solve_both_choices(p1, p2, r1, r2):
    """Reference: the member in the middle is indifferent."""
    t, alpha = (3.0, 2.0), (0.5, 0.7)
    n1, n2 = ts.hotelling_shares(p1, p2, r1, r2, *t, *alpha)
    assert alpha[0] * n2 - p1 - t[0] * n1 == pytest.approx(alpha[0] * (1 - n2) - r1 - t[0] * (1 - n1), abs=1e-9)
    assert alpha[1] * n1 - p2 - t[1] * n2 == pytest.approx(alpha[1] * (1 - n1) - r2 - t[1] * (1 - n2), abs=1e-9)


def test_monopoly():
    """Reference: Armstrong's first-order condition, SciPy's maximum over members, and the printed −.3636, −.6364."""
    found = ts.monopoly_prices(0.6, 0.3, -1, -1)
    assert found[:4] == pytest.approx((-0.3636, -0.6364, 0.9091, 0.9091), abs=5e-5)
    best = best_reply(lambda n: (0.6 * n[1] - n[0] + 1) * n[0] + (0.3 * n[0] - n[1] + 1) * n[1], [0.5, 0.5])
    assert (found.n1, found.n2) == pytest.approx(best, abs=1e-6)
    assert found.p1 == pytest.approx(-1 - 0.3 * found.n2 + found.n1, abs=1e-12)
    assert found.p2 == pytest.approx(-1 - 0.6 * found.n1 + found.n2, abs=1e-12)
    alone = ts.monopoly_prices(0, 0, -1, -0.5)  # two markets: price half-way between cost and value
    assert alone == pytest.approx((-0.5, -0.25, 0.5, 0.25, 0.3125))


def test_bottleneck():
    """Reference: best-response iteration in fees, where group 2 joins both; (0.66, 0.10)."""
    t1, alpha, f = 1.0, (0.5, 0.8), (0.1, 0.05)

    def profit(p, rival):
        n1 = 0.5 - (p[0] - rival[0] + alpha[0] * (p[1] - rival[1])) / (2 * (t1 - alpha[0] * alpha[1]))
        return (p[0] - f[0]) * n1 + (p[1] - f[1]) * (alpha[1] * n1 - p[1])

    closed = ts.bottleneck_prices(t1, *alpha, *f)
    assert closed[:3] == pytest.approx((0.66, 0.10, 0.3), abs=1e-12)
    assert meet(profit, (0.5, 0.5)) == pytest.approx(closed[:2], abs=1e-5)
    assert profit(closed[:2], closed[:2]) == pytest.approx(closed.profit, abs=1e-12)
    assert slope(lambda p: profit(p, closed[:2]), np.array(closed[:2])) == pytest.approx([0, 0], abs=1e-8)
    static = ts.bottleneck_prices(1.0, 0, 0, 0.1, -0.5)  # no externality: Hotelling, and a monopolist on the other side
    assert static[:3] == pytest.approx((1.1, -0.25, 0.25))


@given(st.floats(1.2, 3), st.floats(0.6, 2), st.floats(0, 0.8), st.floats(0, 0.8), st.floats(0.1, 10))
def test_bottleneck_in_another_currency(t1, t2, alpha1, alpha2, money):
    """Reference: all amounts times a number give all fees times it and the same members; slopes of profit are zero."""
    closed = ts.bottleneck_prices(t1, alpha1, alpha2, 0.1, -0.2, t2)
    other = ts.bottleneck_prices(*(money * x for x in (t1, alpha1, alpha2, 0.1, -0.2, t2)))
    assert other == pytest.approx((money * closed.p1, money * closed.p2, closed.n2, money * closed.profit))

    def profit(p):
        gap = p[0] - closed.p1 + alpha1 * (p[1] - closed.p2) / t2
        n1 = 0.5 - gap / (2 * (t1 - alpha1 * alpha2 / t2))
        return (p[0] - 0.1) * n1 + (p[1] + 0.2) * (alpha2 * n1 - p[1]) / t2

    assert slope(profit, np.array(closed[:2])) == pytest.approx([0, 0], abs=1e-7)
    assert profit(closed[:2]) == pytest.approx(closed.profit)


def test_critical_mass():
    """Reference: the roots of n² − n + p, and a crowd that joins and leaves."""
    assert ts.critical_mass(0.2) == pytest.approx((0.2764, 0.7236), abs=5e-5)
    assert ts.critical_mass(0.25) == (0.5,)
    assert ts.critical_mass(0.2501) == ()
    assert ts.critical_mass(1e-18)[0] == pytest.approx(1e-18, rel=1e-12)
    low, high = ts.critical_mass(0.2)
    for start, end in [(low - 0.01, 0), (low + 0.01, high), (1, high)]:
        n = start
        for _ in range(500):
            n = max(0.0, 1 - 0.2 / n) if n > 0 else 0.0
        assert n == pytest.approx(end, abs=1e-8)


@given(st.floats(1e-6, 0.2499))
def test_critical_mass_solves_its_equation(price):
    """Reference: p = n (1 − n), twice, ascending."""
    low, high = ts.critical_mass(price)
    assert 0 < low < high < 1
    assert [low * (1 - low), high * (1 - high)] == pytest.approx([price, price], rel=1e-9)


def both_multihome(p, rival, t, alpha, v, rounds=300):
    """Members of a platform and of its rival, where each of them looks at what the platform adds to the other."""
    n, m = np.full(2, 0.7), np.full(2, 0.7)
    for _ in range(rounds):
        n = (v + alpha * (1 - m[::-1]) - p) / t
        m = (v + alpha * (1 - n[::-1]) - rival) / t
    return n


def test_multihoming_on_both_sides():
    """Reference: best-response iteration in fees on a crowd that joins and leaves until it stays."""
    t, alpha, v, f = np.array([1.0, 0.9]), np.array([0.4, 0.7]), np.array([1.2, 1.1]), np.array([0.1, 0.2])

    def profit(p, rival):
        return float((p - f) @ both_multihome(p, rival, t, alpha, v, 200))

    closed = ts.multihoming_prices(*t, *alpha, *v, *f)
    fees = np.array(closed[:2])
    assert both_multihome(fees, fees, t, alpha, v) == pytest.approx(closed[2:4], abs=1e-10)
    assert profit(fees, fees) == pytest.approx(closed.profit, abs=1e-10)
    assert slope(lambda p: profit(p, fees), fees, 1e-3) == pytest.approx([0, 0], abs=1e-8)
    prices = np.array([0.4, 0.9])
    for _ in range(60):  # the profit is a parabola in each fee: its top from three points
        reply = prices.copy()
        for i, e in enumerate(np.eye(2)):
            low, here, high = (profit(prices + step * e, prices) for step in (-0.1, 0, 0.1))
            reply[i] += 0.05 * (high - low) / (2 * here - high - low)
        prices = reply
    assert prices == pytest.approx(fees, abs=1e-8)


@given(st.floats(0.8, 1.2), st.floats(0.8, 1.2), st.floats(0, 0.4), st.floats(0, 0.4))
def test_a_side_is_not_subsidised_for_the_other(t1, t2, alpha1, alpha2):
    """Reference: own demand on one side does not move with one's own fee on the other; without externalities, v and f
    meet half-way; two sides that are alike pay alike."""
    t, alpha, v = np.array([t1, t2]), np.array([alpha1, alpha2]), np.array([1.2, 1.2])
    cheap, dear = (both_multihome(np.array([0.6, p]), np.array([0.6, 0.6]), t, alpha, v)[0] for p in (0.5, 0.7))
    assert cheap == pytest.approx(dear, abs=1e-9)
    assert ts.multihoming_prices(1, 1, 0, 0, 1.4, 1.2, 0.1, 0.1)[:2] == pytest.approx((0.75, 0.65))
    found = ts.multihoming_prices(1, 1, alpha1, alpha1, 1.2, 1.2, 0.1, 0.1)
    assert found.p1 == pytest.approx(found.p2)
    assert found.n1 == pytest.approx(found.n2)


@given(st.floats(0.01, 3), st.floats(0, 1), st.floats(0.5, 100))
def test_a_fee_on_the_price_is_the_best_for_every_cost(spread, cost, good):
    """Reference: the maximum over fees of (T − d)(1 − T/(s c)), computed for each good alone."""
    assume(good * spread > cost + 0.01)
    fixed, part = ts.price_fee(spread, cost)
    best = minimize_scalar(
        lambda fee: -(fee - cost) * (1 - fee / (spread * good)), bounds=(cost, spread * good), method="bounded"
    )
    fee = (fixed + part * good) / (1 - part)  # the price is the cost plus the fee
    assert fee == pytest.approx((spread * good + cost) / 2, rel=1e-12)
    assert fee == pytest.approx(best.x, rel=1e-3, abs=1e-4)


def test_the_rate_of_an_app_shop():
    """Reference: s/(2 + s) by hand, without and with a cost of the sale."""
    assert ts.price_fee(6 / 7) == pytest.approx((0, 0.3))
    assert ts.price_fee(2, 0.4) == pytest.approx((0.1, 0.5))


def test_a_sellers_price():
    """Reference: the maximum of ((1 − s) p − c − f) p^−η."""
    best = best_reply(lambda p: (0.7 * p[0] - 1.2) * abs(p[0]) ** -3.0, [3.0])
    assert ts.seller_price(1, 3, 0.2, 0.3) == pytest.approx(best[0], rel=1e-4)
    assert ts.seller_price(0, 3, 0, 0.3) == ts.seller_price(0, 3, 0, 0) == 0
    assert ts.seller_price(1, 2) == 2


def test_arrays_are_taken_entry_by_entry():
    """Reference: the numbers one by one."""
    t = np.array([1, 2, 3])
    assert np.allclose(ts.hotelling_prices(t, 1, 0.1, 0.2, 0, 0).p1, t - 0.2)
    assert np.allclose(ts.rochet_tirole_linear(t, 1, 0).p_buyers, (2 * t - 1) / 3)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: ts.rochet_tirole_linear(1, 1, 2), "cost: 2.0; must be below"),
        (lambda: ts.rochet_tirole_linear(float("nan"), 1, 2), "a_buyers: nan"),
        (lambda: ts.hotelling_prices(1, 1, 1, 1, 0, 0), "t1, t2: "),
        (lambda: ts.hotelling_prices(-1, 1, 0, 0, 0, 0), "t1: -1"),
        (lambda: ts.hotelling_prices(1, 1, 0, 0, True, 0), "f1: True"),
        (lambda: ts.hotelling_prices(np.array([1, 0.1]), 1, 1, 0.5, 0, 0), "t1, t2"),
        (lambda: ts.hotelling_profit(1, 1, "a", 0), "alpha1: 'a'"),
        (lambda: ts.monopoly_prices(1, 1, -1, -1), r"alpha1 \+ alpha2: 2.0"),
        (lambda: ts.monopoly_prices(0.1, 0.1, 1, -1), "f1, f2"),
        (lambda: ts.monopoly_prices(0.5, 0.5, -2, 1), "f1, f2"),  # n1 = 1 and n2 = 0: nobody is there to sell to
        (lambda: ts.monopoly_prices(0.5, 0.5, 1, -2), "f1, f2"),
        (lambda: ts.bottleneck_prices(0.1, 1, 1, 0, 0), "t1: 0.1; must be above"),
        (lambda: ts.bottleneck_prices(5, 1, 1, 0, 1), "f2: 1.0; must be below"),
        (lambda: ts.bottleneck_prices(5, -1, 1, 0, 1), "alpha1: -1"),
        (lambda: ts.bottleneck_prices(5, 1, 1, 0, -1.1), "f2: -1.1; must be at least -1"),
        (lambda: ts.bottleneck_prices(5, 1, 1, 0, 0, 0), "t2: 0"),
        (lambda: ts.critical_mass(0), "price: 0"),
        (lambda: ts.critical_mass(float("inf")), "price: inf"),
        (lambda: ts.multihoming_prices(1, 1, 0.4, 0.8, 0.2, 1.2, 0.1, 0.1), "v1, t1: "),
        (lambda: ts.multihoming_prices(1, 1, 0.4, 0.8, 1.2, 9, 0.1, 0.1), "v1, t1: |v2, t2: "),
        (lambda: ts.multihoming_prices(1, 1, -0.4, 0.8, 1.2, 1.2, 0.1, 0.1), "alpha1: -0.4"),
        (lambda: ts.multihoming_prices(0.5, 0.5, 0.6, 0.8, 1.2, 1.2, 0.1, 0.1), "t1, t2: "),
        (lambda: ts.price_fee(0), "spread: 0"),
        (lambda: ts.price_fee(1, -1), "cost: -1"),
        (lambda: ts.seller_price(1, 1), "elasticity: 1"),
        (lambda: ts.seller_price(1, 2, 0, 1), "fee_share: 1"),
        (lambda: ts.seller_price(1, 2, -1), "fee: -1"),
    ],
)
def test_bad_input_is_named(call, name):
    """Reference: the docstrings."""
    with pytest.raises(ValueError, match=f"^{name}"):
        call()
