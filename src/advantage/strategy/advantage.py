"""What is a platform advantage, measurably? What survives an equally good rival, and for how long.

Standard library only, so that it also runs in a browser.
"""

from collections import namedtuple
from math import exp, log

from advantage.checks import INFINITY, every, inside, not_negative, number, positive, share, whole, wrong
from advantage.strategy.normal import below, quantile

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


def switching_cost_prices(
    transport: float,
    switching: float,
    cost: float = 0.0,
    discount: float = 1.0,
    unchanged: float = 0.0,
    new: float = 0.0,
) -> TwoPeriods:
    """(first, second) price and each firm's profit over two periods, of two firms on a line: invest, then harvest.

    In the second period a share ν of the customers is new, a share ρ has the tastes it had, the others draw new ones
    and pay s to change firms. Customers and firms look ahead; each firm is in the middle in the end. With
    M = 1 − ρ, h = (ρ + (1 − ρ − ν) s/t)/2 and k = t (1 + λρ) + 8 λ t h²/(3 M):
    first = c + k − 4 λ t h/(3 M), second = c + t/M. Without switching costs and unchanged tastes both are Hotelling's
    c + t.
    The model is Klemperer's (1987); the closed form is worked out by us for shares that stay
    inside (0, 1).

    Args:
        transport: t, dollars that distance costs across the whole line.
        switching: s, dollars, below t so that some customers change.
        cost: c of one unit.
        discount: λ, the worth of a dollar a period later, from 0 to 1.
        unchanged: ρ, below 1.
        new: ν; with ρ at most 1.
    """
    t, s = positive("transport", transport), not_negative("switching", switching)
    if s >= t:
        raise wrong("switching", switching, f"below the transport cost, {t:g}, or nobody ever changes")
    cost, lam, rho, nu = (
        number("cost", cost),
        share("discount", discount),
        share("unchanged", unchanged),
        share("new", new),
    )
    if rho >= 1 or rho + nu > 1:
        raise wrong("unchanged, new", (unchanged, new), "at most 1 together, and below 1 for the unchanged")
    moving = 1 - rho
    held = (rho + (moving - nu) * s / t) / 2
    slope = t * (1 + lam * rho) + 8 / 3 * lam * t * held**2 / moving
    first, second = cost + slope - 4 / 3 * lam * t * held / moving, cost + t / moving
    return TwoPeriods(first, second, (first - cost) / 2 + lam * (second - cost) / 2)


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
    """Power of a paired evaluation of `items`: the other way round through `items_to_resolve`."""
    spread = (positive("items", items) / inside("discordance", discordance, 0, 1)) ** 0.5
    threshold = quantile(1 - inside("alpha", alpha, 0, 1) / 2)
    return below(inside("difference", difference, 0, 1) * spread - threshold)
