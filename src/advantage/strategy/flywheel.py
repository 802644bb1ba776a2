"""When is data a moat? Two sellers whose customers' data improve what they sell, in two models.

In the *loop* customers differ in taste, data grow stale, and each seller's loss falls with its data by a scaling law:
loss = … + B / D^beta, D in bytes. In the *game* of Hagiu and Wright all customers are alike, both sellers look ahead,
and one of them serves the whole market each period. In both, data leak to the rival. Standard library only, so that
it also runs in a browser.
"""

from collections import namedtuple
from math import exp, log

from advantage.checks import inside, not_negative, number, positive, series, share, whole, wrong

Stocks = namedtuple("Stocks", "own rival")
Game = namedtuple("Game", "own rival margin")


def loop_stocks(own_share: float, flow: float, stale: float, base: float, spillover: float = 0.0) -> Stocks:
    """Bytes that each seller holds once as many come as grow stale: D₀ + (τ/ρ)(S + φ(1 − S)), and with 1 − S.

    Args:
        own_share: S, of the customers.
        flow: τ, bytes that the whole market's customers leave in a month and that may be used.
        stale: ρ, the share of the data above the base that a month makes useless.
        base: D₀, bytes that anybody has.
        spillover: φ, the share of a seller's new data that its rival learns as well.
    """
    share("own_share", own_share)
    flow, stale, base = not_negative("flow", flow), positive("stale", stale), positive("base", base)
    phi = share("spillover", spillover)
    return Stocks(*(base + flow / stale * (s + phi * (1 - s)) for s in (own_share, 1 - own_share)))


def loop_share(own: float, rival: float, taste: float, B: float, beta: float) -> float:
    """Share of the customers that buys from a seller with `own` bytes against `rival`: a logit in the losses.

    Args:
        own, rival: bytes of data.
        taste: κ, utils for a nat of loss.
        B, beta: of the scaling law, B / D^beta nats.
    """
    taste, B, beta = not_negative("taste", taste), positive("B", B), positive("beta", beta)
    ahead = taste * B * (positive("rival", rival) ** -beta - positive("own", own) ** -beta)
    return 1 / (1 + exp(-ahead)) if ahead > -700 else 0.0


def loop_turn(stocks, taste: float, B: float, beta: float, flow: float, stale: float, base: float, spillover=0.0):
    """A month of the loop: (share of the first seller, both stocks at the month's end); arguments as above."""
    own, rival = stocks
    s, phi = loop_share(own, rival, taste, B, beta), share("spillover", spillover)
    flow, stale, base = not_negative("flow", flow), share("stale", stale), positive("base", base)
    kept = (base + (1 - stale) * (stock - base) for stock in stocks)
    new = (flow * (s + phi * (1 - s)), flow * (1 - s + phi * s))
    return s, Stocks(*(a + b for a, b in zip(kept, new)))


def loop_gain(taste: float, B: float, beta: float, flow: float, stale: float, base: float, spillover=0.0) -> float:
    """What a customer more brings in customers, once round the loop, where both sellers are alike.

    G = (κ/2) · β B D^{−β} · (1 − φ)(τ/ρ)/D with D = D₀ + (1 + φ) τ/(2 ρ). Below 1 a small lead dies
    out, above 1 it grows.

    Args:
        taste, B, beta, flow, stale, base, spillover: as in `loop_share` and `loop_stocks`.
    """
    taste, B, beta = not_negative("taste", taste), positive("B", B), positive("beta", beta)
    D = loop_stocks(0.5, flow, stale, base, spillover).own
    return taste / 2 * beta * B * D**-beta * (1 - spillover) * flow / stale / D


def loop_rests(taste: float, B: float, beta: float, flow: float, stale: float, base: float, spillover=0.0):
    """Every share at which the loop stands still, in order: from the first on, each second one is stable.

    Half is always one. It is stable where `loop_gain` is below 1; even so a large lead may last beside it, where the
    data of customers outweigh what anybody has.
    Found as changes of sign on a grid of 1,000, then by bisection: S = loop_share(loop_stocks(S)).

    Args:
        taste, B, beta, flow, stale, base, spillover: as in `loop_share` and `loop_stocks`.
    """

    def gap(s):
        return loop_share(*loop_stocks(s, flow, stale, base, spillover), taste, B, beta) - s

    found, steps = [0.5], 1_000
    for i in range(steps // 2):  # the upper half mirrors the lower one
        low, high = i / steps, (i + 1) / steps
        if i + 1 == steps // 2:
            high = 0.5 - 1e-6
        if gap(low) * gap(high) > 0:
            continue
        rising = gap(low) < 0
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if (gap(middle) < 0) == rising else (low, middle)
        found += [low, 1 - low]
    return sorted(found)


def tipping_spillover(taste: float, B: float, beta: float, flow: float, stale: float, base: float) -> float:
    """φ from which on no lead grows, G(φ) = 1; 0 where none grows without spillover either. By bisection: G falls.

    Args:
        taste, B, beta, flow, stale, base: as in `loop_gain`.
    """
    low, high = 0.0, 1.0
    if loop_gain(taste, B, beta, flow, stale, base) <= 1:
        return 0.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if loop_gain(taste, B, beta, flow, stale, base, middle) > 1 else (low, middle)
    return low


def learned(periods: int, worth: float, B: float, beta: float, flow: float, base: float) -> list[float]:
    """f(0), …, f(periods): dollars a period that a product is worth more after so many periods of data.

    worth · (B/D₀^β − B/(D₀ + n τ)^β), with the scaling law's text term.

    Args:
        periods: after which learning is over.
        worth: dollars a period that all customers together pay for a nat.
        B, beta: of the scaling law.
        flow: τ, bytes a period.
        base: D₀, bytes that anybody has.
    """
    periods, worth = whole("periods", periods), not_negative("worth", worth)
    B, beta = positive("B", B), positive("beta", beta)
    flow, base = not_negative("flow", flow), positive("base", base)
    return [worth * B * (base**-beta - (base + n * flow) ** -beta) for n in range(periods + 1)]


def forever(values, discount: float) -> list[float]:
    """(1 − δ) Σ δᵏ v(n + k) for each n: the average value of a seller who serves from n on for ever, discounted.

    Args:
        values: v(0), v(1), …, the last one being kept for ever.
        discount: δ, of a period, between 0 and 1.
    """
    values, discount = _rising("values", values), inside("discount", discount, 0, 1)
    averages = values[-1:]
    for value in reversed(values[:-1]):
        averages.append((1 - discount) * value + discount * averages[-1])
    return averages[::-1]


def learning_game(own, rival, discount: float, spillover: float = 0.0, catch_up: float = 0.0) -> Game:
    """The Markov-perfect equilibrium of two sellers who learn from whom they serve, in every state.

    In state (i, j) the sellers have sold for i and j periods, and their products are worth own[i] and rival[j] dollars
    to the market. Each quotes a price, the better offer serves the whole market for the period, and its seller learns:
    i + 1 or j + 1. With the chance `spillover` the loser learns as much from the sale. With the chance `catch_up` a new
    model comes at the period's end that has what the leader learned, and both go on from there. The losing price is
    what that seller would just accept, so that each seller's margin counts what winning is worth later.
    Later states are solved first; a state can only return to itself, and then its two values are linear.
    Source: Hagiu & Wright 2023 (doi:10.1111/1756-2171.12453), section 3; there `spillover` is 0, and `catch_up` is λ.

    Args:
        own: values after 0, 1, … periods of sales, not falling; the last one is the most that can be learned.
        rival: the same of the other seller; add a constant where its product is better by itself.
        discount: δ, between 0 and 1.
        spillover: φ, of each sale.
        catch_up: λ, in each period.

    Returns:
        `own` and `rival`: present values of their profits, dollars, rows i, columns j; `margin`: the dollars by which
        the first seller can outbid the other, which wins where it is 0 or below.
    """
    f = _rising("own", own), _rising("rival", rival)
    delta, phi, lam = inside("discount", discount, 0, 1), share("spillover", spillover), share("catch_up", catch_up)
    last = len(f[0]) - 1, len(f[1]) - 1
    V = [[[0.0] * (last[1] + 1) for _ in f[0]] for _ in range(3)]  # own, rival, margin
    for i in range(last[0], -1, -1):
        for j in range(last[1], -1, -1):
            up = min(i + 1, last[0]), min(j + 1, last[1])
            ahead = [_later((up[0], j), up, (i, j), V, last, delta, phi, lam)]
            ahead.append(_later((i, up[1]), up, (i, j), V, last, delta, phi, lam))
            for table, value in zip(V, _state(f[0][i] - f[1][j], *ahead)):
                table[i][j] = value
    return Game(*V)


def _later(sold, leaked, here, V, last, delta, phi, lam):
    """(discounted values of both sellers, discounted chance to be here again) after a sale that leads to `sold`."""
    own = rival = stay = 0.0
    for chance, (i, j) in ((1 - phi, sold), (phi, leaked)):
        top = max(i, j)
        for odds, (a, b) in ((1 - lam, (i, j)), (lam, (min(top, last[0]), min(top, last[1])))):
            weight = delta * chance * odds
            if (a, b) == here:
                stay += weight
            else:
                own += weight * V[0][a][b]
                rival += weight * V[1][a][b]
    return own, rival, stay


def _state(ahead, won, lost):
    """Both values and the margin, for (values, chance to stay) after a sale of the first seller and of the second."""
    (own_w, rival_w, stay_w), (own_l, rival_l, stay_l) = won, lost
    rest = rival_w / (1 - stay_w)  # of the second seller, should the first win
    value = (ahead + own_w + rival_w - rival_l + (stay_w - stay_l) * rest) / (1 - stay_w)
    margin = (1 - stay_l) * value - own_l
    if margin > 0:
        return value, rest, margin
    rest = own_l / (1 - stay_l)
    value = (-ahead + rival_l + own_l - own_w + (stay_l - stay_w) * rest) / (1 - stay_l)
    return rest, value, rival_w - (1 - stay_w) * value


def head_start_worth(learning, discount: float, lead: int, spillover: float = 0.0, catch_up: float = 0.0) -> float:
    """Present value of being `lead` periods ahead of a rival that learns alike and has nothing, in `learning_game`.

    Σₖ (δ(1 − λ))ᵏ (f(lead + k) − E f(bₖ)), with bₖ binomial (k, φ): the leader serves every period, earns the
    difference of that period, and the rival knows what leaked. The sum is our own, solved from its end.

    Args:
        learning: f, the value after 0, 1, … periods of sales, as `learned` gives it.
        discount: δ, between 0 and 1.
        lead: periods sold before the rival comes.
        spillover: φ, of each sale.
        catch_up: λ, in each period.
    """
    f, lead = _rising("learning", learning), whole("lead", lead)
    phi = share("spillover", spillover)
    delta = inside("discount", discount, 0, 1) * (1 - share("catch_up", catch_up))
    last = len(f) - 1
    lead = min(lead, last)
    worth = [0.0] * (last + 2)  # of having learned all, against a rival with j periods
    for j in range(last - 1, -1, -1):
        worth[j] = (f[last] - f[j] + delta * phi * worth[j + 1]) / (1 - delta * (1 - phi))
    for i in range(last - 1, lead - 1, -1):
        worth = [f[i] - f[j] + delta * ((1 - phi) * worth[j] + phi * worth[j + 1]) for j in range(i - lead + 1)] + [0.0]
    return worth[0] if lead else 0.0


def break_even_spillover(learning, discount: float, lead: int, cost: float, catch_up: float = 0.0) -> float:
    """φ* from which on a head start costs more than `head_start_worth`, which falls with φ; by bisection.

    0 where it never pays, 1 where it always does.

    Args:
        learning, discount, lead, catch_up: as in `head_start_worth`.
        cost: dollars that the head start costs.
    """
    cost = number("cost", cost)

    def pays(phi):
        return head_start_worth(learning, discount, lead, phi, catch_up) > cost

    if not pays(0.0):
        return 0.0
    low, high = 0.0, 1.0
    if pays(1.0):
        return 1.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if pays(middle) else (low, middle)
    return low


def learning_curve(first: float, ratio: float, unit: float) -> float:
    """Cost of a unit where each doubling of what was made multiplies it by `ratio`: C₁ x^b, b = log₂ ratio.

    Source: Wright 1936 (doi:10.2514/8.155).

    Args:
        first: C₁, cost of the first unit.
        ratio: the progress ratio, such as 0.8.
        unit: x, 1 for the first.
    """
    return positive("first", first) * positive("unit", unit) ** (log(positive("ratio", ratio)) / log(2))


def _rising(name, values):
    values = series(name, values, number)
    if any(values[i + 1] < values[i] for i in range(len(values) - 1)):
        raise wrong(name, values, "values that do not fall: more data never make the product worse")
    return values
