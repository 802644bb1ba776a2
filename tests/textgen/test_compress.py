"""Quantisation held against torchao and closed forms, pruning against torch.nn.utils.prune."""

import copy
import importlib
import logging
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save
from torch.nn.utils import prune as reference

from advantage import ledger, records
from advantage.textgen import compress, inkwell, sampling
from advantage.textgen.compress import packed, prune, prune_units, quantise, stored_bytes, unpacked
from advantage.textgen.gpt import GPT


def randomised(seed=1, width=32):
    """A small GPT with no matrix left at zero."""
    torch.manual_seed(seed)
    model = GPT(20, 16, 2, width, 2)
    for p in model.parameters():
        torch.nn.init.normal_(p, std=0.2)
    return model.eval()


IDS = torch.randint(20, (3, 12), generator=torch.Generator().manual_seed(0))


def by_torchao(weight, bits, per):
    """(codes, scale, weight, output of a linear layer) as torchao has them."""
    logging.disable(logging.WARNING)  # it warns of kernels for GPUs that it could not load
    from torchao.quantization import Int8WeightOnlyConfig, IntxWeightOnlyConfig, quantize_
    from torchao.quantization.granularity import PerAxis, PerGroup, PerRow, PerTensor

    logging.disable(logging.NOTSET)
    m, n = weight.shape
    layer = torch.nn.Sequential(torch.nn.Linear(n, m, bias=False))
    layer[0].weight.data.copy_(weight)
    if bits == 8:
        grain = {"tensor": PerTensor(), "channel": PerRow()}.get(per) or PerGroup(per)
        quantize_(layer, Int8WeightOnlyConfig(granularity=grain))
    else:
        grain = PerAxis(0) if per == "channel" else PerGroup(per)
        quantize_(layer, IntxWeightOnlyConfig(weight_dtype=getattr(torch, f"int{bits}"), granularity=grain))
    theirs = layer[0].weight
    x = torch.randn(5, n, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        return theirs.qdata, theirs.scale, theirs.dequantize(), layer(x), x


@given(st.integers(0, 10**6), st.sampled_from([8, 4, 2]), st.sampled_from(["tensor", "channel", 16]), st.data())
def test_codes_scales_and_outputs_are_those_of_torchao(seed, bits, per, data):
    """Reference: torchao 0.18 (it has no whole-tensor scale below 8 bits: there a row stands for it)."""
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(12, 48, generator=generator) * 10.0 ** data.draw(st.integers(-3, 3))
    weight[3, data.draw(st.integers(0, 47))] *= 50
    if per == "tensor" and bits < 8:
        weight = weight[3:4]
    ours = quantise(weight, bits, per)
    codes, scale, rounded, output, x = by_torchao(weight, bits, "channel" if per == "tensor" and bits < 8 else per)
    assert torch.equal(ours.codes, codes)
    assert torch.equal(ours.scale, scale.view(ours.scale.shape))
    assert torch.equal(ours.weight(), rounded)
    size = output.abs().max()
    assert torch.allclose(x @ ours.weight().T / size, output / size, atol=1e-6)


@pytest.mark.parametrize("bits", compress.BITS)
@pytest.mark.parametrize("per", ["tensor", "channel", 32])
def test_the_error_is_that_of_a_uniform_rounding(bits, per):
    """Reference: a step's error is uniform, its mean square step² / 12, and the step 2 max / (2^bits − 1)."""
    weight = torch.randn(512, 256, generator=torch.Generator().manual_seed(0)).double()
    parts = weight.view({"tensor": (1, 1, -1), "channel": (512, 1, 256)}.get(per, (512, 8, 32)))
    expected = (parts.abs().amax(-1).square().mean().sqrt() / (math.sqrt(3) * (2**bits - 1))).item()
    error = (quantise(weight, bits, per).weight() - weight).square().mean().sqrt().item()
    assert error == pytest.approx(expected, rel=0.3 if bits == 2 else 0.05)  # two bits leave little that is uniform


@given(st.integers(0, 10**6), st.sampled_from(compress.BITS), st.sampled_from(["tensor", "channel", 8]))
def test_no_weight_moves_by_more_than_a_step(seed, bits, per):
    """By definition: half a step by rounding, and half a step where the largest weight is cut."""
    weight = torch.randn(6, 16, generator=torch.Generator().manual_seed(seed)).double()
    found = quantise(weight, bits, per)
    step = compress._spread(torch.ones_like(found.codes), found.scale)
    assert ((found.weight() - weight).abs() <= step * (1 + 1e-9)).all()
    codes = found.codes.int()
    assert (codes >= -(2 ** (bits - 1))).all()
    assert (codes < 2 ** (bits - 1)).all()


def test_quantise_at_the_edges():
    """By hand: zeros stay zero, one weight is its own scale, huge weights do not overflow."""
    zeros = quantise(torch.zeros(2, 4), 4, "channel")
    assert not zeros.codes.any()
    assert not zeros.weight().any()
    one = quantise(torch.tensor([[-3.0]]), 4, "tensor")
    assert one.codes.item() in (-8, -7)  # −7.5, which rounding leaves open
    assert one.scale.item() == pytest.approx(3 / 7.5)
    assert quantise(torch.tensor([[3.0]]), 4).codes.tolist() == [[7]]  # 7.5, cut
    for size in (1e38, 1e-38, 1e-45):
        found = quantise(torch.full((1, 2), size), 8)
        assert found.weight().isfinite().all()
        assert (found.weight() <= size * 1.01).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((torch.ones(3),), "weight: .*(3,)"),
        ((torch.ones(0, 3),), "weight: .*(0, 3)"),
        ((torch.ones(2, 2, dtype=torch.long),), "weight: .*int64"),
        (([[1.0]],), "weight: list"),
        ((torch.tensor([[math.nan]]),), "weight: holds NaN"),
        ((torch.tensor([[math.inf]]),), "weight: holds NaN or infinity"),
        ((torch.ones(2, 8), 3), "bits: 3"),
        ((torch.ones(2, 8), 4, 3), "per: 3; .*divisor of 8"),
        ((torch.ones(2, 8), 4, 0), "per: 0"),
        ((torch.ones(2, 8), 4, "row"), "per: 'row'"),
    ],
)
def test_bad_arguments_of_quantise_are_named(arguments, message):
    """Reference: the docstring."""
    with pytest.raises(ValueError, match=message):
        quantise(*arguments)


@pytest.mark.parametrize("bits", compress.BITS)
def test_every_code_survives_packing(bits):
    """By definition: unpack is the inverse of pack, for every code in every place of a byte."""
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1)
    codes = torch.arange(low, high, dtype=torch.int8).repeat(3, 8)
    for turn in range(4):
        moved = codes.roll(turn, 1)
        assert torch.equal(compress.unpack(compress.pack(moved, bits), bits), moved)
    assert compress.pack(codes, bits).shape == (3, codes.shape[1] * bits // 8)


def test_the_bytes_of_packing():
    """By hand: 1 and −1 are 0001 and 1111; the first in the low half."""
    assert compress.pack(torch.tensor([1, -1], dtype=torch.int8), 4).tolist() == [0xF1]
    assert compress.pack(torch.tensor([1, 0, -2, -1], dtype=torch.int8), 2).tolist() == [0b11_10_00_01]
    with pytest.raises(ValueError, match="rows of 3"):
        compress.pack(torch.zeros(2, 3, dtype=torch.int8), 4)


@pytest.mark.parametrize("bits", compress.BITS)
@pytest.mark.parametrize("per", ["tensor", "channel", 8])
def test_a_packed_model_is_the_model_with_rounded_weights(bits, per, device):
    """Reference: the same model with each matrix replaced by what its codes and 16-bit scales stand for."""
    model = randomised()
    before = copy.deepcopy(model.state_dict())
    expected = copy.deepcopy(model)
    for p in expected.parameters():
        codes, scale, _ = quantise(p.data, bits, per)
        p.data = compress._spread(codes, scale.half().float())
    small = packed(model, bits, per).to(device)
    with torch.no_grad():
        assert torch.allclose(small(IDS.to(device)).cpu(), expected(IDS), atol=1e-4)
        assert torch.equal(unpacked(small).cpu()(IDS), expected(IDS))
    assert all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())
    drawn = sampling.generate(small, [[1, 2], [3]], 8, temperature=0)
    assert drawn == sampling.generate(small, [[1, 2], [3]], 8, temperature=0, cache=False)


def test_bytes_are_those_of_a_file():
    """Reference: safetensors, whose file is eight bytes, a header of the length they hold, and the tensors."""
    model = randomised()
    for one in (model.half(), packed(randomised(), 4, 8), packed(randomised(), 2, "channel")):
        file = save(one.state_dict())
        assert stored_bytes(one) == len(file) - 8 - int.from_bytes(file[:8], "little")
    # by hand: 4 bits, and a scale of 16 bits for 8 weights, are 6 bits a weight
    assert stored_bytes(packed(randomised(), 4, 8)) == sum(p.numel() for p in model.parameters()) * 6 // 8
    half = prune(randomised(), 0.5)
    zeros = sum(int((p == 0).sum()) for p in half.parameters())
    total = sum(p.numel() for p in half.parameters())
    assert stored_bytes(half, sparse=True) == total // 8 + 2 * (total - zeros)


def test_what_cannot_be_packed_says_so():
    """Reference: the docstrings."""
    model = randomised()
    model.blocks[0].up.weight.data[0, 0] = 1e38
    with pytest.raises(ValueError, match="65,504"):
        packed(model, 4)
    with pytest.raises(ValueError, match="its head is its embedding"):
        packed(GPT(20, 16, 1, 32, 2, tied=True))
    for function in (packed, unpacked, lambda model: prune(model, 0.5), lambda model: prune_units(model, 0.5, IDS)):
        with pytest.raises(ValueError, match="model: Linear"):
            function(torch.nn.Linear(2, 2))


@given(st.floats(0, 1), st.booleans())
def test_zeros_are_those_of_torch(share, whole):
    """Reference: torch.nn.utils.prune, l1_unstructured and global_unstructured."""
    model = randomised()
    theirs = copy.deepcopy(model)
    layers = [(module, "weight") for module in theirs.modules() if isinstance(module, torch.nn.Linear)]
    if whole:
        reference.global_unstructured(layers, reference.L1Unstructured, amount=share)
    else:
        for module, name in layers:
            reference.l1_unstructured(module, name, amount=share)
    ours = [module.weight for module in prune(model, share, whole).modules() if isinstance(module, torch.nn.Linear)]
    for (module, _), weight in zip(layers, ours, strict=True):
        assert torch.equal(module.weight, weight)
    assert torch.equal(theirs.embedding.weight, model.embedding.weight)


@pytest.mark.parametrize("share", [-0.1, 1.1, math.nan, "half"])
def test_shares_are_shares(share):
    """Reference: the docstrings."""
    with pytest.raises(ValueError, match="share"):
        prune(randomised(), share)
    with pytest.raises(ValueError, match="keep"):
        prune_units(randomised(), share, IDS)
    with pytest.raises(ValueError, match="keep: 0"):
        prune_units(randomised(), 0, IDS)


@given(st.floats(0.01, 1))
def test_to_take_units_out_is_to_silence_them(keep):
    """By definition: a unit whose column is zero adds nothing."""
    model = randomised()
    small = prune_units(model, keep, IDS)
    silent = copy.deepcopy(model)
    count = max(1, round(keep * 128))
    with torch.no_grad():
        for before, after in zip(silent.blocks, small.blocks):
            assert after.up.weight.shape == (count, 32)
            assert after.down.weight.shape == (32, count)
            stays = (before.up.weight[:, None] == after.up.weight[None]).all(-1).any(1)
            assert int(stays.sum()) == count
            before.down.weight[:, ~stays] = 0
        assert torch.allclose(silent(IDS), small(IDS), atol=1e-5)


def test_units_are_judged_by_what_they_do():
    """By hand: units that never fire go first, and the score does not see how up and down share a unit's size."""
    model = randomised()
    dead = torch.arange(0, 128, 4)
    other = copy.deepcopy(model)
    factor = torch.rand(128, generator=torch.Generator().manual_seed(1)) * 3 + 0.1
    with torch.no_grad():
        for block in model.blocks:
            block.up.weight[dead] = 0
        for block in other.blocks:  # relu(c x)² = c² relu(x)²
            block.up.weight *= factor[:, None]
            block.down.weight /= factor**2
        assert torch.allclose(prune_units(model, 0.75, IDS)(IDS), model(IDS), atol=1e-5)
        assert torch.allclose(prune_units(other, 0.5, IDS)(IDS), prune_units(randomised(), 0.5, IDS)(IDS), atol=1e-4)


def test_a_smaller_matrix_is_less_work():
    """Reference: torch's counter of operations; zeros are multiplied like any number."""
    from torch.utils.flop_counter import FlopCounterMode

    def operations(model):
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            model(IDS)
        return counter.get_total_flops()

    model = randomised()
    assert operations(prune(model, 0.9)) == operations(model)
    fewer = operations(model) - operations(prune_units(model, 0.5, IDS))
    assert fewer == 2 * 2 * 2 * 64 * 32 * IDS.numel()  # blocks, matrices, a product and a sum for each weight gone
    assert np.isclose(fewer / operations(model), 0.25, atol=0.1)


def test_the_record_is_that_of_the_benchmark(monkeypatch):
    """Reference: benchmarks/compress.py, and the bytes of models that are made anew."""
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parents[2] / "benchmarks"))
    bench, record = importlib.import_module("compress"), records.compression()
    assert {"machine", "torch", "date", "threads"} <= set(record)
    assert record["student"] == bench.STUDENT
    for name, row in record["quality"].items():
        assert len(row["bits_per_byte"]) == bench.PARTS, name
        assert row["rows"] == (bench.CLOSER_ROWS if name in bench.CLOSER else bench.ROWS), name
        for key in ("parse_rate", "with_a_line", "usable"):
            assert len(row[key]) == len(record["beginnings"]), name
            assert all(0 <= rate <= 1 and (rate * row["rows"]).is_integer() for rate in row[key]), name
        assert all(rate <= lines for rate, lines in zip(row["parse_rate"], row["with_a_line"])), name
        assert all(0 < bits < 11 for bits in row["bits_per_byte"]), name
    model, _ = inkwell.load()
    for name, (bits, per) in bench.BITS.items():
        assert record["quality"][name]["bytes"] == stored_bytes(packed(model, bits, per)), name
    for share in bench.ZEROS:
        row = record["quality"][f"{share:.0%} zeros"]
        assert row["bytes"] == stored_bytes(prune(model, share), sparse=True)
    student = GPT(model.settings["vocab_size"], **record["student"])
    assert record["quality"]["student taught"]["bytes"] == stored_bytes(student) < stored_bytes(model) / 4
    for rows in record["students"].values():
        assert len({tuple(row[:4]) for row in rows}) == len(rows)  # no run twice


def test_the_reference_ledger_has_what_the_record_has(monkeypatch):
    """Reference: the record, by the names of benchmarks/compress.py."""
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parents[2] / "benchmarks"))
    bench, record = importlib.import_module("compress"), records.compression()
    bench.to_ledger(record)
    for label in bench.LEDGER:
        for what in ("bytes", "bits_per_byte", "sample_tokens_per_second"):
            name = f"textgen.compress.{what}_{label}"
            own, shipped = ledger.read(name), ledger.reference(name)
            assert own.own
            assert (own.value, own.unit, own.repeats) == (shipped.value, shipped.unit, shipped.repeats), name
            assert shipped.threads == record["threads"]
            assert shipped.date >= record["date"]
