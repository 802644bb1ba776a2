"""The GAN losses: values that four libraries published, closed forms, and logits from −10,000 to 10,000."""

import math
import subprocess
import sys

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

from advantage.models.attention import MultiHeadAttention
from advantage.models.gan_losses import (
    GAN_LOSSES,
    gradient_penalty,
    optimal_discriminator,
    optimal_logits,
    r1_penalty,
)

NAMES = sorted(GAN_LOSSES)
SMOOTHED = ("least_squares", "minimax", "non_saturating")  # the losses with a label to smooth
double = {"dtype": torch.float64}


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def close(actual, expected, places=1e-12):
    torch.testing.assert_close(actual, torch.as_tensor(expected, dtype=actual.dtype), rtol=places, atol=places)


# Values that libraries published


@pytest.mark.parametrize("shape", [(4,), (4, 1), (2, 2), (1, 1, 2, 2)])
@pytest.mark.parametrize(
    ("name", "discriminator", "generator"),
    [
        ("minimax", 5.83387, -4.51082),
        ("non_saturating", 5.83387, 1.38582),
        ("least_squares", 41.73375, 17.69625),
        ("hinge", 6.75, -3.125),
        ("wasserstein", 0.225, -3.125),
    ],
)
def test_the_values_of_tf_gan(name, discriminator, generator, shape, device):
    """Reference: tensorflow/gan, losses_impl_test.py. Its minimax generator, −4.82408, adds log σ(1) (next test)."""
    real = tensor([-5.0, 1.4, 12.5, 2.7], device=device).reshape(shape)
    fake = tensor([10.0, 4.4, -5.5, 3.6], device=device).reshape(shape)
    discriminator_loss, generator_loss = GAN_LOSSES[name]
    close(discriminator_loss(real, fake), discriminator, 1e-5)
    close(generator_loss(fake), generator, 1e-5)
    assert generator_loss(fake).dtype == fake.dtype
    assert generator_loss(fake).shape == ()


def test_the_minimax_generator_of_tf_gan():
    """Reference: tensorflow/gan, losses_impl_test.py: −4.82408, minus its discriminator's loss with a real logit 1."""
    fake = tensor([10.0, 4.4, -5.5, 3.6])
    close(GAN_LOSSES["minimax"][1](fake) + tensor(1.0).sigmoid().log(), -4.82408, 1e-5)
    close(-GAN_LOSSES["minimax"][0](torch.ones(4), fake), -4.82408, 1e-5)


@pytest.mark.parametrize("name", ["minimax", "non_saturating"])
def test_the_label_smoothing_of_tf_gan(name):
    """Reference: tensorflow/gan, losses_impl_test.py: 6.19637 for its default, label_smoothing=0.25."""
    loss = GAN_LOSSES[name][0](tensor([-5.0, 1.4, 12.5, 2.7]), tensor([10.0, 4.4, -5.5, 3.6]), label_smoothing=0.25)
    close(loss, 6.19637, 1e-5)


@pytest.mark.parametrize(
    ("name", "discriminator", "generator"),
    [
        ("minimax", 3.1251488, -3.3642528 - math.log(1 / (1 + math.exp(-1)))),
        ("non_saturating", 3.1251488, 0.9509911),
        ("least_squares", 19.76125, 7.3425007),
        ("wasserstein", -2.625, -2.1),
    ],
)
def test_the_values_of_torchgan(name, discriminator, generator):
    """Reference: torchgan/torchgan, tests/torchgan/test_losses.py (the minimax generator carries the same log σ(1))."""
    real, fake = tensor([1.3, 2.9, 8.4, 6.3]), tensor([4.8, 1.2, -3.5, 5.9])
    discriminator_loss, generator_loss = GAN_LOSSES[name]
    close(discriminator_loss(real, fake), discriminator, 1e-5)
    close(generator_loss(fake), generator, 1e-5)


@pytest.mark.parametrize(
    ("name", "on_real", "on_fake", "generator", "logit"),
    [
        ("non_saturating", 0.3132616, 1.3132616, 0.6265233 / 2, 1),  # it weighs the generator's loss by 2
        ("least_squares", 1.0 / 2, 4.0 / 2, 2.0 / 4, 2),  # and does not halve the squares
        ("wasserstein", -2.0, 2.0, -4.0 / 2, 2),
        ("hinge", 0.0, 3.0, -4.0 / 2, 2),
    ],
)
def test_the_values_of_mmagic(name, on_real, on_fake, generator, logit):
    """Reference: open-mmlab/mmagic, tests/test_models/test_losses/test_loss_comps/test_gan_loss_comps.py."""
    discriminator_loss, generator_loss = GAN_LOSSES[name]
    logits = torch.full((1, 3, 6, 6), float(logit))
    close(discriminator_loss(logits, logits), on_real + on_fake, 1e-6)
    close(generator_loss(logits), generator, 1e-6)


@pytest.mark.parametrize(("target", "expected"), [(1.0, 9.0), (2.0, 1.0)])
def test_the_gradient_penalty_of_tf_gan(target, expected, device):
    """Reference: tensorflow/gan, losses_impl_test.py: D(x) = 2x has four outputs, so its slope is 4."""
    fake = tensor([[3.1, 2.3, -12.3, 32.1]], device=device)
    real = tensor([[-12.3, 23.2, 16.3, -43.2]], device=device)
    close(gradient_penalty(lambda x: 2 * x, real, fake, target), expected, 1e-6)


def test_the_gradient_penalty_of_crux():
    """Reference: sisl/Crux.jl, test/extras_tests.jl: D(x) = x₁ + x₂ costs (√2 − 1)²."""
    ones = torch.ones(100, 2)
    close(gradient_penalty(lambda x: x.sum(1), ones, ones), (math.sqrt(2) - 1) ** 2, 1e-6)


# PyTorch's own losses


@pytest.mark.parametrize("smoothing", [0.0, 0.2, 0.25])
def test_cross_entropy_is_pytorchs(smoothing):
    """Reference: torch's binary_cross_entropy_with_logits; its cross_entropy with label_smoothing on two classes."""
    real, fake = torch.randn(2, 50, 3, **double) * 9
    label = torch.full_like(real, 1 - smoothing / 2)
    expected = binary_cross_entropy_with_logits(real, label)
    expected += binary_cross_entropy_with_logits(fake, torch.zeros_like(fake))
    actual = GAN_LOSSES["minimax"][0](real, fake, label_smoothing=smoothing)
    close(actual, expected)

    two = torch.stack([torch.zeros_like(real), real], -1).flatten(0, 1)  # logits of the classes fake and real
    smoothed = cross_entropy(two, torch.ones(len(two), dtype=torch.long), label_smoothing=smoothing)
    close(actual - binary_cross_entropy_with_logits(fake, torch.zeros_like(fake)), smoothed)


def test_generators_are_pytorchs():
    """Reference: torch's binary_cross_entropy_with_logits, towards 1 (non-saturating) and minus towards 0 (minimax)."""
    fake = torch.randn(50, 3, **double) * 9
    close(GAN_LOSSES["non_saturating"][1](fake), binary_cross_entropy_with_logits(fake, torch.ones_like(fake)))
    close(GAN_LOSSES["minimax"][1](fake), -binary_cross_entropy_with_logits(fake, torch.zeros_like(fake)))


# Gradients


@pytest.mark.parametrize("name", NAMES)
def test_gradients_of_the_losses(name, device):
    """Reference: finite differences (torch.autograd.gradcheck), first and second order, batches of 5 and 3."""
    real = torch.randn(5, 2, **double, device=device, requires_grad=True)
    fake = torch.randn(3, 2, **double, device=device, requires_grad=True)
    discriminator_loss, generator_loss = GAN_LOSSES[name]
    assert torch.autograd.gradcheck(discriminator_loss, (real, fake))
    assert torch.autograd.gradcheck(generator_loss, (fake,))
    assert torch.autograd.gradgradcheck(discriminator_loss, (real, fake))
    assert torch.autograd.gradgradcheck(generator_loss, (fake,))
    if name in SMOOTHED:
        assert torch.autograd.gradcheck(lambda r, f: discriminator_loss(r, f, label_smoothing=0.2), (real, fake))


def test_gradients_through_the_penalties(device):
    """Reference: finite differences (gradcheck, gradgradcheck) with respect to the discriminator's weights."""
    first = torch.randn(3, 6, **double, device=device, requires_grad=True)
    second = torch.randn(6, 1, **double, device=device, requires_grad=True)
    real, fake = torch.randn(2, 4, 3, **double, device=device)

    def discriminator(first, second):
        return lambda x: torch.tanh(x @ first) @ second

    def through_gradient_penalty(first, second):
        generator = torch.Generator(device).manual_seed(0)
        return gradient_penalty(discriminator(first, second), real, fake, generator=generator)

    def through_r1(first, second):
        return r1_penalty(discriminator(first, second), real)

    for penalty in (through_gradient_penalty, through_r1):
        assert torch.autograd.gradcheck(penalty, (first, second))
        assert torch.autograd.gradgradcheck(penalty, (first, second))


def test_the_generators_gradient_vanishes_where_it_saturates():
    """Reference: closed form: d/da log(1 − σ(a)) = −σ(a), d/da (−log σ(a)) = σ(a) − 1; at σ(a) = 10⁻⁴, 9,999 times."""
    logits = torch.logit(tensor([1e-4, 0.5, 0.9999], **double)).requires_grad_()
    slope = {}
    for name in ("minimax", "non_saturating"):
        (gradient,) = torch.autograd.grad(GAN_LOSSES[name][1](logits) * 3, logits)
        slope[name] = gradient
    close(slope["minimax"], [-1e-4, -0.5, -0.9999], 1e-9)
    close(slope["non_saturating"], [-0.9999, -0.5, -1e-4], 1e-9)
    close(slope["non_saturating"][0] / slope["minimax"][0], 9999.0, 1e-8)


# Closed forms


def gaussians(mu):
    """Points, their spacing, and the log-densities of N(0, 1) and N(mu, 1): sums over them are integrals to 1e-12."""
    x = torch.linspace(-12, 12 + mu, 4001, **double)
    normal = torch.distributions.Normal
    return x, x[1] - x[0], normal(0.0, 1.0).log_prob(x), normal(mu, 1.0).log_prob(x)


@pytest.mark.parametrize(("mu", "value"), [(0.0, -1.386294), (1.0, -1.163451), (2.0, -0.712633)])
def test_the_value_of_the_game_is_twice_js_minus_log_4(mu, value):
    """Reference: Goodfellow et al. 2014, theorem 1, by quadrature; the values from a second program."""
    _, dx, log_p, log_q = gaussians(mu)
    p, q = log_p.exp(), log_q.exp()
    logits = optimal_logits(log_p, log_q)
    at_best = (p * torch.nn.functional.logsigmoid(logits) + q * torch.nn.functional.logsigmoid(-logits)).sum() * dx
    log_m = torch.logaddexp(log_p, log_q) - math.log(2)
    js = 0.5 * (p * (log_p - log_m) + q * (log_q - log_m)).sum() * dx
    close(at_best, 2 * js - math.log(4))
    close(at_best, value, 1e-6)


@given(
    st.lists(st.tuples(st.integers(1, 6), st.integers(1, 6)), min_size=1, max_size=5),
    st.lists(st.floats(-3, 3), min_size=5, max_size=5),
)
def test_no_discriminator_beats_the_best_one(counts, steps):
    """Reference: Goodfellow et al. 2014, proposition 1, for samples that fall on one to five points."""
    real_at = torch.repeat_interleave(torch.arange(len(counts)), tensor([real for real, _ in counts]))
    fake_at = torch.repeat_interleave(torch.arange(len(counts)), tensor([fake for _, fake in counts]))
    p = torch.bincount(real_at).double() / len(real_at)
    q = torch.bincount(fake_at).double() / len(fake_at)
    best = optimal_logits(p.log(), q.log()).requires_grad_()
    discriminator_loss = GAN_LOSSES["minimax"][0]
    lowest = discriminator_loss(best[real_at], best[fake_at])
    (gradient,) = torch.autograd.grad(lowest, best)
    close(gradient, torch.zeros_like(best))
    other = best + tensor(steps[: len(counts)], **double)
    assert discriminator_loss(other[real_at], other[fake_at]) >= lowest - 1e-12
    close(optimal_discriminator(p, q), best.detach().sigmoid())


def test_smoothing_scales_the_best_discriminator():
    """Reference: Salimans et al. 2016, section 3.4: with label b for real samples, D* = b p / (p + q); p = q here."""
    for name, score in (("minimax", torch.logit), ("least_squares", lambda d: d)):
        best = score(tensor([0.9 / 2], **double)).requires_grad_()
        loss = GAN_LOSSES[name][0](best, best, label_smoothing=0.2)
        (gradient,) = torch.autograd.grad(loss, best)
        close(gradient, [0.0])


def test_at_equilibrium():
    """Reference: Goodfellow et al. 2014, theorem 1: D = ½ gives 2 log 2, and the generators log 2 and −log 2."""
    zeros = torch.zeros(7, **double)
    close(GAN_LOSSES["minimax"][0](zeros, zeros), 2 * math.log(2))
    close(GAN_LOSSES["non_saturating"][1](zeros), math.log(2))
    close(GAN_LOSSES["minimax"][1](zeros), -math.log(2))


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=6), st.integers(1, 5))
def test_penalties_of_a_linear_discriminator(weights, batch):
    """Reference: closed form: D(x) = w·x has slope w everywhere, so the penalties are (‖w‖ − 1)² and ‖w‖²."""
    w = tensor(weights, **double)
    real, fake = torch.randn(2, batch, len(w), **double)
    close(gradient_penalty(lambda x: x @ w, real, fake), (w.norm() - 1) ** 2)
    close(r1_penalty(lambda x: x @ w, real), w @ w)


def test_penalties_of_a_quadratic_discriminator():
    """Reference: closed form: D(x) = ½‖x‖² has slope x; one uniform point between 0 and 1 costs E (x − 1)² = ⅓."""
    real, generator = torch.randn(9, 4, 2, **double), torch.Generator().manual_seed(0)

    def discriminator(x):
        return 0.5 * x.square().flatten(1).sum(1)

    close(r1_penalty(discriminator, real), real.square().sum() / 9)
    ends = torch.ones(100_000, **double), torch.zeros(100_000, **double)
    penalty = gradient_penalty(lambda x: 0.5 * x.square(), *ends, generator=generator)
    assert abs(penalty - 1 / 3) < 5 * math.sqrt(4 / 45 / 100_000)  # 5 standard errors


def test_a_flat_discriminator():
    """Reference: closed form: slope 0 costs (0 − 1)² = 1 and 0, and its gradient is finite."""
    w = torch.zeros(2, requires_grad=True)
    real, fake = torch.randn(2, 3, 2)
    penalty = gradient_penalty(lambda x: x @ w, real, fake) + r1_penalty(lambda x: x @ w, real)
    close(penalty, 1.0)
    (gradient,) = torch.autograd.grad(penalty, w)
    assert gradient.isfinite().all()


def test_penalties_are_the_discriminators_alone():
    """Reference: Gulrajani et al. 2017, algorithm 1: x̂ is a constant. It also works under no_grad, to report it."""
    w = torch.ones(2, requires_grad=True)
    real, fake = torch.randn(3, 2, requires_grad=True), torch.randn(3, 2, requires_grad=True)
    (gradient_penalty(lambda x: (x @ w) ** 2, real, fake) + r1_penalty(lambda x: (x @ w) ** 2, real)).backward()
    assert w.grad is not None
    assert real.grad is None
    assert fake.grad is None
    with torch.no_grad():
        close(r1_penalty(lambda x: x @ w, real), 2.0, 1e-6)


# Any shape, any logit


logits = st.lists(st.floats(-1e4, 1e4), min_size=1, max_size=8)


@given(logits, logits, st.sampled_from(NAMES))
def test_batches_of_different_sizes_count_by_their_means(real, fake, name):
    """Reference: definition: one mean over real, one over fake; a batch repeated, shuffled or reshaped has the same."""
    real, fake = tensor(real, **double), tensor(fake, **double)
    discriminator_loss, generator_loss = GAN_LOSSES[name]
    loss = discriminator_loss(real, fake)
    assert loss.isfinite()
    scale = loss.abs().item() + 1
    again = discriminator_loss(real.flip(0).repeat(3), fake)
    assert abs(again - loss) <= 1e-12 * scale * len(real)
    close(generator_loss(fake), generator_loss(fake.reshape(1, -1, 1)))
    parts = torch.stack([discriminator_loss(r, f) for r in real for f in fake])
    assert abs(parts.mean() - loss) <= 1e-11 * parts.abs().max().clamp(min=1)


@given(logits)
def test_the_two_generators_differ_by_the_discriminators_loss(fake):
    """Reference: algebra: −log D − log(1 − D) is the discriminator's loss where both batches are this one."""
    fake = tensor(fake, **double)
    both = GAN_LOSSES["non_saturating"][1](fake) - GAN_LOSSES["minimax"][1](fake)
    close(GAN_LOSSES["minimax"][0](fake, fake), both)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", NAMES)
def test_huge_logits(name, dtype, device):
    """Reference: the same in float64; ±10,000 and every sign pair, losses and gradients finite in every dtype."""
    signs = tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]]) * 1e4
    for real, fake in signs:
        real = real.reshape(1).to(device, dtype).requires_grad_()
        fake = fake.reshape(1).to(device, dtype).requires_grad_()
        discriminator_loss, generator_loss = GAN_LOSSES[name]
        losses = discriminator_loss(real, fake), generator_loss(fake)
        expected = discriminator_loss(real.double(), fake.double()), generator_loss(fake.double())
        for loss, exact in zip(losses, expected):
            assert loss.dtype == (dtype if dtype in (torch.float32, torch.float64) else torch.float32)
            torch.testing.assert_close(loss, exact.to(loss.dtype), rtol=1e-6, atol=1e-6)
        for gradient in (*torch.autograd.grad(losses[0], (real, fake)), *torch.autograd.grad(losses[1], fake)):
            assert gradient.dtype == dtype
            assert gradient.isfinite().all()


def test_small_probabilities_keep_their_digits():
    """Reference: closed form: −log(1 − σ(−30)) = log(1 + e⁻³⁰) = 9.36e-14, which log(1 − σ) rounds to noise."""
    fake = tensor([-30.0], **double)
    expected = math.log1p(math.exp(-30))
    assert abs(GAN_LOSSES["minimax"][1](fake).item() / -expected - 1) < 1e-12
    assert abs((1 - fake.sigmoid()).log().item() / -expected - 1) > 1e-4


def test_the_best_discriminator_in_the_tails():
    """Reference: closed form for N(0, 1) and N(1, 1) at x = 60: the logit is ½ − 60, where both densities are 0."""
    x = tensor([60.0], **double)
    log_p, log_q = (torch.distributions.Normal(mu, 1.0).log_prob(x) for mu in (tensor(0.0, **double), 1.0))
    close(optimal_logits(log_p, log_q), [-59.5])
    with pytest.raises(ValueError, match="both 0 at a point"):
        optimal_discriminator(log_p.exp(), log_q.exp())
    close(optimal_logits(tensor([0.0, -math.inf]), tensor([-math.inf, 0.0])), [math.inf, -math.inf])


@given(st.lists(st.tuples(st.floats(0, 1e300), st.floats(1e-300, 1e300)), min_size=1, max_size=8))
def test_the_best_discriminator_is_a_probability(densities):
    """Reference: Goodfellow et al. 2014, proposition 1: D* = p / (p + q), between 0 and 1, and ½ where p = q."""
    p, q = tensor(densities, **double).unbind(1)
    best = optimal_discriminator(p, q)
    assert ((best >= 0) & (best <= 1)).all()
    close(best, [a / (a + b) for a, b in densities])
    close(optimal_discriminator(q, q), torch.full_like(q, 0.5))


def test_the_best_discriminator_of_large_and_small_densities():
    """Reference: arithmetic: p / (p + q) depends on p / q alone, whether p + q overflows, underflows or neither."""
    for dtype in (torch.float64, torch.float32, torch.float16, torch.bfloat16):
        limits = torch.finfo(dtype)
        for size in (limits.max, limits.max / 1.5, 1.0, limits.tiny, limits.smallest_normal):
            p = tensor([size, size / 3, 0.0, size], dtype=dtype)
            best = optimal_discriminator(p, tensor([size, size, size, 0.0], dtype=dtype))
            torch.testing.assert_close(best, tensor([0.5, 0.25, 0.0, 1.0], dtype=dtype), rtol=0.02, atol=0)
            assert best[0] == 0.5
    p, q = torch.rand(2, 5, **double, requires_grad=True)
    assert torch.autograd.gradcheck(optimal_discriminator, (p, q))


def test_points_between_samples_far_apart():
    """Reference: arithmetic: between −60,000 and 60,000 of float16 lie finite points, where real − fake is infinite."""
    far = torch.full((8, 1), 6e4, dtype=torch.float16)
    close(gradient_penalty(lambda x: 3 * x, far, -far), 4.0, 1e-6)


def test_no_points():
    """Reference: PyTorch: a function of each point gives an empty tensor for none; a mean of nothing is refused."""
    none = torch.zeros(0, 3)
    assert optimal_discriminator(none, none).shape == (0, 3)
    assert optimal_logits(none, none).shape == (0, 3)


# Where values cannot be looked at, and where the graph is another's


def small_discriminator(first, second):
    return lambda x: torch.tanh(x @ first) @ second


WEIGHTS = torch.randn(3, 6, **double), torch.randn(6, 1, **double)
SAMPLES = torch.randn(2, 4, 3, **double)


def through_gradient_penalty(first, second, real=SAMPLES[0]):
    return gradient_penalty(small_discriminator(first, second), real, real)  # x̂ is known: both ends are one point


def through_r1(first, second, real=SAMPLES[0]):
    return r1_penalty(small_discriminator(first, second), real)


def by_autograd(function, *arguments):
    leaves = [argument.clone().requires_grad_() for argument in arguments]
    return torch.autograd.grad(function(*leaves), leaves)


@pytest.mark.parametrize("penalty", [through_gradient_penalty, through_r1])
def test_penalties_within_torch_func(penalty):
    """Reference: the same gradients by torch.autograd, which gradcheck holds; a loop in place of vmap."""
    expected = by_autograd(penalty, *WEIGHTS)
    for ours, theirs in zip(torch.func.grad(penalty, argnums=(0, 1))(*WEIGHTS), expected):
        close(ours, theirs)
    many = torch.randn(5, 4, 3, **double)
    in_turn = torch.stack([penalty(*WEIGHTS, real) for real in many])
    vmap = torch.func.vmap(penalty, in_dims=(None, None, 0), randomness="different")
    close(vmap(*WEIGHTS, many), in_turn)
    each = torch.func.vmap(torch.func.grad(penalty), in_dims=(None, None, 0), randomness="different")
    for ours, real in zip(each(*WEIGHTS, many), many):
        close(ours, by_autograd(lambda first, real=real: penalty(first, WEIGHTS[1], real), WEIGHTS[0])[0])
    close(torch.func.jacrev(penalty)(*WEIGHTS), expected[0])
    jacobian = torch.func.jacrev(penalty, argnums=1)
    hessian = torch.func.jacfwd(jacobian, argnums=1, randomness="different")(*WEIGHTS).reshape(6, 6)
    close(hessian, torch.autograd.functional.hessian(lambda w: penalty(WEIGHTS[0], w), WEIGHTS[1]).reshape(6, 6), 1e-9)


@pytest.mark.parametrize("penalty", [through_gradient_penalty, through_r1])
def test_penalties_under_inference_mode(penalty):
    """Reference: the same value outside: reporting a penalty needs the inner derivative alone."""
    expected = penalty(*WEIGHTS)
    with torch.inference_mode():
        close(penalty(*WEIGHTS, SAMPLES[0] + 0), expected)


@pytest.mark.parametrize("name", NAMES)
def test_losses_within_vmap(name):
    """Reference: the same losses and gradients in a loop."""
    real, fake = torch.randn(2, 5, 3, **double)
    discriminator_loss, generator_loss = GAN_LOSSES[name]
    close(torch.func.vmap(discriminator_loss)(real, fake), torch.stack(list(map(discriminator_loss, real, fake))))
    each = torch.func.vmap(torch.func.grad(generator_loss))(fake)
    close(each, torch.stack([by_autograd(generator_loss, f)[0] for f in fake]))
    close(torch.func.vmap(optimal_discriminator)(real.exp(), fake.exp()), torch.sigmoid(real - fake))
    close(torch.func.vmap(optimal_logits)(real, fake), real - fake)


@pytest.mark.parametrize("name", NAMES)
def test_losses_compile_whole(name):
    """Reference: eager mode; with fullgraph=True torch.compile refuses any look at a value."""
    torch.compiler.reset()
    real, fake = torch.randn(2, 5, 3, **double, requires_grad=True)
    for loss, arguments in zip(GAN_LOSSES[name], ((real, fake), (fake,))):
        compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
        close(compiled(*arguments), loss(*arguments))
        for ours, theirs in zip(by_autograd(compiled, *arguments), by_autograd(loss, *arguments)):
            close(ours, theirs)
    best = torch.compile(optimal_discriminator, fullgraph=True, backend="aot_eager")
    close(best(real.exp(), fake.exp()), torch.sigmoid(real - fake))


@pytest.mark.parametrize("penalty", [through_gradient_penalty, through_r1])
def test_penalties_compile_whole(penalty):
    """Reference: eager mode, value and gradient."""
    torch.compiler.reset()
    compiled = torch.compile(penalty, fullgraph=True, backend="aot_eager")
    close(compiled(*WEIGHTS), penalty(*WEIGHTS))
    for ours, theirs in zip(by_autograd(compiled, *WEIGHTS), by_autograd(penalty, *WEIGHTS)):
        close(ours, theirs)


def everything(device):
    """One step of both players with every loss and both penalties, in 32 and 16 bits."""
    for dtype in (torch.float32, torch.float16, torch.bfloat16):
        like = {"device": device, "dtype": dtype}
        weights = [torch.randn(3, 6, **like).requires_grad_(), torch.randn(6, 1, **like).requires_grad_()]
        network = small_discriminator(*weights)
        real, fake = torch.randn(5, 3, **like), torch.randn(5, 3, **like).requires_grad_()
        for discriminator_loss, generator_loss in GAN_LOSSES.values():
            loss = discriminator_loss(network(real), network(fake.detach()))
            loss = loss + gradient_penalty(network, real, fake) + r1_penalty(network, real)
            assert (loss.device.type, loss.dtype, loss.shape) == (torch.device(device).type, torch.float32, ())
            gradients = torch.autograd.grad(loss, weights)
            gradients += torch.autograd.grad(generator_loss(network(fake)), fake)
            for gradient, leaf in zip(gradients, (*weights, fake)):
                assert (gradient.device, gradient.dtype, gradient.shape) == (leaf.device, dtype, leaf.shape)
        density = torch.rand(4, **like)
        for best in (optimal_discriminator(density, density), optimal_logits(density, density)):
            assert (best.device, best.dtype) == (density.device, dtype)


def test_on_a_device_without_data():
    """Reference: FakeTensorMode: tensors have a device and no values, so a look at one, or a second device, raises.

    The second device is a stand-in, for CUDA's gradients need a driver; a process of its own, for it must be known
    before the first gradient is computed.
    """
    with FakeTensorMode():
        everything("cpu")
    subprocess.run([sys.executable, __file__], check=True)


@pytest.mark.parametrize("name", NAMES)
def test_the_losses_on_cuda_without_data(name):
    """Reference: the same, on CUDA itself, without gradients: those need a driver."""
    with FakeTensorMode(), torch.no_grad():
        real, fake = torch.rand(2, 5, 3, device="cuda")
        for loss in (GAN_LOSSES[name][0](real, fake), GAN_LOSSES[name][1](fake), optimal_discriminator(real, fake)):
            assert loss.device.type == "cuda"


def test_on_the_meta_device():
    """Reference: PyTorch's meta device: shapes alone."""
    everything("meta")


def test_under_autocast():
    """Reference: the same step in 32 bits, to the precision of bfloat16."""
    network = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
    real, fake = torch.randn(2, 64, 3)

    def losses():
        pairs = [loss(network(real), network(fake)) for loss, _ in GAN_LOSSES.values()]
        return torch.stack([*pairs, r1_penalty(network, real), gradient_penalty(network, real, real)])

    exact = losses()
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(losses(), exact, rtol=0.05, atol=0.02)


class Attending(torch.nn.Module):
    """A discriminator of sequences (B, 5, 4) with an attention inside."""

    def __init__(self, attention):
        super().__init__()
        self.attention, self.head = attention, torch.nn.Linear(4, 1)

    def forward(self, x):
        attended = (
            self.attention(x, x, x) if isinstance(self.attention, torch.nn.MultiheadAttention) else self.attention(x)
        )
        return self.head(attended[0] if isinstance(attended, tuple) else attended).mean(1)


@pytest.mark.parametrize(
    "attention",
    [
        lambda: MultiHeadAttention(4, 2),
        lambda: torch.nn.MultiheadAttention(4, 2, batch_first=True),
        lambda: torch.nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0, batch_first=True),
    ],
    ids=["ours", "MultiheadAttention", "TransformerEncoderLayer"],
)
def test_attention_inside_the_discriminator(attention):
    """Reference: finite differences in float64 (gradcheck) through both penalties, though fused kernels refuse."""
    network, real = Attending(attention()).double(), torch.randn(2, 5, 4, **double)
    names, weights = zip(*network.named_parameters())

    def penalties(*weights):
        def discriminator(x):
            return torch.func.functional_call(network, dict(zip(names, weights)), (x,))

        return r1_penalty(discriminator, real) + gradient_penalty(discriminator, real, real)

    torch.autograd.gradcheck(penalties, tuple(w.detach().requires_grad_() for w in weights), fast_mode=True)


def test_a_normalised_discriminator():
    """Reference: PyTorch's own modules that write to their buffers in training (batch and spectral normalisation)."""
    for layer in (torch.nn.BatchNorm1d(4), torch.nn.utils.parametrizations.spectral_norm(torch.nn.Linear(4, 4))):
        network = torch.nn.Sequential(torch.nn.Linear(2, 4), layer, torch.nn.Tanh(), torch.nn.Linear(4, 1))
        real = torch.randn(6, 2)
        (r1_penalty(network, real) + gradient_penalty(network, real, real)).backward()
        assert all(parameter.grad.isfinite().all() for parameter in network[0].parameters())


# Bad input


good = torch.zeros(3, 2)
bad_logits = [
    (torch.zeros(3, 2, dtype=torch.long), r"torch.int64; give a tensor of floating-point"),
    (torch.zeros(3, 2, dtype=torch.bool), r"torch.bool; give a tensor of floating-point"),
    (torch.zeros(3, 2, dtype=torch.complex64), r"torch.complex64; give a tensor of floating-point"),
    ([0.0, 1.0], r"list; give a tensor of floating-point"),
    (torch.zeros(0, 2), r"shape \(0, 2\) holds nothing"),
    (tensor([[0.0, math.nan]]), r"NaN or infinity"),
    (tensor([[0.0, -math.inf]]), r"NaN or infinity"),
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("bad", "message"), bad_logits)
def test_bad_logits(name, bad, message):
    """Reference: the functions' contract: a ValueError that names the argument, the value, and what would be right."""
    discriminator_loss, generator_loss = GAN_LOSSES[name]
    with pytest.raises(ValueError, match=f"real_logits: {message}" if "NaN" not in message else f"real.*{message}"):
        discriminator_loss(bad, good)
    with pytest.raises(ValueError, match=f"fake_logits: {message}" if "NaN" not in message else f"fake.*{message}"):
        discriminator_loss(good, bad)
    with pytest.raises(ValueError, match="fake_logits"):
        generator_loss(bad)


@pytest.mark.parametrize("name", NAMES)
def test_logits_that_do_not_fit(name):
    """Reference: the contract: batches may differ in size (7 and 3 here), the shape of a sample's logits may not."""
    discriminator_loss = GAN_LOSSES[name][0]
    assert discriminator_loss(torch.zeros(7, 2), torch.zeros(3, 2)).isfinite()
    assert discriminator_loss(torch.zeros(()), torch.zeros(3)).isfinite()
    with pytest.raises(ValueError, match=r"fake_logits: shape \(3, 4, 4\), with real_logits of shape \(3, 1\)"):
        discriminator_loss(torch.zeros(3, 1), torch.zeros(3, 4, 4))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("smoothing", [-0.1, 1.0, 2, math.nan])
def test_bad_smoothing(name, smoothing):
    """Reference: the contract; hinge and Wasserstein have no label, so they take no such argument."""
    error = ValueError if name in SMOOTHED else TypeError
    with pytest.raises(error, match="label_smoothing"):
        GAN_LOSSES[name][0](good, good, label_smoothing=smoothing)


@pytest.mark.parametrize(("bad", "message"), [*bad_logits, (torch.zeros(()), r"shape \(\)")])
def test_bad_samples(bad, message):
    """Reference: the contract, for the samples that the penalties take."""

    def discriminator(x):
        return x.sum()

    with pytest.raises(ValueError, match=f"^(real|fake): .*{message}"):
        gradient_penalty(discriminator, bad, bad)
    with pytest.raises(ValueError, match=f"^real: .*{message}"):
        r1_penalty(discriminator, bad)


def test_bad_penalties():
    """Reference: the contract, for pairs that do not fit, the target, and a discriminator without a graph."""
    with pytest.raises(ValueError, match=r"fake: shape \(2, 2\), with real of shape \(3, 2\)"):
        gradient_penalty(torch.sum, good, torch.zeros(2, 2))
    for target in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match=r"target: .*; give a norm above 0"):
            gradient_penalty(torch.sum, good, good, target)
    with pytest.raises(ValueError, match="fake: on meta, with real on cpu"):
        gradient_penalty(torch.sum, good, good.to("meta"))


linear = torch.nn.Linear(2, 1)
GRAPHLESS = {
    "detached": lambda x: x.detach(),
    "detached, with parameters": lambda x: linear(x.detach()),
    "a constant": lambda x: torch.ones(len(x)),
    "its parameters": lambda x: linear.bias,
    "its parameters alone": lambda x: linear(torch.ones_like(x)),
    "a comparison": lambda x: (x > 0).float(),
    "no gradient": torch.no_grad()(lambda x: linear(x)),
}


@pytest.mark.parametrize("name", GRAPHLESS)
@pytest.mark.parametrize(
    "penalty", [lambda d, x: gradient_penalty(d, x, x), r1_penalty], ids=["gradient_penalty", "r1_penalty"]
)
def test_a_discriminator_without_a_graph(name, penalty):
    """Reference: the contract: a penalty that cannot reach the input is an error, not 1 or 0, in transforms too."""
    with pytest.raises(ValueError, match="discriminator: its output does not depend on its input"):
        penalty(GRAPHLESS[name], good)
    with pytest.raises(ValueError, match="discriminator: its output does not depend on its input"):
        torch.func.grad(lambda x: penalty(GRAPHLESS[name], x))(good)
    with pytest.raises(ValueError, match="discriminator: its output does not depend on its input"):
        torch.func.vmap(lambda x: penalty(GRAPHLESS[name], x), randomness="different")(torch.zeros(4, 3, 2))


@pytest.mark.parametrize(
    ("p", "q", "message"),
    [
        (tensor([-0.1]), tensor([1.0]), r"p: -0\.1 among its values"),
        (tensor([0.1]), tensor([-1.0]), r"q: -1 among its values"),
        (tensor([1]), tensor([1.0]), "p: torch.int64"),
        (0.5, tensor([1.0]), "p: float"),
        (tensor([1.0]), tensor([math.nan]), "q: holds NaN"),
        (torch.ones(2), torch.ones(2, device="meta"), "q: on meta, with p on cpu"),
        (torch.ones(2), torch.ones(3), r"q: shape \(3,\), with p of shape \(2,\)"),
        (torch.zeros(2), torch.zeros(2), "p and q: both 0"),
    ],
)
def test_bad_densities(p, q, message):
    """Reference: the contract, for densities."""
    with pytest.raises(ValueError, match=f"^{message}"):
        optimal_discriminator(p, q)


@pytest.mark.parametrize(
    ("log_p", "log_q", "message"),
    [
        (tensor([math.nan]), tensor([0.0]), "log_p: holds NaN"),
        (tensor([0.0]), tensor([math.inf]), "log_q: holds NaN or .inf"),
        (tensor([0]), tensor([0.0]), "log_p: torch.int64"),
        (torch.zeros(2), torch.zeros(2, 1), r"log_q: shape \(2, 1\), with log_p of shape \(2,\)"),
        (tensor([-math.inf]), tensor([-math.inf]), "log_p and log_q: both −inf"),
        (torch.ones(2), torch.ones(2, device="meta"), "log_q: on meta, with log_p on cpu"),
    ],
)
def test_bad_log_densities(log_p, log_q, message):
    """Reference: the contract, for log-densities."""
    with pytest.raises(ValueError, match=f"^{message}"):
        optimal_logits(log_p, log_q)


if __name__ == "__main__":
    _setup_privateuseone_for_python_backend("standin")
    with FakeTensorMode():
        everything("standin")
