"""Architecture and optimiser apart: GPT and LSTM, each with AdamW and with Muon, every rate searched by one rule.

    python benchmarks/architectures.py [--runs architectures.jsonl] [--record src/advantage/data/architecture_runs.json]

The models are those of the chapters *GPT* and *LSTM*: two blocks of width 64, and one layer of 104 units, with as many
parameters; 400,000 characters of the chapters' corpus in batches of 12 windows of 64. Muon takes the matrices inside
the blocks, or the LSTM's recurrent and input matrices, gate by gate; AdamW takes embedding, head and biases, or all.
Rates are searched with seed 100 on half of the held-out files (`compass` in runs.py, by factors of 2) and judged with
seeds 0 to 2 on the other half. Then budgets from 50,000 characters on with the same rates: the last doublings are there
to be forecast.
Costs are processor seconds of a step, measured once, models in turn. One thread; 14 processor minutes when recorded.
"""

import argparse
import statistics
import time
from pathlib import Path

import torch
from runs import Runs, compass, write
from torch import nn
from torch.nn import functional as F

from advantage.textgen import corpus
from advantage.textgen.gpt import GPT
from advantage.textgen.lstm import LSTM
from advantage.textgen.recipes import factor, stepper
from advantage.textgen.tokenizer import CharTokenizer
from advantage.textgen.training import draw_batch, evaluate

TOKENS = 400_000
CONTEXT, BATCH = 64, 12
SCHEDULE = {"warmup": 20, "decay": 0.7}
SEARCH_SEED, SEEDS = 100, range(3)
PAIRS = {  # where the walk over (matrices' rate, tables' rate) begins
    "GPT, Muon": (0.03, 0.03),
    "GPT, AdamW": (0.004, 0.03),
    "LSTM, AdamW": (0.016, 0.016),
    "LSTM, Muon": (0.03, 0.03),
}
BUDGETS = (50_000, 100_000, 200_000, 400_000, 800_000, 1_600_000)
BUDGET_SEEDS = range(3)
RACERS = ("GPT, Muon", "LSTM, Muon", "LSTM, AdamW")


def text() -> dict:
    train_files, held_out = corpus.split(corpus.documents()[::5])
    tokenizer = CharTokenizer.train(corpus.join(train_files))
    halves = {"search": held_out[::2], "judge": held_out[1::2]}
    tokens = {name: tokenizer.encode(corpus.join(files)) for name, files in halves.items()}
    tokens["search"] = tokens["search"][:30_000]  # 47 % of that half is enough to rank rates
    return {"train": tokenizer.encode(corpus.join(train_files)), "vocab_size": tokenizer.vocab_size, **tokens}


def fresh(name: str, vocab_size: int, seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return GPT(vocab_size, CONTEXT, 2, 64, 2) if name.startswith("GPT") else LSTM(vocab_size, 104)


def prepare(name: str, model: nn.Module, rates: tuple[float, float]):
    """(step function, parameters that AdamW trains). Queries, keys, values and an LSTM's gates count one by one."""
    w = {key.removesuffix(".weight"): p for key, p in model.named_parameters()}
    parts = {key: 3 if key.endswith("qkv") else 4 if "weight_" in key else 1 for key in w}
    optimiser = name.split(", ")[1].lower()
    recipe = {"optimiser": optimiser, "matrices": rates[0], "tables": rates[1]}
    others = [p for key, p in w.items() if optimiser == "adamw" or p.ndim < 2 or key in ("embedding", "head")]
    return stepper(w, recipe, parts), others


def train_step(model, step, others, tokens, seed: int, i: int, rate: float) -> None:
    inputs, targets = draw_batch(tokens, BATCH, CONTEXT, seed, i)
    F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten()).backward()
    nn.utils.clip_grad_norm_(others, 1.0)
    step(rate)


def trained(name: str, rates: tuple[float, float], tokens: int, seed: int, data: dict) -> nn.Module:
    model = fresh(name, data["vocab_size"], seed)
    step, others = prepare(name, model, rates)
    steps = tokens // (BATCH * CONTEXT)
    for i in range(steps):
        train_step(model, step, others, data["train"], seed, i, factor(i, steps, SCHEDULE))
    return model


def step_ms(data: dict, laps: int = 14) -> dict[str, float]:
    states = {}
    for name, rates in PAIRS.items():
        model = fresh(name, data["vocab_size"], 0)
        states[name] = model, *prepare(name, model, rates), []
    for i in range(laps):
        for model, step, others, seconds in states.values():
            begin = time.process_time()
            train_step(model, step, others, data["train"], 0, i, 0.1)
            seconds.append(time.process_time() - begin)
    return {name: round(1e3 * statistics.median(seconds[2:]), 3) for name, (*_, seconds) in states.items()}


class Search:
    def __init__(self, runs: Runs) -> None:
        self.runs, self.data = runs, text()

    def loss(self, study: str, name: str, rates: tuple[float, float], tokens: int, seed: int) -> float:
        half = "search" if seed >= SEARCH_SEED else "judge"
        what = {"study": study, "name": name, "rates": list(rates), "tokens": tokens, "seed": seed}

        def measure() -> dict:
            model = trained(name, rates, tokens, seed, self.data)
            return {"loss": round(evaluate(model, self.data[half], CONTEXT), 5)}

        return self.runs.once(what, measure)["loss"]

    def best(self, name: str) -> tuple[float, float]:
        return compass(lambda rates: self.loss("search", name, rates, TOKENS, SEARCH_SEED), PAIRS[name], strides=(2.0,))

    def costs(self) -> dict:
        return self.runs.once({"study": "costs"}, lambda: {"ms": step_ms(self.data)})["ms"]

    def pairs(self) -> None:
        self.costs()
        for name in PAIRS:
            best = self.best(name)
            for seed in SEEDS:
                self.loss("equal text", name, best, TOKENS, seed)

    def equal_cost(self) -> None:
        """The characters that each pair reads for what 400,000 cost the GPT with Muon."""
        ms = self.costs()
        for name in PAIRS:
            tokens = round(TOKENS * ms["GPT, Muon"] / ms[name])
            for seed in SEEDS:
                self.loss("equal cost", name, self.best(name), tokens, seed)

    def budgets(self, racers=RACERS) -> None:
        for tokens in BUDGETS:
            for name in racers:
                for seed in BUDGET_SEEDS:
                    if tokens != TOKENS:  # those stand in "equal text"
                        self.loss("budgets", name, self.best(name), tokens, seed)


def record(search: Search) -> dict:
    studies: dict = {}
    for row in search.runs.rows:
        what = row["what"]
        if what["study"] != "costs":
            mine = studies.setdefault(what["study"], {}).setdefault(what["name"], [])
            mine.append([*what["rates"], what["tokens"], what["seed"], row["loss"]])
    return {"step_ms": search.costs(), "studies": studies}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=Path, default=Path("architectures.jsonl"))
    parser.add_argument("--only", nargs="*", choices=["pairs", "cost", "budgets"], default=["pairs", "cost", "budgets"])
    parser.add_argument("--record", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    search = Search(Runs(options.runs))
    if "pairs" in options.only:
        search.pairs()
    if "cost" in options.only:
        search.equal_cost()
    if "budgets" in options.only:
        search.budgets()
    if options.record:
        what = "validation loss in nats per character; columns: matrices' rate, tables' rate, characters, seed, loss"
        write(options.record, search.runs, what, record(search))


if __name__ == "__main__":
    main()
