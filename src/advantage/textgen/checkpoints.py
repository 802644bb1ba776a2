"""Checkpoints: folders that a run killed at any moment resumes from, if it is the same run."""

import csv
import hashlib
import json
import shutil
import signal
import time
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from torch import nn

from advantage import files
from advantage.textgen.interface import bare, put_weights, weights
from advantage.textgen.muon import Optimiser

COLUMNS = ["step", "tokens", "seconds", "train_loss", "val_loss"]  # of the log


class State(NamedTuple):
    """How far a run has come."""

    step: int = 0
    seconds: float = 0.0
    log: tuple[dict, ...] = ()


def identity(model: nn.Module, tokens: dict[str, np.ndarray], chosen: dict[str, Any]) -> dict[str, Any]:
    """All that decides what a run comes to, by name: the model's sizes, the tokens' hashes, and what was chosen."""
    model = bare(model)
    settings = getattr(model, "settings", type(model).__name__)
    hashes = {name: hashlib.sha256(np.ascontiguousarray(ids).data).hexdigest() for name, ids in tokens.items()}
    return {"settings": settings, **chosen, **hashes}


def save(out: Path, model: nn.Module, optimiser: Optimiser, run: dict, state: State) -> Path:
    """Write a checkpoint folder, whole or not at all; keep the one before, drop older ones.

    Args:
        out: the run's folder; its log.csv is written anew.
        model: whose weights are kept.
        optimiser: whose averages are kept.
        run: everything that decides what the run comes to, by name; `resume` compares it.
        state: how far the run has come.
    """
    from safetensors.torch import save_file

    out.mkdir(parents=True, exist_ok=True)
    place = out / f"checkpoint-{state.step:08d}"
    with files.whole_folder(place) as folder:
        save_file(weights(model), folder / "model.safetensors")
        save_file(
            {name: tensor.detach().cpu().contiguous().clone() for name, tensor in optimiser.state().items()},
            folder / "optimiser.safetensors",
        )
        hashes = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(folder.iterdir())}
        with files.whole(folder / "state.json") as file:
            json.dump({**state._asdict(), "run": run, "sha256": hashes}, file)
    with files.whole(out / "log.csv") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(state.log)
    for old in sorted(out.glob("checkpoint-*"))[:-2]:
        shutil.rmtree(old, ignore_errors=True)
    return place


def newest(out: Path) -> tuple[Path, dict] | None:
    """The newest undamaged checkpoint and what its state.json holds. A damaged one is named in a warning."""
    for place in sorted(out.glob("checkpoint-*"), reverse=True):
        try:
            kept = json.loads((place / "state.json").read_text(encoding="utf-8"))
            for name, expected in kept["sha256"].items():
                if hashlib.sha256((place / name).read_bytes()).hexdigest() != expected:
                    raise ValueError(f"{name} is not what was written")
            State(**{name: kept[name] for name in State._fields})
            return place, kept
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            warnings.warn(f"checkpoint {place} is damaged ({error}); trying the one before", stacklevel=2)
    return None


def check(out: Path, run: dict) -> None:
    """Refuse to go on with a run that is not this one.

    Raises:
        ValueError: names every setting of `run` that differs from that of the checkpoint in `out`, or says that `out`
            holds a model that nothing can be added to.
    """
    found = newest(out)
    if found is None:
        if (out / "model.json").exists():
            raise ValueError(f"out: {out} holds a model and no checkpoint to go on from; choose another folder")
        return
    theirs = found[1].get("run", {})
    differing = [
        f"{name} {theirs.get(name)!r} there, {run[name]!r} here" for name in run if theirs.get(name) != run[name]
    ]
    if differing:
        raise ValueError(
            f"out: {out} holds another run: {'; '.join(differing)}. Choose another folder, or give what was given there"
        )


def resume(out: Path, model: nn.Module, optimiser: Optimiser, run: dict) -> State:
    """Load the newest undamaged checkpoint in `out`; a state of 0 steps where there is none.

    A damaged checkpoint is named in a warning, and the one before is used.

    Raises:
        ValueError: as in `check`.
    """
    from safetensors.torch import load_file

    for left in out.glob(".unfinished-*"):  # by a run that was killed while it wrote
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    check(out, run)
    found = newest(out)
    if found is None:
        return State()
    place, kept = found
    put_weights(model, load_file(place / "model.safetensors"))
    optimiser.load(load_file(place / "optimiser.safetensors"))
    return State(kept["step"], kept["seconds"], tuple(kept["log"]))


class Keeper:
    """Writes a checkpoint when the last one is `every` seconds old; nothing where there is no folder."""

    def __init__(self, out: Path | None, every: float, model: nn.Module, optimiser: Optimiser, run: dict) -> None:
        self.out, self.every, self.model, self.optimiser, self.run = out, every, model, optimiser, run
        self.last = time.perf_counter()

    def keep(self, state: State, now: bool = False) -> None:
        """Write one if it is due, or at once."""
        if self.out is not None and (now or time.perf_counter() - self.last > self.every):
            save(self.out, self.model, self.optimiser, self.run, state)
            self.last = time.perf_counter()


class Interruption:
    """Ctrl-C or a termination signal asks; the loop ends after the step that it is in."""

    def __enter__(self) -> "Interruption":
        self.asked = False
        self.before: dict[int, Any] = {}
        try:
            for name in (signal.SIGINT, signal.SIGTERM):
                self.before[name] = signal.signal(name, self._ask)
        except ValueError:  # not in the main thread: whoever is has the signals
            pass
        return self

    def _ask(self, *_: object) -> None:
        self.asked = True

    def __exit__(self, *_: object) -> None:
        for name, handler in self.before.items():
            signal.signal(name, handler)
