"""Muon, held against the singular value decomposition."""

import pytest
import torch

from advantage.textgen import muon


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
