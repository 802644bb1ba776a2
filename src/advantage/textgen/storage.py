"""A trained model's folder: weights (safetensors), what it takes to build it (JSON), and its tokenizer."""

import json
from pathlib import Path
from typing import Any

import torch
from torch import nn

from advantage import files
from advantage.textgen import tokenizer as tokenizers
from advantage.textgen.gpt import GPT
from advantage.textgen.interface import bare, put_weights, weights
from advantage.textgen.lstm import LSTM


def build(settings: dict) -> GPT | LSTM:
    """The model that `model.settings` describes, with fresh weights.

    Raises:
        ValueError: the settings are not those of a model; the message names what is wrong.
    """
    kinds: dict[str, Any] = {"gpt": GPT, "lstm": LSTM}
    if not isinstance(settings, dict) or settings.get("model") not in [*kinds]:
        raise ValueError(f"settings: {settings!r}; must hold a 'model', 'gpt' or 'lstm', and its sizes")
    sizes = {name: value for name, value in settings.items() if name != "model"}
    try:
        return kinds[settings["model"]](**sizes)
    except TypeError as error:  # one too many, or one too few
        raise ValueError(f"settings: {settings!r}; {error}") from None


def save(
    folder: str | Path, model: nn.Module, tokenizer: tokenizers.Tokenizer, facts: dict, dtype: torch.dtype | None = None
) -> None:
    """Write model.safetensors, model.json and the tokenizer; `facts` (seed, loss, data …) go into the JSON.

    Each file appears whole or not at all, model.json last. Weights are stored as `dtype`, float32 unless given; `load`
    gives float32.
    """
    from safetensors.torch import save as packed

    folder, model = Path(folder), bare(model)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(folder)
    with files.whole(folder / "model.safetensors", "wb") as file:
        file.write(packed({name: weight.to(dtype or torch.float32) for name, weight in weights(model).items()}))
    about = {"settings": model.settings, "tokenizer": tokenizer.fingerprint, **facts}
    with files.whole(folder / "model.json") as file:
        file.write(json.dumps(about, indent=2) + "\n")


def load(folder: str | Path) -> tuple[GPT | LSTM, tokenizers.Tokenizer, dict]:
    """(model in evaluation mode, tokenizer, facts) of a folder that `save` wrote.

    Raises:
        ValueError: a file is missing or damaged, tokenizer and weights do not belong together, or training was stopped
            before there was a model; the message names it.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    folder = Path(folder)
    if not (folder / "model.json").exists() and (unfinished := sorted(folder.glob("checkpoint-*"))):
        step = int(unfinished[-1].name.split("-")[1])
        raise ValueError(
            f"{folder}: training was stopped after step {step} and has left no model yet; "
            "the command that trained it, given again, goes on from there"
        )
    try:
        facts = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        model = build(facts["settings"])
        tokenizer = tokenizers.load(folder, facts["tokenizer"])
        put_weights(model, {name: weight.float() for name, weight in load_file(folder / "model.safetensors").items()})
    except (OSError, KeyError, TypeError, ValueError, RecursionError, SafetensorError) as error:
        raise ValueError(f"{folder}: not a model's folder, or damaged ({error})") from error
    if tokenizer.vocab_size != model.settings["vocab_size"]:
        raise ValueError(
            f"{folder}: the tokenizer has {tokenizer.vocab_size} tokens, the model {model.settings['vocab_size']}"
        )
    return model.eval(), tokenizer, facts
