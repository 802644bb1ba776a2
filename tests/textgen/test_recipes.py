"""The model with switches is the package's GPT, its Muon the package's; searches and records hold together."""

import importlib
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from advantage import records
from advantage.textgen import recipes
from advantage.textgen.gpt import GPT
from advantage.textgen.lstm import LSTM
from advantage.textgen.recipes import RECIPE
from advantage.textgen.training import train

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
TOKENS = np.random.default_rng(0).integers(0, 7, 4000).astype(np.uint8)
TOKENS[1::2] = TOKENS[::2]  # every second token repeats the one before: half of the loss can be learned


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module


def score():
    return recipes.draw(TOKENS, np.arange(0, 3000, 100))


def test_the_full_recipe_is_the_package_s_gpt():
    """Reference: `gpt.GPT` with the same weights."""
    model = GPT(7, 64, 2, 32, 2)
    w = recipes.fresh_weights(RECIPE | {"zero_outputs": False}, 7, 0)
    with torch.no_grad():
        model.embedding.weight.copy_(w["embedding"])
        model.head.weight.copy_(w["head"])
        for i, block in enumerate(model.blocks):
            block.qkv.weight.copy_(torch.cat([w[f"{i}.{name}"] for name in ("query", "key", "value")]))
            for name in ("out", "up", "down"):
                getattr(block, name).weight.copy_(w[f"{i}.{name}"])
    ids = torch.from_numpy(TOKENS[:128].astype(np.int64)).view(2, 64)
    assert torch.allclose(recipes.logits(ids, w, RECIPE), model(ids), atol=1e-5)


@pytest.mark.parametrize("kind", ["gpt", "lstm"])
def test_the_loop_of_architectures_is_the_package_s(bench, kind):
    """Reference: `training.train`, which knows Muon for a GPT and AdamW for an LSTM."""
    architectures = bench("architectures")
    name = {"gpt": "GPT, Muon", "lstm": "LSTM, AdamW"}[kind]
    data = {"vocab_size": 7, "train": TOKENS}
    rates = (0.02, 0.03) if kind == "gpt" else (0.02, 0.02)
    mine = architectures.trained(name, rates, 6 * 768, 3, data)
    torch.manual_seed(3)
    theirs = GPT(7, 64, 2, 64, 2) if kind == "gpt" else LSTM(7, 104)
    arguments = {"context": 64, "batch": 12, "muon_rate": rates[0], "adam_rate": rates[1], "seed": 3}
    train(theirs, TOKENS, TOKENS[:65], budget_tokens=6 * 768, **arguments)
    for a, b in zip(mine.parameters(), theirs.parameters()):
        assert torch.allclose(a, b, atol=1e-4)


def test_muon_takes_the_gates_of_an_lstm_one_by_one():
    """Reference: torch's singular value decomposition; three polynomials send [0.001, 1] to [0.13, 1.87]."""
    torch.manual_seed(0)
    w = {"weight_hh_l0": torch.zeros(4 * 8, 8, requires_grad=True)}
    gates = torch.randn(4, 8, 8) * torch.tensor([1.0, 10, 0.1, 1])[:, None, None]  # of very different sizes
    w["weight_hh_l0"].grad = gates.reshape(32, 8)
    recipe = {"optimiser": "muon", "matrices": 1.0, "tables": 0.1}
    w |= {"bias": torch.zeros(8, requires_grad=True)}
    w["bias"].grad = torch.ones(8)
    recipes.stepper(w, recipe, {"weight_hh_l0": 4})(1.0)
    sizes = torch.linalg.svdvals(w["weight_hh_l0"].detach().view(4, 8, 8))
    assert sizes.min() > 0.05
    assert sizes.max() < 1.9
    assert w["bias"].detach() == pytest.approx([-0.1] * 8, rel=1e-4)  # AdamW's first step: the rate


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"optimiser": "adamw", "matrices": 0.004},
        {"norm": False, "norm_qk": False},
        {"positions": "learned"},
        {"activation": "gelu"},
        {"zero_outputs": False},
        {"decay": 0.0, "warmup": 1},
        {"precision": "bfloat16"},
    ],
)
def test_every_switch_learns(change):
    """Reference: ln 7, what single tokens tell; a run repeats itself."""
    recipe = RECIPE | {"width": 16, "tables": 0.04} | change
    losses = [recipes.run(recipe, 40, 0, TOKENS, 7, score()) for _ in range(2)]
    assert losses[0] == losses[1] < 0.97 * math.log(7)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"optimizer": "muon"}, "unknown entry 'optimizer'"),
        ({"optimiser": "sgd"}, "optimiser 'sgd'; must be muon or adamw"),
        ({"activation": "relu"}, "activation 'relu'"),
        ({"heads": 3}, "2 × heads must divide the width"),
        ({"context": 5000}, "tokens: 4000; a window of context 5000 needs more"),
    ],
)
def test_a_recipe_that_is_none_is_named(change, message):
    """The message has the argument, the value and what would be right."""
    with pytest.raises(ValueError, match=message):
        recipes.run(RECIPE | change, 1, 0, TOKENS, 7, score())


def test_missing_entries_and_negative_steps_are_named():
    """The same of these arguments."""
    with pytest.raises(ValueError, match="no entry"):
        recipes.check({"layers": 2} | {key: RECIPE[key] for key in list(RECIPE)[2:]})
    with pytest.raises(ValueError, match=r"steps: got -1"):
        recipes.run(RECIPE, -1, 0, TOKENS, 7, score())


def test_the_schedule():
    """By hand: up over the warm-up, level, down to nothing; without decay it stays."""
    recipe = RECIPE | {"warmup": 10, "decay": 0.5}
    assert [recipes.factor(i, 100, recipe) for i in (0, 9, 50, 75, 99)] == pytest.approx([0.1, 1, 1, 0.5, 0.02])
    assert recipes.factor(99, 100, recipe | {"decay": 0.0}) == 1


def test_the_walk_finds_the_best_pair_of_rates(bench):
    """Reference: a bowl in the logarithms of both rates, whose bottom is known."""
    runs, seen = bench("runs"), []

    def bowl(pair):
        seen.append(pair)
        return (math.log2(pair[0]) + 3) ** 2 + (math.log2(pair[1]) + 5) ** 2

    assert runs.compass(bowl, (0.004, 0.25)) == pytest.approx((0.125, 1 / 32), rel=0.42)  # at most half a factor of 2
    assert len(seen) == len(set(seen)) < 30
    assert runs.compass(lambda pair: math.nan if pair[0] > 0.2 else -pair[0], (0.1, 1.0))[0] <= 0.2


def test_a_search_that_was_stopped_goes_on(bench, tmp_path):
    """By hand: two runs, a line cut in half, and one run again."""
    runs, path, done = bench("runs"), tmp_path / "runs.jsonl", []

    def measure():
        done.append(1)
        return {"loss": 1.5}

    first = runs.Runs(path)
    for seed in (0, 1):
        first.once({"seed": seed}, measure)
    whole = path.read_text(encoding="utf-8").splitlines()
    path.write_text(whole[0] + "\n" + whole[1][:20], encoding="utf-8")
    again = runs.Runs(path)
    assert [again.once({"seed": seed}, measure)["loss"] for seed in (0, 1)] == [1.5, 1.5]
    assert len(done) == 3
    lines = [json.loads(line)["what"] for line in path.read_text(encoding="utf-8").splitlines()]
    assert lines == [{"seed": 0}, {"seed": 1}]


RACE_SHARES = (("short", 1 / 8), ("long", 1))


@pytest.mark.parametrize("name", ["recipe_runs", "architecture_runs"])
def test_a_record_says_where_it_comes_from_and_keeps_the_judges_apart(name):
    """CONTRIBUTING: machine, torch, date; no seed that chose a rate judges it."""
    record = getattr(records, name)()
    assert {"what", "machine", "torch", "python", "threads", "date", "processor_minutes", "step_ms"} <= set(record)
    assert all(ms > 0 for ms in record["step_ms"].values())
    for study, rivals in record["studies"].items():
        for rows in rivals.values():
            for matrices, tables, amount, seed, loss in rows:
                assert min(matrices, tables, amount) > 0
                assert 1 < loss < (math.inf if "search" in study else 5)  # a rate that is too high may end anywhere
                assert (seed >= 100) == ("search" in study or study == "landscape"), study


def test_the_record_of_the_race_is_whole():
    """benchmarks/race.py: one rate searched on a seed that races nowhere; three seeds for each runner; equal costs."""
    record = records.race_runs()
    assert {"what", "machine", "torch", "python", "threads", "date", "processor_minutes", "step_ms"} <= set(record)
    tried = {run["rate"]: run for run in record["runs"] if run["name"] == "reference" and run["steps"] == 500}
    assert len(tried) >= 5
    assert {run["seed"] for run in tried.values()} == {100}
    best = min(tried, key=lambda rate: tried[rate]["loss"])
    full = [run for run in record["runs"] if run["steps"] == 2000 and run.get("rate") == best]
    assert min(tried) < best < max(tried)
    for share, runs in ((1, full), *((s, [r for r in record["runs"] if r["name"] == n]) for n, s in RACE_SHARES)):
        assert sorted(run["seed"] for run in runs) == [0, 1, 2]
        assert all(1 < run["loss"] < math.log(65) for run in runs)
        steps, name = runs[0]["steps"], runs[0]["name"]
        cost = steps * record["step_ms"][name] / (2000 * record["step_ms"]["reference"])
        assert cost == pytest.approx(share, rel=0.01)


def test_a_recorded_recipe_repeats():
    """Reference: the record itself, mean of two seeds; another processor's rounding moves a run by what a seed does."""
    record = records.recipe_runs()
    data = recipes.text()
    rows = record["studies"]["equal cost at 80"]["the full recipe"]
    losses = [
        recipes.run(
            RECIPE | {"matrices": matrices, "tables": tables},
            steps,
            seed,
            data["tokens"],
            data["vocab_size"],
            data["score"]["judge"],
        )
        for matrices, tables, steps, seed, _ in rows[:2]
    ]
    assert np.mean(losses) == pytest.approx(np.mean([row[-1] for row in rows]), abs=0.2)
