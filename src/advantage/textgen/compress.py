"""Smaller models: fewer bits for each weight, or fewer weights. (A small model that a large one teaches: see `distil`.)

`quantise` makes codes of a few bits and scales of a weight, `packed` a model whose weights are stored so; `prune` sets
weights to zero, `prune_units` takes hidden units out. Each gives a new model, used like the old one, which stays.
"""

import copy
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from advantage import checks
from advantage.textgen.gpt import GPT

BITS = (2, 4, 8)  # codes of these fill a byte

# ------------------------------------------------------------------ fewer bits


class Quantised(NamedTuple):
    """Weight ≈ scale × code."""

    codes: Tensor  # (m, n) int8, from −2^(bits−1) to 2^(bits−1) − 1
    scale: Tensor  # (1, 1), (m, 1) or (m, n / group): what a step of the code is worth
    bits: int

    def weight(self) -> Tensor:
        """(m, n): what the codes stand for."""
        return _spread(self.codes, self.scale)


def quantise(weight: Tensor, bits: int = 8, per: str | int = "channel") -> Quantised:
    """Round a matrix to whole multiples of scales, one scale for all of it, for each row, or for each group.

    The scale is the largest absolute weight that it serves over (2^bits − 1) / 2, half of the codes' range, as in
    `torchao`, where it is called symmetric. A positive weight of that size is cut by half a step.

    Args:
        weight: (m, n), finite; a row makes one output.
        bits: 2, 4 or 8.
        per: `tensor`, `channel` (a row), or the size of a group within a row, a divisor of n.

    Raises:
        ValueError: an argument is none of these; the message names it.
    """
    if not isinstance(weight, Tensor) or weight.ndim != 2 or not weight.is_floating_point() or not weight.numel():
        what = f"{tuple(weight.shape)} {weight.dtype}" if isinstance(weight, Tensor) else type(weight).__name__
        raise ValueError(f"weight: {what}; must be floats of shape (m, n), neither of them 0")
    if not bool(weight.isfinite().all()):
        raise ValueError("weight: holds NaN or infinity; must be finite")
    checks.one_of("bits", bits, BITS)
    parts = _parts(weight.detach(), per)  # (m, groups, size)
    scale = parts.abs().amax(-1, keepdim=True) / ((2**bits - 1) / 2)
    steps = parts * (1 / scale.clamp(min=torch.finfo(scale.dtype).tiny))  # as torchao: half-way cases fall alike
    codes = steps.round().clamp(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1).to(torch.int8)
    return Quantised(codes.view(weight.shape), scale[..., 0], bits)


def _parts(weight: Tensor, per: str | int) -> Tensor:
    """A view (1, 1, m n), (m, 1, n) or (m, n / size, size): what shares a scale lies in the last axis."""
    m, n = weight.shape
    if per in ("tensor", "channel"):
        return weight.reshape(1 if per == "tensor" else m, 1, -1)
    if isinstance(per, str) or n % checks.whole("per", per, 1):
        raise ValueError(f"per: {per!r}; must be 'tensor', 'channel', or a group's size, a divisor of {n}")
    return weight.reshape(m, n // per, per)


def _spread(codes: Tensor, scale: Tensor) -> Tensor:
    """codes × scale, each scale over the codes that it serves."""
    groups = scale.shape[-1]
    return (codes.unflatten(-1, (groups, -1)) * scale[..., None]).flatten(-2)


def pack(codes: Tensor, bits: int) -> Tensor:
    """Codes (…, n) as bytes (…, n · bits / 8), the first code in the lowest bits.

    Raises:
        ValueError: a row of codes does not fill whole bytes.
    """
    each = 8 // checks.one_of("bits", bits, BITS)
    if codes.shape[-1] % each:
        raise ValueError(f"codes: rows of {codes.shape[-1]}; {each} codes of {bits} bits fill a byte")
    shifts = bits * torch.arange(each, device=codes.device)
    fields = (codes.int() & (2**bits - 1)).unflatten(-1, (-1, each)) << shifts
    return fields.sum(-1).to(torch.uint8)


def unpack(packed: Tensor, bits: int) -> Tensor:
    """The codes that `pack` packed, int8: shifted up, so that their sign comes along, and down again."""
    each = 8 // checks.one_of("bits", bits, BITS)
    up = 8 - bits - bits * torch.arange(each, device=packed.device)
    fields = (packed.int()[..., None] << up).to(torch.int8)
    return (fields >> (8 - bits)).flatten(-2)


class Packed(nn.Module):
    """A matrix in packed codes and 16-bit scales, unpacked whenever it is used; see the two below."""

    def __init__(self, weight: Tensor, bits: int, per: str | int) -> None:
        super().__init__()
        codes, scale, self.bits = quantise(weight, bits, per)
        if bool((scale > torch.finfo(torch.float16).max).any()):
            raise ValueError(f"weight: a scale of {scale.max():g}; must be below 65,504, what 16 bits hold")
        self.codes: Tensor
        self.scale: Tensor
        self.register_buffer("codes", pack(codes, bits))
        self.register_buffer("scale", scale.half())

    @property
    def weight(self) -> Tensor:
        """(m, n) float32."""
        return _spread(unpack(self.codes, self.bits), self.scale.float())


class PackedLinear(Packed):
    """In place of an `nn.Linear` without bias."""

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight)


class PackedEmbedding(Packed):
    """In place of an `nn.Embedding`: unpacks the rows that are looked up."""

    @property
    def num_embeddings(self) -> int:
        return len(self.codes)

    def forward(self, ids: Tensor) -> Tensor:
        scale = self.scale if len(self.scale) == 1 else self.scale[ids]
        return _spread(unpack(self.codes[ids], self.bits), scale.float())


def packed(model: GPT, bits: int = 8, per: str | int = "channel") -> GPT:
    """A copy of a model that stores every matrix in `bits` bits a weight, the tables of embedding and head included.

    Raises:
        ValueError: as in `quantise`; or the head is the embedding, of which this would make two.
    """
    small = _copied(model)
    for parent in list(small.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, (nn.Linear, nn.Embedding)):
                kind = PackedLinear if isinstance(child, nn.Linear) else PackedEmbedding
                setattr(parent, name, kind(child.weight, bits, per))
    return small.eval()


def unpacked(model: GPT) -> GPT:
    """A copy in float32 again, with the weights that the codes stand for: as large as before, and as fast."""
    plain = _copied(model)
    for parent in list(plain.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, Packed):
                setattr(parent, name, _module_of(child.weight, isinstance(child, PackedEmbedding)))
    return plain.eval()


def stored_bytes(model: nn.Module, sparse: bool = False) -> int:
    """Bytes of a model's weights in a file: floats in 16 bits, as Inkwell's model is stored, codes as they are.

    Args:
        model: any of this package.
        sparse: floats that are zero cost a bit, the others one bit more than theirs: a mask, and what it leaves.
    """
    total = 0
    for tensor in model.state_dict().values():
        if sparse and tensor.dtype == torch.float32:
            total += (tensor.numel() + 7) // 8 + 2 * int(tensor.count_nonzero())
        else:
            total += tensor.numel() * (2 if tensor.is_floating_point() else tensor.element_size())
    return total


# --------------------------------------------------------------- fewer weights


def prune(model: GPT, share: float, whole: bool = False) -> GPT:
    """A copy in which a share of the weights is zero, those nearest to it, in every matrix but the embedding.

    Source: Han et al. 2015 (arXiv:1506.02626), without the training that they put after it.

    Args:
        model: stays as it is.
        share: of each matrix's weights, from 0 to 1; rounded to a whole number of them.
        whole: take the share of all matrices together instead.
    """
    checks.share("share", share)
    small = _copied(model)
    matrices = [module.weight.data for module in small.modules() if isinstance(module, nn.Linear)]
    groups = [matrices] if whole else [[matrix] for matrix in matrices]
    for group in groups:
        sizes = torch.cat([matrix.abs().flatten() for matrix in group])
        zero = torch.zeros_like(sizes, dtype=torch.bool)
        zero[sizes.argsort()[: round(share * len(sizes))]] = True
        for matrix, mask in zip(group, zero.split([matrix.numel() for matrix in group])):
            matrix[mask.view(matrix.shape)] = 0
    return small.eval()


@torch.no_grad()
def prune_units(model: GPT, keep: float, ids: Tensor) -> GPT:
    """A copy whose MLPs have only a share of their hidden units: a model with fewer weights, in smaller matrices.

    A unit stays for what it adds on a text: the root of its mean square times the length of its column in `down`. The
    score is the same however the two matrices share the unit's size between them.

    Args:
        model: stays as it is.
        keep: share of the units, above 0; a whole number of them, one at least, stays in each block.
        ids: (B, T), the text.
    """
    if checks.share("keep", keep) == 0:
        raise ValueError(f"keep: {keep!r}; must be above 0, so that a unit stays")
    small = _copied(model)
    block: Any
    heard: dict[int, Tensor] = {}
    handles = []
    for layer, block in enumerate(small.blocks):

        def listen(_: nn.Module, inputs: tuple[Tensor], __: Tensor, layer: int = layer) -> None:
            heard[layer] = inputs[0].square().mean((0, 1))

        handles.append(block.down.register_forward_hook(listen))
    small(ids)
    for handle in handles:
        handle.remove()
    for layer, block in enumerate(small.blocks):
        score = heard[layer].sqrt() * block.down.weight.norm(dim=0)  # (units,)
        chosen = score.argsort(descending=True)[: max(1, round(keep * len(score)))].sort().values
        block.up = _module_of(block.up.weight[chosen])
        block.down = _module_of(block.down.weight[:, chosen])
    return small.eval()


def _module_of(weight: Tensor, embedding: bool = False) -> nn.Module:
    m, n = weight.shape
    module = nn.Embedding(m, n, device="meta") if embedding else nn.Linear(n, m, bias=False, device="meta")
    module.weight = nn.Parameter(weight.detach().contiguous().clone())
    return module


def _copied(model: Any) -> GPT:
    if not isinstance(model, GPT):
        raise ValueError(f"model: {type(model).__name__}; must be a GPT of advantage.textgen.gpt")
    if model.settings["tied"]:
        raise ValueError("model: its head is its embedding; give one whose tables are two")
    return copy.deepcopy(model)
