"""How long the money lasts: the first passage of cash to zero, in closed form, with a cliff, and simulated.

Cash moves as X_t = x + μt + σW_t: x dollars today, a drift of μ dollars a month (negative where a company burns),
a standard deviation of σ dollars over one month, W a Brownian motion. Any unit of money will do, if it is one.
The standard library only, but for `simulate`, which imports NumPy.
"""

from math import exp, sqrt

from advantage.checks import INFINITY, inside, not_negative, number, one_of, positive, series, share, whole, wrong
from advantage.strategy.normal import below, density

# What one look a month misses, in standard deviations of a month: −ζ(1/2)/√(2π).
LOOK = 0.5826


def runway_months(cash: float, flows) -> float:
    """Months until the money is gone if all goes to plan, within a month by a straight line; infinite if it lasts.

    Args:
        cash: dollars today.
        flows: dollars that come in less those that go out, of each month in turn.

    Raises:
        ValueError: the cash is negative, or a flow is no number.
    """
    left = not_negative("cash", cash)
    for month, flow in enumerate(series("flows", flows)):
        if left + flow < 0:
            return month + left / -flow
        left += flow
    return INFINITY


def cliff_months(cash: float, drift: float, later_drift: float, cliff: float) -> float:
    """Months until the money is gone if all goes to plan and the drift changes once; infinite if it lasts.

    Args:
        cash: dollars today.
        drift: dollars a month before the cliff.
        later_drift: dollars a month from it on.
        cliff: months until the drift changes.
    """
    cash, cliff = not_negative("cash", cash), not_negative("cliff", cliff)
    drift, later = number("drift", drift), number("later_drift", later_drift)
    if cash + drift * cliff < 0:
        return cash / -drift
    return cliff + (cash + drift * cliff) / -later if later < 0 else INFINITY


def ruin(cash: float, drift: float, spread: float, months: float) -> float:
    """Probability that cash touches zero within the months.

    Φ((−x − μT)/(σ√T)) + e^{−2μx/σ²} Φ((μT − x)/(σ√T)), the inverse Gaussian law of the first passage.
    Source: Karatzas & Shreve, Brownian Motion and Stochastic Calculus, section 3.5.C (from memory).

    Args:
        cash: x, dollars today.
        drift: μ, dollars a month.
        spread: σ, standard deviation of a month, dollars.
        months: T.
    """
    cash, drift, months = not_negative("cash", cash), number("drift", drift), not_negative("months", months)
    spread = not_negative("spread", spread)
    if cash == 0:
        return 1.0
    width = spread * sqrt(months)
    if width == 0:
        return float(cash + drift * months <= 0)
    return min(1.0, below((-cash - drift * months) / width) + _mirrored(cash, drift, spread, months, width))


def ruin_ever(cash: float, drift: float, spread: float) -> float:
    """Probability that cash ever touches zero: e^{−2μx/σ²} where the drift is positive, otherwise 1."""
    cash, drift, spread = not_negative("cash", cash), number("drift", drift), positive("spread", spread)
    return exp(-2 * drift * cash / spread**2) if drift > 0 else 1.0


def ruin_by_looks(cash: float, drift: float, spread: float, months: float, looks: float = 1.0) -> float:
    """Probability that cash is below zero at one of the looks, by the continuous formula with more cash.

    Looks that are 1/looks months apart miss short dips, as if there were 0.5826 σ/√looks dollars more.
    Source: Broadie, Glasserman & Kou 1997 (doi:10.1111/1467-9965.00035); an approximation, worst where cash is small.

    Args:
        cash, drift, spread, months: as in `ruin`.
        looks: at the account, each month.
    """
    missed = LOOK * positive("spread", spread) / sqrt(positive("looks", looks))
    return ruin(not_negative("cash", cash) + missed, drift, spread, months)


def ruin_with_cliff(
    cash: float, drift: float, later_drift: float, spread: float, cliff: float, months: float, nodes: int = 400
) -> float:
    """Probability of ruin within the months where the drift changes once, as when credits end.

    To the cliff the closed form; beyond it, over all that may then be left, the killed density times the closed form,
    by Simpson's rule.

    Args:
        cash, spread, months: as in `ruin`.
        drift: dollars a month before the cliff.
        later_drift: dollars a month from it on.
        cliff: months until the drift changes.
        nodes: intervals of the integral; even.

    Raises:
        ValueError: an argument is out of range.
    """
    cash, spread, months = not_negative("cash", cash), not_negative("spread", spread), not_negative("months", months)
    drift, later, cliff = number("drift", drift), number("later_drift", later_drift), not_negative("cliff", cliff)
    if whole("nodes", nodes, least=2) % 2:
        raise wrong("nodes", nodes, "even")
    if cliff >= months or cash == 0:
        return ruin(cash, drift, spread, months)
    if cliff == 0:
        return ruin(cash, later, spread, months)
    width, left = spread * sqrt(cliff), cash + drift * cliff
    if width == 0:
        return 1.0 if left <= 0 else ruin(left, later, spread, months - cliff)
    low, high = max(0.0, left - 9 * width), max(left, 0.0) + 9 * width
    step, survives = (high - low) / nodes, 0.0
    for k in range(nodes + 1):
        x = low + k * step
        weight = 1 if k in (0, nodes) else 4 if k % 2 else 2
        survives += weight * _alive_at(x, cash, drift, spread, cliff) * (1 - ruin(x, later, spread, months - cliff))
    return min(1.0, max(0.0, 1 - survives * step / 3))


def cash_for(risk: float, drift: float, spread: float, months: float) -> float:
    """Cash that keeps the probability of ruin within the months at `risk`: `ruin`, solved by halving.

    Args:
        risk: above 0, below 1.
        drift, spread, months: as in `ruin`.
    """
    risk, months = inside("risk", risk, 0, 1), positive("months", months)
    low, high = 0.0, positive("spread", spread) * sqrt(months) + abs(number("drift", drift)) * months
    while ruin(high, drift, spread, months) > risk:
        high *= 2
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if ruin(middle, drift, spread, months) > risk else (low, middle)
    return high


def simulate(
    cash: float,
    drifts,
    spread: float,
    paths: int = 20_000,
    seed: int = 0,
    steps: int = 1,
    dips: str = "bridge",
    memory: float = 0.0,
    tail: float | None = None,
):
    """Probability of being broke by the end of each month, from simulated paths; a NumPy array, one for each month.

    Between two looks at x and y dollars the path has touched zero with probability e^{−2xy/(σ²Δ)}, Δ the time between
    them: the law of the Brownian bridge. With `dips="bridge"` this probability counts; with "ignored" only what the
    looks see does, which is too little for an account that can be empty at any time.

    Args:
        cash: dollars today.
        drifts: dollars a month, of each month in turn.
        spread: standard deviation of a month, dollars.
        paths, seed: of the simulation.
        steps: looks at the account each month.
        dips: `bridge` or `ignored`.
        memory: correlation of a month's shock with the next one's, from 0; the spread of one month stays.
        tail: degrees of freedom of Student's t for the shocks, above 2; None for a normal. The spread stays.

    Raises:
        ValueError: an argument is out of range, or the bridge is asked for with shocks that are not normal and fresh.
    """
    import numpy

    cash, spread = not_negative("cash", cash), not_negative("spread", spread)
    drifts, memory = series("drifts", drifts), share("memory", memory)
    paths, steps = whole("paths", paths, least=1), whole("steps", steps, least=1)
    bridge = one_of("dips", dips, ("bridge", "ignored")) == "bridge"
    if bridge and (memory or tail is not None):
        raise wrong("dips", dips, "'ignored' where shocks remember or have a heavy tail: the bridge is another there")
    if memory and steps > 1:
        raise wrong("steps", steps, "1 where months remember")
    if tail is not None and not positive("tail", tail) > 2:
        raise wrong("tail", tail, "above 2, or there is no standard deviation")
    rng = numpy.random.default_rng(whole("seed", seed))
    left, alive, before = numpy.full(paths, cash), numpy.full(paths, float(cash > 0)), numpy.zeros(paths)
    width = spread / sqrt(steps)
    broke = []
    for month, drift in enumerate(drifts):
        for _ in range(steps):
            fresh = rng.standard_normal(paths) if tail is None else _student(rng, tail, paths)
            shock = fresh if month == 0 else memory * before + sqrt(1 - memory**2) * fresh
            then, left, before = left, left + drift / steps + width * shock, shock
            alive *= left > 0
            if bridge and width > 0:
                alive *= -numpy.expm1(-2 * numpy.maximum(then, 0) * numpy.maximum(left, 0) / width**2)
        broke.append(1 - alive.mean())
    return numpy.array(broke)


def _student(rng, degrees, paths):
    """Shocks of Student's t with a standard deviation of 1."""
    return rng.standard_t(degrees, paths) * sqrt((degrees - 2) / degrees)


def _mirrored(cash, drift, spread, months, width):
    """e^{−2μx/σ²} Φ((μT − x)/(σ√T)); where the power overflows, by the tail of Φ."""
    power, z = -2 * drift * cash / spread**2, (drift * months - cash) / width
    if power < 600:
        return exp(power) * below(z)
    # far below 0 Φ(z) ≈ φ(z)/|z| (1 − 1/z² + 3/z⁴), here |z| > 34, and power − z²/2 = −(x + μT)²/(2σ²T)
    return density((cash + drift * months) / width) / -z * (1 - 1 / z**2 + 3 / z**4)


def _alive_at(x, cash, drift, spread, time):
    """Density of cash x at a time, on the paths that never touched zero."""
    width = spread * sqrt(time)
    return density((x - cash - drift * time) / width) / width * (1 - exp(-2 * x * cash / width**2))
