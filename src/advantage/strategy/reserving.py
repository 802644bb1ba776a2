"""How much to reserve, what to rent by the hour, what to leave to machines that may be taken away?

Quantities in accelerators, prices in dollars for one accelerator and hour. Plain numbers, standard library only, so
that it also runs in a browser.
"""

from collections import namedtuple
from collections.abc import Sequence
from math import floor

from advantage.checks import not_negative, number, positive, series, share, wrong
from advantage.strategy.normal import below, density

Reservation = namedtuple("Reservation", "quantity cost used")
Rent = namedtuple("Rent", "probability mean sd on_demand resale", defaults=[0.0])
Commitment = namedtuple("Commitment", "quantity cost costs informed")
Fleets = namedtuple("Fleets", "apart shared")
Beside = namedtuple("Beside", "work starts used before")


def expected_excess(mean: float, sd: float, quantity: float) -> float:
    """What normal demand exceeds a quantity by, on average: E max(D − Q, 0) = σ (φ(z) − z (1 − Φ(z)))."""
    mean, sd, quantity = number("mean", mean), not_negative("sd", sd), number("quantity", quantity)
    if sd == 0:
        return max(mean - quantity, 0.0)
    z = (quantity - mean) / sd
    return sd * max(density(z) - z * below(-z), 0.0)


def rent_bill(
    quantity: float,
    demand: Sequence[float],
    reserved: float,
    on_demand: float,
    spot: float | None = None,
    interruptible: float = 0.0,
) -> float:
    """Dollars an hour, on average over the hours of `demand`, with `quantity` reserved.

    Work that must not stop takes reserved machines first and rents the rest on demand; work that may stop takes what
    reserved machines are left and rents the rest as spot, or on demand where that is cheaper.

    Args:
        quantity: accelerators reserved, paid for whether used or not.
        demand: accelerators asked for in each hour.
        reserved, on_demand: prices.
        spot: price of an hour of *useful* work on machines that may be taken away: their price over
            `capacity.useful_share`. Without it there is none.
        interruptible: share of each hour's demand that may stop.
    """
    quantity, hours = not_negative("quantity", quantity), _hours(demand, interruptible)
    reserved, on_demand, spot = _prices(reserved, on_demand, spot)
    bill = 0.0
    for firm, loose in hours:
        free = max(quantity - firm, 0.0)
        bill += on_demand * max(firm - quantity, 0.0) + spot * max(loose - free, 0.0)
    return reserved * quantity + bill / len(hours)


def reserve(
    demand: Sequence[float],
    reserved: float,
    on_demand: float,
    spot: float | None = None,
    interruptible: float = 0.0,
) -> Reservation:
    """The quantity with the least `rent_bill`: a newsvendor with two prices.

    One more reserved machine saves the on-demand price while work that must not stop exceeds it, the spot price while
    only work that may stop does, and nothing above; it is worth having while the mean saving exceeds its price.
    Without spot that is the share of the hours with more demand, P(D > Q) = reserved/on_demand.

    Args:
        demand, reserved, on_demand, spot, interruptible: as in `rent_bill`.

    Returns:
        quantity: the smallest of the best. cost: its bill, dollars an hour. used: share of what is reserved that
        works, 0 where nothing is.
    """
    hours = _hours(demand, interruptible)
    r, o, s = _prices(reserved, on_demand, spot)

    def saved(quantity):  # by the next machine, in dollars an hour
        return sum(o if firm > quantity else s if firm + loose > quantity else 0.0 for firm, loose in hours) / len(
            hours
        )

    steps = sorted({0.0} | {firm for firm, _ in hours} | {firm + loose for firm, loose in hours})
    low, high = 0, len(steps) - 1  # above the last nothing is saved
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if saved(steps[middle]) > r else (low, middle)
    best = steps[low]
    used = sum(min(firm + loose, best) for firm, loose in hours) / len(hours) / best if best else 0.0
    return Reservation(best, rent_bill(best, demand, reserved, on_demand, spot, interruptible), used)


def commit(rents: Sequence[Rent], reserved: float) -> Commitment:
    """How much to reserve before it is known what renting will cost, and how much will be asked for.

    A newsvendor over states: reserve until Σ q (o P(D > Q) + v P(D ≤ Q)) = r. Where demand does not depend on the
    rent, only the mean rent matters, E o; where rents rise with your own demand, reserve more. The buyer
    minimises the mean: who fears the worst state reads `costs`.

    Args:
        rents: the states, each a `Rent`: probability q; demand's mean and standard deviation (normal); the price on
            demand, o; what an hour of a reserved machine that stands idle is sold for, v, 0 if it cannot be.
        reserved: price r, fixed now for the whole term.

    Returns:
        quantity, 0 or more. cost: mean dollars an hour. costs: in each state. informed: the mean cost of who knows
        the state before reserving; cost − informed is the most that waiting can be worth.

    Raises:
        ValueError: probabilities do not sum to 1, a resale above the price on demand, or a mean resale at or above
            the reserved price, which would be worth reserving without end.
    """
    if not isinstance(rents, (list, tuple)) or not rents:
        raise wrong("rents", rents, "a list of Rents")
    states, r = [_state(i, rent) for i, rent in enumerate(rents)], positive("reserved", reserved)
    if abs(sum(state.probability for state in states) - 1) > 1e-9:
        raise wrong("rents", rents, "of probabilities that sum to 1")
    quantity = _committed(states, r)
    costs = [_cost(state, quantity, r) for state in states]
    alone = [state._replace(probability=1.0) for state in states]
    known = [_cost(state, _committed([state], r), r) for state in alone]
    mean = [sum(state.probability * cost for state, cost in zip(states, each)) for each in (costs, known)]
    return Commitment(quantity, mean[0], costs, mean[1])


def shared_fleet(serving: Sequence[float], work: float) -> Fleets:
    """Accelerators for serving and training: each with its own, and with training in the hours serving leaves.

    Apart: the peak and W/H. Together: max(peak, mean + W/H), for training that stops and starts freely.

    Args:
        serving: accelerators that serving needs in each of H hours.
        work: W, accelerator hours of training in those hours.
    """
    needs, work = series("serving", serving, not_negative), not_negative("work", work)
    training = work / len(needs)
    return Fleets(max(needs) + training, max(max(needs), sum(needs) / len(needs) + training))


def train_beside(serving: Sequence[float], fleet: float, job: float = 1.0, restart: float = 0.0) -> Beside:
    """Training in the hours that serving leaves, with jobs that need all their accelerators at once.

    The i-th job runs in the hours with i × `job` accelerators idle, and loses `restart` hours each time that it
    starts. The hours repeat: a run may go over midnight.

    Args:
        serving: accelerators that serving needs in each hour.
        fleet: accelerators there are.
        job: that one job holds.
        restart: hours from a start until a job is where it stopped.

    Returns:
        work: accelerator hours of training done. starts: of all jobs. used: share of the fleet's hours that serve
        or train, restarts not counted. before: the same share with serving alone.
    """
    needs, fleet = series("serving", serving, not_negative), positive("fleet", fleet)
    job, restart = positive("job", job), not_negative("restart", restart)
    work, starts = 0.0, 0
    for i in range(1, floor(fleet / job) + 1):
        runs = _runs([fleet - need >= i * job for need in needs])
        if not runs:
            break
        whole_time = runs == [len(needs)]  # a job that never stops has no start to lose
        work += job * sum(hours if whole_time else max(hours - restart, 0.0) for hours in runs)
        starts += 0 if whole_time else len(runs)
    paid = fleet * len(needs)
    served = sum(min(need, fleet) for need in needs)
    return Beside(work, starts, (served + work) / paid, served / paid)


def _hours(demand, interruptible):
    loose = share("interruptible", interruptible)
    return [((1 - loose) * each, loose * each) for each in series("demand", demand, not_negative)]


def _prices(reserved, on_demand, spot):
    reserved, on_demand = positive("reserved", reserved), positive("on_demand", on_demand)
    return reserved, on_demand, on_demand if spot is None else min(positive("spot", spot), on_demand)


def _state(i, rent):
    if not isinstance(rent, (tuple, list)) or len(rent) not in (4, 5):
        raise wrong(f"rents[{i}]", rent, "a Rent: probability, mean, sd, on_demand and, if any, resale")
    state = Rent(*rent)
    state = Rent(
        share(f"rents[{i}].probability", state.probability),
        not_negative(f"rents[{i}].mean", state.mean),
        not_negative(f"rents[{i}].sd", state.sd),
        positive(f"rents[{i}].on_demand", state.on_demand),
        not_negative(f"rents[{i}].resale", state.resale),
    )
    if state.resale > state.on_demand:
        raise wrong(f"rents[{i}].resale", state.resale, f"no more than on_demand, {state.on_demand:g}")
    return state


def _committed(states, reserved):
    """Bisection on the saving of the next machine, which falls with the quantity."""

    def saved(quantity):
        return sum(q * (v + (o - v) * _exceeds(mean, sd, quantity)) for q, mean, sd, o, v in states)

    if sum(state.probability * state.resale for state in states) >= reserved:
        raise wrong("rents", states, f"of a mean resale below the reserved price, {reserved:g}")
    if saved(0.0) <= reserved:
        return 0.0
    low, high = 0.0, max(state.mean + 40 * state.sd for state in states) + 1e-9
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if saved(middle) > reserved else (low, middle)
    return high


def _exceeds(mean, sd, quantity):
    return below((mean - quantity) / sd) if sd else float(mean > quantity)


def _cost(state, quantity, reserved):
    short = expected_excess(state.mean, state.sd, quantity)
    return reserved * quantity + state.on_demand * short - state.resale * (quantity - state.mean + short)


def _runs(open_hours):
    """Lengths of the runs of open hours in hours that repeat."""
    if all(open_hours):
        return [len(open_hours)]
    first = open_hours.index(False)
    runs, length = [], 0
    for each in open_hours[first:] + open_hours[:first] + [False]:
        if each:
            length += 1
        elif length:
            runs.append(length)
            length = 0
    return runs
