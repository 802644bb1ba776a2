"""Where do you stand, and did it work? Choice among products, and tests that are honest.

Bass's curve is in `diffusion`, leaderboards are in `comparisons`; their names can be had from here too.
The standard library only for plain numbers; the boundaries of repeated looks import NumPy and SciPy.
"""

from math import exp, sqrt

from advantage.checks import every, inside, number, positive, series, whole, wrong
from advantage.strategy.comparisons import bradley_terry, bradley_terry_errors, davidson
from advantage.strategy.diffusion import E, bass_errors, bass_peak, bass_share, bass_time, fit_bass, forecast_bass
from advantage.strategy.normal import below, quantile

__all__ = [
    "always_valid_p",
    "bass_errors",
    "bass_peak",
    "bass_share",
    "bass_time",
    "bradley_terry",
    "bradley_terry_errors",
    "davidson",
    "fit_bass",
    "forecast_bass",
    "logit_mark_up",
    "logit_shares",
    "peeking",
    "peeking_threshold",
    "power_of",
    "sample_size",
]


# ------------------------------------------------------------------------------------------ choice


def logit_shares(utilities) -> list[float]:
    """Shares of the choices, e^{V_i}/Σ e^{V_j}; a constant added to all changes nothing.

    Source: McFadden 1974, Conditional Logit Analysis of Qualitative Choice Behavior.
    """
    values = series("utilities", utilities)
    most = max(values)
    weights = [exp(value - most) for value in values]
    return [weight / sum(weights) for weight in weights]


def logit_mark_up(price_weight: float, market_share: float) -> float:
    """Price less cost that a firm with one product in a logit market asks: 1/(a (1 − s)), dollars.

    Source: Anderson, de Palma & Thisse 1992, Discrete Choice Theory of Product Differentiation.
    """
    return 1 / (positive("price_weight", price_weight) * (1 - inside("market_share", market_share, 0, 1)))


# ------------------------------------------------------------------------------------------ tests


def sample_size(base: float, difference: float, alpha: float = 0.05, power: float = 0.8) -> float:
    """Customers for one arm of an A/B test of two rates; round up to use it.

    n = [z_{1−α/2} √(2 p (1 − p)) + z_power √(p (1 − p) + p' (1 − p'))]²/Δ², p' = p + Δ; two-sided.
    Source: Fleiss, Levin & Paik 2003, Statistical Methods for Rates and Proportions, with the variance under no
    difference taken at the base rate.

    Args:
        base: p, the rate today.
        difference: Δ, the change that must not be missed, up or down, as a share.
        alpha: chance to see a difference where there is none.
        power: chance to see one of that size.

    Raises:
        ValueError: an argument is out of range, or base + difference is no share.
    """
    base, difference = inside("base", base, 0, 1), inside("difference", difference, -1, 1)
    other = base + difference
    if not every((difference != 0) & (other >= 0) & (other <= 1)):
        raise wrong("difference", difference, f"not 0, and base + difference a share; base is {base}")
    none, some = 2 * base * (1 - base), base * (1 - base) + other * (1 - other)
    z_alpha, z_power = quantile(1 - inside("alpha", alpha, 0, 1) / 2), quantile(inside("power", power, 0, 1))
    return (z_alpha * none**0.5 + z_power * some**0.5) ** 2 / difference**2


def peeking(looks: int, level: float = 0.05) -> float:
    """Chance that a test at `level` rejects what is true at one of so many equally spaced looks at a growing sample.

    The density of the running sum, cut off at each look, by numerical integration.
    Source: Armitage, McPherson & Rowe 1969.
    """
    return _crossing(quantile(1 - inside("level", level, 0, 1) / 2), whole("looks", looks, least=1))


def peeking_threshold(looks: int, level: float = 0.05) -> float:
    """The `abs(z)` at which to stop at each of so many looks, so that all together err with `level`.

    Source: Pocock 1977.
    """
    from scipy.optimize import brentq

    level, looks = inside("level", level, 0, 1), whole("looks", looks, least=1)
    one = quantile(1 - level / 2)
    return one if looks == 1 else brentq(lambda z: _crossing(z, looks) - level, one, one + 10, xtol=1e-10)


def _crossing(z, looks):
    import numpy as np
    from numpy.polynomial.legendre import leggauss

    nodes, weights = leggauss(200)
    point, density, alive = np.zeros(1), np.ones(1), np.ones(1)  # sum, its density, weight of integration
    for look in range(1, looks + 1):
        end = z * sqrt(look)
        new, new_weights = nodes * end, weights * end
        step = np.exp(-((new[:, None] - point) ** 2) / 2) / sqrt(2 * np.pi)
        point, density, alive = new, step @ (density * alive), new_weights
    return float(1 - density @ alive)


def always_valid_p(difference: float, variance: float, samples: float, spread: float) -> float:
    """A p-value that may be looked at as often as you like: for any stopping rule it is below α at most a share α.

    1/Λ with Λ = √(v/(v + n τ²)) exp(n² τ² d²/(2 v (v + n τ²))), the likelihood ratio against N(0, τ²),
    at most 1. Take the least of those seen so far.
    Source: Johari, Koomen, Pekelis & Walsh 2022.

    Args:
        difference: d, mean of the n differences.
        variance: v, of one difference.
        samples: n.
        spread: τ, what differences are usual.
    """
    d, v, n = number("difference", difference), positive("variance", variance), positive("samples", samples)
    wide = v + n * positive("spread", spread) ** 2
    exponent = -((n * spread * d) ** 2) / (2 * v * wide)
    p = (wide / v) ** 0.5 * E**exponent
    return (p < 1) * p + (p >= 1) * 1.0


def power_of(samples: float, base: float, difference: float, alpha: float = 0.05) -> float:
    """Power of an A/B test with so many customers an arm: the other way round through `sample_size`."""
    base, difference = inside("base", base, 0, 1), inside("difference", difference, -1, 1)
    other = base + difference
    none, some = 2 * base * (1 - base), base * (1 - base) + inside("base + difference", other, 0, 1) * (1 - other)
    threshold = quantile(1 - inside("alpha", alpha, 0, 1) / 2) * none**0.5
    return below((abs(difference) * positive("samples", samples) ** 0.5 - threshold) / some**0.5)
