"""Checkpoints: the same run, however it is killed or damaged."""

import os
import shutil
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
import os, random, signal
from advantage.textgen.__main__ import main
from advantage.textgen import corpus, gpt, lstm, storage, tokenizer, training  # once, before the processes part

def arguments(out):
    sizes = "--layers 1 --width 16 --heads 1 --context 16 --batch 4 --checkpoint-seconds 0.01 --budget-tokens 64000"
    return ["train", "--corpus", "text.txt", "--out", out, *sizes.split()]

moments, kills, begun = random.Random(1), 0, os.times().user
assert main(arguments("whole")) == 0
longest = (os.times().user - begun) / 20  # of the processor's seconds: on a busy machine a life is no shorter
for _ in range(10):
    moment = moments.uniform(longest / 10, longest)
    child = os.fork()
    if child == 0:
        signal.setitimer(signal.ITIMER_VIRTUAL, moment)  # nothing handles its signal: the process is gone
        os._exit(main(arguments("killed")))
    kills += os.WIFSIGNALED(os.waitpid(child, 0)[1])
print("begun" if any(name.startswith("checkpoint-") for name in os.listdir("killed")) else "nothing")
assert main(arguments("killed")) == 0
print("kills", kills)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_run_killed_ten_times_ends_with_the_same_weights(tmp_path):
    """Reference: the run that was not killed, bit for bit; a signal that nothing handles at random moments."""
    (tmp_path / "text.txt").write_text("the quick brown fox jumps over the lazy dog\n" * 60)
    life = subprocess.run([sys.executable, "-c", LIVES], cwd=tmp_path, capture_output=True, text=True)
    assert life.returncode == 0, life.stderr
    assert life.stdout.split("kills ")[1].strip() == "10"
    assert "begun" in life.stdout.splitlines()  # the last life went on where another had stopped
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

    monkeypatch.setattr(checkpoints.json, "dump", full)
    with pytest.raises(OSError, match="No space"):
        checkpoints.save(tmp_path, model, optimiser, {}, checkpoints.State(99, 1.0))
    assert sorted(path.name for path in tmp_path.iterdir()) == there


def test_another_model_s_checkpoint_is_refused(tmp_path):
    """Reference: the docstring of resume."""
    run(fresh(), tmp_path)
    with pytest.raises(ValueError, match="num_layers"):
        run(GPT(7, 16, 2, 16, 2), tmp_path)


def stopped(tmp_path, **options):
    """A run of thirty steps that was stopped after eleven."""

    def stop(step):
        if step == 11:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run(fresh(), tmp_path, on_step=stop, **options)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 1}, "seed 0 there, 1 here"),
        ({"batch": 8}, "batch 4 there, 8 here"),
        ({"accumulate": 2}, "accumulate 1 there, 2 here"),
        ({"context": 8}, "context 16 there, 8 here"),
        ({"muon_rate": 0.1}, "muon_rate .* there, 0.1 here"),
        ({"adam_rate": 0.1}, "adam_rate .* there, 0.1 here"),
        ({"warmup": 3}, "warmup 20 there, 3 here"),
        ({"decay": 0.5}, "decay 0.7 there, 0.5 here"),
        ({"clip": 2.0}, "clip 1.0 there, 2.0 here"),
        ({"bfloat16": True}, "bfloat16 False there, True here"),
        ({"budget_tokens": 2 * BUDGET}, "budget_tokens 1920 there, 3840 here"),
        ({"budget_tokens": None, "budget_seconds": 1e6}, "budget_tokens 1920 there, None here; budget_seconds None"),
        ({"about": {"tokenizer": "b"}}, "tokenizer 'a' there, 'b' here"),
        ({"batch": 8, "seed": 1}, "batch 4 there, 8 here; seed 0 there, 1 here"),
    ],
)
def test_another_run_s_checkpoint_is_refused(tmp_path, change, message):
    """Reference: the run's own settings: whatever changes the result is compared, and named."""
    stopped(tmp_path, about={"tokenizer": "a"})
    with pytest.raises(ValueError, match=f"out: .* holds another run: {message}"):
        run(fresh(), tmp_path, **{"about": {"tokenizer": "a"}, **change})
    run(fresh(), tmp_path, about={"tokenizer": "a"}, evaluations=3, checkpoint_seconds=0.1)  # these change nothing


def test_other_tokens_are_refused(tmp_path):
    """Reference: the tokens' hash."""
    stopped(tmp_path)
    other = TOKENS.copy()
    other[5] = (other[5] + 1) % 7
    with pytest.raises(ValueError, match=r"train_tokens '.*' there, '.*' here"):
        training.train(fresh(), other[:3500], TOKENS[3500:], out=tmp_path, budget_tokens=BUDGET, context=16, batch=4)
    with pytest.raises(ValueError, match="validation_tokens"):
        training.train(fresh(), TOKENS[:3500], other[3400:], out=tmp_path, budget_tokens=BUDGET, context=16, batch=4)


def test_a_model_without_a_checkpoint_is_not_overwritten(tmp_path):
    """Reference: the file that was there."""
    (tmp_path / "model.json").write_text("{}")
    with pytest.raises(ValueError, match="holds a model and no checkpoint"):
        run(fresh(), tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["model.json"]


@pytest.mark.parametrize("kind", ["gpt", "lstm"])
def test_a_compiled_model_resumes_as_the_model_that_it_is(tmp_path, kind):
    """Reference: the run that was not interrupted and not compiled, bit for bit (the backend changes no number)."""
    whole = fresh(kind)
    run(whole)

    def stop(step):
        if step == 11:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run(torch.compile(fresh(kind), backend="eager"), tmp_path, on_step=stop)
    plain, compiled = fresh(kind), fresh(kind)
    shutil.copytree(tmp_path, tmp_path.parent / f"{kind}-copy")
    run(plain, tmp_path)
    run(torch.compile(compiled, backend="eager"), tmp_path.parent / f"{kind}-copy")
    assert torch.equal(weights(plain), weights(whole))
    assert torch.equal(weights(compiled), weights(whole))


def test_a_finished_run_given_again_trains_nothing(tmp_path):
    """Reference: the first run's result and log."""
    first = run(fresh(), tmp_path)
    again = run(fresh(), tmp_path)
    assert (again.val_loss, again.steps, again.log) == (first.val_loss, first.steps, first.log)


def test_what_a_killed_writer_left_is_removed(tmp_path):
    """Reference: the folder's listing."""
    stopped(tmp_path)
    (tmp_path / ".unfinished-1").mkdir()
    (tmp_path / ".unfinished-2").write_text("half")
    run(fresh(), tmp_path)
    assert not list(tmp_path.glob(".unfinished-*"))
    assert len(list(tmp_path.glob("checkpoint-*"))) == 2


@pytest.mark.parametrize("state", ["[]", "{}", '{"sha256": {}}', '{"sha256": []}', "\udcff", "[" * 100_000])
def test_a_damaged_state_is_named(tmp_path, state):
    """Reference: files made wrong here."""
    stopped(tmp_path)
    newest = max(tmp_path.glob("checkpoint-*"))
    (newest / "state.json").write_bytes(state.encode(errors="surrogateescape"))
    with pytest.warns(UserWarning, match=f"{newest.name} is damaged"):
        assert checkpoints.newest(tmp_path) is None


def test_an_optimiser_takes_only_its_own_state():
    """Reference: strict loading."""
    optimiser = muon.Optimiser(fresh(), 0.1, 0.1)
    with pytest.raises(ValueError, match="optimiser: "):
        optimiser.load({})
