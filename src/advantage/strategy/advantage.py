"""What is a platform advantage, measurably? What survives an equally good rival, and for how long.

Standard library only, so that it also runs in a browser.
"""

from collections import namedtuple
from math import comb, exp, log

from advantage.checks import INFINITY, every, inside, not_negative, number, positive, share, whole, wrong
from advantage.strategy.normal import below, quantile

LogitPrices = namedtuple("LogitPrices", "price rival share")
TwoPeriods = namedtuple("TwoPeriods", "first second profit")


def lerner(price: float, cost: float) -> float:
    """Lerner's index: the share of the price above marginal cost, (p − c)/p."""
    price = positive("price", price)
    return (price - not_negative("cost", cost)) / price


def share_at_equal_price(quality_gap: float, loyalty: float = 0.0) -> float:
    """Share against one rival at the same price when choices are logit: 1/(1 + e^−(gap + loyalty)).

    An advantage in the sense of the chapter is what is left at `quality_gap` 0: an equally good rival.

    Args:
        quality_gap: what the product is better by, in utils (the scale of the logit's noise).
        loyalty: what has nothing to do with quality: switching costs, habit, a network.
    """
    return 1 / (1 + exp(-(number("quality_gap", quality_gap) + number("loyalty", loyalty))))


def premium(quality_gap: float, price_weight: float, loyalty: float = 0.0) -> float:
    """The price above the rival's at which half the customers stay: (gap + loyalty)/weight, in dollars.

    Args:
        quality_gap, loyalty: as in `share_at_equal_price`.
        price_weight: utils that a dollar costs.
    """
    return (number("quality_gap", quality_gap) + number("loyalty", loyalty)) / positive("price_weight", price_weight)


def measured_advantage(share_held: float, price_gap: float, price_weight: float) -> float:
    """The premium at which half the customers would stay, read off a market: gap + ln(S/(1 − S))/weight, in dollars.

    The other way round through `share_at_equal_price`; it holds whatever was not measured, quality included.

    Args:
        share_held: S, against one rival, strictly between 0 and 1.
        price_gap: own price less the rival's, dollars.
        price_weight: utils that a dollar costs.
    """
    odds = inside("share_held", share_held, 0, 1)
    return number("price_gap", price_gap) + log(odds / (1 - odds)) / positive("price_weight", price_weight)


def logit_prices(advantage: float, price_weight: float, cost: float = 0.0) -> LogitPrices:
    """Nash prices of two sellers, the first `advantage` utils ahead, when each customer buys one of the two by logit.

    Best replies are p = c + 1/(weight (1 − own share)), so the share S solves
    ln(S/(1 − S)) + 1/(1 − S) − 1/S = advantage, which grows in S: found by bisection.

    Args:
        advantage: utils, quality and loyalty together; negative where the rival is ahead; from −500 to 500.
        price_weight: utils that a dollar costs.
        cost: of one unit, the same for both.
    """
    lead, weight, cost = number("advantage", advantage), positive("price_weight", price_weight), number("cost", cost)
    if abs(lead) > 500:
        raise wrong("advantage", advantage, "from -500 to 500 utils")
    low, high = 0.0, 1.0  # of the laggard's share, which keeps its digits
    for _ in range(200):
        small = (low + high) / 2
        behind = log(small / (1 - small)) + 1 / (1 - small) - 1 / small
        low, high = (small, high) if behind < -abs(lead) else (low, small)
    ahead, behind = cost + 1 / (weight * small), cost + 1 / (weight * (1 - small))
    return LogitPrices(ahead, behind, 1 - small) if lead >= 0 else LogitPrices(behind, ahead, small)


def lead_value(flow: float, half_life: float, discount: float) -> float:
    """Present value of a lead that earns `flow` a period and halves every `half_life`: flow/(discount + ln 2/L).

    Args:
        flow: dollars a period, at the start.
        half_life: periods.
        discount: continuous rate a period, 0 or more.
    """
    return number("flow", flow) / (not_negative("discount", discount) + log(2) / positive("half_life", half_life))


def platform_break_even(fixed: float, per_application: float, per_project: float) -> float:
    """Applications above which a platform is cheaper than a project each: F/(project − application); may be infinite.

    Args:
        fixed: dollars of the platform.
        per_application: dollars of one more application on it.
        per_project: dollars of one more application without it.
    """
    saved = not_negative("per_project", per_project) - not_negative("per_application", per_application)
    return not_negative("fixed", fixed) / saved if saved > 0 else INFINITY


def premature_platform_loss(
    fixed: float, per_application: float, per_project: float, applications: float, reused: float
) -> float:
    """Dollars that a platform built now loses against projects, when only a share of its applications can reuse it.

    Negative where it wins. What cannot reuse it pays the project's cost on top of what the platform cost.
    """
    saved = not_negative("per_project", per_project) - not_negative("per_application", per_application)
    return not_negative("fixed", fixed) - not_negative("applications", applications) * share("reused", reused) * saved


def platform_now_or_later(
    fixed: float, saved: float, applications: float, chance: float, reused: float, otherwise: float, wait: int
) -> tuple[float, float]:
    """Dollars that a platform is worth if built now, and if built only where the first `wait` projects speak for it.

    Each application can reuse it with chance r, which is `reused` with odds `chance`, or else `otherwise`. Now earns
    the mean of N r S − F. Waiting gives up k savings, counts who could have reused it, and builds where it then pays.

    Args:
        fixed: F, dollars.
        saved: S, dollars that one reusing application saves.
        applications: N, expected, known to come.
        chance, reused, otherwise: the belief about r.
        wait: k, at most N.
    """
    fixed, saved, wait = not_negative("fixed", fixed), not_negative("saved", saved), whole("wait", wait)
    count = not_negative("applications", applications)
    if wait > count:
        raise wrong("wait", wait, f"at most the applications, {count:g}")
    chance = share("chance", chance)
    states = ((chance, share("reused", reused)), (1 - chance, share("otherwise", otherwise)))
    now, later = sum(odds * (count * r * saved - fixed) for odds, r in states), 0.0
    for won in range(wait + 1):
        seen = [(odds * comb(wait, won) * r**won * (1 - r) ** (wait - won), r) for odds, r in states]
        later += max(0.0, sum(weight * ((count - wait) * r * saved - fixed) for weight, r in seen))
    return now, later


def best_of(experiments: int) -> float:
    """Expected best of k standard normal results, or 0 if none is above it: E[max(0, X_1 … X_k)] = ∫ 1 − Φ(z)^k.

    The worth of trying k designs of one module behind a stable interface, in standard deviations.
    Source: Baldwin & Clark 2000, Design Rules, their Q(k).
    """
    k, steps, end = whole("experiments", experiments), 2000, 12.0
    if not k:
        return 0.0
    values = [1 - below(end * i / steps) ** k for i in range(steps + 1)]  # Simpson's rule
    return end / steps / 3 * (values[0] + values[-1] + 4 * sum(values[1::2]) + 2 * sum(values[2:-1:2]))


def modular_worth(modules: int, experiments: int, sigma: float = 1.0) -> float:
    """Worth of splitting a design of spread σ into m modules and trying k designs of each: σ √m Q(k).

    Source: Baldwin & Clark 2000. Tried as one block, the same design is worth σ Q(k).
    """
    return positive("sigma", sigma) * whole("modules", modules, least=1) ** 0.5 * best_of(experiments)


def buyers(gap: float, transport: float, switching: float, unchanged: float = 0.0, new: float = 0.0) -> float:
    """Share of all customers that buy in the second period from a firm that is cheaper by `gap`, after an even first.

    Args:
        gap: the rival's price less the firm's, dollars.
        transport, switching, unchanged, new: t, s, ρ and ν of `switching_cost_prices`.
    """
    t, s, rho, nu = _tastes(transport, switching, unchanged, new)
    stay, come, free = (min(1.0, max(0.0, 0.5 + (number("gap", gap) + held) / (2 * t))) for held in (s, -s, 0.0))
    settled = min(0.5, stay) + max(0.0, come - 0.5)  # with the tastes by which they chose
    return rho * settled + nu * free + (1 - rho - nu) * (stay + come) / 2


def deviation_gain(transport: float, switching: float, unchanged: float = 0.0, new: float = 0.0) -> float:
    """Dollars a customer that the best other price earns a firm more than the harvest price, t/(1 − ρ) above cost.

    0 where the harvest is an equilibrium. At little s a deep cut also takes the rival's unchanged customers; at s near
    t a rise pays, since no customer of the rival would have come anyway. Profit is a quadratic between the prices at
    which a group has left or come as a whole, so that its highest points are known.

    Args:
        transport, switching, unchanged, new: as in `switching_cost_prices`.
    """
    t, s, rho, nu = _tastes(transport, switching, unchanged, new)
    margin = t / (1 - rho)
    left, *kinks = sorted({side * kink for side in (1, -1) for kink in (s, t - s, t, t + s)} | {margin})
    best = 0.0
    for right in kinks:
        here = buyers(left, t, s, rho, nu)
        slope = (buyers(right, t, s, rho, nu) - here) / (right - left)
        top = (margin + left - here / slope) / 2 if slope > 0 else left
        for gap in (left, right, min(right, max(left, top))):
            if gap <= margin:
                best = max(best, (margin - gap) * buyers(gap, t, s, rho, nu) - margin / 2)
        left = right
    return best if best > 1e-12 * margin else 0.0


def switching_cost_prices(
    transport: float,
    switching: float,
    cost: float = 0.0,
    discount: float = 1.0,
    unchanged: float = 0.0,
    new: float = 0.0,
    foresight: bool = True,
) -> TwoPeriods:
    """(first, second) price and each firm's profit over two periods, of two firms on a line: invest, then harvest.

    In the second period a share ν of the customers is new, a share ρ has the tastes it had, the others draw new ones;
    whoever is not new pays s to change firms. Firms look ahead, and customers do where `foresight` says so. With
    M = 1 − ρ, h = (ρ + (1 − ρ − ν) s/t)/2: second = c + t/M and first = c + k − 4 λ t h/(3 M), where k = t if
    customers do not look ahead, and k = t (1 + λρ) + 8 λ t h²/(3 M) if they do. Without switching costs both are
    Hotelling's c + t.
    The model is Klemperer's of 1987, surveyed by Farrell and Klemperer (2007); the closed form is worked out by us.
    Of the first period it compares prices near each other.

    Args:
        transport: t, dollars that distance costs across the whole line.
        switching: s, dollars, below t, and such that `deviation_gain` is 0.
        cost: c of one unit.
        discount: λ, the worth of a dollar a period later, from 0 to 1.
        unchanged: ρ, below 1.
        new: ν; with ρ at most 1.
        foresight: whether customers, too, look ahead.
    """
    t, s, rho, nu = _tastes(transport, switching, unchanged, new)
    cost, lam = number("cost", cost), share("discount", discount)
    if s == 0:
        rho, nu = 0.0, 1.0  # whoever can leave for nothing chooses like a new customer
    if gain := deviation_gain(t, s, rho, nu):
        right = f"0, or such that no firm gains by leaving the harvest price (here one gains {gain:.2g} a customer)"
        raise wrong("switching", switching, right)
    moving = 1 - rho
    held = (rho + (moving - nu) * s / t) / 2
    slope = t * (1 + lam * rho) + 8 / 3 * lam * t * held**2 / moving if foresight else t
    first, second = cost + slope - 4 / 3 * lam * t * held / moving, cost + t / moving
    return TwoPeriods(first, second, (first - cost) / 2 + lam * (second - cost) / 2)


def _tastes(transport, switching, unchanged, new) -> tuple[float, float, float, float]:
    """t, s, ρ and ν of `switching_cost_prices`, checked."""
    t, s = positive("transport", transport), not_negative("switching", switching)
    if s >= t:
        raise wrong("switching", switching, f"below the transport cost, {t:g}, or nobody ever changes")
    rho, nu = share("unchanged", unchanged), share("new", new)
    if rho >= 1 or rho + nu > 1:
        raise wrong("unchanged, new", (unchanged, new), "at most 1 together, and below 1 for the unchanged")
    return t, s, rho, nu


def items_to_resolve(
    base: float, difference: float, discordance: float | None = None, alpha: float = 0.05, power: float = 0.8
) -> float:
    """Evaluation items that tell two models apart; round up to use it.

    Unpaired, each model on items of its own: n = (z_{1−α/2} + z_power)² 2 p (1 − p)/Δ² for each. Paired, both on the
    same items, of which a share is answered rightly by one alone: n = (z_{1−α/2} + z_power)² discordance/Δ².
    Two-sided; normal approximations at the base rate.

    Args:
        base: p, the share of items that the weaker model answers.
        difference: Δ, the points between the two that must not be missed, as a share.
        discordance: share of items on which the two differ; None for unpaired.
        alpha: chance to see a difference where there is none.
        power: chance to see one of that size.

    Raises:
        ValueError: an argument is no share, base + difference exceeds 1, or too few items differ for it.
    """
    base, difference = inside("base", base, 0, 1), inside("difference", difference, 0, 1)
    if not every(base + difference <= 1):
        raise wrong("difference", difference, f"at most 1 - base = {1 - base}")
    spread = quantile(1 - inside("alpha", alpha, 0, 1) / 2) + quantile(inside("power", power, 0, 1))
    if discordance is None:
        return spread**2 * 2 * base * (1 - base) / difference**2
    if not every(share("discordance", discordance) >= difference):
        raise wrong("discordance", discordance, f"at least the difference, {difference}")
    return spread**2 * discordance / difference**2


def detection_chance(items: float, difference: float, discordance: float, alpha: float = 0.05) -> float:
    """Power of a paired evaluation of `items`: the other way round through `items_to_resolve`.

    Of an unpaired one with p right each, for `discordance` = 2 p (1 − p): how often independent answers differ.
    """
    discordance, difference = inside("discordance", discordance, 0, 1), inside("difference", difference, 0, 1)
    if not every(discordance >= difference):
        raise wrong("discordance", discordance, f"at least the difference, {difference}")
    threshold = quantile(1 - inside("alpha", alpha, 0, 1) / 2)
    return below(difference * (positive("items", items) / discordance) ** 0.5 - threshold)


def smallest_difference(items: float, discordance: float, alpha: float = 0.05, power: float = 0.8) -> float:
    """Difference that an evaluation of `items` shows with that power: (z_{1−α/2} + z_power) √(discordance/n)."""
    spread = quantile(1 - inside("alpha", alpha, 0, 1) / 2) + quantile(inside("power", power, 0, 1))
    return spread * (inside("discordance", discordance, 0, 1) / positive("items", items)) ** 0.5
