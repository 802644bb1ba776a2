"""From logits to one token: the distribution that is drawn from, and the draw."""

import torch
from torch import Tensor

from advantage import checks
from advantage.textgen.interface import holds

NEVER, INFINITY = float("-inf"), float("inf")


def probabilities(
    logits: Tensor,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    min_p: float | None = None,
    repetition_penalty: float = 1.0,
    seen: Tensor | None = None,
) -> Tensor:
    """The distribution that the next token is drawn from.

    The steps are applied in this order, each where it is asked for: repetition penalty, temperature, top-k, top-p,
    min-p.

    Args:
        logits: (B, V), the model's output for the next token.
        temperature: divides the logits; below 1 sharper, above 1 flatter, 0 puts all on the largest (the first of
            several; a temperature that is tiny divides it among them).
        top_k: keep the k largest logits (and what ties with the last of them).
        top_p: keep the smallest set of tokens that holds this much probability (Holtzman et al. 2020).
        min_p: keep tokens at least this fraction as probable as the most probable one (Nguyen et al. 2024).
        repetition_penalty: above 1 makes tokens that were `seen` less probable: positive logits are divided by it
            (Keskar et al. 2019), negative ones multiplied, as in `transformers`.
        seen: (B, V), True for the tokens of the text so far.

    Returns:
        (B, V), each row sums to one.

    Raises:
        ValueError: an argument is out of range, or a logit is NaN or +inf, or all of a row are −inf.
    """
    check_options(temperature, top_k, top_p, min_p, repetition_penalty)
    if logits.ndim != 2 or not logits.is_floating_point() or 0 in logits.shape:
        raise ValueError(f"logits: {tuple(logits.shape)} {logits.dtype}; must be (B, V) floats, neither of them 0")
    logits = logits.float()
    if repetition_penalty != 1 and seen is not None:
        logits = torch.where(
            seen, torch.where(logits > 0, logits / repetition_penalty, logits * repetition_penalty), logits
        )
    check_logits(logits)
    if temperature == 0:
        return torch.zeros_like(logits).scatter(1, logits.argmax(1, keepdim=True), 1.0)
    highest = logits.amax(1, keepdim=True)  # taken off first: only its distance to the others counts
    logits = (logits - highest) / max(temperature, 1e-30)  # below, float32 has no number to divide by
    if top_k is not None and top_k < logits.shape[1]:
        logits = logits.masked_fill(logits < logits.topk(top_k).values[:, -1:], NEVER)
    p = logits.softmax(1)
    if top_p is not None and top_p < 1:
        sorted_p, order = p.sort(descending=True, stable=True)
        before = sorted_p.cumsum(1) - sorted_p  # the probability of all that come first
        p = p * (before < top_p).gather(1, order.argsort(1))
        p = p / p.sum(1, keepdim=True)
    if min_p is not None and min_p > 0:
        p = p * (p >= min_p * p.max(1, keepdim=True).values)
        p = p / p.sum(1, keepdim=True)
    return p


def check_logits(logits: Tensor) -> None:
    """−inf stands for a token that cannot come; no other number may be infinite, and one token must be possible."""
    if holds(logits.amax(1), lambda highest: highest.abs() < INFINITY):  # NaN is the largest of its row
        return
    if not holds(logits, lambda x: x < INFINITY):
        raise ValueError("logits: NaN or +inf; the model has diverged, or its weights are damaged")
    raise ValueError("logits: a row is all −inf; one token at least must be possible")


def check_options(
    temperature: float, top_k: int | None, top_p: float | None, min_p: float | None, penalty: float
) -> None:
    if not 0 <= temperature < INFINITY:
        raise ValueError(f"temperature: {temperature!r}; must be 0 (the most probable token) or a positive number")
    if top_k is not None:
        checks.whole("top_k", top_k, 1)
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError(f"top_p: {top_p!r}; must be above 0 and at most 1")
    if min_p is not None and not 0 <= min_p <= 1:
        raise ValueError(f"min_p: {min_p!r}; must be between 0 and 1")
    if not 0 < penalty < INFINITY:
        raise ValueError(f"repetition_penalty: {penalty!r}; must be positive; 1 changes nothing")


def draw(p: Tensor, uniform: Tensor, checked: bool = False) -> Tensor:
    """One token for each row, by inverting the cumulative distribution.

    Args:
        p: (B, V) probabilities.
        uniform: (B,) numbers in [0, 1).
        checked: whether both are known to be so, as what comes from `probabilities` is; looking takes as long as
            drawing.

    Returns:
        (B,) ids; a token of probability zero is never drawn.
    """
    cumulative = p.cumsum(1, dtype=torch.double)
    total = cumulative[:, -1:]
    if not checked:
        if not holds(p, lambda p: (p >= 0) & (p < INFINITY)) or not holds(total, lambda total: total > 0):
            raise ValueError("p: a row is no distribution: NaN, infinite, negative, or all zero")
        if not holds(uniform, lambda u: (u >= 0) & (u < 1)):
            raise ValueError("uniform: must lie in [0, 1)")
    wanted = torch.minimum(uniform[:, None] * total, torch.nextafter(total, torch.zeros_like(total)))
    return (cumulative <= wanted).sum(1)
