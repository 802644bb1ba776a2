"""Abilities from comparisons of two, against a published table, two libraries, and closed forms."""

import math

import choix
import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st

from advantage.strategy import go_to_market as gtm

BASEBALL = [  # 1987, American League East: Milwaukee, Detroit, Toronto, New York, Boston, Cleveland, Baltimore
    [0, 7, 9, 7, 7, 9, 11],
    [6, 0, 7, 5, 11, 9, 9],
    [4, 6, 0, 7, 7, 8, 12],
    [6, 8, 6, 0, 6, 7, 10],
    [6, 2, 6, 7, 0, 7, 12],
    [4, 4, 5, 6, 6, 0, 6],
    [2, 4, 1, 3, 1, 7, 0],
]


def test_agrestis_baseball():
    """Reference: Agresti, Categorical Data Analysis, Bradley–Terry: 1.58, 1.44, 1.29, 1.25, 1.11, .68, 0."""
    found = gtm.bradley_terry(BASEBALL)
    assert found == pytest.approx([1.58, 1.44, 1.29, 1.25, 1.11, 0.68, 0], abs=0.005)
    games = [(i, j) for i, row in enumerate(BASEBALL) for j, n in enumerate(row) for _ in range(n)]
    library = choix.opt_pairwise(7, games)
    assert found == pytest.approx(library - library[-1], abs=1e-5)


def test_standard_errors():
    """Reference: the curvature of the log-likelihood by finite differences; and two players by hand."""
    wins = np.array(BASEBALL, dtype=float)

    def log_likelihood(b):
        b = np.append(b, 0)
        return float(np.sum(wins * (b[:, None] - np.logaddexp(b[:, None], b[None]))))

    b, h, e = np.array(gtm.bradley_terry(wins))[:-1], 1e-3, np.eye(6) * 1e-3
    curvature = [
        [
            (
                log_likelihood(b + x + y)
                - log_likelihood(b + x - y)
                - log_likelihood(b - x + y)
                + log_likelihood(b - x - y)
            )
            for y in e
        ]
        for x in e
    ]
    errors = np.sqrt(np.diag(np.linalg.inv(-np.array(curvature) / (4 * h * h))))
    assert gtm.bradley_terry_errors(wins) == pytest.approx([*errors, 0], rel=1e-4)
    assert gtm.bradley_terry([[0, 3], [1, 0]]) == pytest.approx([math.log(3), 0])
    assert gtm.bradley_terry_errors([[0, 3], [1, 0]]) == pytest.approx([math.sqrt(4 / 3), 0])
    assert gtm.bradley_terry([[9, 3], [1, 7]]) == pytest.approx([math.log(3), 0])  # nobody plays against himself


@given(st.lists(st.floats(-2, 2), min_size=2, max_size=6))
def test_abilities_come_back_from_expected_wins(abilities):
    """Reference: the model; the likelihood's slope is zero there."""
    b = np.array(abilities)
    wins = 50 / (1 + np.exp(b[None] - b[:, None]))
    assert gtm.bradley_terry(wins) == pytest.approx(b - b[-1], abs=1e-8)


PUDDINGS = [  # Davidson 1970, example 2: brands i and j; i preferred, j preferred, no preference
    *[(0, 1, 19, 22, 16), (0, 2, 16, 19, 12), (1, 2, 19, 19, 10), (0, 3, 18, 23, 13), (1, 3, 23, 19, 9)],
    *[(2, 3, 19, 20, 15), (0, 4, 13, 19, 18), (1, 4, 16, 20, 12), (2, 4, 16, 15, 17), (3, 4, 17, 14, 16)],
    *[(0, 5, 18, 21, 12), (1, 5, 22, 20, 12), (2, 5, 13, 18, 10), (3, 5, 14, 19, 18), (4, 5, 11, 21, 12)],
]


def tables(counts, players):
    wins, ties = np.zeros((players, players)), np.zeros((players, players))
    for i, j, first, second, neither in counts:
        wins[i, j], wins[j, i] = first, second
        ties[i, j] = ties[j, i] = neither
    return wins, ties


def test_ties_as_a_poisson_regression():
    """Reference: Davidson's model is log-linear in the counts; statsmodels' Poisson regression on his puddings."""
    rows, counts = [], []
    for pair, (i, j, *seen) in enumerate(PUDDINGS):
        for outcome, count in enumerate(seen):
            row = np.zeros(6 + 1 + len(PUDDINGS))
            row[[i, j]] += [(1, 0), (0, 1), (0.5, 0.5)][outcome]
            row[6], row[7 + pair] = outcome == 2, 1
            rows.append(np.delete(row, 5))
            counts.append(count)
    library = sm.GLM(counts, np.array(rows), family=sm.families.Poisson()).fit(tol=1e-14)
    found = gtm.davidson(*tables(PUDDINGS, 6))
    assert found.abilities == pytest.approx([*library.params[:5], 0], abs=1e-8)
    assert found.errors == pytest.approx([*library.bse[:5], 0], rel=1e-6)
    assert math.log(found.tie) == pytest.approx(library.params[5], abs=1e-8)
    assert found.tie_error == pytest.approx(library.bse[5], rel=1e-6)


@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 60))
def test_two_players_in_closed_form(first, second, neither):
    """Reference: the model fits two players exactly: e^{b} = w₁/w₂, ν = t/√(w₁ w₂)."""
    found = gtm.davidson([[0, first], [second, 0]], [[0, neither], [neither, 0]])
    assert found.abilities == pytest.approx([math.log(first / second), 0], abs=1e-9)
    assert found.tie == pytest.approx(neither / math.sqrt(first * second), rel=1e-9)
    assert found.errors[0] == pytest.approx(math.sqrt(1 / first + 1 / second), rel=1e-9)


@given(st.lists(st.floats(-1.5, 1.5), min_size=2, max_size=5), st.floats(0.05, 3))
def test_ties_come_back_from_expected_counts(abilities, tie):
    """Reference: the model; the likelihood's slope is zero there."""
    b = np.array(abilities)
    worth = np.exp(b)
    total = worth[:, None] + worth[None] + tie * np.sqrt(np.outer(worth, worth))
    wins, ties = 100 * worth[:, None] / total, 100 * tie * np.sqrt(np.outer(worth, worth)) / total
    found = gtm.davidson(wins, ties)
    assert found.abilities == pytest.approx(b - b[-1], abs=1e-7)
    assert found.tie == pytest.approx(tie, rel=1e-7)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: gtm.bradley_terry([[0, 1]]), "wins: "),
        (lambda: gtm.bradley_terry([[0, 1], [float("nan"), 0]]), "wins: "),
        (lambda: gtm.bradley_terry("ab"), "wins: 'ab'"),
        (lambda: gtm.bradley_terry([[0, 1], [0, 0]]), "wins: .*no estimate exists"),
        (lambda: gtm.bradley_terry([[0, 1, 5], [1, 0, 5], [0, 0, 0]]), "wins: .*no estimate exists"),
        (lambda: gtm.davidson([[0, 1], [1, 0]], [[0, 0], [0, 0]]), "ties: .*tie in it"),
        (lambda: gtm.davidson([[0, 1], [1, 0]], [[0, 1], [2, 0]]), "ties: .*symmetric"),
        (lambda: gtm.davidson([[0, 1], [1, 0]], [[0]]), r"ties: \(1, 1\)"),
        (lambda: gtm.davidson([[0, 1], [1, 0]], [[0, -1], [-1, 0]]), "ties: "),
        (lambda: gtm.davidson([[0, 2], [0, 0]], [[0, 1], [1, 0]]), "wins: .*no estimate exists"),
        (lambda: gtm.davidson([[0, 0, 0]] * 3, [[0, 1, 0], [1, 0, 0], [0, 0, 0]]), "wins: .*no estimate exists"),
    ],
)
def test_bad_input_is_named(call, name):
    """Reference: the docstrings."""
    with pytest.raises(ValueError, match=f"^{name}"):
        call()
