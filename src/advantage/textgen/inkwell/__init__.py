"""Inkwell's own model, shipped with the package: a GPT trained on the standard library's source; see model.json."""

import json
from pathlib import Path

from torch import nn

from advantage.textgen import storage

FOLDER = Path(__file__).parent


def load() -> tuple[nn.Module, object]:
    """(model in evaluation mode, tokenizer)."""
    return storage.load(FOLDER)[:2]


def facts() -> dict:
    """How it was trained: seed, data hash, loss, bits per byte, seconds, machine, date, command."""
    return json.loads((FOLDER / "model.json").read_text(encoding="utf-8"))
