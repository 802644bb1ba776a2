"""How fast does it spread? Bass's curve, fitted, and forecast with an interval.

The curve needs the standard library only, for plain numbers; the fit and its errors import NumPy and SciPy.
"""

from collections import namedtuple

from advantage.checks import inside, not_negative, positive, series, whole, wrong
from advantage.strategy.normal import log

E = 2.718281828459045

Forecast = namedtuple("Forecast", "adopters low high")


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


def bass_time(p: float, q: float, adopted: float) -> float:
    """Periods from the launch until a share has adopted: ln((1 + (q/p) F)/(1 − F))/(p + q), `bass_share` inverted.

    Args:
        p: innovation, a period.
        q: imitation, a period.
        adopted: F, of the market, strictly between 0 and 1.
    """
    p, q, adopted = positive("p", p), not_negative("q", q), inside("adopted", adopted, 0, 1)
    return log((1 + q / p * adopted) / (1 - adopted)) / (p + q)


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
    rough = min(
        (least_squares(misfit, start, bounds=bounds, max_nfev=40) for start in starts), key=lambda fit: fit.cost
    )
    best = least_squares(misfit, rough.x, bounds=bounds, xtol=1e-15, ftol=1e-15, gtol=1e-15).x
    m, (p, q) = size(best), np.exp(best)
    if p < 1e-8 or p > 1.9 or q > 19:
        raise wrong("adopters", adopters, "of enough periods to bend: no m, p and q fit best")
    return float(m), float(p), float(q)


def bass_errors(adopters) -> tuple[float, float, float]:
    """Standard errors of `fit_bass`: the square roots of the diagonal of s² (J'J)⁻¹.

    J is the slope of the fitted adopters in m, p and q, and s² the squared misfit over the periods less three.
    Source: Srinivasan & Mason 1986 (doi:10.1287/mksc.5.2.169).
    """
    import numpy as np

    of_m, of_p, of_q = np.sqrt(np.diag(_fitted(adopters)[1]))
    return float(of_m), float(of_p), float(of_q)


def forecast_bass(adopters, periods: int, level: float = 0.95) -> Forecast:
    """New adopters of each of the next periods, with an interval for what will be counted (delta method).

    The half-width is t √(g'Σg + s²): g the slope of the period's adopters in m, p and q, Σ their covariance, s² the
    scatter about the curve, t Student's quantile with three degrees of freedom less than there are periods.
    It covers errors of estimation and scatter, both as if independent and alike; not that the curve may be wrong.

    Args:
        adopters: new ones of each period from the launch on, four periods or more.
        periods: how many to forecast.
        level: share of the cases in which the interval is meant to hold.

    Returns:
        The forecast, its lower end (not below 0) and its upper end, a list each.
    """
    import numpy as np
    from scipy.stats import t as student

    periods, level = whole("periods", periods, least=1), inside("level", level, 0, 1)
    sales = series("adopters", adopters, not_negative, least=4)
    (m, p, q), covariance, variance = _fitted(sales)
    n = len(sales)
    slopes = _slopes(m, p, q, np.arange(n, n + periods + 1.0))
    mean = m * slopes[:, 0]
    wide = student.ppf((1 + level) / 2, n - 3) * np.sqrt(((slopes @ covariance) * slopes).sum(1) + variance)
    return Forecast(mean.tolist(), np.maximum(mean - wide, 0).tolist(), (mean + wide).tolist())


def _fitted(adopters):
    """((m, p, q), their covariance, variance of a period's adopters about the curve)."""
    import numpy as np

    sales = np.array(series("adopters", adopters, not_negative, least=4))
    estimate = fit_bass(sales)
    slopes = _slopes(*estimate, np.arange(len(sales) + 1.0))
    variance = np.sum((sales - estimate[0] * slopes[:, 0]) ** 2) / (len(sales) - 3)
    return estimate, variance * np.linalg.inv(slopes.T @ slopes), variance


def _slopes(m, p, q, time):
    """Slopes of m (F(t) − F(t − 1)) in m, p and q, a column each, for the periods that end at time[1:]."""
    import numpy as np

    def adopted(p, q):
        decay = np.exp(-(p + q) * time)
        return np.diff((1 - decay) / (1 + q / p * decay))

    step = 1e-30  # in the imaginary direction no difference is taken, so nothing is lost to rounding
    by_p, by_q = adopted(p + step * 1j, q).imag / step, adopted(p, q + step * 1j).imag / step
    return np.column_stack([adopted(p, q), m * by_p, m * by_q])
