"""The published recipe, as printed and with its rate searched, against the package's two sizes: steps, not seconds.

    python benchmarks/race.py tinyshakespeare.txt [--runs race.jsonl] [--record src/advantage/data/race_runs.json]

The reference (reference.py) is searched over a grid of rates at 500 steps; the best, and the printed one, then take the
recipe's 2,000 steps with seeds 0 to 2. Ours take the steps that the same cost pays for, and an eighth of it: the cost
of a step is measured once, in processor seconds, models in turn. All losses are those of the whole validation split, on
which both searches have looked.
One thread; about twenty minutes of processor time.
"""

import argparse
import statistics
import time
from pathlib import Path

import numpy as np
import reference
import torch
from runs import Runs, write

from advantage.textgen.gpt import GPT
from advantage.textgen.presets import LONG, SHORT
from advantage.textgen.training import train

STEPS = 2000
RATES = (4e-3, 8e-3, 1.6e-2, 2e-3, 1e-3)
SEARCH_STEPS, SEARCH_SEED = 500, 100
SEEDS = (0, 1, 2)
SHARES = {"short": 1 / 8, "long": 1.0}
SIZES = {"short": SHORT, "long": LONG}


def ours(path: Path, size: dict, steps: int, seed: int) -> tuple[GPT, dict]:
    """The model that the command would train, and the arguments of `train`."""
    training, validation, vocab_size = reference.read(path)
    tokens = training.numpy().astype(np.uint8), validation.numpy().astype(np.uint8)
    torch.manual_seed(seed)
    model = GPT(vocab_size, *(size[key] for key in ("context", "num_layers", "d_model", "num_heads")))
    common = {key: size[key] for key in ("context", "batch", "muon_rate", "adam_rate")}
    budget = steps * size["batch"] * size["context"]
    return model, {"tokens": tokens, "budget_tokens": budget, "seed": seed, **common}


def loss_of_ours(path: Path, size: dict, steps: int, seed: int) -> float:
    model, arguments = ours(path, size, steps, seed)
    return train(model, *arguments.pop("tokens"), **arguments).val_loss


def step_ms(path: Path, laps: int = 8, steps: int = 5) -> dict[str, float]:
    """Processor milliseconds of a step: median over laps in which the three take turns, a few steps each."""
    training, _, vocab_size = reference.read(path)
    torch.manual_seed(0)
    model = reference.Reference(vocab_size)
    optimiser = reference.optimiser_of(model, 1e-3)
    seconds: dict[str, list[float]] = {"reference": [], "short": [], "long": []}
    for _ in range(laps):
        begin = time.process_time()
        for _ in range(steps):
            reference.train_step(model, optimiser, training, 1e-3)
        seconds["reference"].append((time.process_time() - begin) / steps)
        for name, size in SIZES.items():
            mine, arguments = ours(path, size, steps, 0)
            tokens = arguments.pop("tokens")
            clock: list[float] = []
            note = _noting(clock)
            train(mine, tokens[0], tokens[1][:2], on_step=note, **arguments)
            seconds[name].append((clock[-1] - clock[0]) / (steps - 1))
    return {name: round(1e3 * statistics.median(times), 3) for name, times in seconds.items()}


def _noting(clock: list[float]):
    return lambda step: clock.append(time.process_time())


def race(runs: Runs, path: Path) -> None:
    ms = runs.once({"name": "costs"}, lambda: {"ms": step_ms(path)})["ms"]

    def published(rate: float, seed: int, steps: int = STEPS) -> float:
        what = {"name": "reference", "rate": rate, "steps": steps, "seed": seed}
        return runs.once(what, lambda: {"loss": round(reference.run(path, steps, seed, rate), 5)})["loss"]

    def package(name: str, seed: int) -> None:
        steps = round(STEPS * SHARES[name] * ms["reference"] / ms[name])
        what = {"name": name, "steps": steps, "seed": seed}
        runs.once(what, lambda: {"loss": round(loss_of_ours(path, SIZES[name], steps, seed), 5)})

    short = {rate: published(rate, SEARCH_SEED, SEARCH_STEPS) for rate in RATES}
    best = min(short, key=lambda rate: short[rate])
    for seed in SEEDS:
        published(best, seed)
        package("long", seed)
        package("short", seed)
    for seed in SEEDS:
        published(reference.RATE, seed)


def record(runs: Runs) -> dict:
    rows = [{**row["what"], "loss": row["loss"]} for row in runs.rows if "loss" in row]
    return {"step_ms": next(row["ms"] for row in runs.rows if "ms" in row), "runs": rows}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--runs", type=Path, default=Path("race.jsonl"))
    parser.add_argument("--record", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    runs = Runs(options.runs)
    race(runs, options.corpus)
    if options.record:
        what = "validation loss in nats per character of tiny Shakespeare after so many steps"
        write(options.record, runs, what, record(runs))


if __name__ == "__main__":
    main()
