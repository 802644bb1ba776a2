"""A trained model's folder: weights (safetensors), what it takes to build it (JSON), and its tokenizer."""

import json
import os
import tempfile
from pathlib import Path

import torch
from torch import nn

from advantage.textgen import tokenizer as tokenizers
from advantage.textgen.gpt import GPT
from advantage.textgen.lstm import LSTM


def build(settings: dict) -> GPT | LSTM:
    """The model that `model.settings` describes, with fresh weights."""
    settings = dict(settings)
    kind = settings.pop("model", None)
    if kind not in ("gpt", "lstm"):
        raise ValueError(f"model: {kind!r}; must be 'gpt' or 'lstm'")
    return (GPT if kind == "gpt" else LSTM)(**settings)


def save(folder: str | Path, model: nn.Module, tokenizer, facts: dict, dtype: torch.dtype = torch.float32) -> None:
    """Write model.safetensors, model.json and the tokenizer; `facts` (seed, loss, data …) go into the JSON.

    Each file appears whole or not at all. Weights are stored as `dtype`; `load` gives float32.
    """
    from safetensors.torch import save_file

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(folder)
    temporary = folder / ".model.safetensors"
    weights = {name: p.detach().to("cpu", dtype).contiguous().clone() for name, p in model.named_parameters()}
    save_file(weights, temporary)
    os.replace(temporary, folder / "model.safetensors")
    text = json.dumps({"settings": model.settings, "tokenizer": tokenizer.fingerprint, **facts}, indent=2)
    with tempfile.NamedTemporaryFile("w", dir=folder, delete=False, encoding="utf-8") as file:
        file.write(text + "\n")
    os.chmod(file.name, 0o644)
    os.replace(file.name, folder / "model.json")


def load(folder: str | Path) -> tuple[nn.Module, object, dict]:
    """(model in evaluation mode, tokenizer, facts) of a folder that `save` wrote.

    Raises:
        ValueError: a file is missing or damaged, or tokenizer and weights do not belong together; the message names it.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    folder = Path(folder)
    try:
        facts = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        model = build(facts["settings"])
        tokenizer = tokenizers.load(folder, facts["tokenizer"])
        weights = {name: weight.float() for name, weight in load_file(folder / "model.safetensors").items()}
    except (OSError, KeyError, json.JSONDecodeError, SafetensorError) as error:
        raise ValueError(f"{folder}: not a model's folder, or damaged ({error})") from error
    expected = {name: p.shape for name, p in model.named_parameters()}
    found = {name: weight.shape for name, weight in weights.items()}
    if expected != found:
        raise ValueError(f"{folder}: model.safetensors does not fit the settings in model.json")
    with torch.no_grad():
        for name, p in model.named_parameters():
            p.copy_(weights[name])
    return model.eval(), tokenizer, facts
