"""The LSTM, held against published counts of parameters."""

import torch

from advantage.textgen.lstm import LSTM


def test_parameters_of_the_article_s_lstm():
    """Reference: Keras's summary of the article's model, row 32 of the source audit."""
    ours = LSTM(10_000, 256)
    assert ours.embedding.weight.numel() == 2_560_000
    article = torch.nn.LSTM(256, 1024), torch.nn.LSTM(1024, 1024)
    counts = [sum(p.numel() for p in layer.parameters()) - 4 * 1024 for layer in article]  # torch has a second bias
    assert [2_560_000, *counts] == [2_560_000, 5_246_976, 8_392_704]
