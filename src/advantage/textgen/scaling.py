"""Scaling laws: L(N, D) = E + A / N^alpha + B / D^beta, fitted, and what follows from it.

L is the held-out loss in nats per token, N the number of parameters and D the number of training tokens. E is what no
size and no text removes, the other two terms what a finite model and a finite text add. Training costs 6 N D
floating-point operations, a token of inference 2 N. Source: Hoffmann et al. 2022 (arXiv:2203.15556), approach 3.
"""

import itertools
from typing import NamedTuple

import numpy as np

from advantage import checks

STARTS = (  # of log E, log A, log B, alpha, beta: Hoffmann et al., appendix D.3
    (-1.0, -0.5, 0.0, 0.5, 1.0),
    (0.0, 5.0, 10.0, 15.0, 20.0, 25.0),
    (0.0, 5.0, 10.0, 15.0, 20.0, 25.0),
    (0.0, 0.5, 1.0, 1.5, 2.0),
    (0.0, 0.5, 1.0, 1.5, 2.0),
)
BEST = 24  # starts of the grid from which a search is made: those with the lowest objective


class Law(NamedTuple):
    """The five coefficients, in the order in which the functions here take them."""

    E: float
    A: float
    B: float
    alpha: float
    beta: float


def loss(parameters, tokens, E: float, A: float, B: float, alpha: float, beta: float):
    """Nats per token of a model with so many parameters after so many tokens: numbers or arrays.

    Raises:
        ValueError: `parameters` or `tokens` is not positive, or a coefficient does not make a law.
    """
    check_law(E, A, B, alpha, beta)
    n, d = checks.positive("parameters", parameters), checks.positive("tokens", tokens)
    return E + A / n**alpha + B / d**beta


def fit(parameters, tokens, losses, delta: float = 1e-3) -> Law:
    """The law that fits runs best: least sum of Huber losses of log L, found by L-BFGS from many starts.

    The objective is that of Hoffmann et al. 2022, equation 3. Two things of Besiroglu et al. 2024 (arXiv:2404.10102)
    keep the search from stopping early: the sum, not the mean, over the runs; and a scale that its tolerances fit.

    Args:
        parameters: of each run, (n,).
        tokens: that each run was trained on, (n,).
        losses: nats per token at the end of each run, (n,).
        delta: where the Huber loss goes over from squares to absolute values, in log L.

    Raises:
        ValueError: the three differ in length, there are fewer than six runs, a number is not positive, or parameters
            or tokens take fewer than three different values, so that no curve is determined.
    """
    n, d, target = _runs(parameters, tokens, losses)
    delta = checks.positive("delta", delta)
    grid = np.array([*itertools.product(*STARTS)])
    objective = _huber(_log_loss(grid, n, d) - target, delta).sum(1)
    return _search(grid[np.argsort(objective, kind="stable")[:BEST]], n, d, target, delta)


def bootstrap(parameters, tokens, losses, repeats: int = 200, seed: int = 0, delta: float = 1e-3) -> np.ndarray:
    """`repeats` fits, each to as many runs drawn again with replacement: rows E, A, B, alpha, beta.

    Each search begins at the fit to all runs and near it, which is what makes it fast. Draws that `fit` would refuse,
    with fewer than three sizes or amounts of text, are drawn again.

    Raises:
        ValueError: as in `fit`, or `repeats` is below 1.
    """
    n, d, target = _runs(parameters, tokens, losses)
    repeats, delta = checks.whole("repeats", repeats, 1), checks.positive("delta", delta)
    E, A, B, alpha, beta = fit(parameters, tokens, losses, delta)
    centre = np.array([np.log(E), np.log(A), np.log(B), alpha, beta])
    draw, rows = np.random.default_rng(checks.whole("seed", seed)), list[Law]()
    while len(rows) < repeats:
        i = draw.integers(len(n), size=len(n))
        if min(len(np.unique(n[i])), len(np.unique(d[i]))) >= 3:
            starts = [centre, centre * [1, 1.2, 0.8, 1.2, 0.8], centre * [1, 0.8, 1.2, 0.8, 1.2]]
            rows.append(_search(np.array(starts), n[i], d[i], target[i], delta))
    return np.array(rows)


def optimal(compute: float, E: float, A: float, B: float, alpha: float, beta: float) -> tuple[float, float]:
    """(parameters, tokens) with the lowest loss that `compute` = 6 N D operations buy.

    Hoffmann et al. 2022, equation 4: N = G (C/6)^a and D = (C/6)^b / G, with a = beta / (alpha + beta), b = 1 - a and
    G = (alpha A / (beta B))^(1 / (alpha + beta)).

    Raises:
        ValueError: `compute` is not positive, or a coefficient does not make a law.
    """
    check_law(E, A, B, alpha, beta)
    product = checks.positive("compute", compute) / 6
    G = (alpha * A / (beta * B)) ** (1 / (alpha + beta))
    return G * product ** (beta / (alpha + beta)), product ** (alpha / (alpha + beta)) / G


def optimal_with_inference(
    loss: float, inference_tokens: float, E: float, A: float, B: float, alpha: float, beta: float
) -> tuple[float, float]:
    """(parameters, tokens) that reach `loss` at the least 6 N D + 2 N T operations, training and inference together.

    The problem is that of Sardana et al. 2024 (arXiv:2401.00448), equation 1. On the curve of equal loss the optimum
    is where beta y (1 + T / (3 D)) = alpha (loss - E - y), y = B / D^beta being what the text still adds: the left
    side rises with y and the right side falls, so that bisection finds the only solution.

    Args:
        loss: nats per token, above E.
        inference_tokens: T, tokens that the model will read and write in its life; 0 is training alone.
        E: irreducible loss; with A, B, alpha and beta, the law.

    Raises:
        ValueError: `loss` is not above E, `inference_tokens` is negative, or a coefficient does not make a law.
    """
    check_law(E, A, B, alpha, beta)
    excess = checks.number("loss", loss) - E
    if excess <= 0:
        raise ValueError(f"loss: {loss!r}; must be above E = {E!r}, which no model of this law reaches")
    served = checks.not_negative("inference_tokens", inference_tokens)
    low, high = 0.0, 1.0  # y as a share of the excess
    for _ in range(200):
        share = (low + high) / 2
        tokens = (B / (share * excess)) ** (1 / beta)
        if beta * share * (1 + served / (3 * tokens)) < alpha * (1 - share):
            low = share
        else:
            high = share
    return (A / ((1 - share) * excess)) ** (1 / alpha), tokens


def check_law(E: float, A: float, B: float, alpha: float, beta: float) -> None:
    checks.not_negative("E", E)
    for name, value in (("A", A), ("B", B), ("alpha", alpha), ("beta", beta)):
        checks.positive(name, value)


def _runs(parameters, tokens, losses) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """log N, log D and log L."""
    given = {"parameters": parameters, "tokens": tokens, "losses": losses}
    rows = {name: np.log(checks.series(name, values, checks.positive, least=6)) for name, values in given.items()}
    if len({len(row) for row in rows.values()}) > 1:
        lengths = ", ".join(f"{name} {len(row)}" for name, row in rows.items())
        raise ValueError(f"{lengths}: must be as many of each")
    for name in ("parameters", "tokens"):
        if (different := len(np.unique(rows[name]))) < 3:
            raise ValueError(f"{name}: {different} different values; a curve needs three or more")
    return rows["parameters"], rows["tokens"], rows["losses"]


def _log_loss(theta: np.ndarray, n: np.ndarray, d: np.ndarray) -> np.ndarray:
    """log L of every run for each row (log E, log A, log B, alpha, beta) of `theta`: (rows, runs)."""
    e, a, b, alpha, beta = (column[:, None] for column in theta.T)
    return np.logaddexp(np.logaddexp(a - alpha * n, b - beta * d), e)


def _huber(r: np.ndarray, delta: float) -> np.ndarray:
    size = np.abs(r)
    return np.where(size <= delta, r**2 / 2, delta * (size - delta / 2))


def _search(starts: np.ndarray, n: np.ndarray, d: np.ndarray, target: np.ndarray, delta: float) -> Law:
    """The best of the minima that L-BFGS finds from each start."""
    from scipy.optimize import minimize

    def value_and_slope(theta: np.ndarray) -> tuple[float, np.ndarray]:
        e, a, b, alpha, beta = theta
        terms = np.array([np.full_like(n, e), a - alpha * n, b - beta * d])  # (3, runs)
        total = np.logaddexp.reduce(terms)
        r = total - target
        shares = np.exp(terms - total) * np.clip(r, -delta, delta)  # of each term in the slope
        slope = [*shares.sum(1), -(shares[1] * n).sum(), -(shares[2] * d).sum()]
        return scale * _huber(r, delta).sum(), scale * np.array(slope)

    scale = 1 / delta**2  # the objective is then some units large
    options = {"maxiter": 2000, "maxfun": 4000, "ftol": 1e-13, "gtol": 1e-7, "maxcor": 20}
    found = [minimize(value_and_slope, start, jac=True, method="L-BFGS-B", options=options) for start in starts]
    e, a, b, alpha, beta = min(found, key=lambda result: result.fun).x
    return Law(*(float(x) for x in (np.exp(e), np.exp(a), np.exp(b), alpha, beta)))
