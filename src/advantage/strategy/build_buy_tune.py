"""API, open weights, fine-tune or own: break-even volumes, the cost of an accepted answer, and options to change.

The choice among them all is in `choosing`. Standard library only for plain numbers, so that it also runs in a browser.
"""

from math import exp, sqrt

from advantage.checks import INFINITY, not_negative, number, one_of, positive, share, whole, wrong
from advantage.strategy.normal import below, log

E = 2.718281828459045
TINY = 1e-290  # a spread of zero: the option is then worth what it is worth today


def break_even_volume(fixed: float, own_per_million: float, bought_per_million: float) -> float:
    """Millions of tokens a month above which one's own machine is cheaper; infinite where it never is.

    Fixed + own · v = bought · v.

    Args:
        fixed: dollars a month that do not depend on volume: rent, and the people who run it.
        own_per_million: dollars for one more million on one's own machine.
        bought_per_million: dollars for a million of the mix that one buys.
    """
    saved = not_negative("bought_per_million", bought_per_million) - not_negative("own_per_million", own_per_million)
    return not_negative("fixed", fixed) / saved if saved > 0 else INFINITY


def cached_input_price(new: float, cached: float, hit_rate: float) -> float:
    """Dollars per million tokens of input of which a share is read from the cache."""
    hit_rate = share("hit_rate", hit_rate)
    return not_negative("new", new) * (1 - hit_rate) + not_negative("cached", cached) * hit_rate


def cost_per_accepted(cost: float, success: float, checking: float = 0.0) -> float:
    """Dollars for an answer that is accepted, when each try costs that much and succeeds independently: (c + k)/p.

    Args:
        cost: dollars a try.
        success: probability p that a try is accepted, above 0.
        checking: dollars to find out whether it is.
    """
    share("success", success)
    return (not_negative("cost", cost) + not_negative("checking", checking)) / positive("success", success)


def routing_saving(strong_share: float, strong_price: float, weak_price: float) -> float:
    """Share of the bill saved when only some calls go to the strong model: 1 − (s + (1 − s) weak/strong).

    Source: the arithmetic of RouteLLM (Ong et al. 2024, arXiv:2406.18665).
    """
    strong = share("strong_share", strong_share)
    ratio = not_negative("weak_price", weak_price) / positive("strong_price", strong_price)
    return 1 - (strong + (1 - strong) * ratio)


def cascade_cost(weak_price: float, strong_price: float, passed_on: float, judge_price: float = 0.0) -> float:
    """Cost of asking the weak model always, judging its answer, and the strong one for the share passed on."""
    asked = not_negative("weak_price", weak_price) + not_negative("judge_price", judge_price)
    return asked + share("passed_on", passed_on) * not_negative("strong_price", strong_price)


def break_even_success(cost: float, other_cost: float, other_success: float, checking: float = 0.0) -> float:
    """Success from which a try at `cost` gives cheaper accepted answers than the other's: p (c + k)/(c' + k).

    Above 1 where no success is enough.

    Args:
        cost, other_cost: dollars a try, c and c'.
        other_success: p, of the other.
        checking: dollars to find out whether a try is accepted, k; the same for both.
    """
    checking = not_negative("checking", checking)
    share("other_success", other_success)
    tries = (not_negative("cost", cost) + checking) / positive("other_cost + checking", other_cost + checking)
    return positive("other_success", other_success) * tries


def worth_until_release(flow: float, release_rate: float, discount: float = 0.0, lost: float = 1.0) -> float:
    """Present value of a fine-tune that earns `flow` a month and loses a share at each release: flow/(r + λ lost).

    Releases of the base model come at random and independently, N(t) of them by month t; then what is left earns
    flow (1 − lost)^N(t), whose mean is flow e^{−λ lost t}.

    Args:
        flow: dollars a month.
        release_rate: λ, releases a month, as a constant hazard; 1/λ is the mean time between two.
        discount: r, continuous rate a month.
        lost: share of the advantage that a release takes away; 1 where nothing is left.
    """
    lost = share("lost", lost)
    fall = positive("release_rate", release_rate) * lost + not_negative("discount", discount)
    return number("flow", flow) / positive("discount + release_rate * lost", fall)


def margrabe(
    s1: float, s2: float, q1: float, q2: float, sigma1: float, sigma2: float, rho: float, years: float
) -> float:
    """Worth today of the right to give the second asset for the first on a day: a European exchange option.

    s1 e^{−q1 T} Φ(d1) − s2 e^{−q2 T} Φ(d2), d1 = [ln(s1/s2) + (q2 − q1 + σ²/2) T]/(σ√T), d2 = d1 − σ√T,
    σ² = σ1² + σ2² − 2ρσ1σ2, the volatility of the ratio; no interest rate appears.
    Source: Margrabe 1978; Haug, The Complete Guide to Option Pricing Formulas.

    Args:
        s1, s2: today's prices of what is received and of what is given up.
        q1, q2: what each pays out, as continuous rates a year.
        sigma1, sigma2: volatilities a year.
        rho: correlation of the two, from −1 to 1.
        years: T.

    Raises:
        ValueError: an argument is out of range.
    """
    s1, s2, years = positive("s1", s1), positive("s2", s2), not_negative("years", years)
    q1, q2 = number("q1", q1), number("q2", q2)
    sigma1, sigma2 = not_negative("sigma1", sigma1), not_negative("sigma2", sigma2)
    share("|rho|", abs(number("rho", rho)))
    # the square as a sum of two that are not negative, exact where the two assets move as one
    square = (sigma1 - sigma2) ** 2 + 2 * (1 - number("rho", rho)) * sigma1 * sigma2
    return _exchange(s1 * E ** (-q1 * years), s2 * E ** (-q2 * years), (square * years) ** 0.5)


def switching_worth(
    s1: float, s2: float, q1: float, q2: float, sigma1: float, sigma2: float, rho: float, months: int
) -> float:
    """Worth today of paying, in each of some months, the cheaper of two bills in place of the first one.

    Each month is a right to give the second bill for the first: a sum of exchange options. Nothing is hedged here; the
    formula is the mean of the discounted saving where both bills are lognormal.

    Args:
        s1, s2: a month's bill today, at the supplier that one has and at the other.
        q1, q2: rate of discount less the bill's growth, a year.
        sigma1, sigma2, rho: as in `margrabe`.
        months: 1, 2, … up to this one.
    """
    times = [month / 12 for month in range(1, whole("months", months, least=1) + 1)]
    return sum(margrabe(s1, s2, q1, q2, sigma1, sigma2, rho, time) for time in times)


def black_scholes(spot: float, strike: float, rate: float, sigma: float, years: float, kind: str = "call") -> float:
    """Worth today of the right to buy (call) or sell (put) at the strike on a day.

    Call = S Φ(d1) − K e^{−rT} Φ(d2); a put is its mirror image.
    Source: Black & Scholes 1973 (doi:10.1086/260062).

    Args:
        spot: today's price S.
        strike: K.
        rate: continuous rate of interest a year.
        sigma: volatility a year.
        years: T.
        kind: `call` or `put`.

    Raises:
        ValueError: an argument is out of range.
    """
    one_of("kind", kind, ("call", "put"))
    spot, years = positive("spot", spot), not_negative("years", years)
    paid = positive("strike", strike) * E ** (-number("rate", rate) * years)
    spread = not_negative("sigma", sigma) * years**0.5
    return _exchange(spot, paid, spread) if kind == "call" else _exchange(paid, spot, spread)


def binomial(
    spot: float,
    strike: float,
    rate: float,
    sigma: float,
    years: float,
    steps: int = 500,
    kind: str = "call",
    american: bool = False,
    payout: float = 0.0,
) -> float:
    """The same right on the tree of Cox, Ross & Rubinstein (1979), and one that may be used early.

    With strike 1, rate q2 and payout q1 it prices the exchange of `margrabe` in units of the asset given up, where
    spot is s1/s2 and sigma the volatility of that ratio.

    Args:
        spot, strike, rate, sigma, years, kind: as in `black_scholes`; `sigma` and `years` positive.
        steps: of the tree.
        american: whether it may be used before the last day.
        payout: what the asset pays out while one waits, as a continuous rate a year.

    Raises:
        ValueError: an argument is out of range, or the steps are so long that the tree offers a sure profit.
    """
    one_of("kind", kind, ("call", "put"))
    spot, strike, rate = positive("spot", spot), positive("strike", strike), number("rate", rate)
    step = positive("years", years) / whole("steps", steps, least=1)
    up = exp(positive("sigma", sigma) * sqrt(step))
    paid = exp(number("payout", payout) * step)
    return tree(spot, strike, exp(rate * step), up, 1 / up, steps, kind, american, paid)


def tree(
    spot: float,
    strike: float,
    growth: float,
    up: float,
    down: float,
    steps: int,
    kind: str,
    american: bool,
    paid: float = 1.0,
) -> float:
    """A binomial tree by its own moves: each step the price goes `up` or `down`, and money grows by `growth`.

    An asset that pays its owner out needs to grow less than money, by the factor `paid` a step.
    Source: Hull, Options, Futures and Other Derivatives, on binomial trees.

    Raises:
        ValueError: `growth`, over `paid`, does not lie between `down` and `up`.
    """
    one_of("kind", kind, ("call", "put"))
    drift = positive("growth", growth) / positive("paid", paid)
    if not positive("down", down) < drift < positive("up", up):
        raise wrong(
            "growth", drift, f"between down = {down:g} and up = {up:g}, or there is a sure profit; take more steps"
        )
    sign, steps = (1 if kind == "call" else -1), whole("steps", steps, least=1)
    probability = (drift - down) / (up - down)
    prices = [spot * up**n * down ** (steps - n) for n in range(steps + 1)]
    worth = [max(0.0, sign * (price - strike)) for price in prices]
    for left in range(steps, 0, -1):
        worth = [(probability * worth[n + 1] + (1 - probability) * worth[n]) / growth for n in range(left)]
        if american:
            prices = [price / down for price in prices[:left]]
            worth = [max(held, sign * (price - strike)) for held, price in zip(worth, prices)]
    return worth[0]


def _exchange(received: float, given: float, spread: float) -> float:
    """Present values of both sides and the standard deviation of their log ratio → worth of the right to exchange."""
    spread = spread + TINY
    d1 = log(received / given) / spread + spread / 2
    return received * below(d1) - given * below(d1 - spread)
