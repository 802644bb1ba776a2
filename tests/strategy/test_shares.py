"""Cap tables, against Y Combinator's worked examples, an iteration of the definitions, and exact fractions."""

import math
from fractions import Fraction

import numpy as np
import pytest
from scipy.optimize import brentq

from advantage.strategy.shares import Safe, cap_table, least_cap, ownership

HOLDERS = {"founders": 9_250_000, "options": 300_000, "promised": 350_000}
SAFES = [Safe("A", 200_000, 4e6), Safe("B", 800_000, 8e6)]


def test_the_guide_to_the_share():
    """Reference: Post-Money Safe User Guide, Appendix II, example 1, question 2, rounded as the guide rounds."""
    table = cap_table(HOLDERS, SAFES, 15e6, 5e6, pool=100_000, pool_increase=1_695_000, decimals=4)
    assert table.capitalization == 11_764_705
    assert (table.shares["A"], table.shares["B"]) == (588_235, 1_176_470)
    assert (table.price, table.shares["new money"]) == (1.1144, 4_486_719)
    assert table.shares["pool"] == 1_795_000
    assert sum(table.shares.values()) == 17_946_424
    assert ownership(table)["founders"] == pytest.approx(0.5154, abs=5e-5)
    assert all(isinstance(count, int) for count in table.shares.values())


def test_the_guide_at_a_low_price():
    """Reference: the same, question 5: a round below one cap, so that one SAFE takes the round's price."""
    table = cap_table(HOLDERS, SAFES, 8.8e6, 2.2e6, pool=100_000, pool_increase=1_573_000, decimals=4)
    assert table.routes == {"A": "cap", "B": "price"}
    assert (table.price, table.shares["B"]) == (0.6577, 1_216_360)
    assert (table.capitalization, table.shares["A"]) == (11_806_694, 590_334)


def test_exact_counts():
    """Reference: solved by hand, in fractions: a pool target of 10 %; discounts without and with a cap."""
    table = cap_table(HOLDERS, SAFES, 15e6, 5e6, pool=100_000, pool_target=0.1)
    assert table.capitalization == pytest.approx(200e6 / 17)
    assert sum(table.shares.values()) == pytest.approx(3_966e6 / 221)
    assert table.price == pytest.approx(2210 / 1983)
    assert ownership(table)["pool"] == pytest.approx(0.1)
    table = cap_table({"f": 8e6, "granted": 5e5}, [Safe("s", 1e6, 1e7)], 12e6, 3e6, pool=5e5, pool_target=0.1)
    assert sum(table.shares.values()) == pytest.approx(95e6 / 7)
    assert table.shares["s"] == 1_000_000
    table = cap_table({"f": 8e6}, [Safe("d", 1e6, None, 0.2)], 12e6, 3e6)
    assert (table.price, sum(table.shares.values())) == pytest.approx((43 / 32, 480e6 / 43))
    table = cap_table({"f": 8e6}, [Safe("d", 1e6, None, 0.2), Safe("c", 1e6, 1e7)], 12e6, 3e6)
    assert (table.price, table.shares["c"], table.shares["d"]) == pytest.approx((191 / 160, 192e6 / 191, 200e6 / 191))


def test_a_tenth_is_a_tenth():
    """Reference: decimal arithmetic: 10 % of ten million shares is a million, not 999,999."""
    table = cap_table({"f": 9e6}, [("s", 0.1, 1.0)], 100.0, decimals=8)
    assert table.shares["s"] == 1_000_000
    assert cap_table({"f": 7}, [("s", 0.3, 1.0)], 10.0, decimals=2).shares["s"] == 3


def iterated(holders, safes, value, money, pool, target):
    """Price by Brent's method, all else by iterating the definitions from no SAFE shares at all."""

    def counts(price):
        base, issued = sum(holders.values()) + pool, dict.fromkeys((s.name for s in safes), 0.0)
        for _ in range(3_000):
            total = base + sum(issued.values())
            issued = {
                s.name: max(s.amount / (1 - s.discount) / price, s.amount * total / s.cap if s.cap else 0)
                for s in safes
            }
        return base + sum(issued.values()), issued

    def off(price):
        total, _ = counts(price)
        grown = max(0.0, target * (value + money) / price - pool)
        return price * (total + grown) - value

    price = brentq(off, 1e-9, 10 * value / sum(holders.values()), xtol=1e-14)
    return price, counts(price)[1]


def test_against_an_iteration():
    """Reference: the definitions of the SAFE, iterated, for random stacks."""
    rng = np.random.default_rng(0)
    routes = set()
    for _ in range(40):
        safes = []
        for k in range(rng.integers(0, 5)):
            cap = None if rng.random() < 0.25 else float(rng.uniform(3e6, 2e7))
            safes.append(Safe(f"s{k}", float(rng.uniform(5e4, 6e5)), cap, float(rng.choice([0, 0.1, 0.2]))))
        holders = {"f": float(rng.integers(10**6, 10**7))}
        pool, target = float(rng.integers(0, 10**6)), float(rng.choice([0, 0.1, 0.15]))
        value, money = float(rng.uniform(3e6, 3e7)), float(rng.uniform(0, 6e6))
        table = cap_table(holders, safes, value, money, pool, target)
        price, issued = iterated(holders, safes, value, money, pool, target)
        assert table.price == pytest.approx(price, rel=1e-9)
        assert [table.shares[name] for name in issued] == pytest.approx(list(issued.values()), rel=1e-8)
        assert sum(table.shares.values()) * table.price == pytest.approx(value + money)
        assert ownership(table)["pool"] >= target - 1e-9
        routes |= set(table.routes.values())
    assert routes == {"cap", "price"}


def test_who_is_diluted():
    """Reference: a post-money cap's promise: another SAFE takes from the founders alone; new money from all."""
    one = cap_table({"f": 1e7}, [Safe("A", 2e5, 4e6)], 15e6)
    two = cap_table({"f": 1e7}, SAFES, 15e6)
    assert ownership(one)["A"] == pytest.approx(ownership(two)["A"]) == pytest.approx(0.05)
    assert ownership(two)["f"] == pytest.approx(0.85)
    paid = cap_table({"f": 1e7}, SAFES, 15e6, 5e6)
    assert ownership(paid)["A"] == pytest.approx(0.05 * 0.75)
    earlier = {("series A" if n == "new money" else n): c for n, c in paid.shares.items() if n != "pool"}
    later = cap_table(earlier, (), 30e6, 10e6)
    assert ownership(later)["f"] == pytest.approx(0.85 * 0.75 * 0.75)


def test_without_safes_or_money():
    """Reference: price = pre-money over shares; a pool that is large enough is not touched."""
    table = cap_table({"f": 10}, pre_money=100.0, new_money=50.0, pool=10, pool_target=0.1)
    assert table.price == 5
    assert table.shares == {"f": 10, "pool": 10, "new money": 10}
    assert cap_table({"f": 1}, pre_money=1).shares == {"f": 1, "pool": 0, "new money": 0}


def test_least_cap():
    """Reference: at that cap founders have the same expected share with the money and without."""
    cap = least_cap(500_000, 0.95, 0.7)
    assert (1 - 500_000 / cap) * 0.95 == pytest.approx(0.7)
    assert least_cap(1, 1, 0) == 1
    assert Fraction(least_cap(1, 0.5, 0.25)).limit_denominator() == 2


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: cap_table({}, pre_money=1), "holders"),
        (lambda: cap_table([1], pre_money=1), "holders"),
        (lambda: cap_table({"f": 0}, pre_money=1), "holders"),
        (lambda: cap_table({"f": -1}, pre_money=1), "holders"),
        (lambda: cap_table({"pool": 1}, pre_money=1), "holders"),
        (lambda: cap_table({"f": 1}), "pre_money"),
        (lambda: cap_table({"f": 1}, pre_money=math.nan), "pre_money"),
        (lambda: cap_table({"f": 1}, pre_money=1, new_money=-1), "new_money"),
        (lambda: cap_table({"f": 1}, pre_money=1, pool_target=1), "pool_target"),
        (lambda: cap_table({"f": 1}, pre_money=1, new_money=1, pool_target=0.5), "pool_target"),
        (lambda: cap_table({"f": 1}, pre_money=1, pool_target=0.1, pool_increase=1), "pool_increase"),
        (lambda: cap_table({"f": 1}, pre_money=1, decimals=-1), "decimals"),
        (lambda: cap_table({"f": 1e9}, pre_money=1, decimals=2), "decimals"),
        (lambda: cap_table({"f": 1}, [("f", 1, 10)], pre_money=1), "safes"),
        (lambda: cap_table({"f": 1}, [("s", 1, 10), ("s", 1, 10)], pre_money=1), "safes"),
        (lambda: cap_table({"f": 1}, [("s", 6, 10), ("t", 4, 10)], pre_money=100), "safes"),
        (lambda: cap_table({"f": 1}, [("s",)], pre_money=1), "safes"),
        (lambda: cap_table({"f": 1}, [("s", 0, 10)], pre_money=1), "s.amount"),
        (lambda: cap_table({"f": 1}, [("s", 1, 0)], pre_money=1), "s.cap"),
        (lambda: cap_table({"f": 1}, [("s", 1, None, 1)], pre_money=1), "s.discount"),
        (lambda: cap_table({"f": 1}, [("s", 2, None)], pre_money=1), "pre_money"),
        (lambda: least_cap(1, 0.5, 0.5), "survival_without"),
        (lambda: least_cap(0, 0.5, 0.4), "amount"),
    ],
)
def test_bad_input(call, name):
    """Reference: the rule of checks.py; the error begins with the argument."""
    with pytest.raises(ValueError, match=f"^{name}"):
        call()
