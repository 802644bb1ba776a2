"""What serving costs: steps, times and processor seconds of a server against the number of clients.

    python benchmarks/serving.py [--runs serving.jsonl] [--record FILE]

A client sends its next request when the last one is answered (`advantage.textgen.load_test`); the server is
`python -m advantage.textgen serve` with Inkwell's model, one thread. Prompts are pieces of
held-out files, no two alike.
`write`: 1 to 32 clients, WRITTEN tokens after a prompt of about PROMPT. `long`: the same after a prompt of LONG tokens.
`read`: one client, prompts of four lengths, one token written.
`alone`: as `write`, with one text in a step (--max-batch 1): first come, first served.
`prefix`: prompts that share SHARED tokens, with the cache of beginnings and without; two tokens written, because the
engine keeps nothing of a text that ends with its first.
Laps: every setting once, then every setting again. Processor seconds are the server's own, as the operating system
counts them; what else runs on the machine moves them little. Seconds of a clock stand beside them: they are those of a
machine that does other work too. A run is a line of the file of runs; what stands there is not done again.
The record is src/advantage/data/serving.json; `--ledger` writes speeds and prices into your ledger too, from where
`python -m advantage.ledger adopt` makes them the reference.
"""

import argparse
import asyncio
import contextlib
import os
import statistics
from pathlib import Path

import torch
import transformers
from runs import Runs, write

from advantage import ledger, records
from advantage.textgen import corpus, inkwell, load_test, serving

CLIENTS = (1, 2, 4, 8, 16, 32)
LAPS = 3
PROMPT, LONG, SHARED, OWN = 64, 320, 320, 16  # tokens
WRITTEN = 64
LENGTHS = (16, 128, 256, 448)
READ_REQUESTS, PREFIX_REQUESTS = 8, 16
FIGURES = {  # name → digits kept
    "steps": 0, "tokens": 0, "written": 0, "server_seconds": 4, "tokens_per_second": 1, "first_ms": 2, "between_ms": 2,
}  # fmt: skip


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
        row = asyncio.run(load_test.load(url, body, prompts, clients))
        row["server_seconds"] = row["processor_seconds"]
        return {name: round(row[name], digits) if digits else int(row[name]) for name, digits in FIGURES.items()}

    def one(self, study: str, lap: int, clients: int, prompts: list[str], written: int, *options: str, **what) -> None:
        def measure() -> dict:
            row = self.load(self.url(*options), prompts, clients, written)
            return row | {"load": round(os.getloadavg()[0], 1)}

        self.runs.once({"study": study, "lap": lap, "clients": clients, **what}, measure)

    def lap(self, lap: int) -> None:
        for n in CLIENTS:
            self.one("write", lap, n, self.prompts(2 * n, PROMPT), WRITTEN)
        for length in LENGTHS:
            self.one("read", lap, 1, self.prompts(READ_REQUESTS, length), 1, length=length)
        for n in (1, 4, 16):
            self.one("long", lap, n, self.prompts(2 * n, LONG), WRITTEN)
        for n in (1, 4, 16):
            self.one("alone", lap, n, self.prompts(2 * n, PROMPT), WRITTEN, "--max-batch=1")
        for cached in (True, False):
            beginning = self.prompts(1, SHARED)[0]
            prompts = [beginning + own for own in self.prompts(PREFIX_REQUESTS, OWN)]
            options = () if cached else ("--no-prefix-cache",)
            self.one("prefix", lap, 1, prompts, 2, *options, cached=cached)


def record(rows: list[dict]) -> dict:
    """Study → rows of every run; and what the other chapters read: milliseconds of a step, of a token read."""
    studies: dict[str, list[dict]] = {}
    for row in rows:
        what = {key: value for key, value in row["what"].items() if key != "study"}
        figures = {name: row[name] for name in (*FIGURES, "load")}
        studies.setdefault(row["what"]["study"], []).append(what | figures)
    read = [(row["length"], 1e3 * row["server_seconds"] / READ_REQUESTS) for row in studies["read"]]
    slope, start = statistics.linear_regression(*zip(*read))
    curve = {
        name: {"texts": [], "step_ms": []}  # prompts' share taken out
        for name in ("write", "long")
    }
    for name, points in curve.items():
        for n in sorted({row["clients"] for row in studies[name]}):
            some = [row for row in studies[name] if row["clients"] == n]
            points["texts"].append(n)
            points["step_ms"].append(
                round(
                    statistics.median(
                        (1e3 * row["server_seconds"] - slope * (row["tokens"] - row["written"])) / row["steps"]
                        for row in some
                    ),
                    3,
                )
            )
    seconds = sum(row["processor_seconds"] + row["server_seconds"] for row in rows)
    return {
        "processor_minutes": round(seconds / 60, 1),
        "transformers": transformers.__version__,
        "prompt_tokens": {"write": PROMPT, "long": LONG},
        "written_tokens": WRITTEN,
        "read_ms_per_token": round(slope, 5),
        "read_ms_per_request": round(start, 3),
        "curve": curve,
        "studies": studies,
    }


def into_ledger(found: dict, laps: int) -> None:
    """Tokens a processor second, and dollars of a million tokens at the rent in prices.json."""
    step = dict(zip(found["curve"]["write"]["texts"], found["curve"]["write"]["step_ms"]))
    rent = records.prices()["cpu_hour"]["value"]
    each = {"read": found["read_ms_per_token"], "write": step[1], "write_batch_16": step[16] / 16}
    for name, ms in each.items():
        how, batch = name.partition("_batch")[0], "".join(name.partition("_batch")[1:])
        ledger.record(f"textgen.serve.{how}_tokens_per_second{batch}", round(1e3 / ms, 1), "token/s", repeats=laps)
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
            "Inkwell's model served by transformers with continuous batching; one row a run: clients, steps, tokens "
            "that the steps read, tokens written, processor seconds of the server, tokens a second, median "
            "milliseconds to the first token and between tokens, load of the machine; curve: median processor "
            "milliseconds of a step by texts in it; read_ms: line through the runs that only read"
        )
        found = record(bench.runs.rows)
        write(options.record, bench.runs, what, found)
        if options.ledger:
            into_ledger(found, options.laps)


if __name__ == "__main__":
    main()
