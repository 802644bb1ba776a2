"""How much compute to reserve? Servers in a line, stock for a demand that is not known, checkpoints.

Texts that share an accelerator are in `queues`, reserved, on-demand and spot machines in `reserving`; their names can
be had from here too. Plain numbers, standard library only, so that it also runs in a browser.
"""

from collections import namedtuple
from math import exp, expm1, floor, log1p, sqrt

from advantage.checks import INFINITY, inside, not_negative, one_of, positive, whole, wrong
from advantage.strategy.normal import below, density, quantile
from advantage.strategy.queues import completions, largest_load, late, measured_steps, occupancy, sharing
from advantage.strategy.reserving import (
    Rent,
    commit,
    expected_excess,
    rent_bill,
    reserve,
    shared_fleet,
    train_beside,
)

__all__ = [
    "Rent",
    "checkpoint_interval",
    "commit",
    "completions",
    "erlang_c",
    "erlang_wait",
    "expected_excess",
    "halfin_whitt",
    "largest_load",
    "late",
    "measured_steps",
    "newsvendor",
    "occupancy",
    "rent_bill",
    "reserve",
    "servers_for",
    "shared_fleet",
    "sharing",
    "train_beside",
    "useful_share",
]

Wait = namedtuple("Wait", "waits mean late")
Stock = namedtuple("Stock", "quantity cost")


def erlang_c(servers: int, load: float) -> float:
    """Share of the arrivals that must wait in M/M/c, where each server takes one at a time: Erlang's C formula.

    C = 1/(1 + (1 − ρ)(1/B − 1)), ρ = A/c. Erlang's B is summed as 1/B = 1 + c/A + c(c − 1)/A² + …, whose terms are
    all positive and which stops when they no longer count: any number of servers, without overflow.

    Args:
        servers: c.
        load: A, in Erlang: arrivals a second times the mean seconds of a service.

    Raises:
        ValueError: an argument is wrong, or the load is not below the servers: the line then grows without end.
    """
    servers, load = _stable(servers, load)
    if load == 0:
        return 0.0
    term, others = 1.0, 0.0  # the sum without its first term
    for free in range(servers, 0, -1):
        term *= free / load
        others += term
        if term < 1e-17 * others or others == INFINITY:
            break
    return 1 / (1 + (servers - load) / servers * others)


def erlang_wait(servers: int, load: float, service_seconds: float, within: float = 0.0) -> Wait:
    """Waiting in M/M/c, in order of arrival: C h/(c − A) seconds on average, longer than t for C e^{−(c − A) t/h}.

    Args:
        servers, load: as in `erlang_c`.
        service_seconds: h, mean of a service.
        within: t, seconds.

    Returns:
        waits: share of the arrivals that wait at all. mean: seconds, of all arrivals. late: share that waits longer
        than `within`.
    """
    waits = erlang_c(servers, load)
    service, within = positive("service_seconds", service_seconds), not_negative("within", within)
    spare = (servers - load) / service
    return Wait(waits, waits / spare, waits * exp(-spare * within))


def servers_for(load: float, waits: float) -> int:
    """The fewest servers of M/M/c with which no more than a share `waits` of the arrivals waits."""
    load, waits = not_negative("load", load), inside("waits", waits, 0, 1)
    least = floor(load) + 1
    spare = 1
    while erlang_c(least + spare, load) > waits:
        spare *= 2
    low, high = least, least + spare
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if erlang_c(middle, load) > waits else (low, middle)
    return low


def halfin_whitt(beta: float) -> float:
    """What `erlang_c` tends to with A + β √A servers as the load A grows: 1/(1 + β Φ(β)/φ(β)).

    Source: Halfin & Whitt 1981 (doi:10.1287/opre.29.3.567).
    """
    beta = positive("beta", beta)
    tail = density(beta)
    return tail / (tail + beta * below(beta))


def newsvendor(mean: float, sd: float, underage: float, overage: float) -> Stock:
    """The best quantity for normal demand, and what it costs on average beyond a known demand's.

    Q = μ + z σ with Φ(z) = u/(u + o); cost (u + o) σ φ(z). For machines: reserved at r where the same costs p on
    demand, u = p − r and o = r.
    A quantity below 0 says that nothing should be held, and that a normal demand, which can be negative, fits badly.

    Args:
        mean, sd: of demand; without spread the quantity is the mean, at no cost.
        underage: u, cost of a unit that is asked for and lacking.
        overage: o, cost of a unit too many.
    """
    mean, sd = not_negative("mean", mean), not_negative("sd", sd)
    under, over = positive("underage", underage), positive("overage", overage)
    fractile = under / (under + over)
    if not 0 < fractile < 1:
        raise wrong("underage", underage, f"within 15 orders of magnitude of overage, {over:g}")
    z = quantile(fractile)
    return Stock(mean + z * sd, (under + over) * sd * density(z))


def checkpoint_interval(checkpoint_seconds: float, mtbf_seconds: float, method: str = "young") -> float:
    """Seconds of work between two checkpoints, for failures that come at random, at a constant rate.

    "young": √(2 C M), the first order in C/M. "daly": √(2 C M) (1 + √(C/2M)/3 + C/18M) − C where C < 2M, else M.
    "exact": the τ with (1 − τ/M) e^{(τ + C)/M} = 1, which makes `useful_share` largest whatever a restart takes.
    Sources: Young 1974 (doi:10.1145/361147.361115), Daly 2006 (doi:10.1016/j.future.2004.11.016).

    Args:
        checkpoint_seconds: C, during which no work is done.
        mtbf_seconds: M, mean time between failures of the whole job; on n machines, that of one over n.
        method: "young", "daly" or "exact".
    """
    cost, mean = positive("checkpoint_seconds", checkpoint_seconds), positive("mtbf_seconds", mtbf_seconds)
    one_of("method", method, ("young", "daly", "exact"))
    first = sqrt(2 * cost) * sqrt(mean)
    if method == "young":
        return first
    if method == "daly":
        x = sqrt(cost / mean / 2)
        return first * (1 + x / 3 + x * x / 9) - cost if cost < 2 * mean else mean
    low, high = 0.0, 1.0  # of τ/M
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if _behind_line(middle) < cost / mean else (low, middle)
    return mean * high


def useful_share(
    interval: float, checkpoint_seconds: float, mtbf_seconds: float, restart_seconds: float = 0.0
) -> float:
    """Share of the time that becomes work which is kept: τ e^{−R/M}/(M (e^{(τ + C)/M} − 1)).

    A failure throws back to the last checkpoint, and may come while one is written or while the job restarts.
    The price of an hour of useful work on spot machines is their price over this share.
    Source: Daly 2006 (doi:10.1016/j.future.2004.11.016).

    Args:
        interval: τ, seconds of work between two checkpoints.
        checkpoint_seconds, mtbf_seconds: C and M, as in `checkpoint_interval`.
        restart_seconds: R, from a failure until work goes on.
    """
    work, cost = positive("interval", interval), not_negative("checkpoint_seconds", checkpoint_seconds)
    mean, restart = positive("mtbf_seconds", mtbf_seconds), not_negative("restart_seconds", restart_seconds)
    segment = (work + cost) / mean
    if segment > 700:
        return 0.0
    return work / mean * exp(-restart / mean) / expm1(segment)


def _stable(servers, load):
    servers, load = whole("servers", servers, 1), not_negative("load", load)
    if load >= servers:
        raise wrong("load", load, f"below the servers, {servers}, or the line grows without end")
    return servers, load


def _behind_line(x):
    """−ln(1 − x) − x, which grows from 0 without bound on [0, 1); by its series where the difference would round."""
    if x < 0.05:
        return sum(x**k / k for k in range(2, 16))
    return -log1p(-x) - x if x < 1 else INFINITY
