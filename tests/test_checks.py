"""Checks of arguments: whatever is no number is refused by name, and what passes is float64."""

import subprocess
import sys
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from advantage import checks

NUMBERS = [checks.number, checks.positive, checks.not_negative, checks.share]
NO_NUMBERS = [
    None, True, "1", b"1", [1.0], (1.0,), {}, object, 1j, 10**400, float("nan"), float("inf"), -float("inf"),
    np.array(True), np.array(["1"]), np.array([1.0, np.nan]), np.array([np.inf]), np.array([None]), np.array([1j]),
    np.datetime64("2026-01-01"), torch.tensor([True]), torch.tensor([0.5, float("nan")]), torch.tensor(1j),
]  # fmt: skip


@pytest.mark.parametrize("check", NUMBERS)
@pytest.mark.parametrize("value", NO_NUMBERS, ids=repr)
def test_what_is_no_number_is_refused_by_name(check, value):
    """Reference: Python's own notion of a finite number, and the names of its other types."""
    with pytest.raises(ValueError, match=r"^margin: .*; must be "):
        check("margin", value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_each_check_holds_its_side(value):
    """Reference: Python's comparisons."""
    for check, right in [
        (checks.number, True),
        (checks.positive, value > 0),
        (checks.not_negative, value >= 0),
        (checks.share, 0 <= value <= 1),
        (lambda name, v: checks.inside(name, v, -2, 3), -2 < value < 3),
    ]:
        for given_value in (value, np.array([1.0, value]) if right else np.array([0.5, value]), np.float64(value)):
            if right:
                assert np.all(check("x", given_value) == np.asarray(given_value))
            else:
                with pytest.raises(ValueError, match=r"^x: "):
                    check("x", given_value)


@pytest.mark.parametrize(
    "value",
    [7, np.int8(7), np.uint64(7), Fraction(7), Decimal(7), np.float16(7), np.array([7], dtype=np.int32),
     torch.tensor([7]), torch.tensor([7], dtype=torch.bfloat16)],
    ids=repr,
)  # fmt: skip
def test_numbers_come_out_in_float64(value):
    """Reference: 7² · 10¹⁸, which overflows every integer type and half precision."""
    floats = checks.positive("x", value)
    assert float(((floats * 1e9) ** 2).sum() if hasattr(floats, "sum") else (floats * 1e9) ** 2) == pytest.approx(
        49e18, rel=1e-15
    )
    assert isinstance(floats, float) or "float64" in str(floats.dtype)


def test_a_gradient_passes():
    """Reference: d(3x)/dx = 3."""
    x = torch.tensor(2.0, requires_grad=True)
    (3 * checks.positive("x", x)).backward()
    assert x.grad == 3


@pytest.mark.parametrize("value", [3, np.int64(3), np.array(3), torch.tensor(3)], ids=repr)
def test_whole_numbers(value):
    """Reference: Python's int."""
    assert checks.whole("n", value) == 3
    assert type(checks.whole("n", value)) is int
    with pytest.raises(ValueError, match=r"^n: .*must be a whole number, 4 or more"):
        checks.whole("n", value, least=4)


@pytest.mark.parametrize(
    "value", [2.0, True, "2", None, [2], np.True_, torch.tensor(True), torch.tensor(2.0), np.array([1, 2])], ids=repr
)
def test_what_counts_nothing_is_no_whole_number(value):
    """Reference: the docstring."""
    with pytest.raises(ValueError, match=r"^n: "):
        checks.whole("n", value)


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=5))
def test_series_are_lists_of_floats(values):
    """Reference: list()."""
    for given_values in (values, tuple(values), np.array(values), torch.tensor(values, dtype=torch.float64)):
        assert checks.series("x", given_values, checks.not_negative) == values


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([], "^x: .*1 or more"),
        ("12", "^x: '12'"),
        ({1: 2}, "^x: "),
        (3, "^x: 3"),
        (None, "^x: None"),
        ([1, -1], r"^x\[1\]: -1; must be .*not negative"),
        ([1, float("nan")], r"^x\[1\]: nan"),
        ([True], r"^x\[0\]: True"),
        ([[1.0]], r"^x\[0\]: \[1.0\]"),
    ],
)
def test_a_bad_series_names_the_entry(values, message):
    """Reference: the docstring."""
    with pytest.raises(ValueError, match=message):
        checks.series("x", values, checks.not_negative)


def test_choices_and_texts():
    """Reference: the docstrings."""
    assert checks.one_of("kind", "put", ("call", "put")) == "put"
    assert checks.text("name", "a") == "a"
    with pytest.raises(ValueError, match=r"^kind: 'swap'; must be one of 'call', 'put'"):
        checks.one_of("kind", "swap", ("call", "put"))
    for value in ("", "  ", None, 3):
        with pytest.raises(ValueError, match=r"^name: "):
            checks.text("name", value)


def test_nothing_is_imported():
    """Reference: the promise that the checks run in a browser's Python."""
    code = (
        "import importlib.util, sys\n"
        f"spec = importlib.util.spec_from_file_location('checks', {checks.__file__!r})\n"
        "module = importlib.util.module_from_spec(spec); before = set(sys.modules); spec.loader.exec_module(module)\n"
        "print(sorted(set(sys.modules) - before))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
