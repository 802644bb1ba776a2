"""Checks of arguments: each returns its value, numbers as floats, or raises a `ValueError` that says what is right.

Numbers and arrays (of NumPy, PyTorch, pandas) alike. Nothing is imported, so that it also runs in a browser's Python.
NaN, infinity, bool and text are never numbers here.
"""

INFINITY = float("inf")


def wrong(name: str, value: object, right: str) -> ValueError:
    """The error to raise: names the argument, its value, and what would be right."""
    return ValueError(f"{name}: {value!r}; must be {right}")


def number(name: str, value):
    """A finite number, or an array of them, as float64: integers in an array would overflow silently."""
    return _held(name, value, lambda x: x == x, "a finite number")


def positive(name: str, value):
    """Above 0."""
    return _held(name, value, lambda x: x > 0, "a positive, finite number")


def not_negative(name: str, value):
    """0 or above."""
    return _held(name, value, lambda x: x >= 0, "a finite number, not negative")


def share(name: str, value):
    """From 0 to 1, both included."""
    return _held(name, value, lambda x: (x >= 0) & (x <= 1), "a share, from 0 to 1")


def inside(name: str, value, low: float, high: float):
    """Strictly between `low` and `high`, such as an error rate between 0 and 1."""
    return _held(name, value, lambda x: (x > low) & (x < high), f"strictly between {low:g} and {high:g}")


def whole(name: str, value, least: int = 0) -> int:
    """An integer, `least` or above; 2.0 is none, for it counts nothing."""
    try:
        integer = None if isinstance(value, (bool, str, float)) else value.__index__()
    except (AttributeError, TypeError, ValueError):
        integer = value if isinstance(value, int) else None  # an interpreter may hide an integer's __index__
    if integer is None or integer < least or "bool" in str(getattr(value, "dtype", "")):
        raise wrong(name, value, f"a whole number, {least} or more")
    return int(integer)


def series(name: str, values, check=number, least: int = 1) -> list[float]:
    """A list, tuple or array of `least` numbers or more, each held by `check`, as a list of floats."""
    try:
        items = None if isinstance(values, (str, bytes, dict)) else list(values)
    except TypeError:
        items = None
    if items is None or len(items) < least:
        raise wrong(name, values, f"a list of numbers, {least} or more")
    return [float(check(f"{name}[{i}]", item)) for i, item in enumerate(items)]


def one_of(name: str, value, choices):
    """One of the named choices."""
    if value not in choices:
        raise wrong(name, value, "one of " + ", ".join(repr(choice) for choice in choices))
    return value


def text(name: str, value) -> str:
    """A text that is not empty."""
    if not isinstance(value, str) or not value.strip():
        raise wrong(name, value, "a text that is not empty")
    return value


def every(condition) -> bool:
    """Whether a condition holds, for all entries where it is an array."""
    if isinstance(condition, bool):  # first, for in a browser's Python a question for what is not there takes long
        return condition
    return bool(condition.all()) if hasattr(condition, "all") else bool(condition)


def _held(name, value, condition, right):
    floats = _floats(value)
    if floats is None or not every(condition(floats) & (floats > -INFINITY) & (floats < INFINITY)):
        raise wrong(name, value, right)
    return floats


def _floats(value):
    """The value in float64; None where it is no number."""
    if type(value) in (float, int) and -1e300 < value < 1e300:  # first, as in `every`
        return float(value)
    kind = str(getattr(value, "dtype", "")).lower()
    if "int" in kind or "float" in kind:
        return value.double() if hasattr(value, "double") else value.astype(float)
    if kind or isinstance(value, (bool, str, bytes)):
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None
