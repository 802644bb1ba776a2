"""Whom to depend on: hold-up by whom one cannot leave, a supplier who also competes, and a partner's share of revenue.

Standard library only, so that it also runs in a browser.
"""

from collections import namedtuple

from advantage.checks import not_negative, one_of, positive, share, wrong

# invested: dollars; lost: dollars that both together lose against the best; payoff: dollars of the one who invests.
HoldUp = namedtuple("HoldUp", "invested lost payoff")
# input_price: dollars a unit; of the supplier's (or a rival's) application and of the buyer's: price, units, profit.
Supply = namedtuple("Supply", "input_price rival_price price rival_units units supplier_profit profit")


def hold_up(worth: float, power: float, kept: float = 0.0, moving: float = 0.0) -> HoldUp:
    """What a firm invests where it must share the result with a supplier afterwards, and no contract says how.

    An investment of i dollars makes something worth 2√(W i), so that i = W is best and leaves W. Elsewhere a share of
    it survives, less the cost of moving. Then both split what they gain by staying together (Nash bargaining), the
    supplier takes its share β of that. With θ = β(1 − kept) the firm invests W(1 − θ)², and W θ² is lost to both;
    where moving is not worth its cost even as a threat, θ = β.
    Source: Grossman & Hart 1986 (doi:10.1086/261404), for this production function.

    Args:
        worth: W, dollars; what the investment leaves if nobody can take a share of it.
        power: β, the supplier's share of what both gain by staying together, from 0 to 1.
        kept: share of the result that survives at another supplier, from 0 to 1.
        moving: dollars that the move costs.
    """
    worth, moving = positive("worth", worth), not_negative("moving", moving)
    power, kept = share("power", power), share("kept", kept)
    threat, none = power * (1 - kept), power  # θ with and without the threat to leave
    with_threat, without = worth * (1 - threat) ** 2 - power * moving, worth * (1 - none) ** 2
    theta, payoff = (threat, with_threat) if with_threat >= without else (none, without)
    return HoldUp(worth * (1 - theta) ** 2, worth * theta**2, payoff)


def own_up_to(worth: float, power: float, kept: float = 0.0, moving: float = 0.0) -> float:
    """Dollars up to which one's own is worth more than a supplier's: what `hold_up` takes from the payoff."""
    return worth - hold_up(worth, power, kept, moving).payoff


def supply(
    size: float,
    likeness: float,
    cost: float,
    rival: str,
    ceiling: float | None = None,
    price: float | None = None,
) -> Supply:
    """What a supplier of tokens asks a firm that sells an application beside a rival's, which may be its own.

    Applications 0 (the rival) and 1 (the buyer) sell q_i = (α(1 − γ) − p_i + γ p_j)/(1 − γ²). First the supplier sets
    the input's price w, then both set theirs; one unit takes one unit of input. The supplier's profit is a parabola
    in w. It counts the rival's profit where it owns the rival, and sells to both where the rival is a buyer too.
    Source: the demands are Singh & Vives 1984 (doi:10.2307/2555525); the game is a standard one.

    Args:
        size: α, the price at which nobody buys, dollars.
        likeness: γ, 0 for applications that have nothing to do with each other, below 1 where they are alike.
        cost: c of one unit of input, dollars; below the size.
        rival: `supplier` where the rival belongs to it, `buyer` where it buys its input at the same price as the firm,
            `independent` where it has input of its own at cost.
        ceiling: input price at which the firm would go elsewhere; the supplier asks no more. None where it cannot.
        price: w, where it is given and not chosen.

    Raises:
        ValueError: an argument is out of range, or an application would sell nothing.
    """
    size, cost = positive("size", size), not_negative("cost", cost)
    one_of("rival", rival, ("supplier", "buyer", "independent"))
    if share("likeness", likeness) == 1:
        raise wrong("likeness", likeness, "below 1")
    if cost >= size:
        raise wrong("cost", cost, f"below size = {size:g}")
    if ceiling is not None:
        not_negative("ceiling", ceiling)
    sells = ceiling is None or ceiling >= cost

    def market(w):
        return _market(size, likeness, cost, w, rival, sells)

    if price is None and sells:
        price = _vertex([market(w).supplier_profit for w in (cost, (cost + size) / 2, size)], cost, (size - cost) / 2)
    if ceiling is not None:
        price = ceiling if price is None else min(price, ceiling)
    found = market(not_negative("price", price))
    if min(found.units, found.rival_units) < 0:
        raise wrong("input price", found.input_price, "such that both applications sell something")
    return found


def revenue_share(partner_pull: float, own_pull: float, margin: float = 1.0) -> float:
    """Share of revenue for a partner that makes most of both sides' work: margin · a_p²/(a_p² + a_o²).

    Revenue is a_p e + a_o i; effort costs e²/2 and i²/2 and cannot be contracted. The partner keeps the share r of
    revenue, the firm the margin less r. Source: the case of linear revenue of Bhattacharyya & Lafontaine 1995,
    Double-Sided Moral Hazard and the Nature of Share Contracts; the margin is ours.

    Args:
        partner_pull, own_pull: a_p and a_o, revenue for a unit of effort.
        margin: share of revenue that is left after compute.
    """
    partner, own = not_negative("partner_pull", partner_pull) ** 2, not_negative("own_pull", own_pull) ** 2
    return share("margin", margin) * partner / positive("partner_pull² + own_pull²", partner + own)


def _market(size, likeness, cost, w, rival, sells):
    """Prices of the second stage for an input price w: two linear conditions of the first order, solved."""
    a, g = size * (1 - likeness), likeness
    owns, margin = rival == "supplier", w - cost if sells else 0.0
    left0 = a + (w if rival == "buyer" else cost) + (g * margin if owns else 0.0)
    left1 = a + w
    p0, p1 = (2 * left0 + g * left1) / (4 - g * g), (2 * left1 + g * left0) / (4 - g * g)
    q0, q1 = (a - p0 + g * p1) / (1 - g * g), (a - p1 + g * p0) / (1 - g * g)
    upstream = margin * (q1 + (q0 if rival == "buyer" else 0.0))
    return Supply(w, p0, p1, q0, q1, upstream + ((p0 - cost) * q0 if owns else 0.0), (p1 - w) * q1)


def _vertex(values, start, step):
    """Where the parabola through three equidistant values has its top."""
    first, middle, last = values
    bend = first - 2 * middle + last
    return start + step * (1 + (first - last) / (2 * bend))
