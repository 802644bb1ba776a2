"""Inkwell's own model, shipped with the package: a GPT trained on the standard library's source; see model.json."""

import json
from pathlib import Path

from advantage.textgen import storage
from advantage.textgen.gpt import GPT
from advantage.textgen.lstm import LSTM
from advantage.textgen.tokenizer import Tokenizer

FOLDER = Path(__file__).parent


def load() -> tuple[GPT | LSTM, Tokenizer]:
    """(model in evaluation mode, tokenizer)."""
    return storage.load(FOLDER)[:2]


def facts() -> dict:
    """How it was trained: seed, data hash, loss, bits per byte, seconds, machine, date, command."""
    return json.loads((FOLDER / "model.json").read_text(encoding="utf-8"))
