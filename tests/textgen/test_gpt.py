"""The GPT (and with it the LSTM, where both promise the same), held against definitions and torch's own counters."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from advantage.textgen import gpt
from advantage.textgen.gpt import GPT
from advantage.textgen.lstm import LSTM


def randomised(model):
    torch.manual_seed(1)
    for p in model.parameters():
        torch.nn.init.normal_(p, std=0.2)
    return model.eval()


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 20), st.integers(1, 3), st.data(), st.sampled_from(["gpt", "lstm"]))
def test_cache_equals_no_cache(length, batch, data, kind):
    """Reference: the same model without a cache, whatever the pieces that it is fed."""
    model = randomised(GPT(11, 20, 2, 16, 2) if kind == "gpt" else LSTM(11, 16, 2))
    ids = torch.randint(11, (batch, length))
    cuts = sorted({0, length, *data.draw(st.lists(st.integers(0, length), max_size=4))})
    with torch.no_grad():
        cache = model.new_cache(batch, length)
        pieces = [model(ids[:, a:b], cache) for a, b in itertools.pairwise(cuts)]
        assert torch.allclose(torch.cat(pieces, 1), model(ids), atol=1e-5)


def test_no_token_sees_a_later_one():
    """Reference: the definition of a causal model."""
    for model in (randomised(GPT(11, 12, 2, 16, 2)), randomised(LSTM(11, 16))):
        ids = torch.randint(11, (1, 12))
        other = ids.clone()
        other[0, 7] = (ids[0, 7] + 1) % 11
        change = (model(ids) - model(other)).abs().amax(-1)[0]
        assert (change[:7] == 0).all()
        assert change[7] > 0


def test_rotary_scores_depend_on_distance_alone():
    """Reference: Su et al. 2021 (arXiv:2104.09864), equation 11."""
    q, k = torch.randn(2, 8, dtype=torch.float64)
    cos, sin = (part.double() for part in gpt.rotary_angles(0, 50, 8, torch.device("cpu")))
    q, k = gpt.rotate(q.expand(50, 8), cos, sin), gpt.rotate(k.expand(50, 8), cos, sin)
    scores = q @ k.T
    for distance in range(-20, 20):
        band = scores.diagonal(distance)
        assert (band - band[0]).abs().max() < 1e-5


@pytest.mark.parametrize("size", [1e-9, 1e-3, 1.0, 1e4])
@pytest.mark.parametrize("shape", [(1, 1, 8), (2, 1, 4, 1, 32), (1, 1, 1024), (3, 7, 64)])
def test_the_norm_of_few_vectors_and_of_many(shape, size):
    """Reference: PyTorch's `rms_norm`, value and gradient, at sizes that epsilon changes and at sizes it does not."""
    x = (size * torch.randn(shape)).requires_grad_()
    upstream = torch.randn(shape)
    results = []
    for y in (gpt.norm(x), torch.nn.functional.rms_norm(x, shape[-1:], eps=1e-6)):
        results.append((y, *torch.autograd.grad((y * upstream).sum(), x)))
    for found, right in zip(*results):
        torch.testing.assert_close(found, right, rtol=1e-4, atol=1e-5 * float(right.abs().max()))


def test_a_fresh_gpt_is_uniform():
    """Reference: ln V nats, the loss of a uniform distribution."""
    ids = torch.randint(50, (2, 8))
    loss = torch.nn.functional.cross_entropy(GPT(50, 8, 2, 16, 2)(ids).flatten(0, 1), ids.flatten())
    assert abs(loss.item() - torch.tensor(50.0).log().item()) < 1e-6


def test_flops_against_the_counter_of_torch():
    """Reference: torch.utils.flop_counter, which counts matrix products, forward and backward."""
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    model = GPT(64, 64, 2, 64, 2)
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        model(torch.randint(64, (2, 64))).sum().backward()
    assert counter.get_total_flops() / 128 == pytest.approx(model.flops_per_token(), rel=0.05)


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (torch.zeros(3, dtype=torch.long), "ids"),
        (torch.zeros(1, 3), "ids"),
        (torch.zeros(1, 0, dtype=torch.long), "ids"),
        (torch.full((1, 3), 11), "10"),
        (torch.full((1, 3), -1), "-1"),
        (torch.zeros(1, 13, dtype=torch.long), "at most 12"),
    ],
)
def test_bad_ids_are_named(ids, message):
    """Reference: the docstring of GPT."""
    with pytest.raises(ValueError, match=message):
        GPT(11, 12, 1, 16, 2)(ids)


@pytest.mark.parametrize("wrong", [{"vocab_size": 0}, {"num_heads": 3}, {"num_layers": 1.5}, {"context": -1}])
def test_bad_sizes_are_named(wrong):
    """Reference: the docstring of GPT."""
    sizes = {"vocab_size": 11, "context": 8, "num_layers": 1, "d_model": 16, "num_heads": 2} | wrong
    with pytest.raises(ValueError, match=next(iter(wrong))):
        GPT(**sizes)
