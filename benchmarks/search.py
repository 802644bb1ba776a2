"""Which tricks matter? One search for every rival, then judged on seeds and files that the search has not seen.

    python benchmarks/search.py [--runs recipes.jsonl] [--record src/advantage/data/recipe_runs.json]

Every rival differs from `advantage.textgen.recipes.RECIPE` in one choice. All are searched by the same rule (`compass`
in runs.py): the learning rate of the matrices inside the blocks and that of embedding and head, seeds 100 and 101, at
the steps that the budget pays for, scored on half of the held-out files. The best pair is then judged with seeds 0 … 7
on the other half, at equal steps and at equal cost. The cost of a step is measured first, once, in processor seconds,
recipes in turn. A run is a line of the file of runs; a search that is stopped and started again goes on where it was.
With --record the package's record is written from the runs. One thread; about half an hour of processor time.
"""

import argparse
import statistics
import time
from pathlib import Path

import numpy as np
import torch
from runs import SEARCH_SEEDS, Runs, compass, write

from advantage.textgen import recipes
from advantage.textgen.recipes import RECIPE

STEPS = 80  # of the full recipe: the budget
OTHER_STEPS = (40, 240)
SEEDS = range(8)
ADAMW = {"optimiser": "adamw", "matrices": 0.004}  # where the walk begins; Muon's begins at RECIPE's rates
CHANGES = {
    "the full recipe": {},
    "AdamW for the matrices": ADAMW,
    "batch × 4": {"batch": 24},
    "no warm-up": {"warmup": 1},
    "no decay": {"decay": 0.0},
    "no norm at all": {"norm": False, "norm_qk": False},
    "batch × 2": {"batch": 12},
    "batch ÷ 3": {"batch": 2},
    "no norm of q and k": {"norm_qk": False},
    "outputs not from zero": {"zero_outputs": False},
    "learned positions": {"positions": "learned"},
    "GELU": {"activation": "gelu"},
    "4 layers": {"layers": 4},
}
SAME_WORK = ("no warm-up", "no decay", "outputs not from zero")  # a step of these costs what the full recipe's costs
AGAIN = ("the full recipe", "AdamW for the matrices", "batch × 4", "no decay", "no norm at all")  # at other budgets
FIRST_SEARCH = {  # only the matrices' rate was searched, with the tables' at 0.01: what a hurried search had found
    "the full recipe": {},
    "AdamW for the matrices": ADAMW,
    "batch × 4": {"batch": 24},
}
PARTS = ["hurried", "tricks", "budgets", "widths"]
WIDTHS = (16, 32, 64, 128)
WIDTH_STEPS = 40
WIDTH_SEEDS = range(3)


def step_ms(all_recipes: dict[str, dict], data: dict, laps: int = 30) -> dict[str, float]:
    """Processor milliseconds of a step of each recipe: the median over laps in which they take turns."""
    states = {}
    for name, recipe in all_recipes.items():
        w = recipes.fresh_weights(recipe, data["vocab_size"], 0)
        states[name] = recipe, w, recipes.stepper(w, recipe), []
    draw = np.random.default_rng(0)
    for _ in range(laps):
        for recipe, w, step, seconds in states.values():
            begin = time.process_time()
            starts = draw.integers(len(data["tokens"]) - 65, size=recipe["batch"])
            recipes.loss_of(recipes.draw(data["tokens"], starts), w, recipe).backward()
            step(0.1)
            seconds.append(time.process_time() - begin)
    return {name: round(1e3 * statistics.median(seconds[2:]), 3) for name, (*_, seconds) in states.items()}


def affordable(ms: dict, name: str, steps: int) -> int:
    """Steps of a recipe for the cost of so many of the full one."""
    return steps if name in SAME_WORK else max(4, round(steps * ms["the full recipe"] / ms[name]))


class Search:
    def __init__(self, runs: Runs) -> None:
        self.runs, self.data = runs, recipes.text()

    def loss(self, study: str, name: str, recipe: dict, steps: int, seed: int) -> float:
        """Of one run, on the half of the held-out files that its seed belongs to."""
        half = "search" if seed >= SEARCH_SEEDS[0] else "judge"
        changed = {key: value for key, value in recipe.items() if value != RECIPE[key]}
        what = {"study": study, "name": name, "changed": changed, "steps": steps, "seed": seed}

        def measure() -> dict:
            data = self.data
            loss = recipes.run(recipe, steps, seed, data["tokens"], data["vocab_size"], data["score"][half])
            return {"loss": round(loss, 5)}

        return self.runs.once(what, measure)["loss"]

    def searched(self, study: str, name: str, recipe: dict, steps: int, start=None, seeds=SEARCH_SEEDS, **how) -> dict:
        """The recipe with the best pair of rates that the walk finds."""

        def score(pair):
            rates = {"matrices": pair[0], "tables": pair[1]}
            return statistics.mean(self.loss(study, name, recipe | rates, steps, seed) for seed in seeds)

        matrices, tables = compass(score, start or (recipe["matrices"], recipe["tables"]), **how)
        return recipe | {"matrices": matrices, "tables": tables}

    def costs(self) -> dict:
        timed = {name: RECIPE | change for name, change in CHANGES.items() if name not in SAME_WORK}
        timed["16-bit products"] = RECIPE | {"precision": "bfloat16"}
        return self.runs.once({"study": "costs"}, lambda: {"ms": step_ms(timed, self.data)})["ms"]

    def tricks(self, steps: int, names, seeds, search_seeds) -> None:
        """Every rival searched at equal cost, then judged at equal cost and at equal steps."""
        ms = self.costs()
        for name in names:
            own = affordable(ms, name, steps)
            begin = RECIPE | {"tables": 0.04} | CHANGES[name]
            best = self.searched(f"search at {steps}", name, begin, own, seeds=search_seeds)
            for seed in seeds:
                self.loss(f"equal cost at {steps}", name, best, own, seed)
                if steps == STEPS:
                    self.loss(f"equal steps at {steps}", name, best, steps, seed)

    def first_search(self) -> None:
        """The same rivals with the tables' rate left at 0.01, as a hurried search would."""
        for name, change in FIRST_SEARCH.items():
            steps = affordable(self.costs(), name, STEPS)
            best = self.searched("hurried search", name, RECIPE | change, steps, both=False)
            for seed in SEEDS:
                self.loss("hurried", name, best, steps, seed)

    def widths(self) -> None:
        """The matrices' rate over a fine grid for four widths; the tables' found by a coarse walk at each width."""
        for width in WIDTHS:
            for name, start in (("muon", 0.03), ("adamw", 0.008)):
                base = RECIPE | {"optimiser": name, "width": width, "heads": max(1, width // 16)}
                seeds = SEARCH_SEEDS[:1]
                best = self.searched(
                    "search of widths", f"{name} {width}", base, WIDTH_STEPS, (start, 0.04), seeds, strides=(4.0,)
                )
                for seed in WIDTH_SEEDS:
                    for k in range(-3, 4):
                        recipe = best | {"matrices": start * 2.0**k}
                        self.loss("widths", f"{name} {width}", recipe, WIDTH_STEPS, seed)


def record(search: Search) -> dict:
    """What the package ships: every run, without what they share."""
    studies: dict = {}
    for row in search.runs.rows:
        what = row["what"]
        if what["study"] != "costs":
            mine = studies.setdefault(what["study"], {}).setdefault(what["name"], [])
            mine.append([*_rates(what["changed"]), what["steps"], what["seed"], row["loss"]])
    return {"step_ms": search.costs(), "studies": studies}


def _rates(changed: dict) -> tuple[float, float]:
    return changed.get("matrices", RECIPE["matrices"]), changed.get("tables", RECIPE["tables"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=Path, default=Path("recipes.jsonl"))
    parser.add_argument("--only", nargs="*", choices=PARTS, default=PARTS)
    parser.add_argument("--record", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    search = Search(Runs(options.runs))
    if "hurried" in options.only:
        search.first_search()
    if "tricks" in options.only:
        search.tricks(STEPS, CHANGES, SEEDS, SEARCH_SEEDS)
    if "budgets" in options.only:
        for steps in OTHER_STEPS:
            search.tricks(steps, AGAIN, range(6), SEARCH_SEEDS[:1])
    if "widths" in options.only:
        search.widths()
    if options.record:
        what = "validation loss in nats of short runs; columns: matrices' rate, tables' rate, steps, seed, loss"
        write(options.record, search.runs, what, record(search))


if __name__ == "__main__":
    main()
