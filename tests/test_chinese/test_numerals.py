"""Numbers in a translation: a faithful digit passes, a wrong one fails. The reference is arithmetic."""

from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from chinese import numerals

WORDS = {word: n for word, n in numerals.CARDINALS.items() if n}


def agree(english: str, chinese: str) -> bool:
    return numerals.differences(english, chinese) == ([], [])


@given(st.sampled_from(sorted(WORDS)), st.integers(0, 120))
def test_word(word, number):
    """A number word may be its digits, and no others; or Chinese, without digits."""
    assert agree(f"It has {word} heads.", f"它有 {WORDS[word]} 个头。")
    assert agree(f"It has {word} heads.", "它有几个头。")
    assume(number != WORDS[word])
    assert not agree(f"It has {word} heads.", f"它有 {number} 个头。")


@given(st.sampled_from(sorted(numerals.PARTS)), st.integers(1, 9), st.integers(1, 1100), st.sampled_from("/.%"))
def test_part(part, count, other, form):
    """A part may be a fraction, a decimal or a percentage of its value, and of no other."""
    whole = numerals.PARTS[part]
    words = "halves" if part in ("half", "halve") and count > 1 else f"{part}s" if count > 1 else part
    english = f"It costs {numerals.ONES[count]} {words} of it."
    assume(part != "halve" and not (part == "half" and count > 1))
    shown = {"/": f"{count}/{other}", ".": f"{count / other:.10g}", "%": f"{100 * count / other:.10g}%"}[form]
    right = Fraction(count, other) == Fraction(count, whole)
    assume(not (right and form != "/" and len(shown) > 7))
    assume(form != "." or "." in shown)
    assert agree(english, f"花费它的 {shown}。") == right


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_digits(number, other):
    """Digits stay digits of the same value, whatever separates their thousands."""
    assert agree(f"It has {number:,} heads.", f"它有 {number} 个头。")
    assert not agree(f"It has {number:,} heads.", "它有很多头。")
    assume(number != other)
    assert not agree(f"It has {number:,} heads.", f"它有 {other} 个头。")


@pytest.mark.parametrize(
    ("english", "chinese", "right"),
    [
        ("two hundredths of a nat", "0.02 奈特", True),
        ("two hundredths of a nat", "2 奈特", False),
        ("24 times cheaper and not 100", "降到 1/24，而不是 100", True),
        ("24 tokens", "1/24 个词元", False),
        ("ten times smaller", "1/10", True),
        ("ten times larger", "1/10", False),
        ("a hundred times", "100 倍", True),
        ("a hundred times", "10 倍", False),
        ("five hundred thousand", "50 万", True),
        ("once", "1 次", True),
        ("twice", "3 倍", False),
        ("half of 5 %", "5% 的一半", True),
        ("half", "0.5", True),
        ("half", "2", False),
        ("a third", "1/3", True),
        ("a third", "3", False),
        ("the third row", "第 3 行", True),
        ("1.2 million", "120 万", True),
        ("1.2 million", "12 万", False),
        ("In July 2026", "2026 年 7 月", True),
        ("342 billion", "3420 亿", True),
        ("two heads and two more", "2 个头，另有 2 个", True),
        ("two heads", "2 个头，另有 2 个", False),
    ],
)
def test_differences(english, chinese, right):
    assert agree(english, chinese) == right
