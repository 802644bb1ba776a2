"""Sizes and rates that fit a budget: numbers alone, which neither need PyTorch nor know of a command line."""

from typing import Any

# For two CPU cores, found by the searches in benchmarks/README.md. SHORT is what `training.train` does unless told
# otherwise; it suits a minute.
SHORT: dict[str, Any] = {
    "num_layers": 2,
    "d_model": 64,
    "num_heads": 2,
    "context": 64,
    "batch": 12,
    "muon_rate": 0.03,
    "adam_rate": 0.03,
}
# Some minutes: wider and deeper, and because of that slower rates.
LONG: dict[str, Any] = {
    "num_layers": 3,
    "d_model": 96,
    "num_heads": 3,
    "context": 128,
    "batch": 8,
    "muon_rate": 0.014,
    "adam_rate": 0.015,
}
# A guess for one GPU, not searched for.
GPU: dict[str, Any] = {
    "num_layers": 6,
    "d_model": 384,
    "num_heads": 6,
    "context": 256,
    "batch": 64,
    "muon_rate": 0.02,
    "adam_rate": 0.01,
}
LSTM_RATE = 0.02  # of AdamW, which trains all of it

LONG_SECONDS, TOKENS_PER_SECOND = 40, 25_000  # a longer budget takes LONG; the speed of SHORT on two cores


def choose(preset: str, model: str, budget_seconds: float | None, budget_tokens: int | None) -> dict:
    """The sizes and rates of a preset, `cpu` or `gpu`, for a model, `gpt` or `lstm`, and a budget."""
    seconds = budget_seconds if budget_seconds is not None else (budget_tokens or 0) / TOKENS_PER_SECOND
    chosen = GPU if preset == "gpu" else SHORT if seconds <= LONG_SECONDS else LONG
    return chosen | ({"adam_rate": LSTM_RATE} if model == "lstm" else {})
