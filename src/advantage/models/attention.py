"""Attention: a soft look-up of values by the similarity of queries and keys.

`scaled_dot_product_attention` has the names and the meaning of PyTorch's arguments, without dropout; also, the weights
can be returned, and a query that may attend to nothing gets zeros whatever the version of PyTorch (older ones give
NaN). The formula stands in `attend`; the public function checks the input, expands it, and hands it to PyTorch's fused
kernel where there is neither a mask nor a wish for the weights.
"""

import math
from collections.abc import Callable
from contextlib import nullcontext

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def causal_mask(num_queries: int, num_keys: int | None = None, device: torch.device | str | None = None) -> Tensor:
    """True where query i may attend to key j: j ≤ i. Shape (num_queries, num_keys), as in PyTorch's `is_causal`."""
    num_keys = num_queries if num_keys is None else num_keys
    if num_queries < 1 or num_keys < 1:
        raise ValueError(f"num_queries, num_keys: got {num_queries}, {num_keys}; both must be 1 or more")
    return torch.ones(num_queries, num_keys, dtype=torch.bool, device=device).tril()


def attend(query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None, scale: float) -> tuple[Tensor, Tensor]:
    """softmax(Q Kᵀ · scale + bias) V and the softmax, for bias −inf where a query may not look.

    It computes in 32 bits or more, for 16 hold no score above 65,504 (float16) or none to three digits (bfloat16).
    Source: Vaswani et al. 2017 (arXiv:1706.03762), equation 1.
    """
    wide = torch.promote_types(query.dtype, torch.float32)
    scores = query.to(wide) * scale @ key.to(wide).mT  # (…, L, S)
    if bias is not None:
        scores = scores + bias
    highest = scores.amax(-1, keepdim=True).detach()
    highest = highest.masked_fill(highest == -math.inf, 0)  # a row that may look nowhere
    weights = (scores - highest).exp()  # at most 1: no overflow
    total = weights.sum(-1, keepdim=True)
    weights = weights / total.masked_fill(total == 0, 1)  # … whose weights are all 0
    return (weights @ value.to(weights.dtype)).to(query.dtype), weights.to(query.dtype)


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    *,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
    return_weights: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    """Attention as in `torch.nn.functional.scaled_dot_product_attention`; a query that may look nowhere gets zeros.

    Source: Vaswani et al. 2017 (arXiv:1706.03762), equation 1; grouped queries: Ainslie et al. 2023 (arXiv:2305.13245).
    The fused kernel has no second derivative; call this under `torch.nn.attention.sdpa_kernel(SDPBackend.MATH)` where
    you want one, as the penalties of `gan_losses` do.

    Args:
        query: shape (…, L, d_k): L queries.
        key: shape (…, S, d_k): S keys.
        value: shape (…, S, d_v): one value for each key.
        attn_mask: broadcastable to (…, L, S). Boolean: True where a query may attend. Floating-point: added to the
            scores, −inf where a query may not attend; a row of −1e9 is a tie, not a ban, and gives the mean.
        is_causal: query i may attend to key j only if j ≤ i. Not together with `attn_mask`.
        scale: factor of the scores, 1/√d_k unless given.
        enable_gqa: the heads, at dimension −3, may be fewer in key and value; each serves as many query heads in a row.
        return_weights: also return the weights.

    Returns:
        Shape (…, L, d_v); with `return_weights` also the weights, shape (…, L, S), whose rows sum to 1, or to 0.

    Raises:
        ValueError: an argument has the wrong rank, size, dtype or device, no tokens or no width, or (on the CPU, where
            looking is cheap) holds NaN or infinity. The message names it.
    """
    _check(query, key, value, enable_gqa)
    if enable_gqa:
        heads = query.shape[-3]
        key, value = (x.repeat_interleave(heads // max(x.shape[-3], 1), dim=-3) for x in (key, value))
    scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    if not math.isfinite(scale):
        raise ValueError(f"scale: {scale}; give a finite number, or None for 1/√d_k")
    if attn_mask is not None and is_causal:
        raise ValueError("attn_mask: given together with is_causal=True; put the causal mask into attn_mask")
    if attn_mask is None and not return_weights:
        return F.scaled_dot_product_attention(query, key, value, is_causal=is_causal, scale=scale)
    shape = (*torch.broadcast_shapes(query.shape[:-2], key.shape[:-2]), query.shape[-2], key.shape[-2])
    if is_causal:
        attn_mask = causal_mask(shape[-2], shape[-1], query.device)
    bias = None if attn_mask is None else _bias(attn_mask, shape, query)
    kind = query.device.type
    is_autocast = torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind)
    if is_autocast and query.dtype != torch.float64:  # the result has 16 bits, as PyTorch's; the formula has 32
        query, key, value = (x.to(torch.get_autocast_dtype(kind)) for x in (query, key, value))
    with torch.autocast(kind, enabled=False) if is_autocast else nullcontext():
        output, weights = attend(query, key, value, bias, scale)
    return (output, weights) if return_weights else output


class MultiHeadAttention(nn.Module):
    """Several attentions side by side, each on its own projection of the input, joined by one more projection.

    Source: Vaswani et al. 2017 (arXiv:1706.03762), section 3.2.2.

    Args:
        d_model: width of input and output.
        num_heads: number of query heads, each of d_model / num_heads entries.
        num_kv_heads: number of key and value heads, a divisor of `num_heads`; as many unless given.
        bias: whether the projections have one.

    Raises:
        ValueError: `num_heads` does not divide `d_model`, or `num_kv_heads` does not divide `num_heads`.
    """

    def __init__(self, d_model: int, num_heads: int, num_kv_heads: int | None = None, bias: bool = False) -> None:
        super().__init__()
        num_kv_heads = num_heads if num_kv_heads is None else num_kv_heads
        if num_heads < 1 or d_model < 1 or d_model % num_heads:
            raise ValueError(f"num_heads: {num_heads}, with d_model {d_model}; it must divide d_model")
        if num_kv_heads < 1 or num_heads % num_kv_heads:
            raise ValueError(f"num_kv_heads: {num_kv_heads}, with num_heads {num_heads}; it must divide num_heads")
        self.d_head = d_model // num_heads
        self.query = nn.Linear(d_model, d_model, bias=bias)
        self.key = nn.Linear(d_model, num_kv_heads * self.d_head, bias=bias)
        self.value = nn.Linear(d_model, num_kv_heads * self.d_head, bias=bias)
        self.output = nn.Linear(d_model, d_model, bias=bias)

    def forward(self, x: Tensor, attn_mask: Tensor | None = None, is_causal: bool = False) -> Tensor:
        """Shape (B, T, d_model) to the same shape; masks as in `scaled_dot_product_attention`, (…, heads, T, T)."""
        if x.ndim != 3 or x.shape[-1] != self.query.in_features:
            wanted = f"(B, T, d_model), with d_model {self.query.in_features}"
            raise ValueError(f"x: shape {tuple(x.shape)}; give it the shape {wanted}")
        query, key, value = (
            projection(x).unflatten(-1, (-1, self.d_head)).transpose(1, 2)  # (B, heads, T, d_head)
            for projection in (self.query, self.key, self.value)
        )
        attended = scaled_dot_product_attention(query, key, value, attn_mask, is_causal=is_causal, enable_gqa=True)
        assert isinstance(attended, Tensor)  # without the weights
        return self.output(attended.transpose(1, 2).flatten(-2))


def _bias(attn_mask: Tensor, shape: tuple[int, ...], query: Tensor) -> Tensor:
    """The mask as numbers to add to scores of the given shape."""
    if not isinstance(attn_mask, Tensor) or not (attn_mask.dtype == torch.bool or attn_mask.is_floating_point()):
        kind = attn_mask.dtype if isinstance(attn_mask, Tensor) else type(attn_mask).__name__
        raise ValueError(f"attn_mask: {kind}; give booleans (True: may attend) or numbers to add")
    if attn_mask.device != query.device:
        raise ValueError(f"attn_mask: on {attn_mask.device}, with query on {query.device}; give both one device")
    try:
        fits = torch.broadcast_shapes(attn_mask.shape, shape) == torch.Size(shape)
    except RuntimeError:
        fits = False
    if not fits:
        raise ValueError(f"attn_mask: shape {tuple(attn_mask.shape)} does not broadcast to the scores' shape {shape}")
    if attn_mask.dtype == torch.bool:
        return torch.where(attn_mask, 0.0, -math.inf)
    if not _holds(attn_mask, lambda x: (x < math.inf).all()):  # false for NaN too
        raise ValueError("attn_mask: holds NaN or +inf; give finite numbers, or −inf where a query may not attend")
    return attn_mask


def _holds(tensor: Tensor, condition: Callable[[Tensor], Tensor]) -> bool:
    """Whether the tensor's values meet the condition; True where looking is dear or there are no values yet."""
    if tensor.device.type != "cpu" or torch.compiler.is_compiling():
        return True
    try:
        return bool(condition(tensor.detach()))
    except RuntimeError:  # within vmap or FakeTensorMode
        return True


def _check(query: Tensor, key: Tensor, value: Tensor, enable_gqa: bool) -> None:
    named = {"query": query, "key": key, "value": value}
    for name, tensor in named.items():
        if not isinstance(tensor, Tensor) or not tensor.is_floating_point():
            kind = tensor.dtype if isinstance(tensor, Tensor) else type(tensor).__name__
            raise ValueError(f"{name}: {kind}; give a tensor of floating-point numbers")
        if tensor.ndim < 2 + enable_gqa:
            wanted = "(…, heads, tokens, width)" if enable_gqa else "(…, tokens, width)"
            raise ValueError(f"{name}: shape {tuple(tensor.shape)}; give it the shape {wanted}")
        if 0 in tensor.shape[-2:]:
            raise ValueError(f"{name}: shape {tuple(tensor.shape)} holds nothing; give one token or more")
        if tensor.dtype != query.dtype or tensor.device != query.device:
            raise ValueError(
                f"{name}: {tensor.dtype} on {tensor.device}, with query {query.dtype} on {query.device}; "
                "give all three the same"
            )
        # A sum is cheap and not finite if an entry is not; it may overflow by itself, so look closer before refusing.
        if not _holds(tensor, lambda x: x.sum().isfinite()) and not _holds(tensor, lambda x: x.isfinite().all()):
            raise ValueError(f"{name}: holds NaN or infinity; give finite numbers")
    if key.shape[-1] != query.shape[-1]:
        raise ValueError(f"key: width {key.shape[-1]}, with query of width {query.shape[-1]}; give both d_k")
    if value.shape[-2] != key.shape[-2]:
        raise ValueError(f"value: {value.shape[-2]} tokens, with key of {key.shape[-2]}; give one value for each key")
    batch = slice(None, -3 if enable_gqa else -2)
    for name in ("key", "value"):
        tensor = named[name]
        if enable_gqa and query.shape[-3] % max(tensor.shape[-3], 1):
            raise ValueError(f"{name}: {tensor.shape[-3]} heads; give a divisor of the query's {query.shape[-3]}")
        if query.shape[batch] == tensor.shape[batch]:
            continue  # the function below imports half a second's worth of modules
        try:
            torch.broadcast_shapes(query.shape[batch], tensor.shape[batch])
        except RuntimeError:
            raise ValueError(
                f"{name}: shape {tuple(tensor.shape)}, with query of shape {tuple(query.shape)}; "
                "give batch dimensions that broadcast"
            ) from None
