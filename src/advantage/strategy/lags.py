"""How far one line of work lies behind another: open weights behind closed models, with lags that still run.

The standard library only.
"""

from collections import namedtuple

from advantage.checks import INFINITY, not_negative, number, positive, wrong
from advantage.strategy.outlook import points, year

Lag = namedtuple("Lag", "level led lag caught")


def lags(leader, follower, end=None) -> list[Lag]:
    """How long each record of the leader stood before the follower reached it.

    Args:
        leader, follower: levels of capability, dated, as in `outlook.points`; only records count. Any numbers.
        end: the last day that was looked at; the last date of both without it.

    Returns:
        One `Lag` a record of the leader: its level, when it was set, and the time until the follower reached it
        (below zero where the follower was first), or, with `caught` False, until the end: the lag is longer.
    """
    ahead, behind = _records(points(leader, number)), _records(points(follower, number))
    latest = max(ahead[-1][0], behind[-1][0])
    end = latest if end is None else year(end)
    if end < latest:
        raise wrong("end", end, f"at the last date or later, {latest:g}")
    found = []
    for led, level in ahead:
        caught = next((when for when, reached in behind if reached >= level), None)
        found.append(Lag(level, led, (end if caught is None else caught) - led, caught is not None))
    return found


def mean_lag(lags) -> float:
    """Mean lag with those that still run counted in: time waited over lags that ended, for exponential lags.

    The mean of the ended ones alone is too short, for the long ones have not ended yet. Infinite where none has.
    """
    waited = [not_negative(f"lags[{i}]", lag.lag) for i, lag in enumerate(lags)]
    ended = sum(lag.caught for lag in lags)
    return sum(waited) / ended if ended else INFINITY


def lag_later(lag: float, leader: float, follower: float, time: float) -> float:
    """The lag after some time, where both levels rise steadily: L + (1 − g_f/g_l) t; below zero once overtaken.

    Args:
        lag: L, now.
        leader, follower: g_l and g_f, what each gains in a unit of time.
        time: t, in the unit of the lag.
    """
    ratio = number("follower", follower) / positive("leader", leader)
    return number("lag", lag) + (1 - ratio) * not_negative("time", time)


def _records(known):
    best, found = -INFINITY, []
    for when, level in known:
        if level > best:
            best = level
            found.append((when, level))
    return found
