"""The training loop: the same run, however it is cut, killed, split over processes or damaged."""

import json
import os
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from advantage.textgen import training
from advantage.textgen.gpt import GPT
from advantage.textgen.lstm import LSTM

TOKENS = np.random.default_rng(0).integers(0, 7, 4000).astype(np.uint8)
TOKENS[1::2] = TOKENS[::2]  # every second token repeats the one before: half of the loss can be learned
BUDGET = 30 * 4 * 16  # tokens: 30 steps


def fresh(kind="gpt"):
    torch.manual_seed(0)
    return GPT(7, 16, 1, 16, 2) if kind == "gpt" else LSTM(7, 16)


def run(model, out=None, **options):
    options = {"budget_tokens": BUDGET, "context": 16, "batch": 4} | options
    return training.train(model, TOKENS[:3500], TOKENS[3500:], out=out, **options)


def weights(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


@pytest.mark.parametrize("kind", ["gpt", "lstm"])
def test_the_loss_falls_below_what_single_tokens_tell(kind):
    """Reference: the entropy of the tokens, ln 7, which only the order of the tokens can beat."""
    result = run(fresh(kind), budget_tokens=BUDGET * 10)
    assert result.val_loss < 0.75 * np.log(7)
    assert result.tokens == BUDGET * 10
    assert result.steps == 300


def test_evaluation_counts_every_token_once():
    """Reference: one forward pass for each window, written out."""
    model = fresh()
    torch.nn.init.normal_(model.head.weight)
    tokens, total = TOKENS[:107], 0.0
    for start in range(0, 106, 16):
        piece = torch.from_numpy(tokens[start : start + 17].astype(np.int64))
        total += F.cross_entropy(model(piece[None, :-1])[0], piece[1:], reduction="sum").item()
    assert training.evaluate(model, tokens, 16) == pytest.approx(total / 106, rel=1e-6)
    assert training.evaluate(model, tokens, 16, at_once=16) == pytest.approx(total / 106, rel=1e-6)


@pytest.mark.parametrize("kind", ["gpt", "lstm"])
def test_sixteen_bits_train_to_the_loss_of_thirty_two(kind):
    """Reference: the same run in float32. On a GPU 16 bits are the default; autocast treats the CPU alike."""
    losses = [run(fresh(kind), budget_tokens=BUDGET * 4, bfloat16=short).val_loss for short in (False, True)]
    assert losses[0] != losses[1]  # it did compute in 16 bits
    assert losses[1] == pytest.approx(losses[0], rel=0.02)


def test_a_model_compiles_in_one_piece():
    """Reference: torch.compile with fullgraph refuses a model that looks at its values on the way."""
    model = fresh()
    torch.nn.init.normal_(model.head.weight)
    ids = torch.from_numpy(TOKENS[:32].astype(np.int64)).view(2, 16)
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    assert torch.allclose(compiled(ids), model(ids), atol=1e-6)


def test_accumulated_parts_give_the_whole_batch_s_gradient():
    """Reference: the run without accumulation."""
    one, other = fresh(), fresh()
    run(one)
    run(other, accumulate=4)
    assert torch.allclose(weights(one), weights(other), atol=1e-4)


def test_two_processes_give_the_loss_of_one(tmp_path):
    """Reference: the run in one process, to 1e-5; gloo on the CPU."""
    script = tmp_path / "part.py"
    script.write_text(
        "import sys, torch.distributed as dist\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from test_training import fresh, run\n"
        "dist.init_process_group('gloo')\n"
        "result = run(fresh())\n"
        "if dist.get_rank() == 0: print(f'loss {result.val_loss:.9f}')\n"
        "dist.destroy_process_group()\n"
    )
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(script)]
    output = subprocess.run(
        torchrun, capture_output=True, text=True, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    together = float(output.stdout.split("loss ")[1].split()[0])
    assert together == pytest.approx(run(fresh()).val_loss, abs=1e-5)


def test_the_log_is_a_plain_table(tmp_path):
    """Reference: Python's csv module."""
    import csv

    result = run(fresh(), tmp_path, evaluations=2)
    rows = list(csv.DictReader((tmp_path / "log.csv").open(encoding="utf-8")))
    assert [int(row["step"]) for row in rows] == [row["step"] for row in result.log]
    assert sum(bool(row["val_loss"]) for row in rows) == 3
    assert json.loads((max(tmp_path.glob("checkpoint-*")) / "state.json").read_text())["step"] == 30


def test_a_budget_of_seconds_is_kept(monkeypatch):
    """Reference: a clock of our own, which each step moves on by 0.1 seconds: 0.55 seconds end after the sixth."""
    now, drawn = [0.0], training.draw_batch

    def draw_batch(*arguments):
        now[0] += 0.1
        return drawn(*arguments)

    monkeypatch.setattr(training.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(training, "draw_batch", draw_batch)
    done = []
    run(fresh(), budget_tokens=None, budget_seconds=0.55, on_step=done.append)
    np.testing.assert_array_equal(done, range(1, 7))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"budget_tokens": None}, "budget_seconds"),
        ({"budget_seconds": 1.0}, "budget_seconds"),
        ({"budget_tokens": 0}, "budget"),
        ({"batch": 3, "accumulate": 2}, "batch"),
        ({"context": 5000}, "train_tokens"),
        ({"context": 17}, "context: 17; the model sees at most 16"),
        ({"context": 0}, "context: 0"),
        ({"batch": 0}, "batch: 0"),
        ({"accumulate": 0}, "accumulate: 0"),
        ({"warmup": -1}, "warmup: -1"),
        ({"warmup": 1.5}, "warmup: 1.5"),
        ({"decay": 1.5}, "decay: 1.5"),
        ({"decay": -0.1}, "decay: -0.1"),
        ({"decay": np.nan}, "decay: nan"),
        ({"clip": 0}, "clip: 0"),
        ({"clip": -1.0}, "clip: -1.0"),
        ({"clip": np.nan}, "clip: nan"),
        ({"muon_rate": -0.1}, "muon_rate: -0.1"),
        ({"adam_rate": np.nan}, "adam_rate: nan"),
        ({"adam_rate": np.inf}, "adam_rate: inf"),
        ({"seed": -1}, "seed: -1"),
        ({"seed": 0.5}, "seed: 0.5"),
        ({"budget_tokens": 1.5}, "budget_tokens: 1.5"),
        ({"budget_tokens": None, "budget_seconds": np.nan}, "budget_seconds: nan"),
        ({"budget_tokens": None, "budget_seconds": -1}, "budget_seconds: -1"),
        ({"evaluations": -1}, "evaluations: -1"),
        ({"checkpoint_seconds": -1}, "checkpoint_seconds: -1"),
    ],
)
def test_bad_input_is_named(wrong, message):
    """Reference: the docstring of train."""
    with pytest.raises(ValueError, match=message), warnings.catch_warnings():
        run(fresh(), **wrong)


def test_a_budget_over_before_the_first_step_is_an_error(tmp_path):
    """Reference: an untrained model is no result; nothing is written. The seconds count from long ago."""
    for out in (None, tmp_path / "m"):
        with pytest.raises(ValueError, match="over before the first step"):
            run(fresh(), out, budget_tokens=None, budget_seconds=5.0, started=time.perf_counter() - 10)
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize("options", [{"warmup": 0}, {"decay": 0}, {"warmup": 0, "decay": 0, "clip": np.inf}])
def test_no_warm_up_no_decay_and_no_clipping_are_possible(options):
    """Reference: the factors, by hand."""
    assert run(fresh(), **options).steps == 30
    assert [training.rate(p, s, 0, 0) for p, s in ((0, 0), (0.5, 7), (0.99, 99))] == [1, 1, 1]
    assert training.rate(0.5, 0, 0, 1.0) == 0.5
    assert training.rate(0.5, 0, 4, 0) == 0.25


@pytest.mark.parametrize(
    "tokens", [[1, 2, 3] * 50, TOKENS[:200].astype(float), TOKENS[:200].reshape(2, -1), TOKENS[:3]]
)
def test_tokens_that_are_no_row_of_numbers_are_named(tokens):
    """Reference: the docstring."""
    with pytest.raises(ValueError, match="train_tokens: "):
        training.train(fresh(), tokens, TOKENS, budget_tokens=64, context=16, batch=4)
    with pytest.raises(ValueError, match="tokens: "):
        training.evaluate(fresh(), tokens[:1], 16)


def test_the_log_holds_numbers():
    """Reference: their types; None where nothing was looked at."""
    log = run(fresh(), budget_tokens=2 * BUDGET, evaluations=2).log
    assert {type(value) for row in log for value in row.values()} <= {int, float, type(None)}
    assert log[-1]["train_loss"] is None
    assert any(type(row["train_loss"]) is float for row in log)
