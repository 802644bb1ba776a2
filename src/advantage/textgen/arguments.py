"""What both language models ask of their arguments."""

import torch
from torch import Tensor


def positive(**sizes: int) -> None:
    """Each size is a whole number, 1 or more."""
    for name, size in sizes.items():
        if not isinstance(size, int) or size < 1:
            raise ValueError(f"{name}: got {size!r}; must be a whole number, 1 or more")


def check_ids(ids: Tensor, vocab_size: int) -> None:
    """`ids` are whole numbers of the vocabulary, of shape (B, T)."""
    if ids.ndim != 2 or ids.is_floating_point() or ids.is_complex() or ids.dtype == torch.bool or ids.numel() == 0:
        raise ValueError(
            f"ids: {tuple(ids.shape)} {ids.dtype}; must be whole numbers of shape (B, T), neither of them 0"
        )
    looking = ids.device.type == "cpu" and not torch.compiler.is_compiling()  # at values, where that is cheap
    if looking and not 0 <= int(ids.min()) <= int(ids.max()) < vocab_size:
        raise ValueError(f"ids: from {int(ids.min())} to {int(ids.max())}; must lie in 0 … {vocab_size - 1}")
