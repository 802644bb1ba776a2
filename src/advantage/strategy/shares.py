"""Who owns what: post-money SAFEs, an option pool and a priced round, to the share.

Shares are counted in exact fractions, so that a tenth of ten million is a million and not one share less.
Standard library only.
"""

from collections import namedtuple
from fractions import Fraction
from math import floor

from advantage.checks import inside, not_negative, positive, share, text, whole, wrong

# Money paid for shares later. cap: post-money valuation cap in dollars, None without one; discount on the round's
# price, from 0 to below 1.
Safe = namedtuple("Safe", "name amount cap discount", defaults=(None, 0.0))
# price: dollars a share in the round; capitalization: shares before the round's money and its increase of the pool,
# what a post-money cap counts; shares: holder → shares after the round; routes: SAFE → "cap" or "price".
CapTable = namedtuple("CapTable", "price capitalization shares routes")

POOL, ROUND = "pool", "new money"


def cap_table(
    holders: dict[str, float],
    safes=(),
    pre_money: float = 0.0,
    new_money: float = 0.0,
    pool: float = 0.0,
    pool_target: float | None = None,
    pool_increase: float = 0.0,
    decimals: int | None = None,
) -> CapTable:
    """The cap table after a priced round in which all SAFEs convert.

    A SAFE takes the better of two routes: by its cap amount · C / cap, with C all shares before the round, its own
    and the other SAFEs' included; by the price amount / ((1 − discount) p). The round's price is
    p = pre-money / (C + increase of the pool), so that old holders and SAFEs bear it and new money does not.
    With y = p C all of this is one equation in y, piecewise linear and rising, and has one solution.
    Source: Y Combinator, Post-Money Safe User Guide, Appendix II.

    Args:
        holders: name → shares outstanding, options granted and promised, and earlier preferred as converted; without
            the pool that is not yet given away.
        safes: of `Safe`, or tuples like it.
        pre_money: the round's valuation before its money, dollars.
        new_money: dollars that the round brings, 0 where only the SAFEs convert.
        pool: shares of the pool that are not given away, before the round.
        pool_target: share of the company, after the round, that the free pool shall be; it is never made smaller.
        pool_increase: shares by which the pool grows, instead of a target.
        decimals: None for exact fractions of shares; a number of digits to round the price to, and then whole shares,
            rounded down, the way a closing does.

    Raises:
        ValueError: an argument is out of range, a name is used twice, the SAFEs or target and new money leave nothing.
    """
    counts = _counts(holders)
    safes = [_safe(safe, {*counts, POOL, ROUND}) for safe in safes]
    if len({safe.name for safe in safes}) < len(safes):
        raise wrong("safes", [safe.name for safe in safes], "of different names")
    value, money = _exact(positive("pre_money", pre_money)), _exact(not_negative("new_money", new_money))
    free, more = _exact(not_negative("pool", pool)), _exact(not_negative("pool_increase", pool_increase))
    if decimals is not None:
        whole("decimals", decimals)
    rest = None  # of the value before the money that is left beside the free pool
    if pool_target is not None:
        if more:
            raise wrong("pool_increase", pool_increase, "0 where there is a pool_target")
        rest = 1 - _exact(share("pool_target", pool_target)) * (1 + money / value)
        if rest <= 0:
            raise wrong("pool_target", pool_target, "so small that with the new money something is left")
    base = sum(counts.values()) + free
    sold = sum(_by_cap(safe) for safe in safes)
    if sold >= 1:
        raise wrong("safes", [safe.name for safe in safes], f"less than the whole company; they sell {float(sold):.0%}")
    worth, at_cap = _solve(safes, base, free, value, more, rest)
    price = _price_of_old(worth, safes, at_cap) / base
    total = worth / price
    grown = more if rest is None else max(Fraction(0), (value - worth) / price)
    return _issue(counts, safes, at_cap, base, free, grown, price, money, total, decimals)


def _solve(safes, base, free, value, more, rest):
    """(y, SAFEs that convert by their cap): the value of all shares before the round that makes the price balance.

    With a set of SAFEs at their cap the price is p = (kept · y − paid) / base, and the balance is linear in y. The cap
    is a SAFE's better route from some y on: that order gives the sets to try.
    """
    order = sorted((safe for safe in safes if _by_cap(safe)), key=lambda safe: _by_price(safe) / _by_cap(safe))
    for n in range(len(order), -1, -1):
        at_cap = order[:n]
        kept = 1 - sum(_by_cap(safe) for safe in at_cap)
        paid = sum(_by_price(safe) for safe in safes if safe not in at_cap)
        if rest is None:  # y + p · more = pre-money
            worth = (value + more * paid / base) / (1 + more * kept / base)
        else:  # y − p · free = pre-money · rest, unless the pool is large enough
            worth = min(value, (value * rest - free * paid / base) / (1 - free * kept / base))
        if all(_by_cap(safe) * worth >= _by_price(safe) for safe in at_cap):
            break
    if kept * worth <= paid:
        raise wrong("pre_money", float(value), "so high that SAFEs and pool leave something to the holders")
    return worth, at_cap


def _price_of_old(worth, safes, at_cap):
    """What the holders' shares and the free pool are worth at the round's price."""
    converted = sum(_by_cap(safe) * worth if safe in at_cap else _by_price(safe) for safe in safes)
    return worth - converted


def _issue(counts, safes, at_cap, base, free, grown, price, money, total, decimals):
    """The table, exact or in whole shares with a rounded price."""

    def issued(number):
        return floor(number) if decimals is not None else number

    if decimals is not None:
        price = Fraction(round(price * 10**decimals), 10**decimals)
        if price == 0:
            raise wrong("decimals", decimals, "so many that the price is not rounded to 0")
        by_price = {safe.name: issued(_by_price(safe) / price) for safe in safes if safe not in at_cap}
        total = issued((base + sum(by_price.values())) / (1 - sum(_by_cap(safe) for safe in at_cap)))
    shares = dict(counts)
    for safe in safes:
        shares[safe.name] = issued(_by_cap(safe) * total if safe in at_cap else _by_price(safe) / price)
    shares |= {POOL: free + issued(grown), ROUND: issued(money / price)}
    routes = {safe.name: "cap" if safe in at_cap else "price" for safe in safes}
    plain = int if decimals is not None else float
    return CapTable(float(price), plain(total), {name: plain(count) for name, count in shares.items()}, routes)


def ownership(table: CapTable) -> dict[str, float]:
    """Holder → share of all shares, fully diluted."""
    total = sum(table.shares.values())
    return {name: count / total for name, count in table.shares.items()}


def least_cap(amount: float, survival: float, survival_without: float) -> float:
    """Post-money cap from which selling a SAFE leaves the founders more: amount / (1 − S0/S1), dollars.

    A SAFE of I dollars at a cap K takes I/K. Founders keep (1 − I/K) of a company that survives with probability S1
    in place of all of one that survives with S0, and is worth as much where it survives.

    Args:
        amount: I, dollars.
        survival: S1, with the money.
        survival_without: S0, without it; below S1.
    """
    with_it, without = inside("survival", survival, 0, 1 + 1e-12), share("survival_without", survival_without)
    if without >= with_it:
        raise wrong("survival_without", survival_without, f"below survival = {with_it:g}, or no cap is high enough")
    return positive("amount", amount) / (1 - without / with_it)


def _exact(value):
    """A number as the fraction that its decimal digits say."""
    return Fraction(repr(float(value)))


def _by_cap(safe):
    return _exact(safe.amount) / _exact(safe.cap) if safe.cap is not None else Fraction(0)


def _by_price(safe):
    """Dollars of shares at the round's price."""
    return _exact(safe.amount) / (1 - _exact(safe.discount))


def _counts(holders):
    if not isinstance(holders, dict) or not holders:
        raise wrong("holders", holders, "a dict of name → shares, with one holder or more")
    counts = {text("holders", name): _exact(not_negative(f"holders[{name!r}]", n)) for name, n in holders.items()}
    if not sum(counts.values()):
        raise wrong("holders", holders, "with one share or more")
    if {POOL, ROUND} & set(counts):
        raise wrong("holders", sorted(counts), f"without {POOL!r} and {ROUND!r}, which the table adds")
    return counts


def _safe(safe, taken):
    try:
        safe = Safe(*safe)
    except TypeError:
        raise wrong("safes", safe, "a Safe: name, amount, cap, discount") from None
    if text("safes", safe.name) in taken:
        raise wrong("safes", safe.name, "a name that no holder has")
    positive(f"{safe.name}.amount", safe.amount)
    if safe.cap is not None:
        positive(f"{safe.name}.cap", safe.cap)
    if share(f"{safe.name}.discount", safe.discount) == 1:
        raise wrong(f"{safe.name}.discount", safe.discount, "below 1")
    return safe
