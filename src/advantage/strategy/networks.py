"""Which network wins, and should yours connect to the others? Compatibility and tipping, in closed form.

Units: values and costs in dollars, outputs and installed bases in the same units of sales; `effect` is what a unit
gains in value for each unit in its network. Standard library only, so that it also runs in a browser.
"""

from collections import namedtuple
from math import ceil, exp, expm1, log1p

from advantage.checks import inside, not_negative, positive, share, whole, wrong

Sales = namedtuple("Sales", "own rival")
LockIn = namedtuple("LockIn", "wins adopters")


def network_cournot(surplus: float, firms: int, effect: float, compatible: bool) -> float:
    """Output of each firm where a unit is worth `effect` more for each unit expected in its network.

    Incompatible: x = (A − c)/(n + 1 − b); compatible, one network for all: x = (A − c)/(n + 1 − n b).
    Source: Katz & Shapiro 1985 (AER 75(3), 424–440), with v(y) = b y.

    Args:
        surplus: A − c, the first unit's value without a network less its cost.
        firms: n.
        effect: b, from 0 to below 1.
        compatible: whether the networks count as one.
    """
    surplus, effect = positive("surplus", surplus), _effect(effect)
    firms = whole("firms", firms, least=1)
    return surplus / (firms + 1 - (firms if compatible else 1) * effect)


def network_duopoly(surplus: float, own_base: float, rival_base: float, effect: float, compatible: bool) -> Sales:
    """Outputs of two firms whose networks begin with the users they have already; profit is the output squared.

    `network_cournot` for two, with v = b (base + expected sales). A firm that the other's network keeps out sells 0.
    The installed base is our addition.

    Args:
        surplus, effect: as in `network_cournot`.
        own_base, rival_base: units in use already.
        compatible: whether both count each other's users.
    """
    surplus, effect = positive("surplus", surplus), _effect(effect)
    own_base, rival_base = not_negative("own_base", own_base), not_negative("rival_base", rival_base)
    if compatible:
        each = (surplus + effect * (own_base + rival_base)) / (3 - 2 * effect)
        return Sales(each, each)
    worth = surplus + effect * own_base, surplus + effect * rival_base
    own, rival = (
        ((2 - effect) * worth[i] - worth[1 - i]) / ((1 - effect) * (3 - effect)) for i in (0, 1)
    )  # (2 − b)² − 1
    if own <= 0:
        return Sales(0.0, worth[1] / (2 - effect))
    return Sales(worth[0] / (2 - effect), 0.0) if rival <= 0 else Sales(own, rival)


def one_way(surplus: float, own_base: float, rival_base: float, effect: float) -> Sales:
    """`network_duopoly` where the first firm's users count the rival's and not the reverse: an adapter of its own.

    (2 − b) x + (1 − b) y = S + b (own_base + rival_base) and x + (2 − b) y = S + b rival_base.

    Args:
        surplus, effect: as in `network_cournot`.
        own_base, rival_base: units in use already.
    """
    surplus, effect = positive("surplus", surplus), _effect(effect)
    own_base, rival_base = not_negative("own_base", own_base), not_negative("rival_base", rival_base)
    worth = surplus + effect * (own_base + rival_base), surplus + effect * rival_base
    free = 2 - effect
    rival = (free * worth[1] - worth[0]) / (free**2 - (1 - effect))
    return Sales(worth[0] / free, 0.0) if rival <= 0 else Sales((worth[0] - (1 - effect) * rival) / free, rival)


def refusal_base(surplus: float, effect: float, rival_base: float = 0.0) -> float:
    """The installed base from which a firm earns more if a rival with a base of its own cannot connect.

    (S (1 − b) + R (6 − 6 b + b²))/(3 − 3 b + b²), where the two outputs of `network_duopoly` are equal; if the rival
    sells nothing apart, R (2 − b)/(1 − b) − S/b.

    Args:
        surplus, effect: as in `network_cournot`.
        rival_base: R, units of the rival's in use already.
    """
    surplus, effect, rival_base = positive("surplus", surplus), _effect(effect), not_negative("rival_base", rival_base)
    both = (surplus * (1 - effect) + rival_base * (6 - 6 * effect + effect**2)) / (3 - 3 * effect + effect**2)
    return max(both, rival_base * (2 - effect) / (1 - effect) - surplus / effect) if effect else both


def lead_needed(preference: float, effect: float, compatibility: float = 0.0) -> int:
    """Members by which the other network must lead before a newcomer gives up the one that they prefer.

    The first whole lead with effect · (1 − compatibility) · lead ≥ preference.

    Args:
        preference: by how much they like their own more, dollars.
        effect: what a member adds, dollars, above 0.
        compatibility: the share of the other network's members that count as one's own, below 1.
    """
    share("compatibility", compatibility)
    effect = positive("effect", effect) * (1 - inside("compatibility", compatibility, -1, 1))
    return max(1, ceil(positive("preference", preference) / effect - 1e-9))  # 0.3/0.1 is a little above 3


def lock_in(lead_a: int, lead_b: int, prefer_a: float = 0.5) -> LockIn:
    """The probability that network A takes all newcomers, and the expected number of adopters until one does.

    Newcomers prefer A or B at random and join it, unless the other leads by enough for them. The lead of A is a random
    walk between two absorbing barriers, lead_a and −lead_b; with both kinds equally frequent the answers are
    lead_b/(lead_a + lead_b) and lead_a · lead_b.
    Source: Arthur 1989 (doi:10.2307/2234208); gambler's ruin.

    Args:
        lead_a: A's lead at which those who prefer B join A.
        lead_b: B's lead at which those who prefer A join B.
        prefer_a: the share of newcomers who prefer A, strictly between 0 and 1.
    """
    a, b = whole("lead_a", lead_a, least=1), whole("lead_b", lead_b, least=1)
    drift = 2 * inside("prefer_a", prefer_a, 0, 1) - 1
    if abs(drift) * (a + b) < 1e-6:  # the formulas below are 0/0 there
        return LockIn(b / (a + b) * (1 + a * drift), a * b * (1 + (a - b) * drift / 3))
    odds = log1p(-drift) - log1p(drift)  # logarithm of (1 − q)/q
    wins = expm1(b * odds) / expm1((a + b) * odds) if odds < 0 else _upwards(a, b, odds)
    return LockIn(wins, (wins * (a + b) - b) / drift)


def _upwards(a, b, odds):
    """The same probability without a number that overflows."""
    return exp(-a * odds) * expm1(-b * odds) / expm1(-(a + b) * odds)


def _effect(effect):
    if not_negative("effect", effect) >= 1:
        raise wrong("effect", effect, "below 1, or the network grows without end")
    return float(effect)
