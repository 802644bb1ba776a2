"""Attention: ONNX's published operator cases, PyTorch's own kernels, gradients, masks, and bad input."""

import math
from contextlib import nullcontext

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from onnx.backend.test.case import node as onnx_node
from onnx.backend.test.case.node import attention as _onnx_cases  # noqa: F401  importing it makes the cases
from onnx.helper import get_attribute_value
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from advantage.models.attention import MultiHeadAttention, causal_mask, scaled_dot_product_attention
from advantage.models.gan_losses import gradient_penalty, r1_penalty

double = {"dtype": torch.float64}


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def qkv(*batch, queries=4, keys=6, width=8, value_width=8, dtype=torch.float64, device="cpu", grad=False):
    shapes = ((queries, width), (keys, width), (keys, value_width))
    return [torch.randn(*batch, *shape, dtype=dtype, device=device, requires_grad=grad) for shape in shapes]


def close(actual, expected, atol=1e-12, rtol=1e-12):
    torch.testing.assert_close(actual, expected, atol=atol, rtol=rtol)


# ONNX's operator cases

CASES = {case.name: case for case in onnx_node._NodeTestCases if "_expanded" not in case.name}


def attributes(case) -> dict:
    return {a.name: get_attribute_value(a) for a in case.model.graph.node[0].attribute}


CAPPED = {name for name, case in CASES.items() if "softcap" in attributes(case)}


def as_tensor(array) -> Tensor:
    if array.dtype.name == "bfloat16":
        return torch.from_numpy(array.astype("float32")).bfloat16()
    return torch.from_numpy(array.copy())


def test_every_onnx_case_runs_but_those_with_a_soft_cap():
    """A soft cap bends the scores by a tanh, which neither PyTorch's function nor the chapter has."""
    assert len(CASES) == 93
    assert {name.removeprefix("test_attention_") for name in CAPPED} == {
        "3d_diff_heads_sizes_softcap",
        "3d_gqa_softcap",
        "3d_softcap",
        "3d_with_past_and_present_qk_matmul_softcap",
        "4d_diff_heads_sizes_softcap",
        "4d_gqa_softcap",
        "4d_softcap",
        "4d_softcap_neginf_mask",
        "4d_softcap_neginf_mask_poison",
        "4d_with_qk_matmul_softcap",
        "local_window_gqa_rank4_mask",
    }


@pytest.mark.parametrize("name", sorted(set(CASES) - CAPPED))
def test_onnx(name, device):
    """Reference: onnx 1.23, onnx/backend/test/case/node/attention.py, with ONNX's inputs turned into our arguments."""
    case = CASES[name]
    operator = case.model.graph.node[0]
    inputs, outputs = case.data_sets[0]
    arrays = iter(inputs)
    present = [slot for slot, name in zip(SLOTS, operator.input, strict=False) if name]
    given = {slot: as_tensor(next(arrays)).to(device) for slot in present}
    options = attributes(case)
    query, key, value = (given[slot] for slot in ("Q", "K", "V"))
    if query.ndim == 3:  # (B, T, heads · width)
        query = query.unflatten(-1, (options["q_num_heads"], -1)).transpose(1, 2)
        key, value = (x.unflatten(-1, (options["kv_num_heads"], -1)).transpose(1, 2) for x in (key, value))
    if "past_key" in given:
        key = torch.cat([given["past_key"], key], dim=-2)
        value = torch.cat([given["past_value"], value], dim=-2)

    mask, plain_causal = onnx_mask(given, options, query.shape[-2], key.shape[-2], device)
    output, weights = scaled_dot_product_attention(
        query, key, value, attn_mask=mask, is_causal=plain_causal, scale=options.get("scale"),
        enable_gqa=True, return_weights=True,
    )  # fmt: skip
    fused = scaled_dot_product_attention(
        query, key, value, attn_mask=mask, is_causal=plain_causal, scale=options.get("scale"), enable_gqa=True
    )
    places = {torch.float32: 2e-6, torch.float16: 2e-3, torch.bfloat16: 2e-2}[query.dtype]
    close(fused, output, atol=places, rtol=places)
    if given["Q"].ndim == 3:
        output = output.transpose(1, 2).flatten(-2)
    close(output, as_tensor(outputs[0]).to(device), atol=places, rtol=places)
    if options.get("qk_matmul_output_mode") == 3:
        close(weights.float(), as_tensor(outputs[-1]).to(device).float(), atol=places, rtol=places)


SLOTS = ("Q", "K", "V", "attn_mask", "past_key", "past_value", "nonpad_kv_seqlen")


def onnx_mask(given, options, queries, keys, device) -> tuple[Tensor | None, bool]:
    """ONNX's mask, causal flag, window, past and padding as one mask; or none, and the causal flag alone."""
    causal = bool(options.get("is_causal"))
    left, right = options.get("left_window_size", -1), options.get("right_window_size", -1)
    length = given.get("nonpad_kv_seqlen")
    past = given["past_key"].shape[-2] if "past_key" in given else 0
    mask = given.get("attn_mask")
    if mask is None and length is None and not past and left < 0 and right < 0:
        return None, causal
    offset = torch.tensor(past) if length is None else (length - queries).reshape(-1, 1, 1, 1)
    behind = torch.arange(queries)[:, None] + offset.cpu() - torch.arange(keys)  # how far back key j lies from query i
    allowed = torch.ones_like(behind, dtype=torch.bool)
    if causal:
        allowed &= behind >= 0
    if left >= 0:
        allowed &= behind <= left
    if right >= 0:
        allowed &= -behind <= right
    if length is not None:
        allowed = allowed & (torch.arange(keys) < length.cpu().reshape(-1, 1, 1, 1))
    allowed = allowed.to(device)
    if mask is None:
        return allowed, False
    fill = False if mask.dtype == torch.bool else -math.inf
    mask = F.pad(mask, (0, keys - mask.shape[-1]), value=fill)
    return mask & allowed if mask.dtype == torch.bool else torch.where(allowed, mask, -math.inf), False


# PyTorch's function and module


@pytest.mark.parametrize("return_weights", [False, True])
@pytest.mark.parametrize("batch", [(), (3,), (2, 3), (2, 1, 3)])
def test_equals_pytorch(batch, return_weights, device):
    query, key, value = qkv(*batch, value_width=5, device=device)
    boolean = torch.rand(4, 6, device=device) < 0.6
    boolean[:, 0] = True  # older versions of PyTorch give NaN for a row that may look nowhere
    additive = torch.randn(*batch, 4, 6, device=device, **double)
    for options in ({}, {"is_causal": True}, {"scale": 0.3}, {"attn_mask": boolean}, {"attn_mask": additive}):
        ours = scaled_dot_product_attention(query, key, value, return_weights=return_weights, **options)
        close(ours[0] if return_weights else ours, F.scaled_dot_product_attention(query, key, value, **options))


@pytest.mark.parametrize("return_weights", [False, True])
@pytest.mark.parametrize(("heads", "kv_heads"), [(8, 8), (8, 4), (8, 2), (8, 1)])
def test_grouped_queries_equal_pytorch(heads, kv_heads, return_weights, device):
    query = torch.randn(2, heads, 4, 8, device=device, **double)
    key, value = (torch.randn(2, kv_heads, 6, 8, device=device, **double) for _ in range(2))
    ours = scaled_dot_product_attention(query, key, value, enable_gqa=True, return_weights=return_weights)
    close(ours[0] if return_weights else ours, F.scaled_dot_product_attention(query, key, value, enable_gqa=True))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("return_weights", [False, True])
def test_half_precision_is_as_near_to_float64_as_pytorch_is(dtype, return_weights, device):
    query, key, value = (x.to(dtype) for x in qkv(2, 3, queries=16, keys=16, device=device))
    exact = F.scaled_dot_product_attention(query.double(), key.double(), value.double())
    ours = scaled_dot_product_attention(query, key, value, return_weights=return_weights)
    ours = ours[0] if return_weights else ours
    assert ours.dtype == dtype
    torchs = F.scaled_dot_product_attention(query, key, value)
    epsilon = torch.finfo(dtype).eps
    assert (ours.double() - exact).abs().max() <= max((torchs.double() - exact).abs().max().item(), 2 * epsilon)


@pytest.mark.parametrize("bias", [False, True])
def test_multi_head_equals_pytorch(bias, device):
    """Reference: torch.nn.MultiheadAttention with the same weights."""
    ours = MultiHeadAttention(12, 3, bias=bias).to(device, torch.float64)
    theirs = nn.MultiheadAttention(12, 3, bias=bias, batch_first=True, device=device, **double)
    with torch.no_grad():
        parts = [ours.query, ours.key, ours.value]
        theirs.in_proj_weight.copy_(torch.cat([part.weight for part in parts]))
        theirs.out_proj.weight.copy_(ours.output.weight)
        if bias:
            theirs.in_proj_bias.copy_(torch.cat([part.bias for part in parts]))
            theirs.out_proj.bias.copy_(ours.output.bias)
    x = torch.randn(2, 5, 12, device=device, **double)
    close(ours(x), theirs(x, x, x, need_weights=False)[0])
    forbidden = ~causal_mask(5, device=device)  # PyTorch's module says True where a query may *not* look
    expected = theirs(x, x, x, attn_mask=forbidden, need_weights=False)[0]
    close(ours(x, is_causal=True), expected)
    close(ours(x, attn_mask=~forbidden), expected)


def test_shared_key_heads_equal_copied_ones():
    """Two key heads for four query heads: the same as four, each pair of them alike (Ainslie et al. 2023, figure 2)."""
    shared = MultiHeadAttention(8, 4, num_kv_heads=2).double()
    full = MultiHeadAttention(8, 4).double()
    with torch.no_grad():
        full.query.weight.copy_(shared.query.weight)
        full.output.weight.copy_(shared.output.weight)
        for name in ("key", "value"):
            heads = getattr(shared, name).weight.unflatten(0, (2, 2))  # (heads, width, d_model)
            getattr(full, name).weight.copy_(heads.repeat_interleave(2, dim=0).flatten(0, 1))
    x = torch.randn(2, 5, 8, **double)
    close(shared(x), full(x))
    assert sum(p.numel() for p in shared.parameters()) == 8 * 8 * 2 + 2 * 8 * 4


# Gradients


@pytest.mark.parametrize("return_weights", [False, True])
@pytest.mark.parametrize("masked", ["nothing", "causal", "boolean", "additive", "a whole row"])
def test_gradients(masked, return_weights):
    inputs = qkv(2, queries=3, keys=4, width=3, value_width=2, grad=True)
    mask = torch.tensor([[True, False, True, True], [True, True, False, False], [False, False, False, True]])
    if masked == "a whole row":
        mask[1] = False
    options = {
        "nothing": {},
        "causal": {"is_causal": True},
        "additive": {"attn_mask": torch.randn(2, 3, 4, **double)},
    }.get(masked, {"attn_mask": mask})

    def function(query, key, value):
        return scaled_dot_product_attention(query, key, value, return_weights=return_weights, **options)

    assert torch.autograd.gradcheck(function, inputs)


def test_gradients_of_the_mask():
    """A learned bias, such as one for distance, must learn."""
    query, key, value = qkv(2)
    bias = torch.randn(4, 6, requires_grad=True, **double)
    assert torch.autograd.gradcheck(lambda b: scaled_dot_product_attention(query, key, value, attn_mask=b), [bias])


def test_no_gradient_through_a_row_that_may_look_nowhere():
    query, key, value = qkv(grad=True)
    mask = torch.ones(4, 6, dtype=torch.bool)
    mask[2] = False
    scaled_dot_product_attention(query, key, value, attn_mask=mask).sum().backward()
    assert torch.equal(query.grad[2], torch.zeros(8, **double))
    assert query.grad[[0, 1, 3]].abs().min() > 0


# Properties

sizes = st.integers(1, 7)
dtypes = st.sampled_from([torch.float32, torch.float64, torch.float16, torch.bfloat16])


@given(
    batch=st.lists(st.integers(1, 3), max_size=3),
    queries=sizes,
    keys=sizes,
    width=sizes,
    value_width=sizes,
    dtype=dtypes,
    kind=st.sampled_from(["none", "causal", "boolean", "additive"]),
    seed=st.integers(0, 2**31),
)
def test_weights_are_probabilities_and_the_output_their_mean(
    batch, queries, keys, width, value_width, dtype, kind, seed
):
    torch.manual_seed(seed)
    query, key, value = (
        x.to(dtype) for x in qkv(*batch, queries=queries, keys=keys, width=width, value_width=value_width)
    )
    mask = torch.rand(queries, keys) < 0.5
    allowed = {"boolean": mask, "causal": causal_mask(queries, keys)}.get(kind, torch.ones_like(mask))
    options = {
        "none": {},
        "causal": {"is_causal": True},
        "boolean": {"attn_mask": mask},
        "additive": {"attn_mask": torch.randn(queries, keys)},
    }[kind]
    output, weights = scaled_dot_product_attention(query, key, value, return_weights=True, **options)
    fused = scaled_dot_product_attention(query, key, value, **options)
    places = keys * torch.finfo(dtype).eps * 4
    assert output.shape == fused.shape == (*batch, queries, value_width)
    assert weights.shape == (*batch, queries, keys)
    assert output.dtype == fused.dtype == weights.dtype == dtype
    assert (weights >= 0).all()
    assert (weights[..., ~allowed] == 0).all()
    looks = allowed.any(-1).double().expand(*batch, queries)
    close(weights.double().sum(-1), looks, atol=places, rtol=0)
    close(output.double(), weights.double() @ value.double(), atol=places * 4, rtol=places)
    close(fused.double(), output.double(), atol=places * 4, rtol=places * 4)


@given(seed=st.integers(0, 2**31), keys=st.integers(2, 9))
def test_the_order_of_the_keys_does_not_matter(seed, keys):
    torch.manual_seed(seed)
    query, key, value = qkv(2, keys=keys)
    order = torch.randperm(keys)
    close(
        scaled_dot_product_attention(query, key[:, order], value[:, order]),
        scaled_dot_product_attention(query, key, value),
    )


@given(seed=st.integers(0, 2**31))
def test_self_attention_carries_a_permutation_along(seed):
    """Equivariance: attention alone knows no positions; the causal mask is what breaks this."""
    torch.manual_seed(seed)
    module = MultiHeadAttention(8, 2).double()
    x, order = torch.randn(1, 5, 8, **double), torch.randperm(5)
    close(module(x[:, order]), module(x)[:, order])


@given(seed=st.integers(0, 2**31), position=st.integers(0, 4))
def test_the_future_changes_nothing(seed, position):
    torch.manual_seed(seed)
    module = MultiHeadAttention(8, 2).double()
    x = torch.randn(1, 6, 8, **double)
    changed = x.clone()
    changed[:, position + 1 :] += torch.randn(1, 5 - position, 8, **double)
    before, after = module(x, is_causal=True), module(changed, is_causal=True)
    close(after[:, : position + 1], before[:, : position + 1])
    assert (after[:, position + 1 :] - before[:, position + 1 :]).abs().max() > 1e-6


@given(shape=st.sampled_from([(6,), (1,), (1, 6), (4, 1), (4, 6), (3, 4, 6), (2, 1, 4, 6), (2, 3, 1, 6), (1, 1, 1, 1)]))
def test_a_mask_of_any_shape_that_broadcasts(shape):
    query, key, value = qkv(2, 3)
    mask = torch.rand(shape) < 0.5
    full = mask.expand(2, 3, 4, 6)
    close(
        scaled_dot_product_attention(query, key, value, attn_mask=mask),
        scaled_dot_product_attention(query, key, value, attn_mask=full.clone()),
    )
    minus_infinity = torch.zeros(shape, **double).masked_fill(~mask, -math.inf)
    close(
        scaled_dot_product_attention(query, key, value, attn_mask=mask),
        scaled_dot_product_attention(query, key, value, attn_mask=minus_infinity),
    )


# Edges


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_a_query_that_may_look_nowhere_gets_zeros(dtype, device):
    query, key, value = qkv(2, dtype=dtype, device=device)
    nowhere = torch.zeros(4, 6, dtype=torch.bool, device=device)
    for mask in (nowhere, torch.full((4, 6), -math.inf, dtype=dtype, device=device)):
        output, weights = scaled_dot_product_attention(query, key, value, attn_mask=mask, return_weights=True)
        assert torch.equal(output, torch.zeros_like(output))
        assert torch.equal(weights, torch.zeros_like(weights))
        assert torch.equal(scaled_dot_product_attention(query, key, value, attn_mask=mask), output)


def test_one_token_attends_to_itself():
    query, key, value = qkv(queries=1, keys=1)
    for options in ({}, {"is_causal": True}):
        output, weights = scaled_dot_product_attention(query, key, value, return_weights=True, **options)
        assert torch.equal(output, value)
        assert weights.item() == 1


@pytest.mark.parametrize("return_weights", [False, True])
def test_huge_scores_do_not_overflow(return_weights, device):
    """Scores of ±1e8: exp would overflow in any precision; the row's maximum is taken off first."""
    query = torch.tensor([[1e4, 0.0]], device=device)
    key = torch.tensor([[1e4, 0.0], [-1e4, 0.0], [0.0, 1e4]], device=device)
    value = torch.eye(3, device=device)
    output = scaled_dot_product_attention(query, key, value, scale=1.0, return_weights=return_weights)
    output = output[0] if return_weights else output
    assert torch.equal(output, torch.tensor([[1.0, 0.0, 0.0]], device=device))


def test_large_finite_values_are_not_taken_for_infinity():
    """Their sum overflows; they do not."""
    query, key, value = qkv(dtype=torch.float16)
    value = torch.full_like(value, 6e4)
    assert scaled_dot_product_attention(query, key, value).isfinite().all()


def test_the_inputs_are_left_alone():
    inputs = qkv(2)
    mask = torch.randn(4, 6, **double)
    copies = [x.clone() for x in (*inputs, mask)]
    scaled_dot_product_attention(*inputs, attn_mask=mask, return_weights=True)
    assert all(torch.equal(x, copy) for x, copy in zip((*inputs, mask), copies, strict=True))


def test_causal_mask(device):
    expected = [[True, False, False, False], [True, True, False, False], [True, True, True, False]]
    assert causal_mask(3, 4, device=device).tolist() == expected
    assert causal_mask(3, device=device).shape == (3, 3)
    assert causal_mask(1).tolist() == [[True]]
    for sizes in ((0, 4), (4, 0), (-1, None)):
        with pytest.raises(ValueError, match="must be 1 or more"):
            causal_mask(*sizes)


# Finite masks, wide scores

HALVES = [torch.float16, torch.bfloat16]


def errors(inputs, **options):
    """Largest difference from the same in float64: ours, ours with the weights returned, PyTorch's."""
    wide = {name: x.double() if name == "attn_mask" and x.dtype != torch.bool else x for name, x in options.items()}
    exact = F.scaled_dot_product_attention(*(x.double() for x in inputs), **wide)
    ours = scaled_dot_product_attention(*inputs, **options)
    shown = scaled_dot_product_attention(*inputs, return_weights=True, **options)[0]
    narrow = {
        name: x.to(inputs[0].dtype) if name == "attn_mask" and x.dtype != torch.bool else x
        for name, x in options.items()
    }
    theirs = F.scaled_dot_product_attention(*inputs, **narrow)
    return [(x.double() - exact).abs().max().item() for x in (ours, shown, theirs)]


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("spread", [1.0, 3.0, 6.0])
@pytest.mark.parametrize("masked", ["nothing", "causal", "boolean", "additive"])
def test_half_precision_with_a_mask_is_as_near_to_float64_as_pytorch_is(dtype, spread, masked, device):
    inputs = [(spread * x).to(dtype) for x in qkv(2, 3, queries=16, keys=16, width=64, device=device)]
    options = {
        "nothing": {},
        "causal": {"is_causal": True},
        "boolean": {"attn_mask": causal_mask(16, device=device)},
        "additive": {"attn_mask": torch.randn(16, 16, device=device).to(dtype)},
    }[masked]
    ours, shown, theirs = errors(inputs, **options)
    rounding = spread * 4 * torch.finfo(dtype).eps  # of an output, which is up to four standard deviations of a value
    assert max(ours, shown) <= max(theirs, rounding)


@pytest.mark.parametrize("return_weights", [False, True])
@pytest.mark.parametrize(("size", "width"), [(40.0, 64), (24.0, 128), (250.0, 64)])
def test_scores_beyond_the_largest_float16(size, width, return_weights, device):
    """64 · 40² = 102,400 is more than float16 holds (65,504), and the score is a mere 12,800."""
    query = torch.full((1, width), size, dtype=torch.float16, device=device)
    key = torch.stack([query[0], -query[0]])
    value = torch.tensor([[2.5], [7.0]], dtype=torch.float16, device=device)
    seen = torch.ones(1, 2, dtype=torch.bool, device=device)
    output = scaled_dot_product_attention(query, key, value, attn_mask=seen, return_weights=return_weights)
    assert (output[0] if return_weights else output).item() == 2.5


@pytest.mark.parametrize("dtype", [*HALVES, torch.float32])
@pytest.mark.parametrize("mask_dtype", [torch.float32, torch.float64])
def test_a_row_of_a_large_finite_mask_gives_the_mean(dtype, mask_dtype, device):
    """−1e9 is a tie between all keys, not a ban; a float16 could not hold it. Reference: PyTorch in float32."""
    query, key, value = (x.to(dtype) for x in qkv(2, device=device))
    mask = torch.zeros(4, 6, dtype=mask_dtype, device=device)
    mask[1] = -1e9
    output, weights = scaled_dot_product_attention(query, key, value, attn_mask=mask, return_weights=True)
    if mask_dtype == torch.float32:
        close(weights[:, 1].float(), torch.full((2, 6), 1 / 6, device=device), atol=1e-3, rtol=0)
    exact = F.scaled_dot_product_attention(*(x.to(mask_dtype) for x in (query, key, value)), attn_mask=mask)
    close(output.to(mask_dtype), exact, atol=8 * torch.finfo(dtype).eps, rtol=0)


@pytest.mark.parametrize("dtype", [*HALVES, torch.float32, torch.float64])
@pytest.mark.parametrize("large", [1e5, 1e30, -1e5, -1e30, "least"])
def test_a_mask_wider_than_the_queries(dtype, large, device):
    """One key raised or lowered beyond what 16 bits hold: it takes all, or nothing."""
    query, key, value = (x.to(dtype) for x in qkv(device=device))
    mask = torch.zeros(4, 6, device=device)
    mask[:, 2] = torch.finfo(torch.float32).min if large == "least" else large
    output, weights = scaled_dot_product_attention(query, key, value, attn_mask=mask, return_weights=True)
    assert output.isfinite().all()
    assert (weights[:, 2] == (1 if large != "least" and large > 0 else 0)).all()
    close(weights.double().sum(-1), torch.ones(4, device=device, **double), atol=6 * torch.finfo(dtype).eps, rtol=0)


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("options", [{}, {"is_causal": True}, {"attn_mask": torch.ones(4, 4, dtype=torch.bool).tril()}])
def test_autocast(dtype, options, device):
    """In autocast the result has 16 bits, as PyTorch's has, and is as near to float64 as rounding the inputs allows."""
    query, key, value = (x.float() for x in qkv(2, keys=4, device=device))
    options = {name: x.to(device) if isinstance(x, Tensor) else x for name, x in options.items()}
    exact = F.scaled_dot_product_attention(*(x.to(dtype).double() for x in (query, key, value)), **options)
    with torch.autocast(device.type, dtype):
        theirs = F.scaled_dot_product_attention(query, key, value, **options)
        ours = scaled_dot_product_attention(query, key, value, **options)
        shown, weights = scaled_dot_product_attention(query, key, value, return_weights=True, **options)
        wide = scaled_dot_product_attention(*(x.double() for x in (query, key, value)), return_weights=True)[0]
    assert theirs.dtype == ours.dtype == shown.dtype == weights.dtype == dtype
    assert wide.dtype == torch.float64
    for output in (ours, shown):
        close(output.double(), exact, atol=4 * torch.finfo(dtype).eps, rtol=0)


# Where values do not exist yet: transforms, compilers, tensors without data

MASKS = {
    "nothing": {},
    "causal": {"is_causal": True},
    "boolean": {"attn_mask": torch.ones(4, 6, dtype=torch.bool).tril()},
    "additive": {"attn_mask": torch.linspace(-1, 1, 24).view(4, 6)},
    "weights": {"return_weights": True},
}


def output_of(result):
    return result[0] if isinstance(result, tuple) else result


@pytest.fixture(params=MASKS)
def options(request):
    return MASKS[request.param]


def test_vmap(options):
    inputs = qkv(3, dtype=torch.float32)
    mapped = torch.vmap(lambda q, k, v: output_of(scaled_dot_product_attention(q, k, v, **options)))(*inputs)
    close(mapped, output_of(scaled_dot_product_attention(*inputs, **options)), atol=1e-6)


def test_vmap_over_masks():
    query, key, value = qkv()
    masks = torch.randn(5, 4, 6, **double)
    mapped = torch.vmap(lambda mask: scaled_dot_product_attention(query, key, value, attn_mask=mask))(masks)
    close(mapped, F.scaled_dot_product_attention(query.expand(5, 4, 8), key, value, attn_mask=masks))


@pytest.mark.parametrize("causal", [False, True])
def test_gradients_by_sample(causal):
    """One gradient a sample by vmap over grad: the same as a loop of backward."""
    module, x = MultiHeadAttention(8, 2).double(), torch.randn(4, 5, 8, **double)
    parameters = dict(module.named_parameters())

    def loss(parameters, sample):
        arguments = (sample[None],), {"is_causal": causal}
        return torch.func.functional_call(module, parameters, *arguments).square().sum()

    together = torch.vmap(torch.func.grad(loss), (None, 0))(parameters, x)
    for i, sample in enumerate(x):
        one = torch.autograd.grad(loss(parameters, sample), list(parameters.values()))
        for name, gradient in zip(parameters, one, strict=True):
            close(together[name][i], gradient)


def without_data(options, place):
    return {
        name: torch.zeros(x.shape, dtype=x.dtype, device=place) if isinstance(x, Tensor) else x
        for name, x in options.items()
    }


@pytest.mark.parametrize("place", ["cpu", "cuda", "meta"])
def test_tensors_without_data(place, options):
    """FakeTensorMode and the meta device: shapes and devices alone. A tensor made on the wrong device raises here."""
    with FakeTensorMode() if place != "meta" else nullcontext():
        query = torch.empty(2, 8, 4, 16, device=place)
        key, value = torch.empty(2, 2, 6, 16, device=place), torch.empty(2, 2, 6, 5, device=place)
        moved = without_data(options, place)
        for dtype in (torch.float32, torch.float16):
            inputs = (x.to(dtype) for x in (query, key, value))
            result = scaled_dot_product_attention(*inputs, enable_gqa=True, **moved)
            assert output_of(result).shape == (2, 8, 4, 5)
            assert output_of(result).device.type == place
            assert output_of(result).dtype == dtype
        module = MultiHeadAttention(16, 4, num_kv_heads=2)
        weights = {name: torch.empty(x.shape, device=place) for name, x in module.named_parameters()}
        x = torch.empty(2, 4, 16, device=place)
        output = torch.func.functional_call(module, weights, (x,), {"is_causal": True})
        assert output.device.type == place


def test_autocast_without_data(options):
    with FakeTensorMode(), torch.autocast("cpu", torch.bfloat16):
        query, key, value = (torch.empty(2, 3, tokens, 8) for tokens in (4, 6, 6))
        output = output_of(scaled_dot_product_attention(query, key, value, **without_data(options, "cpu")))
    assert output.dtype == torch.bfloat16


def test_mask_on_another_device():
    with FakeTensorMode():
        query = torch.empty(4, 8, device="cuda")
        with pytest.raises(ValueError, match="attn_mask: on cpu, with query on cuda:0; give both one device"):
            scaled_dot_product_attention(query, query, query, attn_mask=torch.empty(4, 4))


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_compiles_without_a_break(options, backend):
    torch._dynamo.reset()  # it counts compilations of one function, and stops at eight
    inputs = qkv(2, dtype=torch.float32)
    compiled = torch.compile(scaled_dot_product_attention, fullgraph=True, backend=backend)
    output = output_of(compiled(*inputs, **options))
    close(output, output_of(scaled_dot_product_attention(*inputs, **options)), atol=1e-6)


def test_exports(options):
    class Model(nn.Module):
        def forward(self, query, key, value):
            return output_of(scaled_dot_product_attention(query, key, value, **options))

    inputs = tuple(qkv(2, dtype=torch.float32))
    exported = torch.export.export(Model(), inputs).module()
    close(exported(*inputs), Model()(*inputs), atol=1e-6)


def test_no_samples(options, device):
    """Reference: PyTorch, whose attention of no samples is empty. No tokens are an error: see below."""
    options = {name: x.to(device) if isinstance(x, Tensor) else x for name, x in options.items()}
    for batch in ((0,), (0, 3), (2, 0)):
        inputs = qkv(*batch, value_width=5, dtype=torch.float32, device=device, grad=True)
        output = output_of(scaled_dot_product_attention(*inputs, **options))
        assert output.shape == (*batch, 4, 5)
        output.sum().backward()
        assert inputs[0].grad.shape == inputs[0].shape
    module = MultiHeadAttention(8, 2, num_kv_heads=1).to(device)
    assert module(torch.empty(0, 5, 8, device=device), is_causal=True).shape == (0, 5, 8)


def test_no_heads():
    query, key = torch.empty(2, 0, 4, 8), torch.empty(2, 0, 6, 8)
    assert scaled_dot_product_attention(query, key, key, enable_gqa=True).shape == (2, 0, 4, 8)


# Second derivatives


def test_second_derivatives(options):
    """The formula has them; the fused kernel is left to `sdpa_kernel(SDPBackend.MATH)`, as the docstring says."""
    inputs = qkv(queries=4, keys=6, width=3, value_width=2, grad=True)
    options = {name: x.double() if name == "attn_mask" and x.dtype != torch.bool else x for name, x in options.items()}
    with sdpa_kernel(SDPBackend.MATH):
        assert torch.autograd.gradgradcheck(
            lambda *inputs: output_of(scaled_dot_product_attention(*inputs, **options)), inputs
        )


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("ours", [True, False])
def test_attention_inside_a_discriminator(causal, ours):
    """Both penalties and their gradients equal those of the formula, written out. PyTorch's own module serves too."""
    module = MultiHeadAttention(8, 2).double() if ours else nn.MultiheadAttention(8, 2, batch_first=True, **double)
    real, fake = torch.randn(2, 6, 5, 8, **double)

    def score(x):
        if ours:
            return module(x, is_causal=causal).square().sum((1, 2))
        mask = ~causal_mask(5) if causal else None
        return module(x, x, x, attn_mask=mask, need_weights=False)[0].square().sum((1, 2))

    def formula(x):
        if ours:
            weights = [module.query.weight, module.key.weight, module.value.weight]
            bias, output = torch.zeros(24, **double), module.output
        else:
            weights, bias, output = module.in_proj_weight.chunk(3), module.in_proj_bias, module.out_proj
        q, k, v = (
            (x @ w.T + b).unflatten(-1, (2, 4)).transpose(1, 2) for w, b in zip(weights, bias.chunk(3), strict=True)
        )
        scores = q @ k.mT / 2
        if causal:
            scores = scores.masked_fill(~causal_mask(5), -math.inf)
        return output((torch.softmax(scores, -1) @ v).transpose(1, 2).flatten(-2)).square().sum((1, 2))

    for penalty in (
        lambda a: gradient_penalty(a, real, fake, generator=torch.Generator().manual_seed(1)),
        lambda a: r1_penalty(a, real),
    ):
        actual, expected = penalty(score), penalty(formula)
        close(actual, expected, rtol=1e-10)
        parameters = list(module.parameters())
        pairs = (torch.autograd.grad(x, parameters, allow_unused=True) for x in (actual, expected))
        for ours_, theirs in zip(*pairs, strict=True):
            close(0 if ours_ is None else ours_, 0 if theirs is None else theirs, atol=1e-8, rtol=1e-8)


def test_pytorchs_order_of_arguments_is_refused():
    """PyTorch's fifth argument is the dropout; taken for ours it would have turned the scale off in silence."""
    query, key, value = qkv()
    with pytest.raises(TypeError, match="positional"):
        scaled_dot_product_attention(query, key, value, None, 0.0, False)
    mask = torch.ones(4, 6, dtype=torch.bool).tril()
    close(
        scaled_dot_product_attention(query, key, value, mask),
        F.scaled_dot_product_attention(query, key, value, mask),
    )


# Bad input

GOOD = {"query": (2, 4, 8), "key": (2, 6, 8), "value": (2, 6, 8)}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"query": torch.zeros(8)}, r"query: shape \(8,\); give it the shape \(…, tokens, width\)"),
        ({"key": torch.zeros(2, 6, 7)}, "key: width 7, with query of width 8"),
        ({"value": torch.zeros(2, 5, 8)}, "value: 5 tokens, with key of 6"),
        ({"key": torch.zeros(3, 6, 8), "value": torch.zeros(3, 6, 8)}, r"key: shape \(3, 6, 8\), with query of shape"),
        ({"value": torch.zeros(3, 6, 8)}, r"value: shape \(3, 6, 8\), with query of shape"),
        ({"query": torch.zeros(2, 4, 8, dtype=torch.int64)}, "query: torch.int64; give a tensor of floating-point"),
        ({"key": torch.zeros(2, 6, 8, dtype=torch.bool)}, "key: torch.bool; give a tensor of floating-point"),
        ({"key": torch.zeros(2, 6, 8, dtype=torch.float64)}, "key: torch.float64 on cpu, with query torch.float32"),
        ({"value": [[1.0]]}, "value: list; give a tensor"),
        ({"query": torch.zeros(2, 0, 8)}, r"query: shape \(2, 0, 8\) holds nothing"),
        ({"key": torch.zeros(2, 0, 8), "value": torch.zeros(2, 0, 8)}, r"key: shape \(2, 0, 8\) holds nothing"),
        ({"query": torch.full((2, 4, 8), math.nan)}, "query: holds NaN or infinity"),
        ({"value": torch.full((2, 6, 8), math.inf)}, "value: holds NaN or infinity"),
        ({"attn_mask": torch.ones(4, 6, dtype=torch.int64)}, "attn_mask: torch.int64; give booleans"),
        ({"attn_mask": [[True] * 6] * 4}, "attn_mask: list; give booleans"),
        ({"scale": math.nan}, "scale: nan; give a finite number"),
        ({"scale": -math.inf}, "scale: -inf; give a finite number"),
        ({"query": torch.zeros(2, 4, 0), "key": torch.zeros(2, 6, 0)}, r"query: shape \(2, 4, 0\) holds nothing"),
        ({"attn_mask": torch.ones(5, 6, dtype=torch.bool)}, r"attn_mask: shape \(5, 6\) does not broadcast"),
        ({"attn_mask": torch.ones(7, 2, 4, 6)}, r"attn_mask: shape \(7, 2, 4, 6\) does not broadcast"),
        ({"attn_mask": torch.full((4, 6), math.nan)}, r"attn_mask: holds NaN or \+inf"),
        ({"attn_mask": torch.full((4, 6), math.inf)}, r"attn_mask: holds NaN or \+inf"),
        ({"attn_mask": torch.ones(4, 6), "is_causal": True}, "attn_mask: given together with is_causal=True"),
        ({"enable_gqa": True, "query": torch.zeros(4, 8)}, r"query: shape \(4, 8\); give it the shape \(…, heads"),
        ({"enable_gqa": True, "query": torch.zeros(3, 4, 8)}, "key: 2 heads; give a divisor of the query's 3"),
    ],
)  # fmt: skip
def test_bad_input_is_named(changes, message):
    arguments = {name: torch.zeros(shape) for name, shape in GOOD.items()} | changes
    with pytest.raises(ValueError, match=message):
        scaled_dot_product_attention(**arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((10, 3), "num_heads: 3, with d_model 10"),
        ((0, 1), "num_heads: 1, with d_model 0"),
        ((8, 0), "num_heads: 0, with d_model 8"),
        ((8, 4, 3), "num_kv_heads: 3, with num_heads 4"),
        ((8, 4, 0), "num_kv_heads: 0, with num_heads 4"),
    ],
)
def test_heads_that_do_not_divide(arguments, message):
    with pytest.raises(ValueError, match=message):
        MultiHeadAttention(*arguments)


def test_multi_head_wants_three_dimensions():
    with pytest.raises(ValueError, match=r"x: shape \(5, 8\); give it the shape \(B, T, d_model\)"):
        MultiHeadAttention(8, 2)(torch.zeros(5, 8))


def test_multi_head_wants_its_width():
    with pytest.raises(ValueError, match=r"x: shape \(1, 5, 6\); give it the shape \(B, T, d_model\), with d_model 8"):
        MultiHeadAttention(8, 2)(torch.zeros(1, 5, 6))
