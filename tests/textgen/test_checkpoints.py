"""Checkpoints: the same run, however it is killed or damaged."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from advantage.textgen import checkpoints, muon, training
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
def test_an_interrupted_run_resumes_to_the_same_weights(tmp_path, kind):
    """Reference: the run that was not interrupted, bit for bit."""
    whole = fresh(kind)
    expected = run(whole)

    def stop(step):
        if step == 11:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run(fresh(kind), tmp_path, on_step=stop)
    resumed = fresh(kind)
    result = run(resumed, tmp_path)
    assert torch.equal(weights(resumed), weights(whole))
    assert (result.val_loss, result.steps) == (expected.val_loss, expected.steps)


LIVES = """
import os, random, signal, sys, time
from pathlib import Path
from advantage.textgen.__main__ import main
from advantage.textgen import corpus, gpt, lstm, storage, tokenizer, training  # once, before the processes part

def arguments(out):
    sizes = "--layers 1 --width 16 --heads 1 --context 16 --batch 4 --checkpoint-seconds 0.01 --budget-tokens 64000"
    return ["train", "--corpus", "text.txt", "--out", out, *sizes.split()]

clock, kills = random.Random(1), 0
assert main(arguments("whole")) == 0
while kills < 10:
    there = sorted(Path("killed").glob("checkpoint-*"))
    child = os.fork()
    if child == 0:
        os._exit(main(arguments("killed")))
    ended = 0
    while not ended and sorted(Path("killed").glob("checkpoint-*")) == there:
        time.sleep(0.002)  # until this life has a checkpoint of its own
        ended = os.waitpid(child, os.WNOHANG)[0]
    time.sleep(clock.uniform(0, 0.05))
    if ended or os.waitpid(child, os.WNOHANG)[0]:
        break
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    kills += 1
assert main(arguments("killed")) == 0
print("kills", kills)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_run_killed_ten_times_ends_with_the_same_weights(tmp_path):
    """Reference: the run that was not killed, bit for bit; signal 9 at random moments."""
    (tmp_path / "text.txt").write_text("the quick brown fox jumps over the lazy dog\n" * 60)
    life = subprocess.run([sys.executable, "-c", LIVES], cwd=tmp_path, capture_output=True, text=True)
    assert life.returncode == 0, life.stderr
    assert life.stdout.split("kills ")[1].strip() == "10"
    one, other = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "killed"))
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_damaged_checkpoint_is_named_and_the_one_before_used(tmp_path):
    """Reference: the run without damage."""
    whole = fresh()
    run(whole)

    def stop(step):
        if step == 11:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run(fresh(), tmp_path, on_step=stop, checkpoint_seconds=0.0)
    newest = max(tmp_path.glob("checkpoint-*"))
    with open(newest / "model.safetensors", "r+b") as file:
        file.seek(200)
        file.write(b"\xff\xff")
    resumed = fresh()
    with pytest.warns(UserWarning, match=newest.name):
        run(resumed, tmp_path)
    assert torch.equal(weights(resumed), weights(whole))


def test_a_full_disk_leaves_the_checkpoint_before(tmp_path, monkeypatch):
    """Reference: the checkpoint that was there."""
    model = fresh()
    optimiser = muon.Optimiser(model, 0.02, 0.01)
    run(model, tmp_path)
    there = sorted(path.name for path in tmp_path.iterdir())

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints, "_write", full)
    with pytest.raises(OSError, match="No space"):
        checkpoints.save(tmp_path, model, optimiser, 99, 1.0, [])
    assert sorted(path.name for path in tmp_path.iterdir()) == there


def test_another_model_s_checkpoint_is_refused(tmp_path):
    """Reference: the docstring of resume."""
    run(fresh(), tmp_path)
    with pytest.raises(ValueError, match="num_layers"):
        run(GPT(7, 16, 2, 16, 2), tmp_path)
