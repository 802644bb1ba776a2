"""One tariff of three numbers: against customers who search for their best use, closed forms, and limits."""

from math import exp, inf

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm

from advantage.strategy import price_plans, tariffs

KNOWN = tariffs.people(9.36, 0.59)
some = st.floats(0.2, 8)


@given(some, st.floats(0.1, 60), st.floats(0.5, 8), some)
@settings(max_examples=60, deadline=None)
def test_a_customer_who_searches(price, need, worth, allowance):
    """Reference: the best of 20,000 amounts of use, each worth the integral of what its dollars are worth."""
    quantity = np.append(np.linspace(need * 1e-9, need, 20_001), min(need, allowance))
    value = worth * quantity * (1 + np.log(need / quantity))
    net = value - price * np.maximum(quantity - allowance, 0)
    found = tariffs.choose(need, worth, allowance, price)
    assert found.surplus == pytest.approx(net.max(), abs=1e-6 * need * worth)
    assert found.quantity == pytest.approx(min(need, max(allowance, need * exp(-price / worth))))
    assert found.paid == pytest.approx(price * max(found.quantity - allowance, 0))
    integral = quad(lambda q: worth * np.log(need / q), 0, float(found.quantity))[0]
    assert found.surplus + found.paid == pytest.approx(integral, rel=1e-6)


def test_the_people_have_the_moments():
    """Reference: mean and median asked for; the tail of SciPy's lognormal by way of `price_plans`; total variance."""
    for between in (1.0, 0.4, 0.0):
        found = tariffs.people(9.36, 0.59, between)
        joint = found.weights[:, None] * found.month_weights[None, :]
        assert joint.sum() == pytest.approx(1)
        assert (joint * found.need).sum() == pytest.approx(9.36, rel=1e-4)
        logs = np.log(found.need)
        mu, sigma = price_plans.lognormal(9.36, 0.59)
        assert (joint * logs).sum() == pytest.approx(mu)
        assert (joint * (logs - mu) ** 2).sum() == pytest.approx(sigma**2, rel=1e-6)
    capped = np.minimum(KNOWN.need, 20.0)[:, 0] @ KNOWN.weights
    assert capped == pytest.approx(price_plans.capped_mean(mu, sigma, 20.0), rel=1e-3)


@pytest.mark.parametrize("worth", [1.5, 2.0, 5.0])
def test_price_by_use(worth):
    """Reference: (p − 1) e^{−p/a} E[X], largest at p = 1 + a; everybody joins."""
    price, found = tariffs.best_price(KNOWN, worth, np.linspace(0.5, 8, 751))
    assert price == pytest.approx(1 + worth, abs=0.01)
    assert found.profit == pytest.approx(worth * exp(-(1 + worth) / worth) * 9.36, rel=1e-3)
    assert found.joined == pytest.approx(1)
    assert tariffs.best_price(KNOWN, worth, [1.2, 1.4, 1.6], rival=1.5)[0] == 1.4


def test_nobody_knows_the_month():
    """Reference: all alike ex ante: a fee of a e^{−1/a} E[X] with use at cost is the whole surplus."""
    alike = tariffs.people(9.36, 0.59, between=0)
    price, found = tariffs.best_price(alike, 2.0, np.linspace(0.5, 3, 26), fee=None)
    assert price == pytest.approx(1)
    assert found.profit == pytest.approx(2 * exp(-0.5) * 9.36, rel=1e-3)
    assert found.surplus == pytest.approx(0, abs=1e-9)
    flat = tariffs.offer(alike, 2.0, inf, 0.0)
    assert (flat.fee, flat.profit) == (pytest.approx(2 * 9.36, rel=1e-3), pytest.approx(9.36, rel=1e-3))


def test_corners():
    """Reference: a large allowance is a flat rate, a large price is a cap, and the flat rate's customers by hand."""
    many = tariffs.people(9.36, 0.59, nodes=20_001)
    flat = tariffs.offer(KNOWN, 2.0, inf, 0.0, fee=20.0)
    assert tariffs.offer(KNOWN, 2.0, 1e15, 3.0, fee=20.0) == pytest.approx(flat)
    cap = tariffs.offer(KNOWN, 2.0, 30.0, inf, fee=20.0)
    assert tariffs.offer(KNOWN, 2.0, 30.0, 500.0, fee=20.0) == pytest.approx(cap, rel=1e-6)
    plan = price_plans.plan_profit(20, 9.36, 0.59, leave_below=10.0)  # 2 X ≥ 20
    flat = tariffs.offer(many, 2.0, inf, 0.0, fee=20.0)
    assert flat.profit / flat.joined == pytest.approx(plan.profit, rel=2e-3)
    mu, sigma = price_plans.lognormal(9.36, 0.59)
    assert flat.joined == pytest.approx(norm.sf((np.log(10) - mu) / sigma), abs=1e-3)


@given(some, st.floats(0.6, 6), st.floats(0.5, 30), st.sampled_from([None, 1.5, 3.0]), st.sampled_from([1.0, 0.3]))
@settings(max_examples=25, deadline=None)
def test_the_best_fee(price, worth, allowance, rival, between):
    """Reference: 200 other fees that somebody pays; profit and surplus are at most the use's worth less its cost."""
    crowd = tariffs.people(9.36, 0.59, between, nodes=61)
    best = tariffs.offer(crowd, worth, allowance, price, rival=rival)
    for fee in np.linspace(0, 3 * best.fee + 5, 200):
        other = tariffs.offer(crowd, worth, allowance, price, fee, rival)
        assert other.profit <= best.profit + 1e-9 or not other.joined
    if price > 3:  # dearer by use than the rival, without an allowance: nobody comes
        assert tariffs.offer(crowd, worth, 0.0, price, rival=3.0) == (0, 0, 0, 0)
    if rival is None and worth > 1:
        joint = crowd.weights[:, None] * crowd.month_weights[None, :]
        assert best.profit + best.surplus <= worth * exp(-1 / worth) * (joint * crowd.need).sum() + 1e-9


@pytest.mark.parametrize("nodes", [151, 401, 1_001])
def test_who_is_indifferent_takes_it(nodes):
    """Reference: credits of $20 at 1.5 are for heavy users the rival's meter at 1.5, to the cent: a limit of fees."""
    crowd = tariffs.people(9.36, 0.59, nodes=nodes)
    tied = tariffs.offer(crowd, 2.0, 20 / 1.5, 1.5, 20, 1.5)
    below = tariffs.offer(crowd, 2.0, 20 / 1.5, 1.5, 20 - 1e-6, 1.5)
    assert (tied.profit, tied.joined) == pytest.approx((below.profit, below.joined), rel=1e-6)
    assert tariffs.offer(crowd, 2.0, 20 / 1.5, 1.5, 20 + 1e-3, 1.5).joined < tied.joined / 2


@given(st.floats(0.1, 10))
def test_dollars_or_cents(unit):
    """Reference: needs, allowance and fee in another unit change nothing else."""
    one = tariffs.offer(KNOWN, 2.0, 12.0, 2.5)
    other = tariffs.offer(tariffs.people(9.36 * unit, 0.59 * unit), 2.0, 12.0 * unit, 2.5)
    assert (other.fee, other.profit) == pytest.approx((one.fee * unit, one.profit * unit))
    assert other.joined == pytest.approx(one.joined)
    assert tariffs.offer(KNOWN, np.full((401, 1), 2.0), 12.0, 2.5) == pytest.approx(one)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: tariffs.people(1, 2), "mean: 1"),
        (lambda: tariffs.people(2, 1, between=1.5), "between: 1.5"),
        (lambda: tariffs.people(2, 1, nodes=1), "nodes: 1"),
        (lambda: tariffs.choose(0, 2, 1, 1), "need: "),
        (lambda: tariffs.choose(1, 0, 1, 1), "worth: 0"),
        (lambda: tariffs.choose(1, 2, -1, 1), "allowance: -1"),
        (lambda: tariffs.choose(1, 2, 1, float("nan")), "price: nan"),
        (lambda: tariffs.offer(KNOWN, 2, 1, 1, fee=-1), "fee: -1"),
        (lambda: tariffs.offer(KNOWN, 2, 1, 1, rival=0), "rival: 0"),
        (lambda: tariffs.best_price(KNOWN, 2, []), r"prices: \[\]"),
    ],
)
def test_bad_input_is_named(call, name):
    """Reference: the docstrings."""
    with pytest.raises(ValueError, match=f"^{name}"):
        call()
