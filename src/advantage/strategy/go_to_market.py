"""Where do you stand, and how fast does it spread? Diffusion, comparisons, and tests that are honest.

The sizes of tests need the standard library only for plain numbers; fits and boundaries import NumPy and SciPy.
"""

from math import exp, sqrt

from advantage.checks import every, inside, not_negative, number, positive, series, whole, wrong
from advantage.strategy.normal import below, log, quantile

E = 2.718281828459045


# ------------------------------------------------------------------------------------------ diffusion


def bass_share(p: float, q: float, time: float) -> float:
    """Share of the market that has adopted by `time`: (1 − e^{−(p+q)t})/(1 + (q/p) e^{−(p+q)t}).

    Source: Bass 1969 (doi:10.1287/mnsc.15.5.215).

    Args:
        p: innovation, a period.
        q: imitation, a period.
        time: periods since the launch.
    """
    p, q, time = positive("p", p), not_negative("q", q), not_negative("time", time)
    decay = E ** (-(p + q) * time)
    return (1 - decay) / (1 + q / p * decay)


def bass_peak(p: float, q: float) -> float:
    """Periods from the launch to the most adopters a period: ln(q/p)/(p + q); 0 where q ≤ p, which falls at once."""
    p, q = positive("p", p), positive("q", q)
    peak = log(q / p) / (p + q)
    return (peak > 0) * peak


def fit_bass(adopters) -> tuple[float, float, float]:
    """(m, p, q) by non-linear least squares on the adopters of whole periods, m (F(t) − F(t − 1)).

    m is linear in the model: for each p and q the best one is known, so that the search is over two numbers.
    Source: Srinivasan & Mason 1986 (doi:10.1287/mksc.5.2.169).

    Args:
        adopters: new ones of each period from the launch on, four periods or more.

    Raises:
        ValueError: too few periods, a number is negative, or the data do not bend: before its peak a diffusion
            fits any market, and the search runs away.
    """
    import numpy as np
    from scipy.optimize import least_squares

    sales = np.array(series("adopters", adopters, not_negative, least=4))
    if not sales.any():
        raise wrong("adopters", adopters, "above 0 somewhere")
    time = np.arange(len(sales) + 1.0)

    def shape(logs):
        p, q = np.exp(logs)
        decay = np.exp(-(p + q) * time)
        return np.diff((1 - decay) / (1 + q / p * decay))

    def size(logs):
        of_one = shape(logs)
        return sales @ of_one / max(of_one @ of_one, 1e-300)

    def misfit(logs):
        return (sales - size(logs) * shape(logs)) / np.linalg.norm(sales)

    bounds = (np.log([1e-9, 1e-9]), np.log([2.0, 20.0]))
    starts = np.log([(p, q) for p in (0.0005, 0.005, 0.05) for q in (0.1, 0.4, 1.0)])
    fits = [least_squares(misfit, start, bounds=bounds, xtol=1e-15, ftol=1e-15, gtol=1e-15) for start in starts]
    best = min(fits, key=lambda fit: fit.cost).x
    m, (p, q) = size(best), np.exp(best)
    if p < 1e-8 or p > 1.9 or q > 19:
        raise wrong("adopters", adopters, "of enough periods to bend: no m, p and q fit best")
    return float(m), float(p), float(q)


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


def bradley_terry(wins) -> list[float]:
    """Log-abilities, the last one 0, from a square table of wins: i beats j with e^{b_i}/(e^{b_i} + e^{b_j}).

    Source: Bradley & Terry 1952; by Newton's method on the log-likelihood, which is concave.

    Args:
        wins: wins[i][j], how often i beat j; the diagonal does not count. A draw may count half for each.

    Raises:
        ValueError: the table is not square or has negative entries, or some players never lost to, or never beat,
            any of the others, directly or along a chain: their ability has no estimate.
    """
    return [float(ability) for ability in _bradley_terry(wins)[0]]


def bradley_terry_errors(wins) -> list[float]:
    """Standard errors of the log-abilities against the last player, whose own is 0; from the information matrix."""
    import numpy as np

    information = _bradley_terry(wins)[1]
    return [float(error) for error in np.append(np.sqrt(np.diag(np.linalg.inv(information))), 0)]


def _bradley_terry(wins):
    import numpy as np
    from scipy.sparse.csgraph import connected_components

    try:
        table = not_negative("wins", np.array(wins, dtype=float))
    except (TypeError, ValueError) as error:
        raise wrong("wins", wins, "a square table of numbers that are not negative") from error
    if table.ndim != 2 or table.shape[0] != table.shape[1] or len(table) < 2:
        raise wrong("wins", table.shape, "a square table of two players or more")
    table = table - np.diag(np.diag(table))
    if connected_components(table > 0, directed=True, connection="strong")[0] > 1:
        raise wrong(
            "wins", wins, "such that chains of wins lead from every player to every other, or no estimate exists"
        )
    games, ability = table + table.T, np.zeros(len(table))
    for _ in range(200):
        chance = 1 / (1 + np.exp(ability[None] - ability[:, None]))
        slope = (table - games * chance).sum(1)
        weight = games * chance * (1 - chance)
        information = (np.diag(weight.sum(1)) - weight)[:-1, :-1]
        step = np.append(np.linalg.solve(information, slope[:-1]), 0)
        ability += step / max(1.0, np.abs(step).max())
        if np.abs(step).max() < 1e-12:
            break
    return ability, information


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
