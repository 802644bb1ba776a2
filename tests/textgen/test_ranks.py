"""Several processes at once: one process's gradients, losses and weights, whoever is killed; nothing left running."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.fsdp import fully_shard
from torch.nn.parallel import DistributedDataParallel

from advantage.textgen import ranks, scale_out, training
from advantage.textgen.gpt import GPT
from advantage.textgen.muon import Optimiser

SIZES = (32, 16, 2, 16, 2)  # vocabulary, context, layers, width, heads
WAYS = ("loop", "DDP", "FSDP")
STEPS = 12


def tokens():
    return np.random.default_rng(0).integers(0, 32, 4000).astype(np.uint8)


def fresh():
    """A model whose output matrices are not zero, so that every gradient has something to say."""
    torch.manual_seed(0)
    model = GPT(*SIZES)
    for name, p in model.named_parameters():
        if name.split(".")[-2] in ("head", "out", "down"):
            nn.init.normal_(p, std=0.1)
    return model


def spread(model, way):
    """The same model, and what to call in its place."""
    if way == "DDP":
        return model, DistributedDataParallel(model)
    if way == "FSDP":
        for block in model.blocks:
            fully_shard(block)
        fully_shard(model)
    return model, model


def whole(tensor):
    return tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor


def losses(model, forward, steps=STEPS):
    """Mean loss over the ranks after each step of the package's loop."""
    recipe = training.Recipe(context=16, batch=8, warmup=2, bfloat16=False)
    budget = training.Budget(steps * 8 * 16, None, 8 * 16, 0.0)
    seen = []
    for _, _, loss in training.steps(forward, Optimiser(model, 0.02, 0.01), tokens(), recipe, budget):
        if dist.is_initialized():
            dist.all_reduce(loss)
            loss /= dist.get_world_size()
        seen.append(loss.item())
    return seen


def agreement():
    """For each way: the largest distance of a gradient from one process's, and the losses of a run."""
    recipe = training.Recipe(context=16, batch=8, bfloat16=False)
    inputs, targets = training.draw_batch(tokens(), 8, 16, 0, 0)
    alone = fresh()
    nn.functional.cross_entropy(alone(inputs).flatten(0, 1), targets.flatten()).backward()
    found = {}
    for way in WAYS:
        model, forward = spread(fresh(), way)
        training.backward(forward, inputs, targets, recipe)
        pairs = zip(model.parameters(), alone.parameters())
        far = max((whole(p.grad) - q.grad).abs().max().item() for p, q in pairs)
        found[way] = [far, losses(*spread(fresh(), way))]
    return found


def test_gradients_and_losses_are_those_of_one_process():
    """Reference: one process with the whole batch, to 1e-6."""
    one = losses(*[fresh()] * 2)
    assert len(set(one)) == STEPS
    for found in ranks.launch(agreement, 2):
        for way in WAYS:
            far, curve = found[way]
            assert far < 1e-6, way
            assert curve == pytest.approx(one, abs=1e-5), way


def collectives(numbers):
    """Bytes that a rank receives in an all-reduce and in an all-gather, both to its end."""
    x = torch.ones(numbers)
    part = x[: numbers // dist.get_world_size()].clone()
    counted = []
    for call in (lambda: dist.all_reduce(x), lambda: dist.all_gather_single(x, part)):
        dist.barrier()
        before = ranks.received()
        call()
        dist.barrier()
        counted.append(ranks.received() - before)
    return counted


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux counts a socket's bytes so")
def test_bytes_are_those_of_a_ring():
    """Reference: the system's own count of bytes on each process's sockets."""
    numbers = 3 * 2**16
    for counted in ranks.launch(collectives, 3, numbers=numbers):
        names = ("all_reduce", "all_gather")
        for name, received in zip(names, counted):
            assert received == pytest.approx(scale_out.ring_bytes(4 * numbers, 3, name), rel=0.02)


def elastic(out, kill_at):
    """The package's run; rank 1 kills itself before its first checkpoint of that step is written."""
    first = os.environ["TORCHELASTIC_RESTART_COUNT"] == "0"
    seen = []

    def on_step(step):
        seen.append(step)
        if first and step == kill_at and dist.get_rank() == 1:
            os.kill(os.getpid(), signal.SIGKILL)

    result = training.train(
        fresh(), tokens()[:3500], tokens()[3500:], budget_tokens=STEPS * 128, context=16, batch=8, out=out,
        checkpoint_seconds=0.0, on_step=on_step, bfloat16=False,
    )  # fmt: skip
    return [result.val_loss, seen[0], result.steps]


def test_a_rank_killed_in_mid_run_changes_nothing(tmp_path):
    """Reference: the run that nobody disturbed, in one process; SIGKILL, restart by torchrun, from a checkpoint."""
    alone = training.train(
        fresh(), tokens()[:3500], tokens()[3500:], budget_tokens=STEPS * 128, context=16, batch=8, bfloat16=False
    )
    disturbed = ranks.launch(elastic, 2, restarts=1, out=str(tmp_path / "killed"), kill_at=7)
    for val_loss, first, steps in disturbed:
        assert val_loss == pytest.approx(alone.val_loss, abs=1e-5)
        assert 1 < first <= 8  # it went on, and did not begin anew
        assert steps == STEPS
    undisturbed = ranks.launch(elastic, 2, out=str(tmp_path / "quiet"), kill_at=0)
    assert disturbed[0][0] == undisturbed[0][0]  # bit for bit


def test_fewer_processes_go_on_with_the_run(tmp_path):
    """Reference: the run that nobody disturbed; without restarts the job fails, and one process ends it."""
    with pytest.raises(RuntimeError, match="torchrun ended with code"):
        ranks.launch(elastic, 2, out=str(tmp_path / "killed"), kill_at=5)
    both = [
        training.train(
            fresh(), tokens()[:3500], tokens()[3500:], budget_tokens=STEPS * 128, context=16, batch=8,
            out=out, checkpoint_seconds=0.0, bfloat16=False,
        )
        for out in (tmp_path / "killed", None)
    ]  # fmt: skip
    assert both[0].val_loss == pytest.approx(both[1].val_loss, abs=1e-5)
    assert len(both[0].log) == len(both[1].log)


def refuse():
    raise ValueError("rank 1 alone does not like this") if dist.get_rank() == 1 else dist.barrier()


def test_an_error_is_told():
    """Reference: the words of the error itself."""
    with pytest.raises(RuntimeError, match="rank 1 alone does not like this"):
        ranks.launch(refuse, 2)


def sleep(marker):
    Path(marker, str(os.getpid())).touch()
    time.sleep(600)


def test_nothing_is_left_when_the_time_is_over(tmp_path):
    """Reference: the operating system's list of processes."""
    with pytest.raises(TimeoutError, match="seconds: 25"):
        ranks.launch(sleep, 2, seconds=25, marker=str(tmp_path))
    assert len(list(tmp_path.iterdir())) == 2
    assert ended(tmp_path)


def test_nothing_is_left_when_torchrun_is_killed(tmp_path):
    """Reference: the operating system's list of processes, after SIGKILL to torchrun itself."""
    script, marker = tmp_path / "job.py", tmp_path / "pids"
    marker.mkdir()
    script.write_text(ranks.source(sleep))
    (tmp_path / "arguments.json").write_text(f'{{"marker": "{marker}"}}')
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    process = subprocess.Popen([*command, str(script), "sleep", str(tmp_path)], env={**os.environ, "CI": "1"})
    for _ in range(600):
        if len(list(marker.iterdir())) == 2:
            break
        time.sleep(0.1)
    process.kill()
    process.wait()
    assert len(list(marker.iterdir())) == 2
    assert ended(marker)


def ended(folder):
    """Whether the processes named in a folder are gone, some time later."""
    for _ in range(300):
        if not any(psutil.pid_exists(int(file.name)) for file in folder.iterdir()):
            return True
        time.sleep(0.1)
    return False


def outer():
    number = 1

    def inner():
        return number

    return inner


ODD = object()


def odd():
    return ODD


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ranks.launch(lambda: 1), "function: .*lambda.*must be a function with a name"),
        (lambda: ranks.launch(outer()), "function: .*inner.*defined in no other function"),
        (lambda: ranks.launch(odd), "ODD: object; must be a module"),
        (lambda: ranks.launch(np), "function: module; must be a plain function"),
        (lambda: ranks.launch(refuse, 0), "ranks: 0"),
        (lambda: ranks.launch(refuse, 2, -1), "restarts: -1"),
        (lambda: ranks.launch(refuse, seconds=0), "seconds: 0"),
        (lambda: ranks.launch(refuse, given={1, 2}), "arguments: .*JSON"),
    ],
)
def test_bad_input_is_named(call, message):
    """Reference: the contract: the argument and its value."""
    with pytest.raises(ValueError, match=message):
        call()
