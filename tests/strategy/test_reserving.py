"""What to reserve, against a search over quantities, simulated demand, quadrature, and counting hour by hour."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.optimize import minimize_scalar

from advantage.strategy import capacity

DEMAND = st.lists(st.floats(0, 50), min_size=1, max_size=30)
PRICE = st.floats(0.1, 10)


def bill_by_hour(quantity, demand, reserved, on_demand, spot, interruptible):
    """Each hour's cheapest use of what is reserved, by trying which part of it the firm work takes."""
    bills = []
    for each in demand:
        firm, loose = (1 - interruptible) * each, interruptible * each
        prices = []
        for taken in (0.0, min(firm, quantity), max(min(firm, quantity - loose), 0.0)):
            left = max(loose - (quantity - taken), 0.0)
            prices.append(on_demand * (firm - taken) + min(spot, on_demand) * left)
        bills.append(reserved * quantity + min(prices))
    return np.mean(bills)


@given(DEMAND, PRICE, PRICE, PRICE, st.floats(0, 1))
@settings(max_examples=80, deadline=None)
def test_no_other_quantity_is_cheaper(demand, reserved, on_demand, spot, interruptible):
    """Reference: each hour's best use by enumeration, at 60 quantities and at the hours' own."""
    prices = reserved, on_demand, spot, interruptible
    best = capacity.reserve(demand, *prices)
    tries = [*np.linspace(0, 60, 60), *demand, *((1 - interruptible) * np.array(demand))]
    bills = [capacity.rent_bill(quantity, demand, *prices) for quantity in tries]
    assert bills == pytest.approx([bill_by_hour(quantity, demand, *prices) for quantity in tries])
    assert best.cost == pytest.approx(bill_by_hour(best.quantity, demand, *prices))
    assert best.cost <= min(bills) * (1 + 1e-12)
    assert 0 <= best.used <= 1 + 1e-12


@given(st.floats(0.05, 0.95), st.integers(0, 2**31))
@settings(max_examples=30, deadline=None)
def test_without_spot_it_is_the_quantile_of_the_hours(ratio, seed):
    """Reference: NumPy's quantile at 1 − reserved/on demand; and `newsvendor` for demand that is normal."""
    demand = np.random.default_rng(seed).normal(50, 8, 801)
    best = capacity.reserve(demand, ratio, 1.0)
    assert best.quantity == pytest.approx(np.quantile(demand, 1 - ratio, method="inverted_cdf"), rel=0.01)
    normal = capacity.newsvendor(50, 8, 1 - ratio, ratio)
    assert best.quantity == pytest.approx(normal.quantity, abs=2)
    assert best.cost - ratio * demand.mean() == pytest.approx(normal.cost, rel=0.25)


def test_fractiles_of_rents_that_were_asked_in_2026():
    """Reference: by hand. 2.35 reserved: .20 against 2.95 on demand, .52 against 4.90."""
    for on_demand, fractile in ((2.95, 0.20), (4.90, 0.52)):
        assert 1 - 2.35 / on_demand == pytest.approx(fractile, abs=0.005)
        best = capacity.reserve(range(1, 1001), 2.35, on_demand)
        assert best.quantity / 1000 == pytest.approx(fractile, abs=0.005)
        assert capacity.commit([capacity.Rent(1, 500, 100, on_demand)], 2.35).quantity == pytest.approx(
            stats.norm.ppf(1 - 2.35 / on_demand, 500, 100)
        )


Z = np.linspace(-12, 12, 20_001)
WEIGHTS = stats.norm.pdf(Z) * (Z[1] - Z[0])


def excess(mean, sd, quantity):
    """E max(D − Q, 0) by the trapezoidal rule."""
    return np.maximum(mean + sd * Z - quantity, 0) @ WEIGHTS


@given(st.floats(-100, 100), st.floats(0.01, 50), st.floats(-200, 200))
@settings(max_examples=60, deadline=None)
def test_what_demand_exceeds(mean, sd, quantity):
    """Reference: quadrature over the normal; without spread the difference itself."""
    assert capacity.expected_excess(mean, sd, quantity) == pytest.approx(excess(mean, sd, quantity), abs=1e-6 * sd)
    assert capacity.expected_excess(mean, 0, quantity) == max(mean - quantity, 0)


RENTS = st.lists(
    st.tuples(st.floats(0.1, 1), st.floats(1, 100), st.floats(0.1, 30), st.floats(1, 6), st.floats(0, 0.9)),
    min_size=1,
    max_size=4,
)


@given(RENTS, st.floats(1.0, 5.0))
@settings(max_examples=40, deadline=None)
def test_a_commitment_before_the_rent_is_known(raw, reserved):
    """Reference: SciPy's search on the mean cost by the states; to know the state first is never dearer."""
    total = sum(q for q, *_ in raw)
    rents = [capacity.Rent(q / total, *rest) for q, *rest in raw]

    def mean_cost(quantity):
        cost = 0.0
        for q, mean, sd, o, v in rents:
            short = excess(mean, sd, quantity)
            cost += q * (reserved * quantity + o * short - v * (quantity - mean + short))
        return cost

    best = capacity.commit(rents, reserved)
    assert best.cost == pytest.approx(mean_cost(best.quantity), rel=1e-6, abs=1e-5)
    found = minimize_scalar(mean_cost, bounds=(0, 400), method="bounded", options={"xatol": 1e-3})
    assert best.cost <= min(found.fun, mean_cost(0)) + 1e-4
    assert best.cost == pytest.approx(sum(rent.probability * cost for rent, cost in zip(rents, best.costs)))
    assert best.informed <= best.cost + 1e-9


def test_a_rent_that_can_rise():
    """Reference: by hand. Apart from demand, only the mean rent counts; rents that rise with it are worth more."""
    level = capacity.commit([capacity.Rent(1, 50, 8, 3.0)], 2.0)
    apart = capacity.commit([capacity.Rent(0.5, 50, 8, 2.0), capacity.Rent(0.5, 50, 8, 4.0)], 2.0)
    assert apart.quantity == pytest.approx(level.quantity)
    assert apart.cost == pytest.approx(level.cost)
    assert level.quantity == pytest.approx(capacity.newsvendor(50, 8, 1.0, 2.0).quantity)
    assert level.cost == pytest.approx(2 * 50 + capacity.newsvendor(50, 8, 1.0, 2.0).cost)
    assert apart.informed < apart.cost
    assert level.informed == pytest.approx(level.cost)
    together = [capacity.Rent(0.5, 40, 8, 2.0), capacity.Rent(0.5, 60, 8, 4.0)]
    against = [capacity.Rent(0.5, 60, 8, 2.0), capacity.Rent(0.5, 40, 8, 4.0)]
    assert capacity.commit(together, 2.0).quantity > capacity.commit(against, 2.0).quantity + 5
    sold = capacity.commit([capacity.Rent(1, 50, 8, 3.0, 1.0)], 2.0)
    assert sold.quantity == pytest.approx(50)  # (3 − 2)/(3 − 1) is a half
    assert capacity.commit([capacity.Rent(1, 50, 0, 3.0)], 2.0).quantity == pytest.approx(50)
    assert capacity.commit([capacity.Rent(1, 50, 8, 2.0)], 2.0)[:2] == pytest.approx((0, 100))


@given(st.lists(st.floats(0, 50), min_size=1, max_size=24), st.floats(0, 400))
@settings(max_examples=60, deadline=None)
def test_one_fleet_for_serving_and_training(serving, work):
    """Reference: the smallest fleet, by bisection, whose idle hours hold the training; together is never more."""
    fleets = capacity.shared_fleet(serving, work)
    low, high = max(serving), max(serving) + work + 1
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (low, middle) if sum(middle - need for need in serving) >= work else (middle, high)
    assert fleets.shared == pytest.approx(high, abs=1e-6)
    assert fleets.apart == pytest.approx(max(serving) + work / len(serving))
    assert fleets.shared <= fleets.apart + 1e-9


def beside_by_hand(serving, fleet, job, restart):
    """Hour by hour for two days, the second one counted: each job from its start on."""
    work = starts = 0
    for i in range(1, int(fleet // job) + 1):
        idle = [fleet - need >= i * job for need in serving * 3]
        day = len(serving)
        if all(idle):
            work += job * day
            continue
        for hour in range(day, 2 * day):
            if idle[hour] and not idle[hour - 1]:
                end = next(h for h in range(hour, 3 * day) if not idle[h])
                starts += 1
                work += job * max(end - hour - restart, 0)
    return work, starts


@given(
    st.lists(st.integers(0, 12), min_size=1, max_size=24),
    st.integers(1, 14),
    st.integers(1, 5),
    st.sampled_from([0, 0.5, 2]),
)
@settings(max_examples=80, deadline=None)
def test_training_beside_serving(serving, fleet, job, restart):
    """Reference: each job followed hour by hour over three equal days."""
    beside = capacity.train_beside(serving, fleet, job, restart)
    assert (beside.work, beside.starts) == pytest.approx(beside_by_hand(serving, fleet, job, restart))
    assert 0 <= beside.before <= beside.used <= 1 + 1e-12
    assert beside.used == pytest.approx(beside.before + beside.work / fleet / len(serving))
    if restart == 0 and job == 1:
        assert beside.work == sum(max(fleet - need, 0) for need in serving)


def test_a_day_with_a_peak():
    """Reference: by hand. Eight machines, four hours of a day at 8, twenty at 2."""
    day = [2] * 10 + [8] * 4 + [2] * 10
    assert capacity.shared_fleet(day, 120) == pytest.approx((13, 8))
    assert capacity.train_beside(day, 8) == pytest.approx((120, 6, 1, (20 * 2 + 32) / 192))
    assert capacity.train_beside(day, 8, 4, 1) == pytest.approx((4 * 19, 1, (72 + 76) / 192, 72 / 192))
    assert capacity.train_beside(day, 8, 7) == pytest.approx((0, 0, 0.375, 0.375))
    assert capacity.train_beside([2.0], 8, 3, 5) == pytest.approx((6, 0, 1, 0.25))  # never has to stop


RENT = capacity.Rent(1, 50, 8, 3.0)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: capacity.expected_excess(float("nan"), 1, 1), "mean"),
        (lambda: capacity.expected_excess(1, -1, 1), "sd"),
        (lambda: capacity.rent_bill(-1, [1], 1, 2), "quantity"),
        (lambda: capacity.rent_bill(1, [], 1, 2), "demand"),
        (lambda: capacity.reserve([1, -1], 1, 2), r"demand\[1\]"),
        (lambda: capacity.reserve([1], 0, 2), "reserved"),
        (lambda: capacity.reserve([1], 1, True), "on_demand"),
        (lambda: capacity.reserve([1], 1, 2, 0), "spot"),
        (lambda: capacity.reserve([1], 1, 2, 1, 1.5), "interruptible"),
        (lambda: capacity.commit([], 1), "rents"),
        (lambda: capacity.commit(3, 1), "rents"),
        (lambda: capacity.commit([(1, 2)], 1), r"rents\[0\]"),
        (lambda: capacity.commit([RENT, RENT], 1), "rents"),
        (lambda: capacity.commit([RENT._replace(sd=-1)], 1), r"rents\[0\].sd"),
        (lambda: capacity.commit([RENT._replace(resale=4)], 1), r"rents\[0\].resale"),
        (lambda: capacity.commit([RENT._replace(resale=1)], 1), "rents"),
        (lambda: capacity.commit([RENT], 0), "reserved"),
        (lambda: capacity.shared_fleet([], 1), "serving"),
        (lambda: capacity.shared_fleet([1], -1), "work"),
        (lambda: capacity.train_beside([1], 0), "fleet"),
        (lambda: capacity.train_beside([1], 2, 0), "job"),
        (lambda: capacity.train_beside([1], 2, 1, float("inf")), "restart"),
    ],
)
def test_bad_input_is_named(call, name):
    with pytest.raises(ValueError, match=rf"^{name}.*must be"):
        call()
