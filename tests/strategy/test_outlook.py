"""Forecasts against SciPy, statsmodels, covariances simulated walks; rebound; the dated series."""

import datetime
import math
import runpy
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from advantage import records
from advantage.strategy import outlook, students_t

SERIES = {**records.price_series(), **records.input_series()}
UNEVEN = [(0.0, 4.0), (0.5, 5.0), (2.0, 2.0), (2.25, 2.5), (4.0, 1.0)]
values = st.lists(st.floats(0.01, 100), min_size=3, max_size=12)


def simulated(rng, times, drift=-0.4, spread=0.3):
    """Values of a geometric walk at these times."""
    steps = np.diff(times)
    changes = drift * steps + spread * np.sqrt(steps) * rng.standard_normal(len(steps))
    return np.exp(np.concatenate([[0.0], np.cumsum(changes)]))


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 5, 6, 29, 30, 400])
def test_students_t(degrees):
    """Reference: SciPy."""
    for level in (1e-3, 0.5, 0.8, 0.95, 0.99999):
        assert students_t.student(level, degrees) == pytest.approx(stats.t.ppf((1 + level) / 2, degrees), rel=1e-8)
    for z in (0.0, 0.3, 2.0, 40.0):
        assert students_t.within(z, degrees) == pytest.approx(1 - 2 * stats.t.sf(z, degrees), abs=1e-13)


def test_by_hand():
    """Reference: 1, 2, 8 has changes ln 2 and ln 4, mean 1.5 ln 2, variance (ln 2)²/2; t(0.975; 1) = 12.7062."""
    found = outlook.walk([1, 2, 8])
    assert found.drift == pytest.approx(1.5 * math.log(2))
    assert found.spread == pytest.approx(math.log(2) / math.sqrt(2))
    said = outlook.forecast([1, 2, 8], 2)
    width = 12.7062047 * found.spread * math.sqrt(2 + 2**2 / 2)
    assert said.median == pytest.approx(64)
    assert math.log(said.high / 64) == pytest.approx(width, rel=1e-7)
    assert math.log(64 / said.low) == pytest.approx(width, rel=1e-7)


@pytest.mark.parametrize("window", [None, 3])
def test_uneven_dates_by_weighted_least_squares(window):
    """Reference: statsmodels, changes regressed on steps with weights 1/step: slope, its interval, a new change's."""
    sm = pytest.importorskip("statsmodels.api")
    used = UNEVEN if window is None else UNEVEN[-1 - window :]
    step, change = np.diff([t for t, _ in used]), np.diff(np.log([v for _, v in used]))
    fit = sm.WLS(change, step, weights=1 / step).fit()
    found = outlook.trend(UNEVEN, 0.9, window)
    assert math.log(found.factor) == pytest.approx(fit.params[0])
    assert np.log([found.low, found.high]) == pytest.approx(fit.conf_int(0.1)[0])
    for horizon in (0.3, 1.0, 7.0):
        row = fit.get_prediction([[horizon]], weights=1 / horizon).summary_frame(alpha=0.1).iloc[0]
        said = np.log(outlook.forecast(UNEVEN, horizon, 0.9, window=window)) - math.log(UNEVEN[-1][1])
        assert said == pytest.approx([row["mean"], row["obs_ci_lower"], row["obs_ci_upper"]])


def test_even_dates_by_a_state_space_model():
    """Reference: statsmodels' ARIMA(0, 1, 0) with a trend, whose drift and point forecasts are these."""
    arima = pytest.importorskip("statsmodels.tsa.arima.model")
    y = np.log(simulated(np.random.default_rng(3), np.arange(30.0)))
    fit = arima.ARIMA(y, order=(0, 1, 0), trend="t").fit()
    assert [math.log(outlook.forecast(np.exp(y), h).median) for h in (1, 2, 3)] == pytest.approx(
        fit.forecast(3), rel=1e-4
    )


@given(st.integers(2, 12), st.integers(1, 8), st.floats(-0.95, 0.95))
@settings(max_examples=60, deadline=None)
def test_correlated_shocks_by_their_covariance(changes, horizon, theta):
    """Reference: the covariance matrix of n_i = v_i + θ v_(i−1), and the forecast error as a sum of the n_i."""
    total = changes + horizon
    shocks = np.eye(total, total + 1) * theta + np.eye(total, total + 1, 1)  # n = shocks @ v
    weights = np.concatenate([np.full(changes, -horizon / changes), np.ones(horizon)])
    variance = weights @ shocks @ shocks.T @ weights / (1 + theta**2)
    series = np.exp(np.cumsum(np.arange(changes + 1) % 3))
    found = outlook.walk(series)
    said = outlook.forecast(series, horizon, 0.9, theta)
    width = math.log(said.high / said.median) / students_t.student(0.9, changes - 1) / found.spread
    assert width**2 == pytest.approx(variance, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("times", [np.arange(7.0), np.array([0, 0.1, 1.0, 1.2, 3.0, 6.0, 6.5])])
@pytest.mark.parametrize("horizon", [0.5, 3.0])
def test_the_interval_holds_what_it_says(times, horizon):
    """Reference: 2,000 simulated walks, 95 % ± four standard errors; so does the chance of a value above."""
    rng, held, above = np.random.default_rng(11), 0, []
    runs = 2000
    for _ in range(runs):
        path = simulated(rng, np.append(times, times[-1] + horizon))
        known = list(zip(times, path))
        said = outlook.forecast(known, horizon)
        held += said.low <= path[-1] <= said.high
        if len(above) < 1000:
            above.append(outlook.chance_above(known, horizon, path[-1]))
    assert held / runs == pytest.approx(0.95, abs=4 * math.sqrt(0.95 * 0.05 / runs))
    assert stats.kstest(above, "uniform").pvalue > 0.001


def test_shocks_that_are_correlated_need_the_wider_interval():
    """Reference: 1,500 simulated series with θ = 0.63, 20 changes, 5 steps ahead; unheeded, it is too small."""
    rng, runs = np.random.default_rng(5), 1500
    held = {0.0: 0, 0.63: 0}
    for _ in range(runs):
        v = rng.standard_normal(26)
        path = np.exp(np.concatenate([[0.0], np.cumsum(v[1:] + 0.63 * v[:-1])]))
        for theta in held:
            said = outlook.forecast(path[:21], 5, theta=theta)
            held[theta] += said.low <= path[-1] <= said.high
    assert held[0.0] / runs < 0.89
    assert 0.92 < held[0.63] / runs < 0.96  # an approximation, short of 95 %


@given(values, st.floats(0.1, 9), st.floats(0.01, 100), st.randoms())
@settings(max_examples=60, deadline=None)
def test_units_and_order_do_not_matter(series, horizon, factor, shuffle):
    """Reference: the model: another unit of value or time scales the answer; the rows may come in any order."""
    said = outlook.forecast(series, horizon, 0.5)
    assert outlook.forecast([v * factor for v in series], horizon, 0.5) == pytest.approx(
        tuple(x * factor for x in said), rel=1e-6
    )
    dated = [(2000 + 3 * i, v) for i, v in enumerate(series)]
    shuffle.shuffle(dated)
    assert outlook.forecast(dated, 3 * horizon, 0.5) == pytest.approx(said, rel=1e-6)
    assert outlook.line(dated, 3 * horizon, 0.5) == pytest.approx(outlook.line(series, horizon, 0.5), rel=1e-6)
    assert said.low <= said.median <= said.high
    assert outlook.forecast(series, horizon, 0.9).high >= said.high
    assert outlook.chance_above(series, horizon, said.median) == pytest.approx(0.5)


def test_the_interval_grows_to_a_cone():
    """Reference: √τ while shocks rule, τ once the unknown drift does."""
    series = [1, 2, 3, 2, 4, 3, 5, 9]

    def width(horizon):
        said = outlook.forecast(series, horizon)
        return math.log(said.high / said.low)

    assert width(4e-6) / width(1e-6) == pytest.approx(2, rel=1e-4)
    assert width(400) / width(100) == pytest.approx(4, rel=0.06)
    assert outlook.forecast([1, 2, 4, 8], 2) == pytest.approx((32, 32, 32))
    assert outlook.forecast([1, 1e300, 1], 5).high == math.inf
    assert [outlook.chance_above([1, 2, 4, 8], 1, v) for v in (15, 17)] == [1, 0]


def test_rows_pairs_and_dates_are_the_same():
    """Reference: the standard library's calendar; a year of 365.2425 days."""
    day = datetime.date(2026, 8, 17)
    assert outlook.year("2026-08-17") == outlook.year(day)
    assert outlook.year("2026-08") == outlook.year("2026-08-15")
    assert outlook.year("2027-01-01") - outlook.year("2026-01-01") == pytest.approx(365 / 365.2425)
    assert outlook.year("2026-01-01") == pytest.approx(2026, abs=0.01)
    pairs = [("2024-01-01", 3.0), ("2025-06", 2.0), ("2026-02-03", 1.5)]
    rows = [{"date": when, "value": value, "source": "x"} for when, value in pairs]
    assert outlook.forecast(rows, 1) == outlook.forecast(pairs, 1)
    assert outlook.forecast(np.array(UNEVEN), 1) == outlook.forecast(UNEVEN, 1)


def test_what_held_at_even_dates():
    """Reference: read off by hand; a price list holds until the next one."""
    rows = [(0, 5), (0.9, 4), (1, 3), (2.5, 2)]
    assert outlook.in_force(rows, 1) == [(0.5, 5), (1.5, 3), (2.5, 2)]
    assert outlook.in_force(rows[::-1], 0.5, end=3) == [
        (0, 5), (0.5, 5), (1, 3), (1.5, 3), (2, 3), (2.5, 2), (3, 2),
    ]  # fmt: skip
    assert outlook.in_force(rows, 9) == [(2.5, 2)]
    tenths = outlook.in_force([(k / 10, k + 1) for k in range(31)], 0.1)
    assert [value for _, value in tenths] == list(range(1, 32))
    tokens = outlook.in_force(SERIES["token_output"]["rows"], 0.25, "2026-11-25")
    assert outlook.forecast(tokens, 1, theta=0.3).high > outlook.forecast(tokens, 1).high  # even, so θ may be asked


def test_every_origin_and_every_horizon():
    """Reference: each forecast made by hand from what was known; counts n(n − 1)/2."""
    trials = outlook.hindcast(UNEVEN, 0.8)
    assert [(t.origin, t.horizon) for t in trials] == [(2.0, 0.25), (2.0, 2.0), (2.25, 1.75)]
    for trial in trials:
        known = [point for point in UNEVEN if point[0] <= trial.origin]
        said = outlook.forecast(known, trial.horizon, 0.8)
        assert (trial.median, trial.low, trial.high) == said
        assert trial.start == known[-1][1]
        assert trial.actual == dict(UNEVEN)[trial.origin + trial.horizon]
        assert trial.error == pytest.approx(math.log(trial.actual / said.median))
        width = math.log(said.high / said.median) / students_t.student(0.8, len(known) - 2)
        assert trial.scaled == pytest.approx(trial.error / width)
        assert trial.inside == (abs(trial.scaled) <= students_t.student(0.8, len(known) - 2))
    found = outlook.score(trials)
    assert found.forecasts == 3
    assert found.bias == pytest.approx(np.mean([t.error for t in trials]))
    assert found.error == pytest.approx(np.sqrt(np.mean([t.error**2 for t in trials])))
    assert found.unchanged == pytest.approx(np.sqrt(np.mean([math.log(t.actual / t.start) ** 2 for t in trials])))
    assert len(outlook.hindcast(range(1, 12), window=4)) == 6 * 7 // 2 == len(outlook.hindcast(range(1, 12), least=4))
    assert outlook.hindcast([1, 2, 3]) == []
    assert all(t.scaled == 0 and t.inside for t in outlook.hindcast([1, 1, 1, 1]))
    assert [t.scaled for t in outlook.hindcast([1, 1, 1, 1, 2])] == [0, math.inf, math.inf]


def test_hindcasts_of_walks_collapse_onto_students_t():
    """Reference: 300 walks of 12 values, window of 5: scaled errors of each horizon are t with 4 degrees of freedom."""
    rng, scaled, held = np.random.default_rng(2), {1: [], 6: []}, []
    for _ in range(300):
        trials = outlook.hindcast(simulated(rng, np.arange(12.0)), window=5)
        held += [t.inside for t in trials]
        for horizon, found in scaled.items():  # one origin a walk: trials of one walk are not independent
            found.append(next(t.scaled for t in trials if t.horizon == horizon))
    assert np.mean(held) == pytest.approx(0.95, abs=0.01)
    for found in scaled.values():
        assert stats.kstest(found, stats.t(4).cdf).pvalue > 0.001


def test_the_line_that_2026_broke():
    """Reference: a least-squares fit made before: ×0.30 a year, 0.21 in September 2026, 80 % from 0.02 to 1.86."""
    rows = [row for row in SERIES["token_output"]["rows"] if "2025-02" <= row["date"] < "2026-08"]
    said = outlook.line(rows, outlook.year("2026-09-10") - outlook.year("2026-04-24"), 0.8)
    assert said.median == pytest.approx(0.21, abs=0.005)
    assert (said.low, said.high) == pytest.approx((0.02, 1.86), abs=0.006)
    longer = outlook.line(rows, 1 + outlook.year("2026-09-10") - outlook.year("2026-04-24"), 0.8)
    assert longer.median / said.median == pytest.approx(0.30, abs=0.005)
    fit = stats.linregress([outlook.year(r["date"]) for r in rows], np.log([r["value"] for r in rows]))
    assert said.median == pytest.approx(math.exp(fit.intercept + fit.slope * outlook.year("2026-09-10")))


def test_spending_at_one_elasticity():
    """Reference: a published elasticity of −1.11; half the price then sells 2.158 times, and spending rises by 8 %."""
    assert outlook.elasticity(2, 1, 1, 2**1.11) == pytest.approx(-1.11)
    assert outlook.spending(0.5, -1.11) == pytest.approx(0.5 * 2**1.11) == pytest.approx(1.079, abs=5e-4)
    assert outlook.rebound(0.5, -1.11) == pytest.approx((0.5 * 2**1.11 - 0.5) / 0.5)
    assert outlook.rebound(0.5, -1) == pytest.approx(1)
    assert outlook.rebound(0.5, 0) == pytest.approx(0)
    assert outlook.spending(1e-300, -9) == math.inf


@given(st.floats(0.01, 50), st.floats(-3, 0))
@settings(max_examples=60, deadline=None)
def test_rebound_has_a_limit(ratio, e):
    """Reference: the definition; −e for a small change; spending rises with a falling price exactly below −1."""
    if abs(ratio - 1) > 1e-3:
        assert outlook.rebound(ratio, e) == pytest.approx((ratio ** (1 + e) - ratio) / (1 - ratio), rel=1e-6, abs=1e-9)
        assert (outlook.rebound(ratio, e) > 1 + 1e-9) == ((1 + e) < -1e-9) or abs(1 + e) < 1e-3
    assert outlook.rebound(1.0, e) == -e
    assert outlook.rebound(1 + 1e-9, e) == pytest.approx(-e, abs=1e-6)


def test_every_row_has_its_date_its_source_and_how_it_was_checked():
    """Reference: the rule that figures from elsewhere carry these; 30 rows a file at most."""
    for series in (records.price_series(), records.input_series()):
        assert sum(len(entry["rows"]) for entry in series.values()) <= 30
    for name, entry in SERIES.items():
        assert entry["what"], name
        assert entry["unit"], name
        dates = [outlook.year(row["date"]) for row in entry["rows"]]
        assert dates == sorted(set(dates)), name
        assert dates[-1] <= outlook.year("2026-11-25")
        for row in entry["rows"]:
            assert row["value"] > 0, (name, row)
            assert row["source"], (name, row)
            assert row["checked"], (name, row)
            assert set(row) <= {"date", "value", "note", "source", "checked"}


def test_token_prices_are_those_of_the_frozen_lists():
    """Reference: the price lists that are held against the pinned package, of the same model and day."""
    path = Path(__file__).parents[2] / "benchmarks" / "prices.py"
    lists = {(r["model"], r["output"]) for r in runpy.run_path(str(path))["day_lists"]()}
    rows = {row["date"]: row for row in SERIES["token_output"]["rows"]}
    models = {"2025-02-09": "V3", "2025-09-05": "V3.1", "2025-09-29": "V3.2", "2026-04-24": "V4 Flash"}
    for date, model in (models | {"2026-08-17": "V4 Flash", "2026-09-10": "V4.1 Flash, off-peak"}).items():
        assert (model, rows[date]["value"]) in lists, date


def test_2026_broke_the_trend():
    """Reference: the rows: rents and prices fell before, and both are above their lows since."""
    for name, low in (("token_output", "2026-04-24"), ("h100_rent", "2025-10"), ("h200_block", "2025-12")):
        rows = SERIES[name]["rows"]
        at = next(row["value"] for row in rows if row["date"] == low)
        assert at == min(row["value"] for row in rows)
        assert all(row["value"] > at for row in rows if row["date"] > low)
    rent = {row["date"]: row["value"] for row in SERIES["h100_rent"]["rows"]}
    assert rent["2026-03"] / rent["2025-10"] == pytest.approx(1.38, abs=0.005)  # as published
    compute = SERIES["training_compute"]["rows"]
    assert [r["value"] for r in compute] == sorted(r["value"] for r in compute)
    assert 4 < outlook.trend(compute).factor < 5  # a published finding to May 2024: 4 to 5 times a year


BAD = {
    "series": [
        lambda: outlook.forecast([], 1),
        lambda: outlook.forecast(5, 1),
        lambda: outlook.forecast("1,2,3", 1),
        lambda: outlook.forecast([1], 1),
        lambda: outlook.forecast([1, 2], 1),
        lambda: outlook.trend([1, 2]),
        lambda: outlook.line([1, 2], 1),
        lambda: outlook.hindcast([1, 2]),
        lambda: outlook.forecast([(1, 2), (1, 3), (2, 4)], 1),
        lambda: outlook.forecast([("2026-01-15", 2), ("2026-01", 3), ("2026-02", 4)], 1),
    ],
    r"series\[1\], value": [
        lambda v=v: outlook.forecast([1, v, 2], 1) for v in (0, -1, math.nan, math.inf, "2", None, True)
    ],
    r"series\[1\]: ": [
        lambda: outlook.forecast([1, (1, 2, 3), 2], 1),
        lambda: outlook.forecast([1, {"value": 2}, 2], 1),
    ],
    r"series\[0\], date": [
        lambda v=v: outlook.forecast([(v, 1), (2, 1), (3, 1)], 1)
        for v in ("2026-13-01", "yesterday", "", math.nan, None)
    ],
    "horizon": [
        *(lambda v=v: outlook.forecast([1, 2, 3], v) for v in (0, -1, math.nan, "1")),
        lambda: outlook.forecast([1, 2, 3], 0.5, theta=0.3),
        lambda: outlook.line([1, 2, 3], 0),
        lambda: outlook.chance_above([1, 2, 3], 0, 1),
    ],
    "level": [lambda v=v: outlook.forecast([1, 2, 3], 1, v) for v in (0, 1, 95, math.nan)],
    "theta": [
        *(lambda v=v: outlook.forecast([1, 2, 3], 1, theta=v) for v in (1, -1, math.nan)),
        lambda: outlook.forecast(UNEVEN, 3, theta=0.3),
        lambda: outlook.hindcast(UNEVEN, theta=0.3),
    ],
    "window": [lambda v=v: outlook.forecast([1, 2, 3], 1, window=v) for v in (1, 0, -3, 2.0)],
    "step": [lambda: outlook.in_force(UNEVEN, 0), lambda: outlook.in_force(UNEVEN, math.nan)],
    "end": [lambda: outlook.in_force(UNEVEN, 1, end=-1)],
    "least": [lambda: outlook.hindcast([1, 2, 3], least=1)],
    "value": [lambda: outlook.chance_above([1, 2, 3], 1, 0)],
    "trials": [lambda: outlook.score([])],
    "degrees": [lambda: students_t.student(0.9, 0), lambda: students_t.within(1, 1.5)],
    "later_price": [lambda: outlook.elasticity(1, 1, 1, 2), lambda: outlook.elasticity(1, 0, 1, 2)],
    "quantity": [lambda: outlook.elasticity(1, 2, -1, 2)],
    "price_ratio": [lambda: outlook.rebound(0, -1), lambda: outlook.spending(-1, -1)],
    "elasticity": [lambda: outlook.rebound(0.5, math.nan), lambda: outlook.spending(0.5, "x")],
}


@pytest.mark.parametrize(("name", "call"), [(name, call) for name, calls in BAD.items() for call in calls])
def test_bad_input_is_named(name, call):
    """Reference: the docstrings."""
    with pytest.raises(ValueError, match=f"^{name}"):
        call()


def test_months_are_even_enough_for_correlated_shocks():
    """Reference: the docstring of EVEN: months differ from the mean one by 8 %; three quarters of one do not pass."""
    months = [(f"2026-{m:02d}-01", 1.0 + m % 3) for m in range(1, 12)]
    assert outlook.forecast(months, 0.5, theta=0.3).high > outlook.forecast(months, 0.5).high
    with pytest.raises(ValueError, match=r"^theta"):
        outlook.forecast([*months, ("2026-11-23", 2.0)], 0.5, theta=0.3)
