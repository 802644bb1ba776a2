"""One training loop: draw a batch, push the loss down, and now and then look at the held-out text.

`train` works alone or under `torchrun`, with a budget of seconds or of tokens. It writes checkpoints that a run killed
at any moment resumes from: with a budget of tokens it ends, on the CPU, with the same weights, bit for bit. That
needs no random state in the checkpoint, since the batch of step i depends on the seed and on i alone. With a budget of
seconds the learning rate follows the clock, so that two runs are alike but not equal.
"""

import math
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

from advantage.textgen import checkpoints
from advantage.textgen.muon import Optimiser


class Run(NamedTuple):
    """What a training run came to: loss in nats per token over the whole validation split, and what it cost."""

    val_loss: float
    seconds: float
    tokens: int
    steps: int
    log: list[dict]  # rows of step, tokens, seconds, train_loss and val_loss ("" where there was no evaluation)


def draw_batch(tokens: np.ndarray, batch: int, context: int, seed: int, step: int) -> tuple[Tensor, Tensor]:
    """`batch` windows at random places: inputs (B, T) and the tokens that follow each position (B, T)."""
    starts = np.random.default_rng((seed, step)).integers(len(tokens) - context, size=batch)
    windows = torch.from_numpy(tokens[starts[:, None] + np.arange(context + 1)].astype(np.int64))
    return windows[:, :-1], windows[:, 1:]


@torch.no_grad()
def evaluate(model: nn.Module, tokens: np.ndarray, context: int, at_once: int = 2048) -> float:
    """Mean loss in nats per token, over every token of `tokens` but the first, in windows of `context` tokens."""
    device = next(model.parameters()).device
    windows, rest = divmod(len(tokens) - 1, context)
    rows = max(1, at_once // context)
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
    return min(1.0, (step + 1) / warmup) * min(1.0, max(0.0, 1 - progress) / decay)


def train(
    model: nn.Module,
    train_tokens: np.ndarray,
    validation_tokens: np.ndarray,
    *,
    budget_seconds: float | None = None,
    budget_tokens: int | None = None,
    context: int = 64,
    batch: int = 12,
    accumulate: int = 1,
    muon_rate: float = 0.02,
    adam_rate: float = 0.01,
    warmup: int = 20,
    decay: float = 0.7,
    clip: float = 1.0,
    seed: int = 0,
    evaluations: int = 0,
    out: str | Path | None = None,
    checkpoint_seconds: float = 60.0,
    bfloat16: bool | None = None,
    compiled: bool = False,
    started: float | None = None,
    on_step: Callable[[int], None] | None = None,
) -> Run:
    """Train `model` in place until the budget is spent, and evaluate it on the whole validation split.

    Args:
        model: takes ids (B, T), gives logits (B, T, V); on the CPU or on a GPU.
        train_tokens: one-dimensional whole numbers; a memory map will do.
        validation_tokens: the same; only looked at, never learned from.
        budget_seconds: wall time for training, after `started`; the last evaluation comes on top.
        budget_tokens: tokens to train on, instead; the number of steps is the budget divided by the tokens of a step.
        context: tokens in a window.
        batch: windows in a step, over all processes and accumulated parts.
        accumulate: parts that a step's batch is computed in, to save memory.
        muon_rate: learning rate of the blocks' matrices.
        adam_rate: learning rate of everything else.
        warmup: steps over which the rates rise.
        decay: share of the budget over which they fall to 0.
        clip: largest norm of the gradient of the parameters that AdamW trains.
        seed: with the step, decides the batches.
        evaluations: evaluations on the way, at equal parts of the budget; one more always comes at the end.
        out: folder for log.csv and checkpoints. A run that finds a checkpoint there resumes.
        checkpoint_seconds: time between checkpoints.
        bfloat16: multiply matrices of 16-bit numbers (weights and optimiser keep 32); on a GPU unless told otherwise.
        compiled: compile the model first, which takes seconds that only a long run earns back.
        started: `time.perf_counter()` that the seconds count from; now, unless given.
        on_step: called with the number of steps done, after each.

    Returns:
        Loss, seconds, tokens, steps and the log.

    Raises:
        ValueError: an argument does not fit; the message names it.
        KeyboardInterrupt: the run was interrupted; a checkpoint has been written.
    """
    if (budget_seconds is None) == (budget_tokens is None):
        raise ValueError("budget_seconds, budget_tokens: give exactly one of them")
    budget = budget_seconds if budget_tokens is None else budget_tokens
    if not 0 < budget < math.inf:
        raise ValueError(f"budget: got {budget!r}; must be a positive number")
    ranks, rank = (dist.get_world_size(), dist.get_rank()) if dist.is_initialized() else (1, 0)
    if batch < 1 or accumulate < 1 or batch % (accumulate * ranks):
        raise ValueError(f"batch: {batch}; must be a multiple of accumulate × processes, {accumulate} × {ranks}")
    for name, tokens in (("train_tokens", train_tokens), ("validation_tokens", validation_tokens)):
        if len(tokens) <= (context if name == "train_tokens" else 1):
            raise ValueError(f"{name}: {len(tokens)} tokens; a window of context {context} needs more")
    device = next(model.parameters()).device
    optimiser = Optimiser(model, muon_rate, adam_rate)
    total_steps = None if budget_tokens is None else max(1, budget_tokens // (batch * context))
    step, before, log = 0, 0.0, []
    if out is not None:
        out = Path(out)
        out.mkdir(parents=True, exist_ok=True)
        step, before, log = checkpoints.resume(out, model, optimiser)
    if ranks > 1:  # all start alike
        for p in model.parameters():
            dist.broadcast(p.data, 0)
    forward = torch.compile(model) if compiled else model
    bfloat16 = device.type == "cuda" if bfloat16 is None else bfloat16
    started = (time.perf_counter() if started is None else started) - before
    saved = time.perf_counter()
    part = batch // (accumulate * ranks)
    bar = tqdm(total=1.0, disable=True if rank or os.environ.get("CI") else None, bar_format="{l_bar}{bar}| {postfix}")

    def progress() -> float:
        share = step / total_steps if total_steps else (time.perf_counter() - started) / budget_seconds
        if ranks > 1 and not total_steps:  # the first process's clock is everyone's
            shared = torch.tensor([share], dtype=torch.float64, device=device)
            dist.broadcast(shared, 0)
            share = shared.item()
        return share

    with _Interruption() as interruption:
        done = progress()
        while done < 1:
            inputs, targets = draw_batch(train_tokens, batch, context, seed, step)
            loss = 0.0
            for i in range(accumulate):
                rows = slice((rank * accumulate + i) * part, (rank * accumulate + i + 1) * part)
                with torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
                    logits = forward(inputs[rows].to(device)).float()
                    piece = F.cross_entropy(logits.flatten(0, 1), targets[rows].to(device).flatten()) / accumulate
                piece.backward()
                loss += piece.detach()
            if ranks > 1:
                for p in model.parameters():
                    dist.all_reduce(p.grad)
                    p.grad /= ranks
            nn.utils.clip_grad_norm_(optimiser.others, clip)
            optimiser.step(rate(done, step, warmup, decay))
            step += 1
            last, done = done, progress()
            look = int(done * (evaluations + 1)) > int(last * (evaluations + 1)) and done < 1
            if look or step % 50 == 0:
                seen = f"{evaluate(model, validation_tokens, context):.4f}" if look else ""
                log.append(
                    _row(step, step * batch * context, time.perf_counter() - started, f"{float(loss):.4f}", seen)
                )
                bar.set_postfix_str(f"step {step}, loss {float(loss):.3f}", refresh=False)
                bar.update(min(1.0, done) - bar.n)
            if on_step is not None:
                on_step(step)
            due = interruption.asked or time.perf_counter() - saved > checkpoint_seconds
            if out is not None and rank == 0 and due:
                checkpoints.save(out, model, optimiser, step, time.perf_counter() - started, log)
                saved = time.perf_counter()
            if interruption.asked:
                bar.close()
                raise KeyboardInterrupt
    bar.close()
    tokens = step * batch * context
    val_loss = evaluate(model, validation_tokens, context)
    seconds = time.perf_counter() - started
    log.append(_row(step, tokens, seconds, "", f"{val_loss:.4f}"))
    if out is not None and rank == 0:
        checkpoints.save(out, model, optimiser, step, seconds, log)
    return Run(val_loss, seconds, tokens, step, log)


def _row(step: int, tokens: int, seconds: float, train_loss: str, val_loss: str) -> dict:
    return {
        "step": step,
        "tokens": tokens,
        "seconds": round(seconds, 3),
        "train_loss": train_loss,
        "val_loss": val_loss,
    }


class _Interruption:
    """Ctrl-C or a termination signal asks; the loop ends after the step that it is in."""

    def __enter__(self) -> "_Interruption":
        self.asked, self.before = False, {}
        try:
            for name in (signal.SIGINT, signal.SIGTERM):
                self.before[name] = signal.signal(name, self._ask)
        except ValueError:  # not in the main thread: whoever is has the signals
            pass
        return self

    def _ask(self, *_) -> None:
        self.asked = True

    def __exit__(self, *_) -> None:
        for name, handler in self.before.items():
            signal.signal(name, handler)
