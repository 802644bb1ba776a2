"""Export, held against transformers."""

from pathlib import Path

import pytest
import torch

from advantage.textgen import corpus, inkwell
from advantage.textgen.export import to_transformers, write
from advantage.textgen.gpt import GPT
from advantage.textgen.lstm import LSTM
from advantage.textgen.tokenizer import BPETokenizer, ByteTokenizer


def randomised(model):
    torch.manual_seed(1)
    for p in model.parameters():
        torch.nn.init.normal_(p, std=0.2)
    return model.eval()


@pytest.mark.parametrize("tied", [False, True])
def test_logits_equal_those_of_a_qwen3_with_the_same_weights(tied):
    """Reference: Qwen3ForCausalLM of transformers."""
    model = randomised(GPT(37, context=24, num_layers=3, d_model=32, num_heads=4, tied=tied))
    ids = torch.randint(37, (2, 24))
    with torch.no_grad():
        ours, theirs = model(ids), to_transformers(model)(ids).logits
    assert (ours - theirs).abs().max() < 1e-5 * theirs.abs().max()
    assert ours.std() > 0.1  # not both zero


def test_only_a_gpt_can_be_exported():
    """Reference: the docstring of to_transformers."""
    with pytest.raises(ValueError, match="LSTM"):
        to_transformers(LSTM(5, 8))


def test_a_folder_that_others_load(tmp_path, monkeypatch):
    """Reference: from_pretrained of transformers, offline: the same logits, the same ids, the same text."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    model, tokenizer = inkwell.load()
    write(tmp_path / "model", model, tokenizer)
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path / "model").eval()
    their_tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model")
    text = Path(corpus.__file__).read_text(encoding="utf-8")[:6000] + "é 中\t\r\n   \n"
    ids = tokenizer.encode(text)
    assert their_tokenizer(text)["input_ids"] == ids.tolist()
    assert their_tokenizer.decode(ids) == text
    some = torch.from_numpy(ids[:1024].astype("int64")).view(2, 512)
    with torch.no_grad():
        ours, exported = model(some), theirs(some).logits
    assert (ours - exported).abs().max() < 1e-5 * ours.abs().max()
    assert theirs.generation_config.eos_token_id == tokenizer.start
    assert {path.suffix for path in (tmp_path / "model").iterdir()} == {".json", ".safetensors"}


def test_what_cannot_be_written(tmp_path):
    """Reference: the docstring of write."""
    model, tokenizer = inkwell.load()
    for wrong, message in ((ByteTokenizer(), "ByteTokenizer"), (BPETokenizer([]), "256 tokens")):
        with pytest.raises(ValueError, match=message):
            write(tmp_path / "model", model, wrong)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    for place in ("mine", "mine/letter.txt"):
        with pytest.raises(ValueError, match="no exported model"):
            write(tmp_path / place, model, tokenizer)
    with pytest.raises(ValueError, match="does not exist"):
        write(tmp_path / "a" / "b", model, tokenizer)
    assert [path.name for path in tmp_path.rglob("*")] == ["mine", "letter.txt"]
