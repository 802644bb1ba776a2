"""The quality of a model's samples: what parses, what varies, what is copied, and what a usable answer costs.

    python benchmarks/samples.py src/advantage/data/samples.json [--model FOLDER] [--rows 32]

FOLDER is what `python -m advantage.textgen train --out` wrote; Inkwell's own model unless given. Each setting draws
`rows` samples of 128 tokens after each of eight beginnings. The record holds a number for each beginning, so that the
scatter between beginnings can be told from that between draws. `people` holds one passage of each held-out file that
has a function outside classes; there are no more than some tens. Part `answers` continues one function: free draws,
cut back to the last line with which they parse, beside `complete_python`; a row is (tokens drawn, tokens kept).
"""

import argparse
import datetime
import json
import math

import numpy as np
import torch

from advantage import files, ledger
from advantage.textgen import corpus, inkwell, memorisation, parsing, sampling, storage

TOKENS = 128
BEGINNINGS = (
    "import os\nimport sys\n\n\ndef",
    "class Queue:",
    "import re\n\n\ndef parse(",
    "def main(argv):",
    "from collections import",
    "# Return the",
    "for name in",
    "class Error(Exception):",
)
TEMPERATURES = (0.0, 0.3, 0.5, 0.8, 1.0, 1.3)
RULES = {
    "plain": {},
    "top-k 10": {"top_k": 10},
    "top-p 0.9": {"top_p": 0.9},
    "min-p 0.1": {"min_p": 0.1},
    "T 0.7": {"temperature": 0.7},
    "T 0.7, min-p 0.1": {"temperature": 0.7, "min_p": 0.1},
}
PENALTIES = (1.0, 1.3, 1.6)  # at temperature 0.7
BODY = "import os\nimport sys\n\n\ndef main(argv):"
LENGTHS = (25, 50, 100, 200)
NAMES = (
    "main",
    "parse",
    "read",
    "write",
    "open",
    "close",
    "get",
    "set",
    "find",
    "walk",
    "copy",
    "move",
    "load",
    "save",
    "split",
    "join",
    "sort",
    "check",
    "format",
    "encode",
    "decode",
    "start",
    "stop",
    "update",
)


def whole_lines(text: str) -> str:
    return text[: text.rfind("\n") + 1]


def has_line(text: str) -> bool:
    """Whether the model began and ended a line of its own. Noise without line ends has no error in its whole lines."""
    return bool(whole_lines(text)[text.find("\n") + 1 :].strip())


def fine(beginning: str, text: str) -> bool:
    """Whether a sample has a line of its own, and a Python file can begin with its whole lines. (`measure` asks for the
    second alone, by which the record was made: at temperature 0.3, 55 % of 128 samples in place of 46 %.)"""
    return has_line(text) and parsing.can_begin(whole_lines(beginning + text))


def cut_back(prompt: str, text: str) -> str:
    """The longest run of whole lines of `text` with which prompt and lines parse; empty where there is none."""
    lines = whole_lines(text).splitlines(keepends=True)
    for end in range(len(lines), 0, -1):
        kept = "".join(lines[:end])
        if kept.strip() and parsing.parses(prompt + kept):
            return kept
    return ""


@torch.inference_mode()
def surprise(model, tokenizer, before: str, rows: list[list[int]]) -> float:
    """Mean bits per token at temperature 1."""
    start = tokenizer.encode(before).tolist()
    bits = []
    for row in rows:
        if row:
            ids = torch.tensor([(start + row)[: model.context]])
            log_p = model(ids[:, :-1])[0].log_softmax(-1).gather(1, ids[0, 1:, None])[len(start) - 1 :]
            bits.append(-log_p.mean().item() / math.log(2))
    return float(np.mean(bits))


def variety(rows: list[list[int]]) -> float:
    """Share of distinct sequences of four tokens."""
    grams = [tuple(row[i : i + 4]) for row in rows for i in range(len(row) - 3)]
    return len(set(grams)) / max(len(grams), 1)


def measure(model, tokenizer, drawn: dict[str, list[list[int]]]) -> dict:
    """Quality by beginning, and the texts, in which copies are looked for at the end, all at once."""
    result: dict = {"parse_rate": [], "surprise": [], "variety": [], "texts": []}
    for beginning, rows in drawn.items():
        texts = [tokenizer.decode(row) for row in rows]
        result["parse_rate"].append(float(np.mean([parsing.can_begin(whole_lines(beginning + t)) for t in texts])))
        result["surprise"].append(round(surprise(model, tokenizer, beginning, rows), 4))
        result["variety"].append(round(variety(rows), 4))
        result["texts"] += texts
    return result


def copied(measured: list[dict], source: str) -> None:
    """Put in each result's `texts` place the lengths of their longest copies, sorted."""
    passages = iter(memorisation.longest_verbatim([text for one in measured for text in one["texts"]], source))
    for one in measured:
        one["copies"] = sorted(len(next(passages)) for _ in one.pop("texts"))


def draw(model, tokenizer, rows: int, seed: int, **options) -> dict[str, list[list[int]]]:
    """`rows` samples after each beginning."""
    ids = {beginning: tokenizer.encode(beginning).tolist() for beginning in BEGINNINGS}
    return {
        beginning: sampling.generate(model, [prompt] * rows, TOKENS, seed=seed + 1000 * i, **options)
        for i, (beginning, prompt) in enumerate(ids.items())
    }


def loops(model, tokenizer, names: tuple[str, ...]) -> dict[str, list[float]]:
    """Share of distinct sequences of four tokens within each text of 300 tokens, greedy and drawn."""
    prompts = [tokenizer.encode(f"def {name}(").tolist() for name in names]
    result = {}
    for temperature in (0.0, 0.8):
        rows = sampling.generate(model, prompts, 300, temperature=temperature, seed=6)
        result[str(temperature)] = [round(variety([row]), 4) for row in rows]
    return result


def beams(model, tokenizer, length: int = 64) -> dict[str, list[tuple[float, float]]]:
    """(log-probability in nats, share of distinct sequences of four tokens) of one text after each beginning."""
    starts = [tokenizer.encode(beginning).tolist() for beginning in BEGINNINGS]
    result: dict[str, list[tuple[float, float]]] = {}
    for width in (1, 8):
        found = [sampling.beam_search(model, start, length, beams=width)[0] for start in starts]
        result[str(width)] = [(round(nats, 2), round(variety([row]), 4)) for row, nats in found]
    drawn = [sampling.generate(model, [start], length, seed=2)[0] for start in starts]
    bits = [surprise(model, tokenizer, before, [row]) for before, row in zip(BEGINNINGS, drawn)]
    result["drawn"] = [
        (round(-b * math.log(2) * length, 2), round(variety([row]), 4)) for b, row in zip(bits, drawn, strict=True)
    ]
    return result


def answers(model, tokenizer, rows: int) -> dict[str, dict[str, list]]:
    """(tokens drawn, tokens kept) of each answer, free and constrained, for answers of each length."""
    passes = 0

    def count(*_) -> None:
        nonlocal passes
        passes += 1

    result: dict[str, dict[str, list]] = {}
    for length in LENGTHS:
        free = sampling.complete(model, tokenizer, [BODY] * rows, length, temperature=0.8, seed=9)
        kept = [len(tokenizer.encode(cut_back(BODY, text))) for text in free]
        constrained = []
        handle = model.register_forward_hook(count)
        for i in range(rows // 4):
            passes = 0
            text = parsing.complete_python(model, tokenizer, BODY, length, temperature=0.8, seed=1000 * i)
            assert parsing.parses(BODY + text)
            constrained.append((passes, len(tokenizer.encode(text))))
        handle.remove()
        result[str(length)] = {"free": [(length, n) for n in kept], "constrained": constrained}
        print(f"answers of {length} tokens: done", flush=True)
    return result


def people(model, tokenizer, validation: list[tuple[str, str]], samples: int) -> dict:
    """The same numbers for passages of held-out files, as long as the samples."""
    passages, bits, parsed = [], [], []
    for name, text in validation:
        if name.endswith(".py") and "\ndef " in text and len(passages) < samples:
            begin = text.index("\ndef ") + 4
            row = tokenizer.encode(text[begin : begin + 1500]).tolist()[:TOKENS]
            before = text[max(begin - 150, 0) : begin]
            passages.append(row)
            bits.append(surprise(model, tokenizer, before, [row]))
            parsed.append(parsing.can_begin(whole_lines("def" + tokenizer.decode(row))))
    return {
        "passages": len(passages),
        "parse_rate": float(np.mean(parsed)),
        "surprise": round(float(np.mean(bits)), 4),
        "variety": round(variety(passages), 4),
        "texts": [tokenizer.decode(row) for row in passages],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("file")
    parser.add_argument("--model")
    parser.add_argument("--rows", type=int, default=32)
    options = parser.parse_args()
    model, tokenizer = storage.load(options.model)[:2] if options.model else inkwell.load()
    train, validation = corpus.split(corpus.documents())
    source = corpus.join(train)

    def quality(seed: int, **settings) -> dict:
        print(settings, flush=True)
        return measure(model, tokenizer, draw(model, tokenizer, options.rows, seed, **settings))

    record = {
        "machine": ledger.machine(),
        "torch": torch.__version__,
        "date": datetime.date.today().isoformat(),
        "model": options.model or "inkwell",
        "rows": options.rows,
        "tokens": TOKENS,
        "beginnings": BEGINNINGS,
        "temperatures": {str(t): quality(0, temperature=t) for t in TEMPERATURES},
        "rules": {name: quality(100_000, **rule) for name, rule in RULES.items()},
        "penalties": {str(p): quality(200_000, temperature=0.7, repetition_penalty=p) for p in PENALTIES},
        "people": people(model, tokenizer, validation, 8 * options.rows),
        "loops": loops(model, tokenizer, NAMES),
        "beams": beams(model, tokenizer),
        "answers": answers(model, tokenizer, 8 * options.rows),
    }
    settings = [one for part in ("temperatures", "rules", "penalties") for one in record[part].values()]
    copied([*settings, record["people"]], source)
    with files.whole(options.file) as file:
        json.dump(record, file)
        file.write("\n")


if __name__ == "__main__":
    main()
