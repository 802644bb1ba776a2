"""Sizes and rates that fit a budget."""

# Sizes and rates for a budget on two CPU cores, found by the searches in benchmarks/README.md; on a GPU larger ones.
COLUMNS = ("num_layers", "d_model", "num_heads", "context", "batch", "muon_rate", "adam_rate")
SHORT = dict(zip(COLUMNS, (2, 64, 2, 64, 12, 0.03, 0.03)))
LONG = dict(zip(COLUMNS, (3, 96, 3, 128, 8, 0.014, 0.015)))
GPU = dict(zip(COLUMNS, (6, 384, 6, 256, 64, 0.02, 0.01)))
LSTM_RATE = 0.02  # of AdamW, which trains all of it


def size(preset: str, budget_seconds: float | None, budget_tokens: int | None) -> dict:
    if preset == "gpu":
        return dict(GPU)
    return dict(SHORT if (budget_seconds or (budget_tokens or 0) / 25_000) <= 40 else LONG)
