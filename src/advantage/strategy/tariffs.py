"""One tariff of three numbers, and who takes it: a fee, an allowance, and a price for what goes beyond.

Flat rates, caps, credits, two-part tariffs and prices by use are its corners. A customer needs X dollars of use (at
the seller's cost) a month when use is free; the next dollar of use after q of them is worth a ln(X/q), so that at the
price p the need falls to X e^{−p/a}, and q ≤ X are worth a q (1 + ln(X/q)).
"""

from collections import namedtuple
from math import inf

import numpy as np

from advantage.checks import not_negative, positive, share, whole, wrong
from advantage.strategy.price_plans import lognormal

People = namedtuple("People", "need weights month_weights")
Use = namedtuple("Use", "quantity paid surplus")
Offer = namedtuple("Offer", "fee profit joined surplus")


def people(mean: float, median: float, between: float = 1.0, nodes: int = 401) -> People:
    """Customers whose need in a month is lognormal, as quadrature nodes.

    Args:
        mean, median: of the need in a month, dollars at cost.
        between: share of the variance of ln X that lies between customers; the rest is from month to month and not
            known when the plan is chosen. With 1 all know their month.
        nodes: of each of the two normal variables.

    Returns:
        Need, (customers, months); weights of the customers and of the months, each summing to 1.
    """
    mu, sigma = lognormal(mean, median)
    between, nodes = share("between", between), whole("nodes", nodes, least=3)

    def normal(part):  # standard deviations from the mean, and weights
        if part == 0:
            return np.zeros(1), np.ones(1)
        z = np.linspace(-8, 8, nodes)
        weight = np.exp(-(z**2) / 2)
        return z * sigma * part**0.5, weight / weight.sum()

    who, weights = normal(between)
    when, month_weights = normal(1 - between)
    return People(np.exp(mu + who[:, None] + when[None, :]), weights, month_weights)


def choose(need, worth, allowance: float, price: float) -> Use:
    """Use, variable payment and surplus before the fee of somebody with that need: min(X, max(C, X e^{−p/a})).

    Args:
        need: X, dollars at cost, any shape.
        worth: a, what use that is free is worth on average, dollars for each dollar of cost; a number, or one for each
            customer that broadcasts with need.
        allowance: C, dollars at cost that the fee includes; infinite for a flat rate.
        price: p, dollars for each dollar of cost beyond; infinite where service ends there.
    """
    need, worth = positive("need", np.asarray(need, dtype=float)), positive("worth", worth)
    allowance = allowance if allowance == inf else not_negative("allowance", allowance)
    price = price if price == inf else not_negative("price", price)
    quantity = np.minimum(need, np.maximum(allowance, need * np.exp(-price / worth)))
    paid = 0 * need if price == inf else price * np.maximum(quantity - allowance, 0)
    some = np.where(quantity > 0, quantity, 1)
    value = np.where(quantity > 0, worth * quantity * (1 + np.log(need / some)), 0)
    return Use(quantity, paid, value - paid)


def offer(
    customers: People,
    worth: float,
    allowance: float,
    price: float,
    fee: float | None = None,
    rival: float | None = None,
) -> Offer:
    """What a tariff earns from customers who take it where it leaves them at least as much as their alternative.

    Who is indifferent takes it.

    Args:
        customers: from `people`.
        worth, allowance, price: as in `choose`.
        fee: F, dollars a month; None for the best one that anybody pays, even if it earns less than no offer.
        rival: price by use of somebody else's like service, for each dollar of cost; None where there is none.

    Returns:
        Fee; profit for each customer of the population, a month; share of them who join; their surplus, also for each
        of the population, over the alternative.

    Raises:
        ValueError: an argument is out of range.
    """
    quantity, paid, surplus = choose(customers.need, worth, allowance, price)
    kept, gain = surplus @ customers.month_weights, (paid - quantity) @ customers.month_weights
    other = 0 * kept
    if rival is not None:
        other = choose(customers.need, worth, 0.0, positive("rival", rival)).surplus @ customers.month_weights
    more = np.where(np.abs(kept - other) <= 1e-12 * kept, 0.0, kept - other)  # what the fee may take at most
    tie = 1e-9 * kept  # who is indifferent takes it, whichever way the last digit was rounded
    if fee is None:
        fee = _best_fee(more, gain, customers.weights)
    fee = not_negative("fee", fee)
    joined = customers.weights * (more >= fee - tie)
    return Offer(fee, float(joined @ (fee + gain)), float(joined.sum()), float(joined @ (more - fee)))


def _best_fee(more, gain, weights) -> float:
    """The fee that earns most: 0 or what one of the customers may pay at most."""
    order = np.argsort(-more, kind="stable")
    fees = more[order]
    profit = fees * np.cumsum(weights[order]) + np.cumsum((weights * gain)[order])
    profit = np.where(fees >= 0, profit, -inf)
    best = int(np.argmax(profit))
    willing = more >= 0
    return float(fees[best]) if profit[best] > weights[willing] @ gain[willing] else 0.0


def best_price(customers: People, worth, prices, rival: float | None = None, fee: float | None = 0.0):
    """(price, `Offer`) that earns most among `prices` of a tariff without an allowance: by use, or with a fee if None.

    Raises:
        ValueError: there is no price, or an argument is out of range.
    """
    tried = [(price, offer(customers, worth, 0.0, price, fee, rival)) for price in prices]
    if not tried:
        raise wrong("prices", prices, "at least one price")
    return max(tried, key=lambda pair: pair[1].profit)
