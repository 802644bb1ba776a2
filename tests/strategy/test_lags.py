"""Lags against cases by hand, simulated lags that are cut off, and levels that rise in straight lines."""

import math

import numpy as np
import pytest

from advantage.strategy import lags

LEADER = [(0, 10), (1, 20), (2, 15), (3, 30), (5, 40)]
FOLLOWER = [(0.5, 5), (2, 20), (4, 30), (4.5, 25)]


def test_by_hand():
    """Reference: read off the two lists; 15 is no record, and 40 is not reached."""
    assert lags.lags(LEADER, FOLLOWER) == [(10, 0, 2, True), (20, 1, 1, True), (30, 3, 1, True), (40, 5, 0, False)]
    assert lags.lags(LEADER, FOLLOWER, end=7)[-1] == (40, 5, 2, False)
    assert lags.lags(LEADER[::-1], FOLLOWER[::-1]) == lags.lags(LEADER, FOLLOWER)
    assert lags.lags([(3, -1)], [(1, 0)]) == [(-1, 3, -2, True)]
    assert lags.lags([("2026-01-15", 1)], [("2026-05", 1)])[0].lag == pytest.approx(120 / 365.2425)
    assert lags.mean_lag(lags.lags(LEADER, FOLLOWER, end=7)) == pytest.approx((2 + 1 + 1 + 2) / 3)


def test_lags_that_still_run_count():
    """Reference: 20,000 exponential lags of mean 4, looked at after 3: the ended ones alone have a mean near 1.3."""
    drawn = np.random.default_rng(4).exponential(4, 20_000)
    found = [lags.Lag(0, 0, min(lag, 3.0), bool(lag <= 3)) for lag in drawn]
    ended = [lag.lag for lag in found if lag.caught]
    assert np.mean(ended) == pytest.approx(4 - 3 / math.expm1(3 / 4), abs=0.05)
    assert lags.mean_lag(found) == pytest.approx(4, rel=0.04)
    assert lags.mean_lag([lags.Lag(0, 0, 3.0, False)]) == math.inf


def test_two_straight_lines():
    """Reference: levels read off two lines, and the lag found between them."""
    times = np.linspace(0, 20, 2001)
    leader, follower = list(zip(times, 3 * times)), list(zip(times, 2.5 * times - 3))
    now = lags.lags(leader, follower)[0].lag  # the leader's level 0 was reached after 1.2
    assert now == pytest.approx(1.2, abs=0.01)
    measured = next(lag for lag in lags.lags(leader, follower) if lag.led >= 9)
    assert lags.lag_later(1.0, 3, 2.5, measured.led + measured.lag) == pytest.approx(measured.lag, abs=0.02)
    assert lags.lag_later(2, 3, 3, 9) == 2
    assert lags.lag_later(1, 1, 2, 3) == -2


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("end", lambda: lags.lags(LEADER, FOLLOWER, end=4)),
        ("series", lambda: lags.lags([], FOLLOWER)),
        (r"series\[0\], value", lambda: lags.lags(LEADER, [(0, math.nan)])),
        (r"lags\[0\]", lambda: lags.mean_lag(lags.lags([(3, -1)], [(1, 0)]))),
        ("leader", lambda: lags.lag_later(1, 0, 1, 1)),
        ("time", lambda: lags.lag_later(1, 1, 1, -1)),
        ("follower", lambda: lags.lag_later(1, 1, math.nan, 1)),
    ],
)
def test_bad_input_is_named(name, call):
    """Reference: the docstrings."""
    with pytest.raises(ValueError, match=f"^{name}"):
        call()
