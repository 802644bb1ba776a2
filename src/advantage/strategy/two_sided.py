"""Whom do you charge? Prices of platforms that two groups meet on, in closed form.

Units: prices, costs and benefits in dollars; masses of members as shares of a group of mass 1. Which of several
networks wins, and whether they connect, is in `networks`.
Standard library only, so that it also runs in a browser.
"""

from collections import namedtuple
from math import sqrt

from advantage.checks import every, inside, not_negative, number, positive, share, wrong

Prices = namedtuple("Prices", "p1 p2")
Usage = namedtuple("Usage", "p_buyers p_sellers")
Monopoly = namedtuple("Monopoly", "p1 p2 n1 n2 profit")
Bottleneck = namedtuple("Bottleneck", "p1 p2 n2 profit")
Multihoming = namedtuple("Multihoming", "p1 p2 n1 n2 profit")
Fee = namedtuple("Fee", "fixed share")


def rochet_tirole_linear(a_buyers: float, a_sellers: float, cost: float) -> Usage:
    """The two fees per transaction of a monopoly platform, with demands D_i = a_i − p_i.

    Profit is (p_B + p_S − c) D_B D_S. Level: (p − c)/p = 1/η; structure: p_B/η_B = p_S/η_S; here
    p_i = (2 a_i − a_j + c)/3, and a side with a_i < (a_j − c)/2 is paid to come.
    Source: Rochet & Tirole 2003 (doi:10.1162/154247603322493212), for these demands.

    Args:
        a_buyers: the fee at which the buyers' demand ends.
        a_sellers: the same for the sellers.
        cost: of one transaction, c.

    Raises:
        ValueError: an argument is not finite, or the two sides together do not value a transaction above its cost.
    """
    a_buyers, a_sellers = number("a_buyers", a_buyers), number("a_sellers", a_sellers)
    cost = number("cost", cost)
    if not every(a_buyers + a_sellers > cost):
        raise wrong("cost", cost, f"below a_buyers + a_sellers = {a_buyers + a_sellers}, or nobody trades")
    return Usage((2 * a_buyers - a_sellers + cost) / 3, (2 * a_sellers - a_buyers + cost) / 3)


def hotelling_prices(t1: float, t2: float, alpha1: float, alpha2: float, f1: float, f2: float) -> Prices:
    """Membership fees of two platforms that both groups join one of: p1 = f1 + t1 − α2, p2 = f2 + t2 − α1.

    Each group is charged the static Hotelling price less what its member is worth to the *other* group.
    Source: Armstrong 2006 (doi:10.1111/j.1756-2171.2006.tb00037.x).

    Args:
        t1, t2: cost of distance, how unlike the platforms are to each group.
        alpha1, alpha2: what a member of group 1 (2) gains from each member of the other group.
        f1, f2: what a member costs the platform.

    Raises:
        ValueError: an argument is out of range, or 4 t1 t2 ≤ (α1 + α2)², where one platform takes all.
    """
    t1, t2, alpha1, alpha2 = _interior(t1, t2, alpha1, alpha2)
    return Prices(number("f1", f1) + t1 - alpha2, number("f2", f2) + t2 - alpha1)


def hotelling_profit(t1: float, t2: float, alpha1: float, alpha2: float) -> float:
    """Profit of each of the two platforms of `hotelling_prices`: (t1 + t2 − α1 − α2)/2."""
    return sum(_interior(t1, t2, -number("alpha1", alpha1), -number("alpha2", alpha2))) / 2


def hotelling_shares(
    p1: float, p2: float, rival1: float, rival2: float, t1: float, t2: float, alpha1: float, alpha2: float
) -> tuple[float, float]:
    """Shares (n1, n2) of a platform with fees (p1, p2) against a rival's; beyond 0 and 1 where it would tip.

    2 t_i (n_i − ½) = α_i (2 n_j − 1) − (p_i − rival_i), for both groups at once.
    """
    t1, t2, alpha1, alpha2 = _interior(t1, t2, alpha1, alpha2)
    gap1 = number("p1", p1) - number("rival1", rival1)
    gap2 = number("p2", p2) - number("rival2", rival2)
    both = 2 * (t1 * t2 - alpha1 * alpha2)
    return 0.5 - (t2 * gap1 + alpha1 * gap2) / both, 0.5 - (t1 * gap2 + alpha2 * gap1) / both


def monopoly_prices(alpha1: float, alpha2: float, f1: float, f2: float) -> Monopoly:
    """Membership fees of one platform, with n_i = α_i n_j − p_i members: p_i = f_i − α_j n_j + n_i.

    Source: Armstrong 2006 with φ(u) = u.

    Args:
        alpha1, alpha2: as in `hotelling_prices`.
        f1, f2: what a member costs less what membership is worth alone; negative where there is anything to sell.

    Raises:
        ValueError: α1 + α2 ≥ 2, where the platform would grow without end, or nobody joins.
    """
    both = number("alpha1", alpha1) + number("alpha2", alpha2)
    if abs(both) >= 2:
        raise wrong("alpha1 + alpha2", both, "between -2 and 2, or the platform grows without end")
    f1, f2 = number("f1", f1), number("f2", f2)
    n1, n2 = -(2 * f1 + both * f2) / (4 - both**2), -(2 * f2 + both * f1) / (4 - both**2)
    if n1 <= 0 or n2 <= 0:
        raise wrong("f1, f2", (f1, f2), "low enough for both groups to join")
    p1, p2 = alpha1 * n2 - n1, alpha2 * n1 - n2
    return Monopoly(p1, p2, n1, n2, (p1 - f1) * n1 + (p2 - f2) * n2)


def bottleneck_prices(t1: float, alpha1: float, alpha2: float, f1: float, f2: float, t2: float = 1.0) -> Bottleneck:
    """Two platforms; group 1 joins one of them, group 2 both if it pays: n2 = (α2 n1 − p2)/t2 on each, symmetric.

    n2 = ((α1 + α2)/2 − f2)/(2 t2), p2 = α2/2 − t2 n2, and p1 = f1 + t1 − α2 n2 − α1 α2/(2 t2) when each takes its
    rival's *fees* as given (when it takes the rival's offered utilities as given, the last term is absent).
    The model is Armstrong's competitive bottleneck (2006); the linear case is worked out by us.

    Args:
        t1, alpha1, alpha2, f1, t2: as in `hotelling_prices`.
        f2: what a member of group 2 costs the platform. If membership is worth v to group 2 without anybody else there,
            give f2 − v; the fee is then p2 + v.

    Raises:
        ValueError: an argument is out of range, nobody or more than all of group 2 would join, or the best replies do
            not meet in the middle.
    """
    t1, t2 = positive("t1", t1), positive("t2", t2)
    alpha1, alpha2 = not_negative("alpha1", alpha1), not_negative("alpha2", alpha2)
    f1, f2 = number("f1", f1), number("f2", f2)
    least = max(alpha1 * alpha2, ((alpha1 + alpha2) ** 2 + 4 * alpha1 * alpha2) / 8) / t2
    if t1 <= least:
        raise wrong("t1", t1, f"above {least:g}, or one platform takes all")
    middle = (alpha1 + alpha2) / 2
    n2 = (middle - f2) / (2 * t2)
    if n2 <= 0:
        raise wrong("f2", f2, f"below (alpha1 + alpha2)/2 = {middle:g}, or group 2 stays away")
    if n2 > 1:
        raise wrong("f2", f2, f"at least {middle - 2 * t2:g}, or more than all of group 2 would join")
    p1, p2 = f1 + t1 - alpha2 * n2 - alpha1 * alpha2 / (2 * t2), alpha2 / 2 - t2 * n2
    return Bottleneck(p1, p2, n2, (p1 - f1) / 2 + (p2 - f2) * n2)


def multihoming_prices(
    t1: float, t2: float, alpha1: float, alpha2: float, v1: float, v2: float, f1: float, f2: float
) -> Multihoming:
    """Membership fees of two alike platforms where, in both groups, some members join both; symmetric equilibrium.

    Who is on the other platform already gains from this one its own service, v, and those members of the other group
    who are on no other: n_i = (v_i + α_i (1 − m_j) − p_i)/t_i, with m_j the rival's members. A fee on one side does not
    move one's own demand on the other, so the two fees are set apart:
    p_i = ½ [f_i + v_i + α_i − (α_i/t_j)(v_j + α_j − p_j)].
    The point is that of Bakos & Halaburda 2020 (doi:10.1287/mnsc.2020.3636); this linear case is worked out by us.

    Args:
        t1, t2, alpha1, alpha2, f1, f2: as in `hotelling_prices`.
        v1, v2: what membership is worth alone, on each platform again.

    Raises:
        ValueError: an argument is out of range, or not between half and all of a group join each platform.
    """
    t1, t2, alpha1, alpha2 = _interior(t1, t2, not_negative("alpha1", alpha1), not_negative("alpha2", alpha2))
    v1, v2, f1, f2 = number("v1", v1), number("v2", v2), number("f1", f1), number("f2", f2)
    r1, r2 = alpha1 / t2, alpha2 / t1
    b1, b2 = f1 + v1 + alpha1 - r1 * (v2 + alpha2), f2 + v2 + alpha2 - r2 * (v1 + alpha1)
    p1, p2 = (2 * b1 + r1 * b2) / (4 - r1 * r2), (2 * b2 + r2 * b1) / (4 - r1 * r2)
    # the fee at which demand ends is as far above p as p is above f
    n1, n2 = (p1 - f1) / (t1 - r1 * alpha2), (p2 - f2) / (t2 - r2 * alpha1)
    for name, members in (("v1, t1", n1), ("v2, t2", n2)):
        if not every((members >= 0.5) & (members <= 1)):
            raise wrong(name, members, "such that each platform has between half and all of the group")
    return Multihoming(p1, p2, n1, n2, (p1 - f1) * n1 + (p2 - f2) * n2)


def critical_mass(price: float) -> tuple[float, ...]:
    """The interior equilibria of p = n (1 − n), ascending: the mass that must be passed, then the one reached.

    A member of type θ, uniform on [0, 1], joins if θ n ≥ p. Nobody joining is an equilibrium too; above a price of
    ¼ it is the only one, and at ¼ the two meet.
    Source: Rohlfs 1974 (doi:10.2307/3003090), in the form of Economides & Himmelberg 1995.

    Raises:
        ValueError: `price` is not positive.
    """
    gap = 1 - 4 * positive("price", price)
    if gap < 0:
        return ()
    upper = (1 + sqrt(gap)) / 2
    return (0.5,) if gap == 0 else (price / upper, upper)  # the product of the roots is p: no digits cancel


def seller_price(cost: float, elasticity: float, fee: float = 0.0, fee_share: float = 0.0) -> float:
    """What a seller with constant elasticity asks when the platform takes `fee` a sale and a share of its price.

    p = η/(η − 1) · (c + fee)/(1 − share). A fee a sale weighs most on what is cheap to make; a share of the price
    scales with the good, so that one rate serves a platform of many goods, which is the case of Wang & Wright 2017.
    Without cost a share does not move the price at all, for it taxes profit alone.

    Args:
        cost: of one unit, dollars.
        elasticity: η above 1: by how many per cent sales fall when the price rises by one.
        fee: dollars a sale.
        fee_share: of the price, from 0 to below 1.
    """
    if positive("elasticity", elasticity) <= 1:
        raise wrong("elasticity", elasticity, "above 1, or no price is high enough")
    share("fee_share", fee_share)
    kept = 1 - inside("fee_share", fee_share, -1, 1)
    return elasticity / (elasticity - 1) * (not_negative("cost", cost) + not_negative("fee", fee)) / kept


def price_fee(spread: float, cost: float = 0.0) -> Fee:
    """The best fee on goods of any cost: `fixed` dollars a sale and a `share` of the buyer's price.

    Competing sellers ask their cost plus the fee; buyers value a good of cost c uniformly from c to (1 + s) c. The best
    fee on that good alone is (s c + d)/2, which is d/(2 + s) + s/(2 + s) · price for every c at once: one rate prices
    goods whose costs the platform never sees. Without d it is a share alone.
    The argument is Wang & Wright's (2017, doi:10.1111/1756-2171.12183), in a linear case worked out by us.

    Args:
        spread: s, by how much the highest value exceeds the cost, as a share of the cost.
        cost: d, what a sale costs the platform, dollars.
    """
    spread, cost = positive("spread", spread), not_negative("cost", cost)
    return Fee(cost / (2 + spread), spread / (2 + spread))


def _interior(t1, t2, alpha1, alpha2):
    t1, t2 = positive("t1", t1), positive("t2", t2)
    alpha1, alpha2 = number("alpha1", alpha1), number("alpha2", alpha2)
    if not every(4 * t1 * t2 > (alpha1 + alpha2) ** 2):
        raise wrong("t1, t2", (t1, t2), f"so large that 4 t1 t2 > (alpha1 + alpha2)² = {(alpha1 + alpha2) ** 2}")
    return t1, t2, alpha1, alpha2
