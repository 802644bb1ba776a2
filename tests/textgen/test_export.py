"""Export, held against transformers."""

import pytest
import torch

from advantage.textgen.export import to_transformers
from advantage.textgen.gpt import GPT
from advantage.textgen.lstm import LSTM


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
