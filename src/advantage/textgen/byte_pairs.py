"""Byte-pair encoding from scratch: how text is cut, which pairs are merged, and the merging (Sennrich et al. 2016)."""

import itertools
import re
from collections import Counter

# Text is cut into pieces before byte pairs are merged; no token crosses the edge of a piece. A piece is the
# separator, a word with the space before it, up to three digits, punctuation, or whitespace without its last
# character (which belongs to the next word). Every class is spelled out, so that Python's `re` and the engine inside
# `tokenizers` cut alike; beyond ASCII all counts as letters.
_SPACE, _LETTER = " \t\n\r\f\v", "A-Za-z_\x80-\U0010ffff"
PIECE = f"\0| ?[{_LETTER}]+| ?[0-9]{{1,3}}| ?[^{_SPACE}{_LETTER}0-9\0]+|[{_SPACE}]+(?![^{_SPACE}])|[{_SPACE}]+"

# The order in which `tokenizers` numbers the 256 bytes: those with a visible Latin-1 character first.
VISIBLE = [*range(33, 127), *range(161, 173), *range(174, 256)]
BYTES = VISIBLE + [byte for byte in range(256) if byte not in VISIBLE]


def learn_merges(text: str, num_merges: int, pieces: str = PIECE, order: list[int] = BYTES) -> list[tuple[int, int]]:
    """Byte-pair encoding from scratch: the pairs of ids that are merged, the first into id 256, the next into id 257, …

    Simple, and slow: it looks at every piece for every merge. A tie goes to the smallest pair of ids, as in
    `tokenizers`.

    Args:
        text: the text to learn from.
        num_merges: how many; fewer where no pair is left.
        pieces: the regular expression that cuts the text; `"(?s).+"` leaves it whole.
        order: the byte of each id below 256; `range(256)` numbers a byte by its value.
    """
    number = {byte: i for i, byte in enumerate(order)}
    words: dict[tuple[int, ...], int] = Counter(
        tuple(number[byte] for byte in piece.encode()) for piece in re.findall(pieces, text)
    )
    merges: list[tuple[int, int]] = []
    while len(merges) < num_merges:
        pairs: Counter[tuple[int, int]] = Counter()
        for word, count in words.items():
            for pair in itertools.pairwise(word):
                pairs[pair] += count
        if not pairs:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        words = {merge(word, best, 256 + len(merges)): count for word, count in words.items()}
        merges.append(best)
    return merges


def merge(word: tuple[int, ...], pair: tuple[int, int], new: int) -> tuple[int, ...]:
    """`word` with each occurrence of `pair`, from left to right, replaced by the id `new`."""
    merged, i = [], 0
    while i < len(word):
        if word[i : i + 2] == pair:
            merged.append(new)
            i += 2
        else:
            merged.append(word[i])
            i += 1
    return tuple(merged)
