"""What a model's text has in common with a text that it may have learned by heart."""

from collections.abc import Sequence

import numpy as np

SHORTEST = 16  # characters; a shorter match says nothing


def longest_verbatim(texts: Sequence[str], source: str) -> list[str]:
    """The longest passage of each text that stands, character for character, in `source`; "" if shorter than 16
    characters.

    All windows of 16 characters are looked up by a rolling hash; those that are found are lengthened, one character
    at a time.
    """
    border = "\U0010ffff"
    codes = [
        np.frombuffer(text.encode("utf-32-le"), np.uint32).astype(np.uint64) + 1
        for text in (border.join(texts), source)
    ]
    longest = [""] * len(texts)
    if min(map(len, codes)) < SHORTEST:
        return longest
    # With sums S[i] of code[j] * m^j for j < i, the window of L at i has the hash (S[i + L] - S[i]) * m^-i, modulo
    # 2^64.
    m = 0x9E3779B97F4A7C15
    count = max(map(len, codes)) + 1
    power = _powers(m, count)
    inverse = _powers(pow(m, -1, 1 << 64), count)
    sums = [np.concatenate([[np.uint64(0)], np.cumsum(code * power[: len(code)], dtype=np.uint64)]) for code in codes]
    owner = np.repeat(np.arange(len(texts)), [len(text) + 1 for text in texts])
    first = np.concatenate([[0], np.cumsum([len(text) + 1 for text in texts])])
    places = [np.arange(len(code)) for code in codes]
    length = SHORTEST
    while all(map(len, places)):
        places = [place[place + length <= len(code)] for place, code in zip(places, codes)]
        hashes = [(total[place + length] - total[place]) * inverse[place] for total, place in zip(sums, places)]
        common = [_within(hashes[0], hashes[1]), None]
        common[1] = _within(hashes[1], hashes[0][common[0]])
        places = [place[found] for place, found in zip(places, common)]
        for row, place in zip(*np.unique(owner[places[0]], return_index=True)):
            at = places[0][place] - first[row]
            longest[row] = texts[row][at : at + length]
        length += 1
    return longest


def _powers(base: int, count: int) -> np.ndarray:
    power = np.full(count, base, np.uint64)
    power[0] = 1
    return np.cumprod(power, dtype=np.uint64)


def _within(values: np.ndarray, others: np.ndarray) -> np.ndarray:
    """For each value whether it is among the others; the smaller of the two is sorted."""
    if not len(others) or not len(values):
        return np.zeros(len(values), bool)
    if len(others) <= len(values):
        others = np.unique(others)
        at = np.searchsorted(others, values).clip(max=len(others) - 1)
        return others[at] == values
    distinct, back = np.unique(values, return_inverse=True)
    at = np.searchsorted(distinct, others).clip(max=len(distinct) - 1)
    found = np.zeros(len(distinct), bool)
    found[at[distinct[at] == others]] = True
    return found[back]
