"""The normal distribution in plain arithmetic, for numbers; `below` and `log` take arrays too, by SciPy and NumPy."""

import math

from advantage.checks import inside


def density(z: float) -> float:
    """φ(z)."""
    return math.exp(-z * z / 2) / math.sqrt(2 * math.pi)


def below(z: float) -> float:
    """Φ(z), the probability of a value below z; precise in both tails."""
    if hasattr(z, "dtype"):
        from scipy.special import ndtr

        return ndtr(z)
    return math.erfc(-z / math.sqrt(2)) / 2


def quantile(probability: float) -> float:
    """z with Φ(z) = `probability`: Newton's method on log Φ, which is concave, from below, in the smaller tail."""
    probability = inside("probability", probability, 0, 1)
    if probability > 0.5:
        return -quantile(1 - probability)
    z = -math.sqrt(max(0.0, -2 * math.log(2 * probability)))  # Φ(−x) ≤ e^{−x²/2}/2
    for _ in range(100):
        here = max(below(z), 1e-322)
        step = math.log(here / probability) * here / max(density(z), 1e-322)
        z -= step
        if abs(step) < 1e-14 * (1 + abs(z)):
            break
    return z


def log(x: float) -> float:
    """The natural logarithm."""
    if hasattr(x, "dtype"):
        import numpy

        return numpy.log(x)
    return math.log(x)
