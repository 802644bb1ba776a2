"""What will change, and how sure can anybody be? Series forecast as a random walk, and tried on their own past.

The logarithm y of a price, a rent or an amount moves by a drift μ and by shocks:

    y(t + τ) = y(t) + μτ + σ√τ · ε.

Both are estimated from the m changes seen over T units of time, so that a forecast misses for two reasons: shocks to
come, and a drift that is not known. Its error has the variance σ²(τ + τ²/T) and, in units of what σ is estimated to
be, Student's t with m − 1 degrees of freedom (Farmer & Lafond 2016, arXiv:1502.05274, whose dates are a year
apart, so that T = m). The unit of time is the year where a series has dates, a step where it has none.
The standard library only.
"""

from collections import namedtuple
from itertools import pairwise
from math import exp, expm1, floor, log, sqrt

from advantage.checks import INFINITY, inside, number, positive, text, whole, wrong
from advantage.strategy.students_t import student, within

Forecast = namedtuple("Forecast", "median low high")
Trend = namedtuple("Trend", "factor low high")
Trial = namedtuple("Trial", "origin horizon start actual median low high error scaled inside")
Score = namedtuple("Score", "forecasts coverage bias error unchanged")
Walk = namedtuple("Walk", "last drift spread changes span")

EVEN = 0.1  # by how much a step may differ from the mean one where shocks are correlated: months do by 8 %


def year(when) -> float:
    """A date as a number of years: a number as it stands, "2026-08-17", "2026-08" (its 15th) or a date."""
    if isinstance(when, str):
        from datetime import date

        try:
            when = date.fromisoformat(text("date", when) + ("-15" if len(when) == 7 else ""))
        except ValueError:
            raise wrong("date", when, 'a number, a date, or text such as "2026-08-17" or "2026-08"') from None
    if hasattr(when, "toordinal"):
        return 1 + (when.toordinal() - 1) / 365.2425
    return float(number("date", when))


def points(series, check=positive) -> list[tuple[float, float]]:
    """A series as (time, value), oldest first.

    Args:
        series: rows with `date` and `value`, pairs of both, or values alone, one step apart, oldest first.
        check: what a value must be.

    Raises:
        ValueError: a value or a date is none, or two dates are the same.
    """
    try:
        items = None if isinstance(series, (str, bytes, dict)) else list(series)
    except TypeError:
        items = None
    if not items:
        raise wrong("series", series, "a list of values, of pairs (date, value), or of rows with both")
    found = [_point(i, item, check) for i, item in enumerate(items)]
    found.sort(key=lambda point: point[0])
    for (before, _), (after, _) in pairwise(found):
        if before == after:
            raise wrong("series", series, f"one value a date, but two are at {before:g}")
    return found


def in_force(series, step: float, end=None) -> list[tuple[float, float]]:
    """What held at even dates, as pairs: each value until the next one, as a price list does.

    Lists that follow each other within weeks are corrections more than shocks, and would make the spread of a walk
    through their uneven dates very wide.

    Args:
        series: as in `points`.
        step: between two dates.
        end: the last of the even dates; without it the last date of the series.
    """
    known, step = points(series), positive("step", step)
    end = known[-1][0] if end is None else year(end)
    if end < known[0][0]:
        raise wrong("end", end, f"at the first date or later, {known[0][0]:g}")
    dates = [end - k * step for k in range(floor((end - known[0][0]) / step + 1e-9), -1, -1)]
    return [(at, [value for when, value in known if when <= at + 1e-9 * step][-1]) for at in dates]


def walk(series, window: int | None = None) -> Walk:
    """What a series says about itself: time of its last value, drift and spread, number of changes, and their span.

    Args:
        series: as in `points`; three values or more.
        window: use the last so many changes only; all of them without it.
    """
    return _walk(_enough(points(series)), window)


def trend(series, level: float = 0.95, window: int | None = None) -> Trend:
    """The factor by which a series grows in a unit of time, and where the true one lies with this confidence."""
    found = walk(series, window)
    half = student(level, found.changes - 1) * found.spread / sqrt(found.span)
    return Trend(*(_exp(found.drift + side * half) for side in (0, -1, 1)))


def forecast(series, horizon: float, level: float = 0.95, theta: float = 0.0, window: int | None = None) -> Forecast:
    """Median, low and high of the value that lies `horizon` after the last one.

    Args:
        series: as in `points`; three values or more.
        horizon: years, or steps for values without dates.
        level: probability that the value lies between low and high, if the series goes on as it went.
        theta: correlation of shocks, above −1 and below 1: each change holds θ times the shock before. Even dates
            only, and a step ahead at least. The variance is then exact, and Student's t an approximation.
        window: use the last so many changes only.

    Raises:
        ValueError: an argument is out of range, or there are fewer than three values.
    """
    known = _enough(points(series))
    return _forecast(known, positive("horizon", horizon), level, _theta(theta, known), window)


def chance_above(series, horizon: float, value: float, theta: float = 0.0, window: int | None = None) -> float:
    """Probability that the value `horizon` after the last one is above `value`; arguments as in `forecast`."""
    known = _enough(points(series))
    found, theta = _walk(known, window), _theta(theta, known)
    gap = log(positive("value", value)) - log(known[-1][1]) - found.drift * positive("horizon", horizon)
    width = _width(found, horizon, theta)
    if width == 0:
        return 0.5 if gap == 0 else float(gap < 0)
    beyond = (1 - within(abs(gap) / width, found.changes - 1)) / 2
    return beyond if gap > 0 else 1 - beyond


def line(series, horizon: float, level: float = 0.95) -> Forecast:
    """The rival: a straight line through the logarithms by least squares, with its usual interval.

    It takes misses for noise around a line that stays, where a walk goes on from where it is. Arguments as in
    `forecast`.
    """
    known = _enough(points(series))
    times, logs = [t for t, _ in known], [log(v) for _, v in known]
    n, centre, mean = len(known), sum(times) / len(known), sum(logs) / len(known)
    spread = sum((t - centre) ** 2 for t in times)
    slope = sum((t - centre) * y for t, y in zip(times, logs)) / spread
    misses = sum((y - mean - slope * (t - centre)) ** 2 for t, y in zip(times, logs))
    ahead = times[-1] + positive("horizon", horizon) - centre
    half = student(level, n - 2) * sqrt(misses / (n - 2) * (1 + 1 / n + ahead**2 / spread))
    return Forecast(*(_exp(mean + slope * ahead + side * half) for side in (0, -1, 1)))


def hindcast(series, level: float = 0.95, theta: float = 0.0, window: int | None = None, least: int = 2) -> list[Trial]:
    """Every forecast that could have been made: from each date with what was known then, to each later one.

    Trials share their shocks, so that a hundred of them are no hundred experiments.

    Args:
        series, level, theta, window: as in `forecast`.
        least: changes known at the first origin, 2 or more; the window, if there is one.

    Returns:
        One `Trial` a forecast: time of its origin, horizon, value at the origin, what came, median, low and high;
        `error`, ln of what came over the median; `scaled`, the same in units of its standard deviation as estimated,
        which is Student's t if the model holds; `inside`, whether the interval held it.
    """
    known = _enough(points(series))
    theta = _theta(theta, known)
    first = whole("least", least, least=2) if window is None else whole("window", window, least=2)
    trials = []
    for origin in range(first, len(known) - 1):
        past = known[: origin + 1]
        found = _walk(past, window)
        for when, actual in known[origin + 1 :]:
            horizon = when - past[-1][0]
            said = _forecast(past, horizon, level, theta, window)
            error = log(actual) - log(past[-1][1]) - found.drift * horizon
            width = _width(found, horizon, theta)
            scaled = error / width if width else INFINITY * error if error else 0.0
            held = said.low <= actual <= said.high
            begin, start = past[-1]
            trials.append(Trial._make((begin, horizon, start, actual, *said, error, scaled, held)))
    return trials


def score(trials) -> Score:
    """How many forecasts, what share the intervals held, mean error, root of its mean square, and that of "no change".

    Errors are in logarithms: 0.69 is a factor of two.
    """
    trials = list(trials)
    if not trials:
        raise wrong("trials", trials, "one forecast or more")
    n = len(trials)
    return Score(
        n,
        sum(trial.inside for trial in trials) / n,
        sum(trial.error for trial in trials) / n,
        sqrt(sum(trial.error**2 for trial in trials) / n),
        sqrt(sum(log(trial.actual / trial.start) ** 2 for trial in trials) / n),
    )


def elasticity(price: float, later_price: float, quantity: float, later_quantity: float) -> float:
    """ln of the quantities' ratio over ln of the prices': −1.11 where a price lower by 1 % sells 1.11 % more.

    Two points give it only if nothing else moved demand between them.
    """
    moved = log(positive("later_price", later_price) / positive("price", price))
    if moved == 0:
        raise wrong("later_price", later_price, "another one than the price")
    return log(positive("later_quantity", later_quantity) / positive("quantity", quantity)) / moved


def spending(price_ratio: float, elasticity: float) -> float:
    """What is spent after a price changed by this factor r, over what was before: r^(1 + e), at one elasticity e."""
    return _exp((1 + number("elasticity", elasticity)) * log(positive("price_ratio", price_ratio)))


def rebound(price_ratio: float, elasticity: float) -> float:
    """The share of a saving that more use eats up: (r^(1 + e) − r)/(1 − r), and −e for a small change.

    Above 1 a lower price raises spending (e < −1). Where the price rises, the share of the rise that less use avoids.

    Args:
        price_ratio: r, the later price over the earlier one.
        elasticity: e, of the quantity with respect to the price; negative.
    """
    change, e = log(positive("price_ratio", price_ratio)), number("elasticity", elasticity)
    return -e if change == 0 else 1 - expm1((1 + e) * change) / expm1(change)


def _point(i, item, check):
    if isinstance(item, dict):
        if not {"date", "value"} <= set(item):
            raise wrong(f"series[{i}]", item, "a row with `date` and `value`")
        when, value = item["date"], item["value"]
    elif hasattr(item, "__len__") and not isinstance(item, str):
        if len(item) != 2:
            raise wrong(f"series[{i}]", item, "a value, or a pair of date and value")
        when, value = item
    else:
        when, value = i, item
    try:
        return year(when), float(check("value", value))
    except ValueError as error:
        raise ValueError(f"series[{i}], {error}") from None


def _enough(known):
    if len(known) < 3:
        raise wrong("series", known, "three values or more: two give a drift and nothing to doubt it by")
    return known


def _walk(known, window):
    used = known if window is None else known[-1 - whole("window", window, least=2) :]
    steps = [(t - s, log(v) - log(u)) for (s, u), (t, v) in pairwise(used)]
    span = used[-1][0] - used[0][0]
    drift = (log(used[-1][1]) - log(used[0][1])) / span
    square = sum((change - drift * step) ** 2 / step for step, change in steps) / (len(steps) - 1)
    return Walk(used[-1][0], drift, sqrt(square), len(steps), span)


def _theta(theta, known):
    theta = inside("theta", theta, -1, 1)
    mean = (known[-1][0] - known[0][0]) / (len(known) - 1)
    if theta and any(abs(t - s - mean) > EVEN * mean for (s, _), (t, _) in pairwise(known)):
        raise wrong("theta", theta, "0 where dates are uneven")
    return theta


def _width(found, horizon, theta):
    """Standard deviation of the error of a forecast, as estimated."""
    if theta == 0:
        return found.spread * sqrt(horizon + horizon**2 / found.span)
    m, step = found.changes, found.span / found.changes
    ahead = horizon / step
    if ahead < 1 - EVEN:
        raise wrong("horizon", horizon, f"a step of the series or more, {step:g}, where shocks are correlated")
    many = (1 + 2 * (m - 1) * theta / m + theta**2) * (ahead + ahead**2 / m) - 2 * theta
    return found.spread * sqrt(step * many / (1 + theta**2))


def _forecast(known, horizon, level, theta, window):
    found = _walk(known, window)
    half = student(level, found.changes - 1) * _width(found, horizon, theta)
    middle = log(known[-1][1]) + found.drift * horizon
    return Forecast(*(_exp(middle + side * half) for side in (0, -1, 1)))


def _exp(x):
    return exp(x) if x < 709 else INFINITY
