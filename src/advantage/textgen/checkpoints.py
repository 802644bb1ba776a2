"""Checkpoints: folders that a run killed at any moment resumes from."""

import csv
import hashlib
import json
import os
import shutil
import tempfile
import warnings
from pathlib import Path

from torch import nn

from advantage.textgen.muon import Optimiser


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
