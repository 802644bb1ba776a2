"""One training loop: draw a batch, push the loss down, and now and then look at the held-out text.

`steps` is the loop; `train` puts around it what a long run needs. It works alone or under `torchrun`, with a budget of
seconds or of tokens, and writes checkpoints that a run killed at any moment resumes from: with a budget of tokens it
ends, on the CPU, with the same weights, bit for bit. That needs no random state in the checkpoint, since the batch of
step i depends on the seed and on i alone. With a budget of seconds the learning rate follows the clock, so that two
runs are alike but not equal.
"""

import dataclasses
import math
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

from advantage import checks
from advantage.textgen import checkpoints
from advantage.textgen.interface import bare, device_of
from advantage.textgen.muon import Optimiser
from advantage.textgen.presets import SHORT


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How to train: with model, data and budget, all that decides what a run comes to."""

    context: int = SHORT["context"]  # tokens in a window
    batch: int = SHORT["batch"]  # windows in a step, over all processes and accumulated parts
    accumulate: int = 1  # parts that a step's batch is computed in, to save memory
    muon_rate: float = SHORT["muon_rate"]  # learning rate of the blocks' matrices
    adam_rate: float = SHORT["adam_rate"]  # learning rate of everything else
    warmup: int = 20  # steps over which the rates rise
    decay: float = 0.7  # share of the budget over which they fall to 0
    clip: float = 1.0  # largest norm of the gradient of what AdamW trains; infinity: any
    seed: int = 0  # with the step, decides the batches
    bfloat16: bool | None = None  # multiply 16-bit numbers (weights and optimiser keep 32); None: on a GPU

    def __post_init__(self) -> None:
        for name, least in (("context", 1), ("batch", 1), ("accumulate", 1), ("warmup", 0), ("seed", 0)):
            object.__setattr__(self, name, checks.whole(name, getattr(self, name), least))
        for name in ("muon_rate", "adam_rate"):
            object.__setattr__(self, name, checks.not_negative(name, getattr(self, name)))
        object.__setattr__(self, "decay", checks.share("decay", self.decay))
        if self.clip != math.inf:
            object.__setattr__(self, "clip", checks.positive("clip", self.clip))


class Run(NamedTuple):
    """What a training run came to: loss in nats per token over the whole validation split, and what it cost."""

    val_loss: float
    seconds: float
    tokens: int
    steps: int
    log: list[dict]  # rows of step, tokens, seconds, train_loss and val_loss, numbers, None where not looked at


def draw_batch(tokens: np.ndarray, batch: int, context: int, seed: int, step: int) -> tuple[Tensor, Tensor]:
    """`batch` windows at random places: inputs (B, T) and the tokens that follow each position (B, T)."""
    starts = np.random.default_rng((seed, step)).integers(len(tokens) - context, size=batch)
    windows = torch.from_numpy(tokens[starts[:, None] + np.arange(context + 1)].astype(np.int64))
    return windows[:, :-1], windows[:, 1:]


@torch.no_grad()
def evaluate(model: nn.Module, tokens: np.ndarray, context: int, at_once: int = 2048) -> float:
    """Mean loss in nats per token, over every token of `tokens` but the first, in windows of `context` tokens."""
    _check_tokens("tokens", tokens, 2)
    device = device_of(model)
    windows, rest = divmod(len(tokens) - 1, checks.whole("context", context, 1))
    rows = max(1, checks.whole("at_once", at_once, 1) // context)
    spans = [(i * context, min(rows, windows - i), context) for i in range(0, windows, rows)]
    spans += [(windows * context, 1, rest)] if rest else []
    total = 0.0
    for start, count, length in spans:
        piece = torch.from_numpy(tokens[start : start + count * length + 1].astype(np.int64)).to(device)
        logits = model(piece[:-1].view(count, length))
        total += F.cross_entropy(logits.float().flatten(0, 1), piece[1:], reduction="sum").item()
    return total / (len(tokens) - 1)


def rate(progress: float, step: int, warmup: int, decay: float) -> float:
    """Factor of the learning rates: up over `warmup` steps, level, down to 0 over the last `decay` of the budget."""
    rise = (step + 1) / warmup if warmup else 1.0
    fall = max(0.0, 1 - progress) / decay if decay else 1.0
    return min(1.0, rise) * min(1.0, fall)


class Budget:
    """What a run may spend, tokens or seconds of wall time since `started`."""

    def __init__(self, tokens: int | None, seconds: float | None, per_step: int, started: float) -> None:
        if (tokens is None) == (seconds is None):
            raise ValueError("budget_seconds, budget_tokens: give exactly one of them")
        self.steps = None if tokens is None else max(1, checks.whole("budget_tokens", tokens, 1) // per_step)
        self.seconds = 0.0 if seconds is None else checks.positive("budget_seconds", seconds)
        self.started = started

    def share(self, step: int) -> float:
        """How much of it is spent after `step` steps: 1 or more is all of it."""
        if self.steps is not None:
            return step / self.steps
        return agreed((time.perf_counter() - self.started) / self.seconds)


def agreed(value: float) -> float:
    """The largest of what the processes have: all of one mind, so that none waits for another that has left."""
    if processes() == 1:
        return value
    device = "cuda" if dist.get_backend() == "nccl" else "cpu"
    shared = torch.tensor([value], dtype=torch.float64, device=device)
    dist.all_reduce(shared, dist.ReduceOp.MAX)
    return shared.item()


def processes() -> int:
    return dist.get_world_size() if dist.is_initialized() else 1


def backward(model: nn.Module, inputs: Tensor, targets: Tensor, recipe: Recipe) -> Tensor:
    """Give every parameter the gradient of the batch's mean loss; this process's loss is returned.

    Each process takes its rows, in `recipe.accumulate` parts, and the gradients are averaged, unless DDP or FSDP has.
    """
    ranks, rank = (processes(), dist.get_rank()) if dist.is_initialized() else (1, 0)
    part, device, loss = len(inputs) // (recipe.accumulate * ranks), device_of(model), torch.zeros(())
    for i in range(rank * recipe.accumulate, (rank + 1) * recipe.accumulate):
        rows = slice(i * part, (i + 1) * part)
        with torch.autocast(device.type, torch.bfloat16, enabled=bool(recipe.bfloat16)):
            logits = model(inputs[rows].to(device)).float()
            piece = F.cross_entropy(logits.flatten(0, 1), targets[rows].to(device).flatten()) / recipe.accumulate
        piece.backward()
        loss = loss.to(device) + piece.detach()
    if ranks > 1 and not _averages(model):
        for p in model.parameters():
            if p.grad is not None:
                dist.all_reduce(p.grad)
                p.grad /= ranks
    return loss


def _averages(model: nn.Module) -> bool:
    """Whether PyTorch averages the gradients over the processes itself: DDP, and FSDP by `fully_shard`."""
    from torch.distributed.fsdp import FSDPModule

    return isinstance(model, (nn.parallel.DistributedDataParallel, FSDPModule))


def steps(
    model: nn.Module, optimiser: Optimiser, tokens: np.ndarray, recipe: Recipe, budget: Budget, step: int = 0
) -> Iterator[tuple[int, float, Tensor]]:
    """The loop: after each step, its number from 1 on, the share of the budget that is spent, and the loss."""
    spent = budget.share(step)
    while spent < 1:
        inputs, targets = draw_batch(tokens, recipe.batch, recipe.context, recipe.seed, step)
        loss = backward(model, inputs, targets, recipe)
        nn.utils.clip_grad_norm_(optimiser.others, recipe.clip)
        optimiser.step(rate(spent, step, recipe.warmup, recipe.decay))
        step += 1
        spent = budget.share(step)
        yield step, spent, loss


def train(
    model: nn.Module,
    train_tokens: np.ndarray,
    validation_tokens: np.ndarray,
    *,
    budget_seconds: float | None = None,
    budget_tokens: int | None = None,
    evaluations: int = 0,
    out: str | Path | None = None,
    about: dict[str, Any] | None = None,
    checkpoint_seconds: float = 60.0,
    compiled: bool = False,
    started: float | None = None,
    on_step: Callable[[int], None] | None = None,
    **recipe: Any,
) -> Run:
    """Train `model` in place until the budget is spent, and evaluate it on the whole validation split.

    Args:
        model: takes ids (B, T), gives logits (B, T, V); on the CPU or on a GPU, compiled or not.
        train_tokens: one-dimensional whole numbers; a memory map will do.
        validation_tokens: the same; only looked at, never learned from.
        budget_seconds: wall time for training, after `started`; the last evaluation comes on top.
        budget_tokens: tokens to train on, instead: whole steps, one at least.
        evaluations: evaluations on the way, at equal parts of the budget; one more always comes at the end.
        out: folder for log.csv and checkpoints. A run that finds its checkpoint there resumes.
        about: what else must be the same to resume, such as the tokenizer's fingerprint.
        checkpoint_seconds: time between checkpoints.
        compiled: compile the model first, which takes seconds that only a long run earns back.
        started: `time.perf_counter()` that the seconds count from; now, unless given.
        on_step: called with the number of steps done, after each.
        recipe: fields of `Recipe`.

    Returns:
        Loss, seconds, tokens, steps and the log.

    Raises:
        ValueError: an argument does not fit, `out` holds another run, or the seconds were over before the first step;
            the message says which.
        KeyboardInterrupt: the run was interrupted; a checkpoint has been written where there is a folder.
    """
    chosen, device = Recipe(**recipe), device_of(model)
    chosen = dataclasses.replace(chosen, bfloat16=device.type == "cuda" if chosen.bfloat16 is None else chosen.bfloat16)
    if chosen.batch % (chosen.accumulate * processes()):
        raise ValueError(
            f"batch: {chosen.batch}; must be a multiple of accumulate × processes, {chosen.accumulate} × {processes()}"
        )
    _check_tokens("train_tokens", train_tokens, chosen.context + 1)
    _check_tokens("validation_tokens", validation_tokens, 2)
    most = getattr(bare(model), "context", None)
    if most is not None and chosen.context > most:
        raise ValueError(f"context: {chosen.context}; the model sees at most {most} tokens")
    checks.whole("evaluations", evaluations)
    checks.not_negative("checkpoint_seconds", checkpoint_seconds)
    per_step = chosen.batch * chosen.context
    budget = Budget(budget_tokens, budget_seconds, per_step, time.perf_counter() if started is None else started)
    optimiser, state = Optimiser(model, chosen.muon_rate, chosen.adam_rate), checkpoints.State()
    run: dict[str, Any] = {}
    if out is not None:
        spend = {"budget_tokens": budget_tokens, "budget_seconds": budget_seconds}
        tokens = {"train_tokens": train_tokens, "validation_tokens": validation_tokens}
        run = checkpoints.identity(model, tokens, dataclasses.asdict(chosen) | spend | (about or {}))
        state = checkpoints.resume(Path(out), model, optimiser, run)
    if processes() > 1:  # all start alike
        for p in model.parameters():
            dist.broadcast(p.data, 0)
    budget.started -= state.seconds
    first = not dist.is_initialized() or dist.get_rank() == 0
    keeper = checkpoints.Keeper(Path(out) if out and first else None, checkpoint_seconds, model, optimiser, run)
    forward: Any = torch.compile(model) if compiled else model

    def reached(step: int, *row: dict) -> checkpoints.State:
        return checkpoints.State(step, time.perf_counter() - budget.started, (*log, *row))

    step, log, last = state.step, list(state.log), budget.share(state.step)
    with checkpoints.Interruption() as interruption, _bar(first) as bar:
        for step, spent, loss in steps(forward, optimiser, train_tokens, chosen, budget, state.step):
            look = int(spent * (evaluations + 1)) > int(last * (evaluations + 1)) and spent < 1
            if look or step % 50 == 0:
                seen = evaluate(model, validation_tokens, chosen.context) if look else None
                log.append(_row(reached(step), per_step, float(loss), seen))
                bar.set_postfix_str(f"step {step}, loss {float(loss):.3f}", refresh=False)
                bar.update(min(1.0, spent) - bar.n)
            last = spent
            if on_step is not None:
                on_step(step)
            stop = bool(agreed(interruption.asked))
            keeper.keep(reached(step), now=stop)
            if stop:
                raise KeyboardInterrupt
        if step == 0:
            raise ValueError(
                f"budget_seconds: {budget_seconds!r} were over before the first step; give more, or a budget in tokens"
            )
        keeper.keep(reached(step), now=step > state.step)
    val_loss = evaluate(model, validation_tokens, chosen.context)
    if step > state.step or not log or log[-1]["val_loss"] is None:  # else the run was over before this one began
        log.append(_row(reached(step), per_step, None, val_loss))
        keeper.keep(reached(step), now=True)
    return Run(val_loss, time.perf_counter() - budget.started, step * per_step, step, log)


def _check_tokens(name: str, tokens: np.ndarray, least: int) -> None:
    if not isinstance(tokens, np.ndarray) or tokens.ndim != 1 or tokens.dtype.kind not in "iu":
        kind = f"{tokens.shape} {tokens.dtype}" if isinstance(tokens, np.ndarray) else type(tokens).__name__
        raise ValueError(f"{name}: {kind}; must be a one-dimensional NumPy array of whole numbers")
    if len(tokens) < least:
        raise ValueError(f"{name}: {len(tokens)} tokens; a window of inputs and targets needs {least}")


def _row(state: checkpoints.State, per_step: int, train_loss: float | None, val_loss: float | None) -> dict:
    return {
        "step": state.step,
        "tokens": state.step * per_step,
        "seconds": round(state.seconds, 3),
        "train_loss": None if train_loss is None else round(train_loss, 4),
        "val_loss": None if val_loss is None else round(val_loss, 4),
    }


def _bar(first: bool) -> tqdm:
    hidden = True if not first or os.environ.get("CI") else None  # None: shown on a terminal alone
    return tqdm(total=1.0, disable=hidden, bar_format="{l_bar}{bar}| {postfix}")
