"""Muon, held against the singular value decomposition."""

import pytest
import torch

from advantage.textgen import muon
from advantage.textgen.lstm import LSTM


@pytest.mark.parametrize("shape", [(1, 5, 5), (2, 3, 8), (2, 8, 3), (4, 6, 6)])
def test_orthogonalised_singular_values_are_near_one(shape):
    """Reference: torch's singular value decomposition; Amsel et al. 2025: five steps take 0.001 … 1 to 1 ± 0.15."""
    u, s, v = torch.linalg.svd(torch.randn(shape, dtype=torch.float64), full_matrices=False)
    spread = torch.logspace(0, -3, s.shape[-1], dtype=torch.float64)  # the hardest that the coefficients were made for
    matrix = u * (spread / spread.norm())[..., None, :] @ v
    after = muon.orthogonalise(matrix, steps=5)
    assert (torch.linalg.svdvals(after) - 1).abs().max() < 0.15
    a, _, b = torch.linalg.svd(after, full_matrices=False)
    assert torch.allclose(a @ b, u @ v, atol=1e-6)  # the same directions
    three = torch.linalg.svdvals(muon.orthogonalise(matrix))
    assert three.min() > 0.1
    assert three.max() < 2


@pytest.mark.parametrize("steps", [0, 6, 2.5, None])
def test_a_number_of_polynomials_that_does_not_exist_is_named(steps):
    """The message has the argument, the value and what would be right."""
    with pytest.raises(ValueError, match=r"steps: got .*; must be a whole number from 1 to 5"):
        muon.orthogonalise(torch.ones(1, 2, 2), steps)


def test_adam_takes_the_steps_of_torch():
    """Reference: `torch.optim.Adam`, for 30 steps at changing rates."""
    torch.manual_seed(0)
    models = [LSTM(7, 8) for _ in range(2)]
    models[1].load_state_dict(models[0].state_dict())
    ours = muon.Optimiser(models[0], 0.1, 0.03)
    theirs = torch.optim.Adam(models[1].parameters(), betas=(0.9, 0.98))
    for i in range(30):
        factor = 0.1 + abs(15 - i) / 15
        gradients = [torch.randn(p.shape) for p in models[0].parameters()]
        for model in models:
            for p, gradient in zip(model.parameters(), gradients):
                p.grad = gradient.clone()
        ours.step(factor)
        theirs.param_groups[0]["lr"] = 0.03 * factor
        theirs.step()
    for mine, right in zip(*(model.parameters() for model in models)):
        torch.testing.assert_close(mine, right, rtol=1e-6, atol=1e-7)


def test_what_has_no_gradient_stays():
    """Reference: the definition of a step."""
    model = LSTM(7, 8)
    before = [p.clone() for p in model.parameters()]
    model.head.weight.grad = torch.ones_like(model.head.weight)
    muon.Optimiser(model, 0.1, 0.03).step(1.0)
    moved = [not torch.equal(old, p) for old, p in zip(before, model.parameters())]
    assert moved == [name == "head.weight" for name, _ in model.named_parameters()]
