"""What serving costs: every step of a server, against the number of clients and the length of their prompts.

    python benchmarks/serving.py [--runs serving.jsonl] [--record FILE]

The server is `python -m advantage.textgen serve` with Inkwell's model, one thread; it logs every step: tokens, texts,
pairs of query and key, processor milliseconds of the thread that computes. A run is one wave: so many clients come at
once, each with a piece of held-out text of its own, and get WRITTEN tokens each.
`write` and `long`: 1 to 32 clients after prompts of PROMPT or LONG tokens. `alone`: one text at a time (--max-batch 1).
`prefix`: PREFIX_REQUESTS prompts in turn that share SHARED tokens, with the cache of beginnings and without; two tokens
written, because the engine keeps nothing of a text that ends with its first.
`laws`: of each lap, a step's time as a function of its contents, fitted to the waves of CALIBRATE clients alone.
Laps: every setting once, then every setting again. What else runs on the machine moves processor times little and
clock times much: the share of the clock that the server had stands in each row. A run is a line of the file of runs;
what stands there is not done again. The record is src/advantage/data/serving.json; `--ledger` writes speeds and prices
into your ledger too, from where `python -m advantage.ledger adopt` makes them the reference.
"""

import argparse
import asyncio
import contextlib
import os
import statistics
from pathlib import Path

import numpy as np
import torch
import transformers
from runs import Runs, write

from advantage import ledger, records
from advantage.textgen import corpus, inkwell, load_test, serving

CLIENTS = {"write": (1, 2, 4, 8, 16, 32), "long": (1, 2, 4, 8, 16), "alone": (1, 8)}
CALIBRATE = (1, 8)
LAPS = 5
PROMPT, LONG, SHARED, OWN = 64, 320, 320, 16  # tokens
LENGTH = {"write": PROMPT, "long": LONG, "alone": PROMPT}
WRITTEN = 64
PREFIX_REQUESTS = 16


class Bench:
    def __init__(self, runs: Runs, stack: contextlib.ExitStack) -> None:
        self.runs, self.stack, self.urls, self.used = runs, stack, {}, 0
        self.tokenizer = inkwell.load()[1]
        self.tokens = self.tokenizer.encode(corpus.join(corpus.split(corpus.documents())[1]))

    def prompts(self, how_many: int, length: int) -> list[str]:
        """Pieces of held-out text that nobody has sent before."""
        begin, self.used = self.used, self.used + how_many * length
        return [
            self.tokenizer.decode(self.tokens[place : place + length])
            for place in range(begin % 100_000, begin % 100_000 + how_many * length, length)
        ]

    def url(self, *options: str) -> str:
        if options not in self.urls:
            self.urls[options] = self.stack.enter_context(serving.running(*options))
            self.load(self.urls[options], self.prompts(8, PROMPT), 4, 8)  # the first steps are slower
        return self.urls[options]

    def load(self, url: str, prompts: list[str], clients: int, written: int) -> dict:
        body = {"model": "inkwell", "max_tokens": written, "temperature": 1.0}
        return asyncio.run(load_test.load(url, body, prompts, clients))

    def one(self, study: str, lap: int, clients: int, prompts: list[str], written: int, *options: str, **what) -> None:
        def measure() -> dict:
            row = self.load(self.url(*options), prompts, clients, written)
            log = np.round(row.pop("log"), 3)
            row |= {name: round(row[name], 3) for name in ("clock_seconds", "processor_seconds")}
            row |= {name: [round(ms, 1) for ms in row[name]] for name in ("first_ms", "between_ms")}
            row["server_seconds"] = row.pop("processor_seconds")  # the other seconds of a row are the client's
            return row | {"load": round(os.getloadavg()[0], 1), "log": log.tolist()}

        self.runs.once({"study": study, "lap": lap, "clients": clients, **what}, measure)

    def lap(self, lap: int) -> None:
        for n in CLIENTS["write"]:
            for study, some in CLIENTS.items():
                if n in some:
                    options = ("--max-batch=1",) if study == "alone" else ()
                    self.one(study, lap, n, self.prompts(n, LENGTH[study]), WRITTEN, *options)
        for cached in (True, False):
            beginning = self.prompts(1, SHARED)[0]
            prompts = [beginning + own for own in self.prompts(PREFIX_REQUESTS, OWN)]
            options = () if cached else ("--no-prefix-cache",)
            self.one("prefix", lap, 1, prompts, 2, *options, cached=cached)


def summary(row: dict) -> dict:
    """A run's row in the record: its log in a few numbers."""
    log = np.array(row["log"])
    tokens, texts, _, ms = log.T
    clients, end = row["what"]["clients"], np.cumsum(ms)
    full = (tokens == texts) & (texts == texts.max())
    prompts = tokens > texts
    whole = row["tokens"] - row["written"] + clients  # of all prompts
    read, first = 0.0, []  # prompts are read in turn: when has each text been read, and has its first token?
    for step in np.flatnonzero(prompts):
        read += tokens[step] - (0 if row["what"]["study"] == "alone" else len(first))
        first += [end[step]] * (int(read * clients / whole + 1e-9) - len(first))
    return {
        "step_ms": round(float(np.median(ms[full])), 3),
        "prompt_tokens": int(read),
        "prompt_ms": round(float(ms[prompts].sum()), 2),
        "prompt_steps": int(prompts.sum()),
        "wave_ms": round(float(ms.sum()), 1),
        "first": [round(float(np.mean(first)), 1), round(float(first[-1]), 1)],
    }


def record(rows: list[dict]) -> dict:
    """Study → rows of every run; the laws of the laps; and milliseconds of a step by the texts in it."""
    studies: dict[str, list[dict]] = {}
    logs: dict[int, list] = {}
    for row in rows:
        what = dict(row["what"])
        figures = {name: row[name] for name in row if name not in ("what", "log", "clients", "processor_seconds")}
        studies.setdefault(what.pop("study"), []).append(what | summary(row) | figures)
        if row["what"]["study"] in ("write", "long") and row["clients"] in CALIBRATE:
            logs.setdefault(what["lap"], []).extend(row["log"])
    curve = {
        name: {
            "texts": list(CLIENTS[name]),
            "step_ms": [
                round(statistics.median(row["step_ms"] for row in studies[name] if row["clients"] == n), 3)
                for n in CLIENTS[name]
            ],
        }
        for name in ("write", "long")
    }
    laws = [[round(x, 5) for x in load_test.law(np.array(log)).tolist()] for _, log in sorted(logs.items())]
    seconds = sum(row["processor_seconds"] + row["server_seconds"] for row in rows)
    return {
        "processor_minutes": round(seconds / 60, 1),
        "transformers": transformers.__version__,
        "prompt_tokens": {"write": PROMPT, "long": LONG},
        "written_tokens": WRITTEN,
        "calibrate": list(CALIBRATE),
        "read_ms_per_token": {
            name: [
                round(
                    statistics.median(r["prompt_ms"] / r["prompt_tokens"] for r in studies[name] if r["clients"] == n),
                    4,
                )
                for n in CLIENTS[name]
            ]
            for name in ("write", "long")
        },
        "laws": laws,
        "curve": curve,
        "studies": studies,
    }


def into_ledger(found: dict, laps: int) -> None:
    """Tokens a processor second, and dollars of a million tokens at the rent in prices.json."""
    step = dict(zip(found["curve"]["write"]["texts"], found["curve"]["write"]["step_ms"]))
    rent = records.prices()["cpu_hour"]["value"]
    read = found["read_ms_per_token"]["write"][found["curve"]["write"]["texts"].index(16)]
    each = {"read_batch_16": read, "write": step[1], "write_batch_16": step[16] / 16}
    for name, ms in each.items():
        how, batch = name.partition("_batch")[0], "".join(name.partition("_batch")[1:])
        speed = f"textgen.serve.{how}_tokens_per_processor_second{batch}"
        ledger.record(speed, round(1e3 / ms, 1), "token/processor second", repeats=laps)
        dollars = float(f"{1e3 * ms / 3600 * rent:.4g}")
        name = f"textgen.serve.{how}_dollars_per_million{batch}"
        ledger.record(name, dollars, "$ per million tokens", repeats=laps)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=Path, default=Path("serving.jsonl"))
    parser.add_argument("--record", type=Path)
    parser.add_argument("--laps", type=int, default=LAPS)
    parser.add_argument("--ledger", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with contextlib.ExitStack() as stack:
        bench = Bench(Runs(options.runs), stack)
        for lap in range(options.laps):
            bench.lap(lap)
    if options.record:
        what = (
            "Inkwell's model served by transformers with continuous batching; a row a run: clients, lap; step_ms: "
            "median processor milliseconds of a step that only writes, for all texts; prompt_tokens, prompt_ms and "
            "prompt_steps: of the steps that read; wave_ms: of all steps; first: processor milliseconds to the first "
            "token, mean and last; "
            "steps, tokens computed, tokens written; clock_seconds, first_ms and between_ms (median, 95 %) by the "
            "clock; server_seconds of its processor; load of the machine; laws: a step in ms = a + b texts + c tokens "
            "of prompts + d million pairs + e thousand keys, fitted to each lap's waves of 1 and 8 clients"
        )
        found = record(bench.runs.rows)
        write(options.record, bench.runs, what, found)
        if options.ledger:
            into_ledger(found, options.laps)


if __name__ == "__main__":
    main()
