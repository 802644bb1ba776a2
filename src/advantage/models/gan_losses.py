"""What the two players of a GAN minimise: five pairs of losses, two penalties, and the best discriminator.

A discriminator gives a sample x one score, the logit a = logit D(x); D = σ(a) is its probability that x is real.
Each loss below takes logits, because D itself rounds to 0 or 1 where the logit is large: log D = log σ(a) and
log(1 − D) = log σ(−a) stay exact where `log(1 - sigmoid(a))` is −inf. Logits of float16 or bfloat16 are raised to
float32 first, as under `torch.autocast`, so their loss is float32; other dtypes are kept.

Logits may have any shape, one score per sample or a grid of them. The real and the fake batch may differ in size,
for each loss is one mean over the real logits plus one over the fake ones; only the shape behind the first dimension
must agree. The penalties come without their weight: multiply `gradient_penalty` by λ (10 in its paper), `r1_penalty`
by γ/2.

Values are looked at on the CPU alone, where that is cheap, and only where they exist: under `torch.compile`,
`torch.func.vmap`, `FakeTensorMode` and on the meta device the checks of shape and dtype remain.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import logsigmoid, relu

# Losses. Source of each pair: see GAN_LOSSES.


def _cross_entropy(real_logits: Tensor, fake_logits: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """−E log D(x) − E log(1 − D(G(z))), with the label of the real samples at 1 − label_smoothing / 2."""
    real, fake = _logits(real_logits, fake_logits)
    label = _real_label(label_smoothing)
    return -(label * logsigmoid(real) + (1 - label) * logsigmoid(-real)).mean() - logsigmoid(-fake).mean()


def _minimax_generator(fake_logits: Tensor) -> Tensor:
    """E log(1 − D(G(z))): the game's own value, whose gradient vanishes where D(G(z)) is near 0."""
    (fake,) = _logits(fake_logits)
    return logsigmoid(-fake).mean()


def _non_saturating_generator(fake_logits: Tensor) -> Tensor:
    """−E log D(G(z))."""
    (fake,) = _logits(fake_logits)
    return -logsigmoid(fake).mean()


def _least_squares_discriminator(real_logits: Tensor, fake_logits: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """½ E (a(x) − b)² + ½ E a(G(z))², with the label of the real samples at b = 1 − label_smoothing / 2."""
    real, fake = _logits(real_logits, fake_logits)
    return 0.5 * (real - _real_label(label_smoothing)).square().mean() + 0.5 * fake.square().mean()


def _least_squares_generator(fake_logits: Tensor) -> Tensor:
    """½ E (a(G(z)) − 1)²."""
    (fake,) = _logits(fake_logits)
    return 0.5 * (fake - 1).square().mean()


def _hinge_discriminator(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """E max(0, 1 − a(x)) + E max(0, 1 + a(G(z)))."""
    real, fake = _logits(real_logits, fake_logits)
    return relu(1 - real).mean() + relu(1 + fake).mean()


def _critic(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """E a(G(z)) − E a(x): minus the Wasserstein distance, if the critic is the best of all 1-Lipschitz functions."""
    real, fake = _logits(real_logits, fake_logits)
    return fake.mean() - real.mean()


def _minus_mean(fake_logits: Tensor) -> Tensor:
    """−E a(G(z))."""
    (fake,) = _logits(fake_logits)
    return -fake.mean()


#: Name → `(discriminator_loss(real_logits, fake_logits), generator_loss(fake_logits))`, scalars to be minimised.
#:
#: The names are `minimax`, `non_saturating`, `least_squares`, `hinge` and `wasserstein`. The first three, whose real
#: samples have a label, also take `label_smoothing` for the discriminator: the label becomes 1 − label_smoothing / 2,
#: as in `torch.nn.functional.cross_entropy` with two classes, while that of the fakes stays 0.
#: Each raises a `ValueError` if the logits are not floating-point, not finite, empty (the mean of nothing is NaN), or
#: of shapes that do not fit.
#:
#: :meta hide-value:
GAN_LOSSES: dict[str, tuple[Callable[..., Tensor], Callable[[Tensor], Tensor]]] = {
    "minimax": (_cross_entropy, _minimax_generator),  # Goodfellow et al. 2014 (arXiv:1406.2661), equation 1
    "non_saturating": (_cross_entropy, _non_saturating_generator),  # the same, section 3
    "least_squares": (_least_squares_discriminator, _least_squares_generator),  # Mao et al. 2017 (arXiv:1611.04076), 9
    "hinge": (_hinge_discriminator, _minus_mean),  # Lim & Ye 2017 (arXiv:1705.02894)
    "wasserstein": (_critic, _minus_mean),  # Arjovsky et al. 2017 (arXiv:1701.07875), algorithm 1
}


# Penalties on the slope of the discriminator


def gradient_penalty(
    discriminator: Callable[[Tensor], Tensor],
    real: Tensor,
    fake: Tensor,
    target: float = 1.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """E (‖∇ₓ a(x̂)‖ / target − 1)², at points x̂ drawn on the lines between pairs of real and fake samples.

    Source: Gulrajani et al. 2017 (arXiv:1704.00028), equation 3, without its weight λ; `target` as in TF-GAN. The norm
    is one sample's, so the discriminator must score each sample by itself: no batch normalisation. Fused attention in
    the discriminator is replaced by the plain formula, which has a second derivative.

    Args:
        discriminator: samples (B, ...) → logits; more than one logit per sample are summed.
        real: samples, shape (B, ...). No gradient flows back into them.
        fake: samples, the same shape. No gradient flows back into the generator.
        target: the norm that costs nothing, more than 0 and finite.
        generator: source of the random points x̂, on the device of `real`. Within `torch.func.vmap` leave it out, and
            give vmap `randomness="different"`.

    Returns:
        A scalar that can be differentiated with respect to the discriminator's parameters.

    Raises:
        ValueError: `real` or `fake` is empty, not finite, not floating-point, or without a batch dimension; their
            shapes or devices differ; `target` is not positive and finite; or the discriminator's output does not
            depend on its input (not seen while compiling).
    """
    _check({"real": real, "fake": fake})
    if not 0 < target < torch.inf:  # false for NaN too
        raise ValueError(f"target: {target!r}; give a norm above 0 that is finite")
    _same_shape("real", real, "fake", fake)  # each point lies between one real and one fake sample
    if real.ndim == 0:
        raise ValueError("real: shape (); give it the shape (B, ...), a batch of samples")
    weight = torch.rand(
        (len(real),) + (1,) * (real.ndim - 1), dtype=real.dtype, device=real.device, generator=generator
    )
    between = weight * real + (1 - weight) * fake  # real − fake can overflow
    slope = _slope(discriminator, between)  # (B, all the rest)
    return (torch.linalg.vector_norm(slope, dim=1) / target - 1).square().mean()


def r1_penalty(discriminator: Callable[[Tensor], Tensor], real: Tensor) -> Tensor:
    """E ‖∇ₓ a(x)‖² at the real samples.

    Source: Mescheder et al. 2018 (arXiv:1801.04406), equation 9, without its weight γ/2.

    Args:
        discriminator: samples (B, ...) → logits; more than one logit per sample are summed.
        real: samples, shape (B, ...).

    Returns:
        A scalar that can be differentiated with respect to the discriminator's parameters.

    Raises:
        ValueError: `real` is empty, not finite, not floating-point, or without a batch dimension; or the
            discriminator's output does not depend on its input (not seen while compiling).
    """
    _check({"real": real})
    if real.ndim == 0:
        raise ValueError("real: shape (); give it the shape (B, ...), a batch of samples")
    return _slope(discriminator, real).square().sum(dim=1).mean()


def _slope(discriminator: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """∇ₓ a at each sample of x, shape (B, all the rest); differentiable once more."""
    with torch.enable_grad(), sdpa_kernel(SDPBackend.MATH):  # a fused attention has no second derivative
        if torch.compiler.is_compiling():  # which knows torch.func.grad, and not torch.autograd.grad
            slope = torch.func.grad(lambda x: discriminator(x).sum())(x.detach())
        elif torch.is_inference_mode_enabled():
            with torch.inference_mode(False):
                slope = _of_leaf(discriminator, x.clone().requires_grad_())
        else:
            try:
                leaf = x.detach().requires_grad_()
            except RuntimeError:  # within torch.func.grad or vmap, which make their own leaves: x.sum() is a pretext
                _, slope = torch.func.grad(lambda x: (x.sum(), _of_leaf(discriminator, x)), has_aux=True)(x.detach())
            else:
                slope = _of_leaf(discriminator, leaf)
    return _raised(slope).flatten(1) if x.ndim > 1 else _raised(slope)[:, None]


def _of_leaf(discriminator: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    total, slope = discriminator(x).sum(), None
    if total.requires_grad:  # of x or of the discriminator's parameters
        (slope,) = torch.autograd.grad(total, x, create_graph=True, allow_unused=True)
    if slope is None:
        raise ValueError("discriminator: its output does not depend on its input; give one that keeps the graph")
    return slope


# The best discriminator


def optimal_discriminator(p: Tensor, q: Tensor) -> Tensor:
    """D* = p / (p + q), which no discriminator beats under the cross-entropy loss.

    Source: Goodfellow et al. 2014 (arXiv:1406.2661), proposition 1. Far out in the tails p and q round to 0; use
    `optimal_logits` there. Densities near the largest number of their dtype are as good as others.

    Args:
        p: density of the data at some points, any shape; no points give no probabilities.
        q: density of the generator's samples at the same points.

    Returns:
        Probabilities, the shape of p and q.

    Raises:
        ValueError: `p` or `q` is negative, not finite or not floating-point; their shapes or devices differ; or both
            are 0 at some point, where D* is not defined.
    """
    _check({"p": p, "q": q}, empty=True)
    _same_shape("p", p, "q", q)
    for name, density in (("p", p), ("q", q)):
        if not _holds(density >= 0):
            raise ValueError(f"{name}: {density.min().item():g} among its values; a density is 0 or more")
    if not _holds((p > 0) | (q > 0)):
        raise ValueError("p and q: both 0 at a point, where D* is not defined; give their logarithms to optimal_logits")
    larger = torch.maximum(p, q).detach()
    p, q = p / larger, q / larger  # at most 1: p + q itself can overflow
    return p / (p + q)


def optimal_logits(log_p: Tensor, log_q: Tensor) -> Tensor:
    """The logit of D*: log p − log q, exact where p and q themselves round to 0.

    Args:
        log_p: log-density of the data at some points, any shape, none included; −inf where the data never are.
        log_q: log-density of the generator's samples at the same points; −inf likewise.

    Returns:
        Logits, the shape of both. Their sigmoid is p / (p + q).

    Raises:
        ValueError: `log_p` or `log_q` is NaN, +inf or not floating-point; their shapes or devices differ; or both are
            −inf at some point, where D* is not defined.
    """
    _check({"log_p": log_p, "log_q": log_q}, finite=False, empty=True)
    _same_shape("log_p", log_p, "log_q", log_q)
    for name, log_density in (("log_p", log_p), ("log_q", log_q)):
        if not _holds(log_density < torch.inf):  # false for NaN too
            raise ValueError(f"{name}: holds NaN or +inf; give finite log-densities, or −inf where the density is 0")
    if not _holds((log_p > -torch.inf) | (log_q > -torch.inf)):
        raise ValueError("log_p and log_q: both −inf at a point, where D* is not defined; leave that point out")
    return log_p - log_q


# Checks


def _holds(condition: Tensor) -> bool:
    """Whether a condition is true everywhere; True as well where looking is dear or there are no values yet."""
    if condition.device.type != "cpu" or torch.compiler.is_compiling():
        return True
    try:
        return bool(condition.all())
    except RuntimeError:  # within vmap or FakeTensorMode
        return True


def _check(tensors: dict[str, Tensor], finite: bool = True, empty: bool = False) -> None:
    for name, tensor in tensors.items():
        if not isinstance(tensor, Tensor) or not tensor.is_floating_point():
            kind = tensor.dtype if isinstance(tensor, Tensor) else type(tensor).__name__
            raise ValueError(f"{name}: {kind}; give a tensor of floating-point numbers")
        if not empty and tensor.numel() == 0:
            raise ValueError(f"{name}: shape {tuple(tensor.shape)} holds nothing; give one value or more")
        if finite and not _holds(tensor.isfinite()):
            raise ValueError(f"{name}: holds NaN or infinity; give finite values")


def _same_shape(first_name: str, first: Tensor, name: str, tensor: Tensor) -> None:
    if first.device != tensor.device:
        raise ValueError(f"{name}: on {tensor.device}, with {first_name} on {first.device}; give both on one device")
    if first.shape != tensor.shape:
        raise ValueError(
            f"{name}: shape {tuple(tensor.shape)}, with {first_name} of shape {tuple(first.shape)}; give both one shape"
        )


def _logits(*logits: Tensor) -> list[Tensor]:
    """The logits of one player, or the real and the fake ones, checked and in float32 at least."""
    names = ("real_logits", "fake_logits")[-len(logits) :]
    _check(dict(zip(names, logits)))
    real, fake = logits[0], logits[-1]
    if real.shape[1:] != fake.shape[1:]:
        raise ValueError(
            f"fake_logits: shape {tuple(fake.shape)}, with real_logits of shape {tuple(real.shape)}; "
            "the batches may differ in size, the shape of one sample's logits may not"
        )
    return [_raised(tensor) for tensor in logits]


def _raised(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor


def _real_label(label_smoothing: float) -> float:
    """As in `torch.nn.functional.cross_entropy`, for two classes: label_smoothing is spread over both."""
    if not 0 <= label_smoothing < 1:  # false for NaN too
        raise ValueError(f"label_smoothing: {label_smoothing!r}; give 0 or more and less than 1")
    return 1 - label_smoothing / 2
