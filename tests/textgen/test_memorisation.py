"""What was copied, by brute force."""

from hypothesis import given
from hypothesis import strategies as st

from advantage.textgen import memorisation


@given(st.lists(st.text("ab", max_size=60), min_size=1, max_size=4), st.text("ab", max_size=120))
def test_the_longest_passage_is_found(texts, source):
    """Reference: all substrings, by brute force."""
    for text, found in zip(texts, memorisation.longest_verbatim(texts, source)):
        best = max(
            (j - i for i in range(len(text)) for j in range(i + 1, len(text) + 1) if text[i:j] in source), default=0
        )
        assert len(found) == (best if best >= memorisation.SHORTEST else 0)
        assert found in text
        assert found in source


def test_a_known_passage_is_found_in_a_long_text():
    """Reference: a passage put there."""
    source = (
        "".join(chr(97 + i * i % 23) for i in range(50_000))
        + "the passage that was learned by heart, 中文 too"
        + "z" * 99
    )
    texts = ["nothing", "so: the passage that was learned by heart, 中文!", "", "qqqq" * 9]
    assert memorisation.longest_verbatim(texts, source) == [
        "",
        " the passage that was learned by heart, 中文"[1:],
        "",
        "",
    ]
