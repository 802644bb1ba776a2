"""Hold-up, a supplier who competes, a partner's share: against SciPy's optimisers and best responses in turn."""

import math

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from advantage.strategy import partners


def invested(worth, power, kept, moving):
    """The investor's best by search: what Nash bargaining leaves, with the option to leave or to close down."""
    i = np.linspace(0, worth, 400_001)
    value = 2 * np.sqrt(worth * i)
    option = np.maximum(0, kept * value - moving)
    payoff = (1 - power) * value + power * option - i
    best = payoff.argmax()
    return i[best], worth - (value[best] - i[best]), payoff[best]


def test_hold_up_against_a_search():
    """Reference: maximum over a grid of investments, for random suppliers."""
    rng = np.random.default_rng(0)
    for _ in range(60):
        worth, power, kept = rng.uniform(1e4, 1e6), rng.random(), rng.random()
        moving = rng.uniform(0, 0.8) * worth
        found = partners.hold_up(worth, power, kept, moving)
        best = invested(worth, power, kept, moving)
        assert found.payoff == pytest.approx(best[2], rel=1e-9, abs=1e-4)
        if abs(found.payoff - worth * (1 - power) ** 2) > 1e-6 * worth:  # no tie of the two ways
            assert found.invested == pytest.approx(best[0], abs=1e-4 * worth)
            assert found.lost == pytest.approx(best[1], abs=1e-4 * worth)
        assert partners.own_up_to(worth, power, kept, moving) == pytest.approx(worth - found.payoff)


def test_hold_up_at_its_limits():
    """Reference: no power or nothing lost by leaving: the best; all power and nowhere to go: nothing."""
    assert partners.hold_up(100, 0) == (100, 0, 100)
    assert partners.hold_up(100, 1, 1) == (100, 0, 100)
    assert partners.hold_up(100, 1) == (0, 100, 0)
    assert partners.hold_up(100, 0.5, 0.4, 1) == pytest.approx((49, 9, 48.5))
    assert partners.hold_up(100, 0.5, 0.4, 90) == pytest.approx((25, 25, 25))  # nobody moves for that


def best_responses(size, likeness, cost, w, rival):
    """Both prices by SciPy's search in turn."""
    owns, rival_cost = rival == "supplier", w if rival == "buyer" else cost

    def sold(mine, other):
        return (size * (1 - likeness) - mine + likeness * other) / (1 - likeness**2)

    p0 = p1 = size / 2
    for _ in range(200):
        p0 = minimize_scalar(
            lambda p, o=p1: -(p - rival_cost) * sold(p, o) - owns * (w - cost) * sold(o, p), (0, size), tol=1e-12
        ).x
        p1 = minimize_scalar(lambda p, o=p0: -(p - w) * sold(p, o), (0, size), tol=1e-12).x
    return p0, p1


RIVALS = ("supplier", "buyer", "independent")


@pytest.mark.parametrize("rival", RIVALS)
def test_supply_against_best_responses(rival):
    """Reference: second stage by best responses in turn, first stage by search over the input's price."""
    for likeness in (0, 0.3, 0.7):
        found = partners.supply(100, likeness, 10, rival)
        assert best_responses(100, likeness, 10, found.input_price, rival) == pytest.approx(
            (found.rival_price, found.price), abs=1e-4
        )
        search = minimize_scalar(
            lambda w, g=likeness: -partners.supply(100, g, 10, rival, price=w).supplier_profit,
            bounds=(11, found.input_price + 5),
            options={"xatol": 1e-8},
        )
        assert found.input_price == pytest.approx(search.x, abs=1e-4)


def test_supply_at_its_limits():
    """Reference: two monopolies in a row where the applications share no buyers; a ceiling; cost as the price."""
    for rival in RIVALS:
        alone = partners.supply(100, 0, 10, rival)
        assert (alone.input_price, alone.price, alone.profit) == pytest.approx((55, 77.5, 22.5**2))
        assert partners.supply(100, 0.5, 10, rival, ceiling=20).input_price == 20
        assert partners.supply(100, 0.5, 10, rival, ceiling=99).input_price < 60
    for rival in ("buyer", "independent"):
        fair = partners.supply(100, 0.5, 10, rival, price=10)
        assert fair.rival_price == pytest.approx(fair.price) == pytest.approx((100 * 0.5 + 10) / 1.5)
    both = partners.supply(100, 0.5, 10, "buyer")
    assert both.input_price == pytest.approx(55)  # derived demands of two alike buyers are linear, so half-way
    assert both.rival_units == pytest.approx(both.units)
    cheap = partners.supply(100, 0.5, 10, "supplier", ceiling=8)  # below cost: the firm buys elsewhere
    assert cheap.supplier_profit == pytest.approx((cheap.rival_price - 10) * cheap.rival_units)
    assert cheap[1:5] == pytest.approx(partners.supply(100, 0.5, 10, "independent", ceiling=8)[1:5])


def test_a_supplier_who_competes():
    """Reference: at the same input price milder than a rival with input at cost, sharper than one who buys it too."""
    for likeness in (0.2, 0.5, 0.9):
        own, buyer, apart = (partners.supply(100, likeness, 10, rival) for rival in RIVALS)
        assert own.input_price > apart.input_price
        assert own.profit < min(apart.profit, buyer.profit)
        own, buyer, apart = (partners.supply(100, likeness, 10, rival, ceiling=15) for rival in RIVALS)
        assert apart.profit < own.profit < buyer.profit


def test_revenue_share_against_a_search():
    """Reference: the share that makes joint profit largest when both choose their effort by it."""
    rng = np.random.default_rng(0)
    for partner, own, margin in rng.uniform((0, 0.1, 0.2), (3, 3, 1), (20, 3)):

        def joint(r, partner=partner, own=own, margin=margin):
            e, i = r * partner, (margin - r) * own
            return margin * (partner * e + own * i) - e**2 / 2 - i**2 / 2

        best = minimize_scalar(lambda r: -joint(r), bounds=(0, margin), method="bounded", options={"xatol": 1e-10}).x
        assert partners.revenue_share(partner, own, margin) == pytest.approx(best, abs=1e-6)
    assert partners.revenue_share(1, 1) == 0.5


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: partners.hold_up(0, 0.5), "worth"),
        (lambda: partners.hold_up(1, 1.5), "power"),
        (lambda: partners.hold_up(1, 0.5, -0.1), "kept"),
        (lambda: partners.hold_up(1, 0.5, 0.1, math.inf), "moving"),
        (lambda: partners.supply(0, 0.5, 0, "buyer"), "size"),
        (lambda: partners.supply(10, 1, 0, "buyer"), "likeness"),
        (lambda: partners.supply(10, 0.5, 10, "buyer"), "cost"),
        (lambda: partners.supply(10, 0.5, 1, True), "rival"),
        (lambda: partners.supply(10, 0.5, 1, "buyer", ceiling=-1), "ceiling"),
        (lambda: partners.supply(10, 0.5, 1, "buyer", price=math.nan), "price"),
        (lambda: partners.supply(10, 0.9, 1, "independent", price=9), "input price"),
        (lambda: partners.revenue_share(0, 0), "partner_pull"),
        (lambda: partners.revenue_share(1, 1, 1.1), "margin"),
    ],
)
def test_bad_input(call, name):
    """Reference: the rule of checks.py; the error begins with the argument."""
    with pytest.raises(ValueError, match=f"^{name}"):
        call()
