"""The paths of a GPU where there is none: a stand-in device whose tensors hold no values, the meta device, 16 bits.

What this shows: every tensor is where its partners are, and nothing looks at values that do not exist. What it cannot:
a GPU's own arithmetic, and how fast it is.
"""

import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import functional as F

from advantage.textgen import __main__ as command
from advantage.textgen import corpus, distribution, presets, sampling, training
from advantage.textgen.gpt import GPT
from advantage.textgen.lstm import LSTM
from advantage.textgen.muon import Optimiser

TOKENS = (np.arange(400) % 7).astype(np.uint8)


def models(**options):
    return [GPT(7, 16, 2, 16, 2, **options), LSTM(7, 16, 2)]


def everything(device):
    """Train, look, keep the optimiser's state and go on from it, generate and search, all on `device`."""
    with torch.device(device):
        made = [*models(), GPT(7, 16, 1, 16, 2, tied=True)]
    for model in made:
        assert {tensor.device.type for tensor in [*model.parameters(), *model.buffers()]} == {device}
        for accumulate in (1, 2):
            options = {"budget_tokens": 3 * 64, "context": 16, "batch": 4, "bfloat16": False, "evaluations": 1}
            training.train(model, TOKENS, TOKENS[:50], accumulate=accumulate, **options)
        resume(model)
        for options in ({}, {"temperature": 0, "cache": False}, {"top_p": 0.5, "top_k": 3, "min_p": 0.1}):
            first = torch.ones(3, 7, dtype=torch.bool)
            sampling.generate(model, [[1], [1, 2, 3], [2] * 20], 8, first=first, repetition_penalty=1.1, **options)
        sampling.beam_search(model, [1, 2], 3, beams=2)


def resume(model):
    optimiser = Optimiser(model, 0.1, 0.1)
    ids = torch.zeros(2, 8, dtype=torch.long).to(training.device_of(model))
    for _ in range(2):
        model(ids).sum().backward()
        optimiser.step(1.0)
        kept = {name: tensor.detach().cpu() for name, tensor in optimiser.state().items()}  # as in a file
        optimiser = Optimiser(model, 0.1, 0.1)
        optimiser.load(kept)


def left_on_the_cpu(self, named):
    self.mean = [named[f"adam.mean.{i}"].clone() for i in range(len(self.mean))]


def test_no_tensor_is_on_another_device():
    """Reference: FakeTensorMode on a stand-in for a GPU, which refuses every operation on two devices.

    As its own process: the device's name belongs to the process, and reading a value is stood in for.
    """
    run = subprocess.run([sys.executable, __file__], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-3000:]


def test_the_stand_in_finds_a_tensor_left_behind():
    """Reference: an optimiser that leaves what it loads on the CPU."""
    run = subprocess.run([sys.executable, __file__, "broken"], capture_output=True, text=True)
    assert run.returncode != 0
    assert "FakeTensorDeviceMismatchError" in run.stderr


def test_models_on_the_meta_device():
    """Reference: shapes alone; a look at a value raises there."""
    with torch.device("meta"):
        for model in models():
            ids = torch.zeros(2, 16, dtype=torch.long)
            cache = model.new_cache(2, 16)
            assert model(ids[:, :9], cache).shape == (2, 9, 7)
            assert model(ids[:, 9:10], cache).shape == (2, 1, 7)
            F.cross_entropy(model(ids).flatten(0, 1), ids.flatten()).backward()
            p = distribution.probabilities(torch.zeros(2, 7), 0.5, 3, 0.9, 0.1)
            assert distribution.draw(p, torch.zeros(2)).shape == (2,)


def test_values_are_not_looked_at_where_there_are_none():
    """Reference: vmap, FakeTensorMode and a compiler that allows no break: each refuses a look at a value."""
    with torch.no_grad():
        for model in models():
            ids = torch.randint(7, (3, 2, 8))
            if isinstance(model, GPT):  # PyTorch's LSTM has no rule for vmap
                assert torch.allclose(torch.vmap(model)(ids), torch.stack([model(each) for each in ids]), atol=1e-6)
                assert torch.compile(model, fullgraph=True, backend="eager")(ids[0]).shape == (2, 8, 7)
        logits, uniform = torch.randn(4, 2, 7), torch.rand(4, 2)
        each = torch.vmap(lambda x, u: distribution.draw(distribution.probabilities(x, 0.7, 3), u))(logits, uniform)
        alone = [distribution.draw(distribution.probabilities(x, 0.7, 3), u) for x, u in zip(logits, uniform)]
        assert torch.equal(each, torch.stack(alone))
        compiled = torch.compile(distribution.probabilities, fullgraph=True, backend="eager")
        assert torch.allclose(compiled(logits[0], 0.7), distribution.probabilities(logits[0], 0.7))
    with FakeTensorMode():
        assert distribution.draw(distribution.probabilities(torch.randn(2, 7)), torch.rand(2)).shape == (2,)


@pytest.mark.parametrize("kind", ["gpt", "lstm"])
def test_sixteen_bits_generate_what_thirty_two_do(kind):
    """Reference: the same model in float32, to bfloat16's eight bits; with a cache, which holds 32 bits."""
    torch.manual_seed(0)
    model = GPT(7, 16, 2, 16, 2) if kind == "gpt" else LSTM(7, 16)
    for p in model.parameters():
        nn.init.normal_(p, std=0.3)
    ids = torch.randint(7, (2, 12))
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        cache = model.new_cache(2, 12)
        pieces = torch.cat([model(ids[:, :8], cache), model(ids[:, 8:9], cache), model(ids[:, 9:], cache)], 1)
        whole = model(ids)
        assert sampling.generate(model, [[1], [2, 3]], 8, seed=1) == sampling.generate(
            model, [[1], [2, 3]], 8, seed=1, cache=False
        )
    assert whole.dtype == torch.bfloat16
    exact = model(ids)
    assert (pieces.float() - exact).abs().max() < 0.05 * exact.abs().max()
    assert (whole.float() - exact).abs().max() < 0.05 * exact.abs().max()


class Stop(Exception):
    pass


@pytest.mark.parametrize(("cuda", "backend"), [(True, "nccl"), (False, "gloo")])
def test_processes_talk_through_the_backend_of_their_device(monkeypatch, tmp_path, cuda, backend):
    """Reference: PyTorch's documentation: NCCL for GPUs, each process's own device chosen before it begins."""
    calls = []

    def begin(chosen):
        calls.append(chosen)
        raise Stop

    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.cuda, "set_device", calls.append)
    monkeypatch.setattr(torch.distributed, "init_process_group", begin)
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("LOCAL_RANK", "1")
    with pytest.raises(Stop):
        command.main(["train", "--out", str(tmp_path / "m"), "--budget-tokens", "100"])
    assert calls == ([1, backend] if cuda else [backend])


def test_a_gpu_gets_the_gpu_s_preset_and_sixteen_bits(monkeypatch, tmp_path):
    """Reference: the command's help: sizes of a GPU where there is one, the model moved there."""
    seen = {}

    def to(model, device):
        seen["device"], seen["settings"] = device, model.settings
        raise Stop

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(GPT, "to", to)
    monkeypatch.setattr(corpus, "documents", lambda *_: [("a", "some text " * 50)])
    with pytest.raises(Stop):
        command.main(["train", "--out", str(tmp_path / "m"), "--budget-tokens", "100"])
    assert seen["device"] == "cuda"
    assert seen["settings"]["d_model"] == presets.GPU["d_model"]


if __name__ == "__main__":
    from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

    _setup_privateuseone_for_python_backend("standin")
    torch.standin.get_amp_supported_dtype = lambda: [torch.bfloat16]
    torch.Tensor.item = torch.Tensor.__float__ = lambda self: 0.5  # there are no values: any will do
    torch.Tensor.tolist = lambda self: np.zeros(tuple(self.shape), int).tolist()
    tensor = torch.tensor

    def in_two_steps(values, **options):  # a stand-in has no tensor made at once from a list
        return torch.zeros(len(values)).bool().to(**options) if isinstance(values, list) else tensor(values, **options)

    torch.tensor = in_two_steps
    for name in ("stream", "beam_search"):  # inference mode goes past Python, where the stand-in is
        setattr(sampling, name, torch.no_grad()(getattr(sampling, name).__wrapped__))
    if sys.argv[1:] == ["broken"]:
        Optimiser.load = left_on_the_cpu
    with FakeTensorMode():
        everything("standin")
