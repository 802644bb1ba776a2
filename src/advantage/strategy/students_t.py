"""Student's t in plain arithmetic, for whole degrees of freedom; the standard library only."""

from math import atan, cos, pi, sin, sqrt

from advantage.checks import inside, not_negative, whole


def within(z: float, degrees: int) -> float:
    """Probability that Student's t lies between −z and z: the finite sums for whole degrees of freedom."""
    return _within(atan(not_negative("z", z) / sqrt(whole("degrees", degrees, least=1))), degrees)


def student(level: float, degrees: int) -> float:
    """z so that Student's t lies between −z and z with this probability: `within`, solved by halving the angle."""
    level, degrees = inside("level", level, 0, 1), whole("degrees", degrees, least=1)
    low, high = 0.0, pi / 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle, degrees) < level else (low, middle)
    return sqrt(degrees) * sin(low) / cos(low)


def _within(angle, degrees):
    """Probability that |t| < √degrees · tan(angle)."""
    c, s = cos(angle), sin(angle)
    term, total, first = (1.0, 1.0, 2) if degrees % 2 == 0 else (c, c if degrees > 1 else 0.0, 3)
    for k in range(first, degrees - 1, 2):
        term *= c * c * (k - 1) / k
        total += term
    return s * total if degrees % 2 == 0 else 2 / pi * (angle + s * total)
