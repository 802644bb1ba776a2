"""Bits per byte on held-out files: Inkwell's model beside compressors and tables of counts.

    python benchmarks/baselines.py [--model FOLDER]

All see the same split of this Python's standard library. Tables learn from the training files and are measured on the
held-out ones: over bytes, and over the model's own tokens, which is the harder floor. A table of order n is
interpolated with those of every lower order by Witten and Bell's rule (IEEE Trans. Inf. Theory 37:4, 1991):

    p(x | h) = (c(h x) + t(h) p(x | shorter h)) / (c(h) + t(h)),   t(h): how many different symbols followed h.

`gzip` and `xz` see the held-out files alone, and once more with the training files before them.
"""

import argparse
import gzip
import lzma
import math

import numpy as np

from advantage.textgen import corpus, inkwell, storage, training


def interpolated(train: np.ndarray, held_out: np.ndarray, symbols: int, order: int) -> list[float]:
    """Mean −ln p of the held-out symbols under tables of order 1 … `order`."""
    count = np.bincount(train, minlength=symbols)
    p = (count[held_out] + 1) / (count.sum() + symbols)  # order 1, one added to each
    losses = [-np.log(p).mean()]
    for n in range(2, order + 1):
        seen, seen_count = np.unique(code(train, symbols, n), return_counts=True)
        histories, first = np.unique(seen // symbols, return_index=True)
        followers = np.diff(first, append=len(seen))  # t(h)
        total = np.add.reduceat(seen_count, first)  # c(h)
        asked = code(held_out, symbols, n)
        c = look_up(seen, seen_count, asked)
        c_h, t_h = (look_up(histories, values, asked // symbols) for values in (total, followers))
        p = p.copy()
        shorter = p[n - 1 :]
        known = c_h > 0
        p[n - 1 :] = np.where(known, (c + t_h * shorter) / np.maximum(1, c_h + t_h), shorter)
        losses.append(-np.log(p).mean())
    return losses


def code(sequence: np.ndarray, symbols: int, n: int) -> np.ndarray:
    """Each run of n symbols as one number, the last symbol in the last place."""
    number = np.zeros(len(sequence) - n + 1, dtype=np.int64)
    for i in range(n):
        number = number * symbols + sequence[i : len(sequence) - n + 1 + i]
    return number


def look_up(keys: np.ndarray, values: np.ndarray, asked: np.ndarray) -> np.ndarray:
    at = np.minimum(np.searchsorted(keys, asked), len(keys) - 1)
    return np.where(keys[at] == asked, values[at], 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model")
    options = parser.parse_args()
    model, tokenizer = storage.load(options.model)[:2] if options.model else inkwell.load()
    train_text, held_out_text = (corpus.join(files) for files in corpus.split(corpus.documents()))
    train, held_out = train_text.encode(), held_out_text.encode()
    print(f"training files {len(train):,} bytes, held-out files {len(held_out):,} bytes; bits per byte of the latter:")

    for name, compress in (("gzip -9", lambda b: gzip.compress(b, 9)), ("xz -9", lambda b: lzma.compress(b, preset=9))):
        alone = len(compress(held_out))
        after = len(compress(train + held_out)) - len(compress(train))
        print(f"{name:<34}{8 * alone / len(held_out):7.3f}   after the training files {8 * after / len(held_out):.3f}")

    bits = 1 / (math.log(2) * len(held_out))
    arrays = [np.frombuffer(b, dtype=np.uint8).astype(np.int64) for b in (train, held_out)]
    for n, loss in enumerate(interpolated(*arrays, 256, 7), 1):
        print(f"{f'table over bytes, order {n}':<34}{loss * bits * len(held_out):7.3f}")
    tokens = [tokenizer.encode(text).astype(np.int64) for text in (train_text, held_out_text)]
    for n, loss in enumerate(interpolated(*tokens, tokenizer.vocab_size, 5), 1):
        print(f"{f'table over tokens, order {n}':<34}{loss * bits * len(tokens[1]):7.3f}")
    loss = training.evaluate(model, tokens[1], model.context or 256)
    print(f"{'the model':<34}{loss * bits * (len(tokens[1]) - 1):7.3f}   ({loss:.4f} nats per token)")


if __name__ == "__main__":
    main()
