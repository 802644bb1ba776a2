"""What both language models, and all that uses one, have in common.

`model(ids)` takes token ids (B, T) and gives logits (B, T, V): row t scores the token that follows position t.
`model(ids, cache)` does the same for tokens that follow those in the cache, which `model.new_cache` makes.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn


def holds(tensor: Tensor, condition: Callable[[Tensor], Tensor]) -> bool:
    """Whether every value meets the condition; True where there are no values: compiling, vmap, fake, meta."""
    if tensor.is_meta or torch.compiler.is_compiling():
        return True
    try:
        return bool(condition(tensor).all())
    except RuntimeError:  # within vmap or FakeTensorMode
        return True


def check_ids(ids: Tensor, vocab_size: int) -> None:
    """`ids` are whole numbers of the vocabulary, of shape (B, T)."""
    if ids.ndim != 2 or ids.is_floating_point() or ids.is_complex() or ids.dtype == torch.bool or ids.numel() == 0:
        raise ValueError(
            f"ids: {tuple(ids.shape)} {ids.dtype}; must be whole numbers of shape (B, T), neither of them 0"
        )
    if ids.device.type == "cpu" and not holds(ids, lambda ids: (ids >= 0) & (ids < vocab_size)):  # there it is cheap
        raise ValueError(f"ids: from {int(ids.min())} to {int(ids.max())}; must lie in 0 … {vocab_size - 1}")


def bare(model: nn.Module) -> nn.Module:
    """The model itself, where `torch.compile` has wrapped it."""
    while isinstance(inner := getattr(model, "_orig_mod", None), nn.Module):
        model = inner
    return model


def device_of(model: nn.Module) -> torch.device:
    """Where the model's weights are, or its buffers where it has no weights; the CPU where it has neither."""
    return next((p.device for p in (*model.parameters(), *model.buffers())), torch.device("cpu"))


def weights(model: nn.Module) -> dict[str, Tensor]:
    """A copy of every parameter, by name, on the CPU."""
    return {name: p.detach().cpu().contiguous().clone() for name, p in bare(model).named_parameters()}


@torch.no_grad()
def put_weights(model: nn.Module, named: dict[str, Tensor]) -> None:
    """Give a model the weights that `weights` took from one like it.

    Raises:
        ValueError: a name or a shape is not the model's.
    """
    model = bare(model)
    expected = {name: tuple(p.shape) for name, p in model.named_parameters()}
    found = {name: tuple(weight.shape) for name, weight in named.items()}
    if wrong := sorted(expected.items() ^ found.items()):
        name = wrong[0][0]
        raise ValueError(f"weights: {name} has shape {found.get(name)} where the model's has {expected.get(name)}")
    for name, p in model.named_parameters():
        p.copy_(named[name])
