"""The LSTM that a GPT is measured against; called like it, `model(ids)` or `model(ids, cache)`: see `interface`."""

from typing import Any

import torch
from torch import Tensor, nn

from advantage import checks
from advantage.textgen.interface import check_ids


class State(list[tuple[Tensor, Tensor]]):
    """What the layers remember of each text: outputs and cells, each (num_layers, B, d_model); empty at first."""

    def join(self, other: "State") -> None:
        """Take in the texts of another state."""
        self[:] = [
            (torch.cat([h, more_h], 1), torch.cat([c, more_c], 1)) for (h, c), (more_h, more_c) in zip(self, other)
        ]


class LSTM(nn.Module):
    """The baseline: embedding, stacked LSTM layers, and the head that turns a state into one score for each token.

    Source: Hochreiter & Schmidhuber 1997 (doi:10.1162/neco.1997.9.8.1735).

    Args:
        vocab_size: V, the number of tokens.
        d_model: width of the embedding and of every state.
        num_layers: LSTM layers.

    Raises:
        ValueError: a size is below 1.
    """

    context = None  # its state has no limit

    def __init__(self, vocab_size: int, d_model: int, num_layers: int = 1) -> None:
        super().__init__()
        self.settings: dict[str, Any] = {
            "model": "lstm",
            "vocab_size": vocab_size,
            "d_model": d_model,
            "num_layers": num_layers,
        }
        for name in ("vocab_size", "d_model", "num_layers"):
            self.settings[name] = checks.whole(name, self.settings[name], least=1)
        self.embedding = nn.Embedding(vocab_size, d_model)
        self.layers = nn.LSTM(d_model, d_model, num_layers, batch_first=True)
        self.head = nn.Linear(d_model, vocab_size)
        with torch.no_grad():
            for layer in range(num_layers):  # open the forget gates at first: σ(1) = 0.73
                getattr(self.layers, f"bias_ih_l{layer}")[d_model : 2 * d_model] = 1.0

    def forward(self, ids: Tensor, cache: State | None = None) -> Tensor:
        check_ids(ids, self.embedding.num_embeddings)
        states, last = self.layers(self.embedding(ids), cache[0] if cache else None)
        if cache is not None:
            cache[:] = [last]
        return self.head(states)

    def new_cache(self, batch: int, length: int) -> State:
        """An empty state; the arguments are those of the GPT's cache, and do not matter here."""
        return State()
