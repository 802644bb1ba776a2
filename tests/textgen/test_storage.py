"""A model's folder: what comes back, and every way in which it can be damaged."""

import json
import os

import pytest
import torch

from advantage.textgen import checkpoints, inkwell, storage, training
from advantage.textgen.gpt import GPT
from advantage.textgen.lstm import LSTM
from advantage.textgen.tokenizer import ByteTokenizer


def filled(model):
    torch.manual_seed(3)
    for p in model.parameters():
        torch.nn.init.normal_(p, std=0.2)
    return model.eval()


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("tied", [False, True, None])
def test_what_is_saved_is_what_is_loaded(tmp_path, compiled, tied):
    """Reference: the model before it was saved, compiled or not; the file modes of a new file."""
    model = filled(LSTM(256, 8) if tied is None else GPT(256, 16, 1, 16, 2, tied=tied))
    ids = torch.randint(256, (2, 8))
    storage.save(tmp_path / "m", torch.compile(model) if compiled else model, ByteTokenizer(), {"seed": 1})
    again, tokenizer, facts = storage.load(tmp_path / "m")
    assert torch.equal(again(ids), model(ids))
    assert (facts["seed"], tokenizer.kind) == (1, "byte")
    (tmp_path / "plain").write_text("")
    modes = {file.stat().st_mode for file in (tmp_path / "m").iterdir()}
    assert modes == {(tmp_path / "plain").stat().st_mode}
    assert sorted(file.name for file in (tmp_path / "m").iterdir()) == [
        "model.json",
        "model.safetensors",
        "tokenizer.json",
    ]


def test_the_shipped_model_gives_the_logits_it_gave():
    """Reference: the largest logits, written down when the model was shipped."""
    model, tokenizer = inkwell.load()
    with torch.no_grad():
        logits = model(torch.from_numpy(tokenizer.encode("def read(self):\n    return").astype("int64"))[None])
    best = logits[0, -1].topk(3)
    assert best.indices.tolist() == [845, 271, 349]
    assert best.values.tolist() == pytest.approx([9.7912, 8.7694, 8.6393], abs=1e-3)
    assert float(logits[0, -1].logsumexp(0)) == pytest.approx(11.6154, abs=1e-3)


@pytest.mark.parametrize(
    "change",
    [
        lambda facts: [],
        lambda facts: 3,
        lambda facts: {name: value for name, value in facts.items() if name != "settings"},
        lambda facts: {name: value for name, value in facts.items() if name != "tokenizer"},
        lambda facts: facts | {"settings": facts["settings"] | {"depth": 3}},
        lambda facts: facts | {"settings": {k: v for k, v in facts["settings"].items() if k != "d_model"}},
        lambda facts: facts | {"settings": facts["settings"] | {"model": ["gpt"]}},
        lambda facts: facts | {"settings": facts["settings"] | {"num_layers": "two"}},
        lambda facts: facts | {"settings": facts["settings"] | {"num_layers": 2}},
        lambda facts: facts | {"settings": facts["settings"] | {"d_model": 32}},
        lambda facts: facts | {"settings": []},
    ],
)
def test_a_damaged_record_is_named(tmp_path, change):
    """Reference: the docstring of load: a ValueError with the folder's name, whatever is wrong in model.json."""
    storage.save(tmp_path / "m", filled(GPT(256, 16, 1, 16, 2)), ByteTokenizer(), {})
    file = tmp_path / "m" / "model.json"
    file.write_text(json.dumps(change(json.loads(file.read_text()))))
    with pytest.raises(ValueError, match=r"m: not a model's folder, or damaged"):
        storage.load(tmp_path / "m")


@pytest.mark.parametrize("name", ["model.json", "model.safetensors", "tokenizer.json"])
@pytest.mark.parametrize("data", [b"", b"\xff\xfe\x00", b"[" * 100_000, b"{}", None])
def test_a_damaged_file_is_named(tmp_path, name, data):
    """Reference: files made wrong here: empty, not UTF-8, too deep, missing."""
    storage.save(tmp_path / "m", filled(LSTM(256, 8)), ByteTokenizer(), {})
    file = tmp_path / "m" / name
    file.unlink() if data is None else file.write_bytes(data)
    with pytest.raises(ValueError, match=r"m: not a model's folder, or damaged"):
        storage.load(tmp_path / "m")


def test_weights_of_another_model_are_refused(tmp_path):
    """Reference: strict loading: no name more, none less, no other shape."""
    storage.save(tmp_path / "m", filled(GPT(256, 16, 1, 16, 2)), ByteTokenizer(), {})
    storage.save(tmp_path / "other", filled(LSTM(256, 16)), ByteTokenizer(), {})
    os.replace(tmp_path / "other" / "model.safetensors", tmp_path / "m" / "model.safetensors")
    with pytest.raises(ValueError, match=r"weights: .* has shape"):
        storage.load(tmp_path / "m")


def test_a_folder_that_training_has_not_finished_is_no_damaged_one(tmp_path):
    """Reference: a checkpoint and no model: what it is, and how to go on."""
    model = filled(GPT(256, 16, 1, 16, 2))
    optimiser = training.Optimiser(model, 0.1, 0.1)
    model(torch.zeros(1, 4, dtype=torch.long)).sum().backward()
    optimiser.step(1.0)
    checkpoints.save(tmp_path, model, optimiser, {}, checkpoints.State(7))
    with pytest.raises(ValueError, match=r"stopped after step 7 and has left no model yet; the command .* goes on"):
        storage.load(tmp_path)
