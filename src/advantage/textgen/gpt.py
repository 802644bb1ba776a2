"""A GPT: the Transformer decoder of Vaswani et al. 2017 (arXiv:1706.03762) with the changes that today's models share.

They are rotary positions (Su et al. 2021, arXiv:2104.09864), RMSNorm before each half of a block (Zhang & Sennrich
2019, arXiv:1910.07467), and on queries and keys (Henry et al. 2020, arXiv:2010.04245); squared ReLU (So et al. 2021,
arXiv:2109.08668). No part has a bias. Its weights are those of a Qwen3 in `transformers`: see `export`.
"""

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from advantage import checks
from advantage.models.attention import causal_mask, scaled_dot_product_attention
from advantage.textgen.interface import check_ids

EPSILON = 1e-6  # added to the mean square in every norm
FEW = 1024  # entries whose arithmetic takes a CPU less time than the calls
ROTARY_BASE = 10_000.0


def norm(x: Tensor) -> Tensor:
    """Divide each vector by its root mean square.

    A few vectors, such as a token's in generation, go through LayerNorm: of [x, −x], whose mean is 0, it is the same
    in four calls and not ten.
    """
    d = x.shape[-1]
    if x.is_cpu and x.numel() <= FEW:
        return F.layer_norm(torch.cat([x, -x], -1), (2 * d,), eps=EPSILON)[..., :d]
    return F.rms_norm(x, (d,), eps=EPSILON)


def rotary_angles(start: int, length: int, d_head: int, device: torch.device | None = None) -> tuple[Tensor, Tensor]:
    """cos and sin of the angles at positions start … start + length − 1, each (length, d_head)."""
    frequency = ROTARY_BASE ** (-torch.arange(0, d_head, 2, device=device) / d_head)  # (d_head / 2,)
    angle = torch.arange(start, start + length, device=device)[:, None] * frequency
    return angle.cos().repeat(1, 2), torch.cat([-angle.sin(), angle.sin()], -1)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn each pair (x_i, x_{i + d/2}) by its angle; q·k then depends on positions through their difference alone."""
    return x * cos + x.roll(x.shape[-1] // 2, -1) * sin


class Cache:
    """Keys and values of the tokens read so far, for every layer, in memory taken once."""

    def __init__(self, layers: int, batch: int, heads: int, length: int, d_head: int, like: Tensor) -> None:
        shape = (batch, heads, length, d_head)
        self.key, self.value = ([like.new_empty(shape) for _ in range(layers)] for _ in range(2))
        self.length = 0  # tokens in the cache

    def join(self, other: "Cache") -> None:
        """Take in the texts of another cache, which have been read as far as these."""
        self.key = [torch.cat(pair) for pair in zip(self.key, other.key)]
        self.value = [torch.cat(pair) for pair in zip(self.value, other.value)]


class Block(nn.Module):
    """x + attention(norm(x)), then x + MLP(norm(x))."""

    def __init__(self, d_model: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.qkv = nn.Linear(d_model, 3 * d_model, bias=False)
        self.out = nn.Linear(d_model, d_model, bias=False)
        self.up = nn.Linear(d_model, 4 * d_model, bias=False)
        self.down = nn.Linear(4 * d_model, d_model, bias=False)

    def forward(self, x: Tensor, angles: tuple[Tensor, Tensor], layer: int, cache: Cache | None) -> Tensor:
        B, T, d_model = x.shape
        qkv = self.qkv(norm(x)).view(B, T, 3, self.num_heads, -1).permute(2, 0, 3, 1, 4)  # (3, B, H, T, d_head)
        both, v = qkv.split((2, 1))
        q, k = rotate(norm(both), *angles).type_as(v).unbind()  # each (B, H, T, d_head); one dtype in autocast
        v = v.squeeze(0)
        if cache is None:
            mixed = cast(Tensor, scaled_dot_product_attention(q, k, v, is_causal=True))
        else:
            start, end = cache.length, cache.length + T
            keys, values = cache.key[layer], cache.value[layer]  # (B, H, length, d_head)
            keys[:, :, start:end], values[:, :, start:end] = k, v
            k, v = keys[:, :, :end], values[:, :, :end]
            mask = None if T == 1 else causal_mask(end, device=x.device)[start:]  # (T, end)
            # PyTorch's own gives the same; checking every argument, as ours does, would cost half of a one-token step
            mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        x = x + self.out(mixed.transpose(1, 2).reshape(B, T, d_model))
        return x + self.down(F.relu(self.up(norm(x))).square())


class GPT(nn.Module):
    """A Transformer language model.

    Args:
        vocab_size: V, the number of tokens.
        context: T, the most tokens it sees at once.
        num_layers: blocks.
        d_model: width.
        num_heads: attention heads, a divisor of d_model that leaves an even width for each.
        tied: whether the head is the embedding's table.

    Raises:
        ValueError: a size is below 1, or `num_heads` does not fit `d_model`.
    """

    angles: Tensor  # (2, context, d_head): cos and sin at every position

    def __init__(
        self, vocab_size: int, context: int, num_layers: int, d_model: int, num_heads: int, tied: bool = False
    ) -> None:
        super().__init__()
        self.settings: dict[str, Any] = {  # what it takes to build it again
            "model": "gpt",
            "vocab_size": vocab_size,
            "context": context,
            "num_layers": num_layers,
            "d_model": d_model,
            "num_heads": num_heads,
            "tied": tied,
        }
        for name in ("vocab_size", "context", "num_layers", "d_model", "num_heads"):
            self.settings[name] = checks.whole(name, self.settings[name], least=1)
        if d_model % (2 * num_heads):
            raise ValueError(f"num_heads: {num_heads}, with d_model {d_model}; 2 × num_heads must divide d_model")
        self.context, self.d_head = context, d_model // num_heads
        angles = torch.stack(rotary_angles(0, context, self.d_head))
        self.register_buffer("angles", angles, persistent=False)
        self.embedding = nn.Embedding(vocab_size, d_model)
        self.blocks = nn.ModuleList(Block(d_model, num_heads) for _ in range(num_layers))
        self.head = nn.Linear(d_model, vocab_size, bias=False)
        if tied:
            self.head.weight = self.embedding.weight
        for name, weight in self.named_parameters():
            if name == "embedding.weight":
                nn.init.normal_(weight, std=0.02 if tied else 1.0)
            elif name.endswith(("out.weight", "down.weight", "head.weight")):
                nn.init.zeros_(weight)  # each block begins as the identity, the model as the uniform distribution
            else:
                nn.init.normal_(weight, std=d_model**-0.5)

    def forward(self, ids: Tensor, cache: Cache | None = None) -> Tensor:
        start = 0 if cache is None else cache.length
        check_ids(ids, self.embedding.num_embeddings)
        if start + ids.shape[1] > self.context:
            raise ValueError(f"ids: {start + ids.shape[1]} tokens with those in the cache; at most {self.context} fit")
        angles = self.angles[:, start : start + ids.shape[1]].unbind()
        x = self.embedding(ids)  # (B, T, d_model)
        for layer, block in enumerate(self.blocks):
            x = block(x, angles, layer, cache)
        if cache is not None:
            cache.length += ids.shape[1]
        return self.head(norm(x))

    def new_cache(self, batch: int, length: int) -> Cache:
        """An empty cache for `batch` texts of at most `length` tokens."""
        heads = self.settings["num_heads"]
        return Cache(len(self.blocks), batch, heads, min(length, self.context), self.d_head, self.head.weight)

    def flops_per_token(self, length: int | None = None) -> int:
        """Floating-point operations to train on one token: 6 for each weight of a matrix, 12 T d_model for attention.

        Source: Chowdhery et al. 2022 (arXiv:2204.02311), appendix B.
        """
        matrices = sum(weight.numel() for block in self.blocks for weight in block.parameters())
        d_model = self.settings["d_model"]
        return 6 * (matrices + self.head.weight.numel()) + 12 * len(self.blocks) * d_model * (length or self.context)
