"""Price plans: a flat rate against a heavy tail, menus, tariffs, peaks.

Standard library only, so that it also runs in a browser.
"""

from collections import namedtuple
from math import exp, log, sqrt

from advantage.checks import INFINITY, inside, not_negative, number, positive, wrong
from advantage.strategy.normal import below, quantile

Plan = namedtuple("Plan", "profit margin losing capped")
Menu = namedtuple("Menu", "q_low t_low q_high t_high profit")
Tariff = namedtuple("Tariff", "price fixed profit")
Peak = namedtuple("Peak", "peak off_peak capacity shifting")


# ------------------------------------------------------------------------------------------ a heavy-tailed bill


def lognormal(mean: float, median: float) -> tuple[float, float]:
    """(μ, σ) of the lognormal with that mean and median: μ = ln median, σ² = 2 ln(mean/median)."""
    mean, median = positive("mean", mean), positive("median", median)
    if mean <= median:
        raise wrong("mean", mean, f"above the median, {median:g}: a bill has a tail to the right")
    return log(median), sqrt(2 * log(mean / median))


def lognormal_quantile(mu: float, sigma: float, probability: float) -> float:
    """The bill that a share `probability` of the customers stays below."""
    return exp(number("mu", mu) + positive("sigma", sigma) * quantile(probability))


def capped_mean(mu: float, sigma: float, cap: float) -> float:
    """Mean of min(X, cap) for a lognormal X: e^{μ+σ²/2} Φ(z − σ) + cap (1 − Φ(z)), z = (ln cap − μ)/σ."""
    mu, sigma, cap = number("mu", mu), positive("sigma", sigma), positive("cap", cap)
    z = (log(cap) - mu) / sigma
    return exp(mu + sigma**2 / 2) * below(z - sigma) + cap * below(-z)


def plan_profit(
    price: float,
    mean: float,
    median: float,
    cap: float | None = None,
    overage: float | None = None,
    leave_below: float = 0.0,
) -> Plan:
    """What a customer of a flat plan leaves on average, when costs a month are lognormal.

    Args:
        price: of the plan, dollars a month.
        mean, median: of what a customer would cost, dollars a month, if nothing were limited.
        cap: cost at which service ends, or is charged by use if there is an `overage`; None for no limit.
        overage: dollars paid for each dollar of cost above the cap; None where service ends there.
        leave_below: who would cost less than this gets too little for the price and leaves: adverse selection.

    Returns:
        Dollars a customer who stays, the same as a share of revenue, the share of customers who cost more than they
        pay, and the share who reach the cap.

    Raises:
        ValueError: an argument is out of range.
    """
    price, leave_below = positive("price", price), not_negative("leave_below", leave_below)
    mu, sigma = lognormal(mean, median)
    if cap is None and overage is not None:
        raise wrong("cap", cap, "the cost above which the overage is charged")

    def above(cost: float) -> float:  # share of all customers
        return below((mu - log(cost)) / sigma) if cost > 0 else 1.0

    stay = above(leave_below)
    if stay <= 0:
        raise wrong("leave_below", leave_below, "so low that somebody stays")
    limit = INFINITY if cap is None else positive("cap", cap)
    if limit <= leave_below:
        raise wrong("cap", cap, f"above leave_below, {leave_below:g}")
    gone = capped_mean(mu, sigma, leave_below) - leave_below * stay if leave_below else 0.0  # cost of those who left
    capped = 0.0 if cap is None else above(limit) / stay
    all_cost = exp(mu + sigma**2 / 2)
    limited = all_cost if cap is None else capped_mean(mu, sigma, limit)
    extra = (all_cost - limited) / stay
    cost, income = (limited - gone) / stay, price
    if overage is not None:
        cost, income = cost + extra, price + not_negative("overage", overage) * extra
    losing = _losing(price, limit, overage, above) / stay
    return Plan(income - cost, (income - cost) / income, min(1.0, losing if price > leave_below else 1.0), capped)


def _losing(price, limit, overage, above):
    """Share of all customers who cost more than they pay."""
    if price < limit:
        even = INFINITY  # the cost at which the overage has made good what the plan lost
        if overage is not None and overage > 1:
            even = limit + (limit - price) / (overage - 1)
        return above(price) - (above(even) if even < INFINITY else 0.0)
    if overage is None or overage >= 1:
        return 0.0
    return above(limit + (price - limit) / (1 - overage))


# ------------------------------------------------------------------------------------------ menus and peaks


def menu(theta_low: float, theta_high: float, high_share: float, cost: float) -> Menu:
    """The best two packages for two kinds of customers with utility 2 θ √q, whom the seller cannot tell apart.

    q_high = (θ_H/c)², undistorted; q_low = (θ'/c)² with θ' = θ_L − (θ_H − θ_L) λ/(1 − λ); the low kind keeps nothing,
    the high one what it would gain by taking the small package. With θ' ≤ 0 only the high kind is served.
    Source: Maskin & Riley 1984, for this utility.

    Args:
        theta_low, theta_high: what the two kinds make of quality.
        high_share: λ, of all customers, strictly between 0 and 1.
        cost: c of one unit of quality.

    Returns:
        Quality and price of each package, and the profit for each customer.
    """
    low, high, cost = positive("theta_low", theta_low), positive("theta_high", theta_high), positive("cost", cost)
    if high <= low:
        raise wrong("theta_high", theta_high, f"above theta_low, {low:g}")
    lam = inside("high_share", high_share, 0, 1)
    q_low = (max(0.0, low - lam / (1 - lam) * (high - low)) / cost) ** 2
    q_high = (high / cost) ** 2
    t_low = 2 * low * sqrt(q_low)
    t_high = 2 * high * sqrt(q_high) - 2 * (high - low) * sqrt(q_low)
    return Menu(q_low, t_low, q_high, t_high, (1 - lam) * (t_low - cost * q_low) + lam * (t_high - cost * q_high))


def two_part_tariff(theta_low: float, theta_high: float, high_share: float, cost: float) -> Tariff:
    """The best fee plus price for each unit at which both kinds of `menu` buy: fee θ_L²/p, p = 2 c m/(θ_L² + m).

    m is the mean of θ²; demand at the price p is (θ/p)².
    """
    low, high, cost = positive("theta_low", theta_low), positive("theta_high", theta_high), positive("cost", cost)
    if high <= low:
        raise wrong("theta_high", theta_high, f"above theta_low, {low:g}")
    lam = inside("high_share", high_share, 0, 1)
    mean = (1 - lam) * low**2 + lam * high**2
    price = 2 * cost * mean / (low**2 + mean)
    return Tariff(price, low**2 / price, low**2 / price + (price - cost) * mean / price**2)


def linear_price(theta_low: float, theta_high: float, high_share: float, cost: float) -> Tariff:
    """The best single price for each unit, without a fee, for the same customers: twice the cost."""
    low, high, cost = positive("theta_low", theta_low), positive("theta_high", theta_high), positive("cost", cost)
    lam = inside("high_share", high_share, 0, 1)
    return Tariff(2 * cost, 0.0, ((1 - lam) * low**2 + lam * high**2) / (4 * cost))


def peak_load_prices(a_peak: float, a_off: float, running: float, capacity_cost: float) -> Peak:
    """Prices of two equally long periods with demands a − p that share one capacity, at zero profit.

    Where demand off peak stays within the capacity, it pays the running cost b alone and the peak pays for the
    machines, b + β. Where it would then exceed it ("shifting peak"), both fill the capacity and share β.
    Source: Steiner 1957; Boiteux 1960.

    Args:
        a_peak, a_off: price at which each period's demand ends.
        running: b, cost of one unit in one period.
        capacity_cost: β, cost of one unit of capacity over both.
    """
    a_peak, a_off = positive("a_peak", a_peak), positive("a_off", a_off)
    b, beta = not_negative("running", running), not_negative("capacity_cost", capacity_cost)
    if a_off > a_peak:
        raise wrong("a_off", a_off, f"at most a_peak, {a_peak:g}")
    if a_off <= b or a_peak <= b + beta:
        raise wrong("a_peak, a_off", (a_peak, a_off), "above b + beta and b, or a period is not served")
    capacity = a_peak - b - beta
    if a_off - b <= capacity:
        return Peak(b + beta, b, capacity, False)
    capacity = (a_peak + a_off - 2 * b - beta) / 2
    return Peak(a_peak - capacity, a_off - capacity, capacity, True)


def spend_ratio(price_ratio: float, elasticity: float) -> float:
    """What customers spend after a price change over what they spent: ratio^(1 + ε), ε negative.

    "Jevons", more spending at a lower price, needs ε below −1, of the market and not of one of its sellers.
    """
    return positive("price_ratio", price_ratio) ** (1 + number("elasticity", elasticity))
