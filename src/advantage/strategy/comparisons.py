"""Who is better? Abilities from comparisons of two at a time, with ties, and their standard errors."""

from collections import namedtuple

from advantage.checks import not_negative, wrong

Davidson = namedtuple("Davidson", "abilities errors tie tie_error")


def bradley_terry(wins) -> list[float]:
    """Log-abilities, the last one 0, from a square table of wins: i beats j with e^{b_i}/(e^{b_i} + e^{b_j}).

    Source: Bradley & Terry 1952; by Newton's method on the log-likelihood, which is concave.

    Args:
        wins: wins[i][j], how often i beat j; the diagonal does not count. A draw may count half for each.

    Raises:
        ValueError: the table is not square or has negative entries, or some players never lost to, or never beat,
            any of the others, directly or along a chain: their ability has no estimate.
    """
    return [float(ability) for ability in _bradley_terry(wins)[0]]


def bradley_terry_errors(wins) -> list[float]:
    """Standard errors of the log-abilities against the last player, whose own is 0; from the information matrix."""
    import numpy as np

    information = _bradley_terry(wins)[1]
    return [float(error) for error in np.append(np.sqrt(np.diag(np.linalg.inv(information))), 0)]


def davidson(wins, ties) -> Davidson:
    """Abilities where games may be drawn: i beats j, j beats i, and neither, as e^{b_i} : e^{b_j} : ν e^{(b_i+b_j)/2}.

    ν is the odds of a tie against a win between equals. The log-likelihood is concave in the b and ln ν: Newton.
    Source: Davidson 1970 (doi:10.1080/01621459.1970.10481082).

    Args:
        wins: wins[i][j], how often i beat j; the diagonal does not count.
        ties: ties[i][j] = ties[j][i], how often the two drew.

    Returns:
        The log-abilities, the last one 0, and their standard errors; ν, and the standard error of ln ν.

    Raises:
        ValueError: a table is no such table, or no estimate exists: no tie, or players who cannot be compared.
    """
    import numpy as np

    won, drawn = _table("wins", wins), _table("ties", ties)
    if drawn.shape != won.shape or (drawn != drawn.T).any() or not drawn.any():
        raise wrong("ties", ties, "a symmetric table of the size of `wins` with a tie in it")
    _compared(won + drawn, "wins", wins, "wins and ties")
    first, second = np.triu_indices(len(won), 1)
    counts = np.column_stack([won[first, second], won[second, first], drawn[first, second]])
    # Outcome o of a pair has the log-weight design[pair, o] @ (b without the last, ln ν).
    unit = np.eye(len(won) + 1)
    design = np.stack([unit[first], unit[second], (unit[first] + unit[second]) / 2 + unit[-1]], 1)
    design = np.delete(design, len(won) - 1, axis=2)
    estimate = np.zeros(len(won))
    for _ in range(200):
        chance = np.exp(design @ estimate)
        chance /= chance.sum(1, keepdims=True)
        mean = np.einsum("po,pok->pk", chance, design)
        expected = counts.sum(1, keepdims=True) * chance
        slope = np.einsum("po,pok->k", counts - expected, design)
        information = np.einsum("po,pok,pol->kl", expected, design - mean[:, None], design - mean[:, None])
        step = np.linalg.lstsq(information, slope, rcond=None)[0]
        estimate += step / max(1.0, np.abs(step).max())
        if np.abs(step).max() < 1e-12:
            break
    if np.abs(estimate).max() > 25:  # odds of e^25: the likelihood rises for ever
        raise wrong("wins", wins, "such that each order of two players is open, or no estimate exists")
    errors = np.sqrt(np.diag(np.linalg.inv(information)))
    abilities = [*estimate[:-1].tolist(), 0.0]
    return Davidson(abilities, [*errors[:-1].tolist(), 0.0], float(np.exp(estimate[-1])), float(errors[-1]))


def _table(name, values):
    """A square table of numbers that are not negative, its diagonal 0."""
    import numpy as np

    try:
        table = not_negative(name, np.array(values, dtype=float))
    except (TypeError, ValueError) as error:
        raise wrong(name, values, "a square table of numbers that are not negative") from error
    if table.ndim != 2 or table.shape[0] != table.shape[1] or len(table) < 2:
        raise wrong(name, table.shape, "a square table of two players or more")
    return table - np.diag(np.diag(table))


def _compared(table, name, value, what):
    from scipy.sparse.csgraph import connected_components

    if connected_components(table > 0, directed=True, connection="strong")[0] > 1:
        raise wrong(
            name, value, f"such that chains of {what} lead from every player to every other, or no estimate exists"
        )


def _bradley_terry(wins):
    import numpy as np

    table = _table("wins", wins)
    _compared(table, "wins", wins, "wins")
    games, ability = table + table.T, np.zeros(len(table))
    for _ in range(200):
        chance = 1 / (1 + np.exp(ability[None] - ability[:, None]))
        slope = (table - games * chance).sum(1)
        weight = games * chance * (1 - chance)
        information = (np.diag(weight.sum(1)) - weight)[:-1, :-1]
        step = np.append(np.linalg.solve(information, slope[:-1]), 0)
        ability += step / max(1.0, np.abs(step).max())
        if np.abs(step).max() < 1e-12:
            break
    return ability, information
