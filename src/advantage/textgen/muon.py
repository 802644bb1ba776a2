"""Muon: steps whose matrices are orthogonal, and the optimiser that takes them."""

import torch
from torch import Tensor, nn

from advantage import checks
from advantage.textgen.gpt import GPT
from advantage.textgen.interface import bare

# a, b, c of each polynomial x ↦ a x + b x³ + c x⁵: one after the other they take all of [0.001, 1] towards 1
POLAR = (
    (8.287212, -23.595887, 17.300387),
    (4.107059, -2.947850, 0.544843),
    (3.948691, -2.908902, 0.551819),
    (3.318420, -2.488488, 0.510049),
    (2.300652, -1.668904, 0.418807),
)
BETAS = 0.9, 0.98  # what Adam keeps of its two averages


def orthogonalise(matrices: Tensor, steps: int = 3) -> Tensor:
    """Push the singular values of each of k matrices, (k, m, n), towards 1, with matrix products alone.

    Source: Amsel et al. 2025 (arXiv:2505.16932), algorithm 1, whose coefficients these are, without its safety factors;
    for Muon, by Jordan et al. 2024 (https://kellerjordan.github.io/posts/muon/).

    Args:
        matrices: k of them, shape (k, m, n).
        steps: products of polynomials, 1 to 5; more bring small singular values nearer to 1.

    Raises:
        ValueError: `steps` is not among 1 … 5.
    """
    if isinstance(steps, bool) or steps not in range(1, len(POLAR) + 1):
        raise ValueError(f"steps: got {steps!r}; must be a whole number from 1 to {len(POLAR)}")
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.mT if tall else matrices
    x = x / (1.01 * torch.linalg.matrix_norm(x, keepdim=True) + 1e-7)  # no singular value above 1, rounding included
    for a, b, c in POLAR[:steps]:
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x


class Optimiser:
    """Muon for the matrices inside the GPT's blocks, all of one shape at once; Adam for everything else.

    Muon orthogonalises the averaged gradient of a matrix, so that no direction of it is updated more than another.
    Adam (Kingma & Ba 2015, arXiv:1412.6980) is written out: the first use of `torch.optim` imports PyTorch's compiler,
    which takes over a second, a tenth of a short run.
    """

    def __init__(self, model: nn.Module, muon_rate: float, adam_rate: float, momentum: float = 0.9) -> None:
        self.muon_rate = float(checks.not_negative("muon_rate", muon_rate))
        self.adam_rate = float(checks.not_negative("adam_rate", adam_rate))
        self.momentum, model = momentum, bare(model)
        matrices = [p for block in model.blocks for p in block.parameters()] if isinstance(model, GPT) else []
        self.groups = [[p for p in matrices if p.shape == shape] for shape in dict.fromkeys(p.shape for p in matrices)]
        self.average = [torch.zeros_like(torch.stack([*group])) for group in self.groups]
        chosen = {id(p) for p in matrices}
        self.others = [p for p in model.parameters() if id(p) not in chosen]
        self.mean, self.square = ([torch.zeros_like(p) for p in self.others] for _ in range(2))
        self.steps = 0

    @torch.no_grad()
    def step(self, factor: float) -> None:
        """One update with both learning rates multiplied by `factor`; clears the gradients."""
        for group, average in zip(self.groups, self.average):
            gradient = torch.stack([p.grad for p in group if p.grad is not None])  # (matrices, m, n)
            average.lerp_(gradient, 1 - self.momentum)
            update = gradient.lerp_(average, self.momentum)
            m, n = update.shape[-2:]
            if m == 3 * n:  # queries, keys and values are three matrices in one
                update = orthogonalise(update.view(-1, n, n)).view(-1, m, n)
            else:
                update = orthogonalise(update) * max(1, m / n) ** 0.5
            torch._foreach_add_([*group], list(update.unbind()), alpha=-self.muon_rate * factor)
        self.steps += 1
        unseen, unseen_square = (1 - beta**self.steps for beta in BETAS)  # the averages began at zero
        for p, mean, square in zip(self.others, self.mean, self.square):
            if p.grad is not None:
                mean.lerp_(p.grad, 1 - BETAS[0])
                square.mul_(BETAS[1]).addcmul_(p.grad, p.grad, value=1 - BETAS[1])
                size = (square.sqrt() / unseen_square**0.5).add_(1e-8)
                p.addcdiv_(mean, size, value=-self.adam_rate * factor / unseen)
        for p in [*self.others, *(p for group in self.groups for p in group)]:
            p.grad = None

    def state(self) -> dict[str, Tensor]:
        """Everything that the next step depends on, as named tensors."""
        lists = {"average": self.average, "adam.mean": self.mean, "adam.square": self.square}
        named = {f"{name}.{i}": tensor for name, tensors in lists.items() for i, tensor in enumerate(tensors)}
        return named | {"adam.steps": torch.tensor(self.steps)}

    def load(self, named: dict[str, Tensor]) -> None:
        """Go on from what `state` named, moved to where the parameters are.

        Raises:
            ValueError: a name is missing, or one too many, or a shape differs.
        """
        mine = self.state()
        if {name: tensor.shape for name, tensor in mine.items()} != {name: t.shape for name, t in named.items()}:
            raise ValueError("optimiser: the tensors saved are not those of this model's optimiser")
        for name, tensor in mine.items():
            tensor.copy_(named[name])
        self.steps = int(named["adam.steps"])
