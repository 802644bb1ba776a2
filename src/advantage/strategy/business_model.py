"""Which customers? What they will do, from what they did: retention, contracts, purchases, and what these are worth.

Each model is its log-likelihood in its paper's symbols, maximised by SciPy. Price plans are in `price_plans`.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.integrate import quad
from scipy.optimize import minimize
from scipy.special import betaln, gammaln, hyp2f1

from advantage.checks import not_negative, number, positive, series, share, wrong


def net_revenue_retention(start: float, expansion: float, contraction: float, churn: float) -> float:
    """Revenue a period later from the customers of its start, over what it was."""
    kept = gross_revenue_retention(start, contraction, churn)
    return kept + not_negative("expansion", expansion) / start


def gross_revenue_retention(start: float, contraction: float, churn: float) -> float:
    """The same without what customers buy in addition; at most 1."""
    lost = not_negative("contraction", contraction) + not_negative("churn", churn)
    if lost > positive("start", start):
        raise wrong("contraction + churn", lost, f"at most the start, {start:g}")
    return (start - lost) / start


def lifetime_value(margin: float, retention: float, discount: float = 0.0) -> float:
    """Present value of a customer who pays the margin now and stays with probability r: m (1 + d)/(1 + d − r).

    Source: Gupta & Lehmann 2003 (their margin multiple leaves out the first payment: r/(1 + d − r)).
    """
    rate = 1 + not_negative("discount", discount)
    if share("retention", retention) >= rate:
        raise wrong("retention", retention, "below 1 + discount, or the value has no end")
    return number("margin", margin) * rate / (rate - retention)


def payback_periods(acquisition: float, margin: float) -> float:
    """Periods until a customer's margin has paid what it cost to win."""
    return not_negative("acquisition", acquisition) / positive("margin", margin)


def sbg_survival(alpha: float, beta: float, time: float) -> float:
    """Share of a cohort that is still there after `time` renewals: B(α, β + t)/B(α, β).

    Source: Fader & Hardie 2007 (doi:10.1002/dir.20074), equation 6; α and β are theirs.
    """
    alpha, beta, time = positive("alpha", alpha), positive("beta", beta), not_negative("time", time)
    return np.exp(betaln(alpha, beta + time) - betaln(alpha, beta))


def fit_sbg(survivors) -> tuple[float, float, float]:
    """(α, β, log-likelihood) of the shifted beta-geometric, from the customers left at times 0, 1, 2, …

    Args:
        survivors: counts that never rise, at least three, of which some are lost.

    Raises:
        ValueError: the counts are not of that kind, or the likelihood has no maximum inside (all alike, or α, β → 0).
    """
    counts = series("survivors", survivors, positive, least=3)
    lost = -np.diff(counts)
    if min(lost) < 0 or sum(lost) == 0:
        raise wrong("survivors", survivors, "counts that never rise, with some lost")

    def log_likelihood(alpha, beta):  # lost in period t: B(α + 1, β + t − 1)/B(α, β)
        time = np.arange(len(lost))
        leaving = betaln(alpha + 1, beta + time) - betaln(alpha, beta)
        return float(lost @ leaving + counts[-1] * (betaln(alpha, beta + len(lost)) - betaln(alpha, beta)))

    return maximum(log_likelihood, [1.0, 1.0], "survivors")


def fit_bg_nbd(frequency, recency, age) -> tuple[float, float, float, float, float]:
    """(r, α, a, b, log-likelihood) of the BG/NBD model.

    While a customer is alive, purchases are Poisson with a rate that is gamma (r, α) over customers; after each, it
    goes for good with a probability that is beta (a, b).
    Source: Fader, Hardie & Lee 2005 (doi:10.1287/mksc.1040.0098).

    Args:
        frequency: x, repeat purchases of each customer.
        recency: t_x, time of the last of them; 0 where there is none.
        age: T, time since the first purchase, in the same unit.

    Raises:
        ValueError: the lengths differ, a number is out of range, or nobody came back.
    """
    x, recency, age = _histories(frequency, recency, age)

    def log_likelihood(r, alpha, a, b):
        shared = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
        alive = betaln(a, b + x) - betaln(a, b) - (r + x) * np.log(alpha + age)
        gone = betaln(a + 1, b + np.maximum(x, 1) - 1) - betaln(a, b) - (r + x) * np.log(alpha + recency)
        return float(np.sum(shared + np.where(x > 0, np.logaddexp(alive, gone), alive)))

    start = [1.0, float(np.mean(age)) / max(float(np.mean(x)), 1e-3), 1.0, 1.0]
    return maximum(log_likelihood, start, "frequency, recency, age")


def bg_nbd_expected(r: float, alpha: float, a: float, b: float, time: float) -> float:
    """Purchases that a new customer is expected to make by `time`, E[X(t)].

    Source: Fader, Hardie & Lee 2005.
    """
    r, alpha, a, b, t = *_positives(r=r, alpha=alpha, a=a, b=b), not_negative("time", time)
    return _bought(r, a, b, t / (alpha + t))


def bg_nbd_conditional(
    r: float, alpha: float, a: float, b: float, frequency: float, recency: float, age: float, time: float
) -> float:
    """Purchases expected in the next `time` of a customer with that history, E[Y(t) | x, t_x, T].

    Source: Fader, Hardie & Lee 2005.
    """
    r, alpha, a, b = _positives(r=r, alpha=alpha, a=a, b=b)
    x, last, age = (column.squeeze() for column in _histories([frequency], [recency], [age], fitted=False))
    t = not_negative("time", time)
    gone = a / (b + x - 1) * ((alpha + age) / (alpha + last)) ** (r + x) if x > 0 else 0.0
    return float(_bought(r + x, a, b + x, t / (alpha + age + t)) / (1 + gone))


def fit_bg_bb(frequency, recency, opportunities, customers=None) -> tuple[float, float, float, float, float]:
    """(α, β, γ, δ, log-likelihood) of the BG/BB model: buying or not at fixed occasions, such as one a year.

    At each occasion a living customer buys with probability p, beta (α, β), and before it goes with θ, beta (γ, δ).
    Source: Fader, Hardie & Shang 2010.

    Args:
        frequency: x, occasions at which each customer bought.
        recency: t_x, the last of them, counted from 1; 0 where there is none.
        opportunities: n, occasions there were.
        customers: how many customers have that history; one each if left out.

    Raises:
        ValueError: the lengths differ, a number is out of range, or nobody came back.
    """
    x, last, n = _histories(frequency, recency, opportunities, whole=True)
    if np.any(x > last):
        raise wrong("frequency", frequency, "at most recency: one purchase an occasion")
    weight = np.ones_like(x) if customers is None else not_negative("customers", np.asarray(customers, dtype=float))
    if weight.shape != x.shape:
        raise wrong("customers", customers, f"of the same length as frequency, {len(x)}")

    def log_likelihood(alpha, beta, gamma, delta):
        scale = betaln(alpha, beta) + betaln(gamma, delta)
        total = betaln(alpha + x, beta + n - x) + betaln(gamma, delta + n) - scale
        for i in range(int(np.max(n - last))):  # the customer went after occasion last + i
            term = betaln(alpha + x, beta + last - x + i) + betaln(gamma + 1, delta + last + i) - scale
            total = np.where(i < n - last, np.logaddexp(total, term), total)
        return float(np.sum(weight * total))

    return maximum(log_likelihood, [1.0] * 4, "frequency, recency, opportunities")


def fit_gamma_gamma(frequency, value) -> tuple[float, float, float, float]:
    """(p, q, γ, log-likelihood) of the gamma–gamma model of what a purchase is worth.

    Source: Fader & Hardie 2013, "The Gamma-Gamma Model of Monetary Value".

    Args:
        frequency: x, purchases over which each customer's mean was taken, 1 or more.
        value: the mean itself, positive.

    Raises:
        ValueError: the lengths differ, or a number is out of range.
    """
    x = positive("frequency", np.asarray(frequency, dtype=float))
    z = positive("value", np.asarray(value, dtype=float))
    if x.shape != z.shape or x.size < 2:
        raise wrong("value", value, f"of the same length as frequency, {x.size}, two or more")

    def log_likelihood(p, q, gamma):
        own = (p * x - 1) * np.log(z) + p * x * np.log(x) - (p * x + q) * np.log(gamma + x * z)
        return float(np.sum(gammaln(p * x + q) - gammaln(p * x) - gammaln(q) + q * np.log(gamma) + own))

    return maximum(log_likelihood, [1.0, 2.0, float(np.mean(z))], "frequency, value")


def gamma_gamma_mean(p: float, q: float, gamma: float, frequency: float, value: float) -> float:
    """Expected worth of a purchase of a customer whose `frequency` purchases were worth `value` on average.

    Source: Fader & Hardie 2013, equation 5; with frequency 0 it is everybody's mean, p γ/(q − 1).

    Raises:
        ValueError: an argument is out of range, or p x + q ≤ 1, where there is no mean.
    """
    p, q, gamma = _positives(p=p, q=q, gamma=gamma)
    x, value = not_negative("frequency", frequency), not_negative("value", value)
    if p * x + q <= 1:
        raise wrong("q", q, "above 1, or there is no mean")
    return p * (gamma + x * value) / (p * x + q - 1)


def maximum(log_likelihood: Callable[..., float], start: list[float], name: str) -> Any:
    """Parameters, all positive, with the largest log-likelihood, and that; searched in their logarithms.

    Raises:
        ValueError: the search runs away: the data in `name` have no maximum inside.
    """

    def cost(logs):
        with np.errstate(all="ignore"):
            try:
                value = log_likelihood(*np.exp(logs))
            except (ValueError, OverflowError, ZeroDivisionError):
                return np.inf
        return -value if np.isfinite(value) else np.inf

    best = np.log(np.asarray(start))
    for _ in range(20):  # Nelder–Mead begun again where it stopped, until that gains nothing
        found = minimize(cost, best, method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-10, "maxiter": 20000})
        gain, best = cost(best) - found.fun, found.x
        if gain < 1e-9 * (1 + abs(found.fun)):
            break
    if np.max(np.abs(best)) > 25 or not np.isfinite(found.fun):
        raise ValueError(f"{name}: the likelihood has no maximum inside; give data that vary more")
    return (*map(float, np.exp(best)), float(-found.fun))


def _bought(r: float, a: float, b: float, z: float) -> float:
    """c/(a − 1) (1 − (1 − z)^r ₂F₁(r, b; c; z)) with c = a + b − 1, z = t/(α + t).

    Where that is 0/0, or SciPy has no finite ₂F₁: the integral over p ~ beta (a, b) that it stands for,
    E[(1 − (1 − z)^r/(1 − z + p z)^r)/p].
    """
    c = a + b - 1
    if min(abs(a - 1), abs(c)) > 1e-6:
        with np.errstate(all="ignore"):
            value = c / (a - 1) * (1 - (1 - z) ** r * hyp2f1(r, b, c, z))
        if np.isfinite(value):
            return float(value)

    def bought(x):  # by those whose probability to leave is p = 1/(1 + e^{−x}), times their density in x
        p = 1 / (1 + np.exp(-x))
        density = np.exp(-a * np.logaddexp(0, -x) - b * np.logaddexp(0, x) - betaln(a, b))
        return -np.expm1(-r * np.log1p(p * z / (1 - z))) / p * density

    width, middle = (1 / a + 1 / b) ** 0.5, np.log(a / b)
    low, high = (min(600, 40 * width + 40 / least) for least in (a, b))  # beyond is less than e⁻⁴⁰ of the customers
    points = middle + np.array([-low, -8 * width, -3 * width, 0, 3 * width, 8 * width, high])
    return float(sum(quad(bought, *ends, limit=200)[0] for ends in pairwise(points)))


def _positives(**named: float) -> list[float]:
    return [positive(name, value) for name, value in named.items()]


def _histories(frequency, recency, age, whole: bool = False, fitted: bool = True):
    """The three columns as arrays, checked against one another."""
    names = ("frequency", "recency", "opportunities" if whole else "age")
    columns = [
        not_negative(name, np.asarray(column, dtype=float)) for name, column in zip(names, (frequency, recency, age))
    ]
    x, last, until = columns
    if x.ndim != 1 or not x.shape == last.shape == until.shape or not x.size:
        raise wrong(", ".join(names), [column.shape for column in columns], "lists of one length, 1 or more")
    for name, column, right, held in [
        ("frequency", frequency, "whole numbers", x == np.round(x)),
        (names[2], age, "positive", until > 0),
        ("recency", recency, f"at most {names[2]}", last <= until),
        ("recency", recency, "positive where frequency is, and 0 elsewhere", (last > 0) == (x > 0)),
        ("recency", recency, "whole numbers", (last == np.round(last)) | (not whole)),
        ("frequency", frequency, "above 0 for somebody", np.any(x > 0) or not fitted),
    ]:
        if not np.all(held):
            raise wrong(name, column, right)
    return columns
