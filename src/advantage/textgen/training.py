"""One training loop: draw a batch, push the loss down, and now and then look at the held-out text.

`train` works alone or under `torchrun`, with a budget of seconds or of tokens. It writes checkpoints that a run killed
at any moment resumes from: with a budget of tokens it ends, on the CPU, with the same weights, bit for bit. That
needs no random state in the checkpoint, since the batch of step i depends on the seed and on i alone. With a budget of
seconds the learning rate follows the clock, so that two runs are alike but not equal.
"""

import csv
import hashlib
import json
import math
import os
import shutil
import signal
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

from advantage.textgen.models import GPT


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


# a, b, c of each polynomial x ↦ a x + b x³ + c x⁵: one after the other they take all of [0.001, 1] towards 1
POLAR = (
    (8.287212, -23.595887, 17.300387),
    (4.107059, -2.947850, 0.544843),
    (3.948691, -2.908902, 0.551819),
    (3.318420, -2.488488, 0.510049),
    (2.300652, -1.668904, 0.418807),
)


def orthogonalise(matrices: Tensor, steps: int = 3) -> Tensor:
    """Push the singular values of each of k matrices, (k, m, n), towards 1, with matrix products alone.

    Source: Amsel et al. 2025 (arXiv:2505.16932), algorithm 1, whose coefficients these are, without its safety factors;
    for Muon, by Jordan et al. 2024 (https://kellerjordan.github.io/posts/muon/).

    Args:
        matrices: k of them, shape (k, m, n).
        steps: products of polynomials, 1 to 5; more bring small singular values nearer to 1.

    Raises:
        ValueError: `steps` is not among 1 … 5.
    """
    if steps not in range(1, len(POLAR) + 1):
        raise ValueError(f"steps: got {steps!r}; must be a whole number from 1 to {len(POLAR)}")
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.mT if tall else matrices
    x = x / (1.01 * torch.linalg.matrix_norm(x, keepdim=True) + 1e-7)  # no singular value above 1, rounding included
    for a, b, c in POLAR[:steps]:
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x


class Optimiser:
    """Muon for the matrices inside the GPT's blocks, all of one shape at once; AdamW for everything else.

    Muon orthogonalises the averaged gradient of a matrix, so that no direction of it is updated more than another.
    """

    def __init__(self, model: nn.Module, muon_rate: float, adam_rate: float, momentum: float = 0.9) -> None:
        self.muon_rate, self.adam_rate, self.momentum = muon_rate, adam_rate, momentum
        matrices = [p for block in model.blocks for p in block.parameters()] if isinstance(model, GPT) else []
        self.groups = [[p for p in matrices if p.shape == shape] for shape in dict.fromkeys(p.shape for p in matrices)]
        self.average = [torch.zeros_like(torch.stack([*group])) for group in self.groups]
        chosen = {id(p) for p in matrices}
        self.others = [p for p in model.parameters() if id(p) not in chosen]
        self.adam = torch.optim.AdamW(self.others, lr=adam_rate, betas=(0.9, 0.98), weight_decay=0.0)

    @torch.no_grad()
    def step(self, factor: float) -> None:
        """One update with both learning rates multiplied by `factor`; clears the gradients."""
        for group, average in zip(self.groups, self.average):
            gradient = torch.stack([p.grad for p in group])  # (matrices, m, n)
            average.lerp_(gradient, 1 - self.momentum)
            update = gradient.lerp_(average, self.momentum)
            m, n = update.shape[-2:]
            if m == 3 * n:  # queries, keys and values are three matrices in one
                update = orthogonalise(update.view(-1, n, n)).view(-1, m, n)
            else:
                update = orthogonalise(update) * max(1, m / n) ** 0.5
            torch._foreach_add_(group, list(update.unbind()), alpha=-self.muon_rate * factor)
        for settings in self.adam.param_groups:
            settings["lr"] = self.adam_rate * factor
        self.adam.step()
        for p in [*self.others, *(p for group in self.groups for p in group)]:
            p.grad = None

    def state(self) -> dict[str, Tensor]:
        """Everything that the next step depends on, as named tensors."""
        named = {f"average.{i}": average for i, average in enumerate(self.average)}
        for i, p in enumerate(self.others):
            named |= {f"adam.{i}.{key}": value for key, value in self.adam.state[p].items()}
        return named

    def load(self, named: dict[str, Tensor]) -> None:
        for i, average in enumerate(self.average):
            average.copy_(named[f"average.{i}"])
        for i, p in enumerate(self.others):
            self.adam.state[p] = {key: named[f"adam.{i}.{key}"].clone() for key in ("step", "exp_avg", "exp_avg_sq")}


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
        step, before, log = resume(out, model, optimiser)
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
                save(out, model, optimiser, step, time.perf_counter() - started, log)
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
        save(out, model, optimiser, step, seconds, log)
    return Run(val_loss, seconds, tokens, step, log)


def _row(step: int, tokens: int, seconds: float, train_loss: str, val_loss: str) -> dict:
    return {
        "step": step,
        "tokens": tokens,
        "seconds": round(seconds, 3),
        "train_loss": train_loss,
        "val_loss": val_loss,
    }


# ---------------------------------------------------------------------------------------------- checkpoints


def save(out: Path, model: nn.Module, optimiser: Optimiser, step: int, seconds: float, log: list[dict]) -> Path:
    """Write a checkpoint folder beside its place, then rename it; keep the one before, drop older ones."""
    from safetensors.torch import save_file

    temporary = Path(tempfile.mkdtemp(prefix=".checkpoint-", dir=out))
    try:
        weights = {name: p.detach().contiguous().clone() for name, p in model.named_parameters()}
        save_file(weights, temporary / "model.safetensors")
        save_file(
            {k: v.detach().contiguous().clone() for k, v in optimiser.state().items()},
            temporary / "optimiser.safetensors",
        )
        hashes = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(temporary.iterdir())}
        state = {"step": step, "seconds": seconds, "settings": model.settings, "sha256": hashes, "log": log}
        _write(temporary / "state.json", json.dumps(state))
        place = out / f"checkpoint-{step:08d}"
        if place.exists():  # the same step again
            shutil.rmtree(place)
        os.replace(temporary, place)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    with tempfile.NamedTemporaryFile("w", dir=out, delete=False, newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["step", "tokens", "seconds", "train_loss", "val_loss"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(log)
    os.replace(file.name, out / "log.csv")
    for old in sorted(out.glob("checkpoint-*"))[:-2]:
        shutil.rmtree(old, ignore_errors=True)
    return place


def resume(out: Path, model: nn.Module, optimiser: Optimiser) -> tuple[int, float, list[dict]]:
    """Load the newest undamaged checkpoint in `out`; returns (step, seconds, log), or (0, 0.0, []) if there is none.

    A damaged checkpoint is named in a warning, and the one before is used.

    Raises:
        ValueError: the checkpoint is of a model with other settings.
    """
    from safetensors.torch import load_file

    for left in out.glob(".checkpoint-*"):
        shutil.rmtree(left, ignore_errors=True)
    for place in sorted(out.glob("checkpoint-*"), reverse=True):
        try:
            state = json.loads((place / "state.json").read_text(encoding="utf-8"))
            for name, expected in state["sha256"].items():
                if hashlib.sha256((place / name).read_bytes()).hexdigest() != expected:
                    raise ValueError(f"{name} is not what was written")
        except (OSError, ValueError, KeyError) as error:
            warnings.warn(f"checkpoint {place} is damaged ({error}); trying the one before", stacklevel=2)
            continue
        if state["settings"] != model.settings:
            raise ValueError(f"out: {place} holds a model of {state['settings']}, not of {model.settings}")
        model.load_state_dict(load_file(place / "model.safetensors"), strict=False)
        optimiser.load(load_file(place / "optimiser.safetensors"))
        return state["step"], state["seconds"], state["log"]
    return 0, 0.0, []


def _write(path: Path, text: str) -> None:
    path.write_text(text + "\n", encoding="utf-8")


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
