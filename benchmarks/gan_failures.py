"""How many small GANs collapse: five pairs of losses, two penalties, three rates, 300 to 3,000 steps.

    python benchmarks/gan_failures.py src/advantage/data/gan_failures.json [--runs 64] [--steps 3000]

The data have two humps, N(−2, 0.3²) and N(2, 0.3²). All runs of a cell are trained at once: a network's weights have
the number of the run as their first dimension. Every cell starts from the same weights.
The file is written after each cell, and a second call goes on with those that it lacks.
"""

import argparse
import datetime
import json
import math
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode
from tqdm import tqdm

from advantage import ledger
from advantage.models.gan_losses import GAN_LOSSES, gradient_penalty, r1_penalty

BATCH, SAMPLES, CHECKPOINTS = 64, 1000, (300, 1000, 3000)
RATES = (1e-3, 3e-3, 1e-2)
# Pair, penalty on D, its weight, steps of D for each of G, rates.
RECIPES = [(name, "none", 0.0, 1, RATES) for name in GAN_LOSSES]
RECIPES += [
    ("wasserstein", "gradient penalty", 10.0, 1, RATES),  # Gulrajani et al. 2017: λ = 10 …
    ("wasserstein", "gradient penalty", 10.0, 5, (3e-3,)),  # … and five steps of the critic: six times as dear
    ("non_saturating", "R1", 1.0, 1, RATES),
    ("least_squares", "R1", 1.0, 1, RATES),
    ("hinge", "R1", 1.0, 1, (1e-3,)),
]


def forward(layers: list[Tensor], x: Tensor) -> Tensor:
    """Two hidden layers of 16 for each run: x (runs, batch, 1) → (runs, batch, 1)."""
    for weight, bias in zip(layers[:-2:2], layers[1:-2:2]):
        x = torch.nn.functional.leaky_relu(torch.baddbmm(bias, x, weight), 0.2)
    return torch.baddbmm(layers[-1], x, layers[-2])


def penalty_of(kind: str, weight: float, layers: list[Tensor], real: Tensor, fake: Tensor, noise: Tensor) -> Tensor:
    """One penalty for all runs: the package's functions take a run for a sample, so its batch is moved to the front.

    A score depends on its own sample alone, so the slope of the sum over runs at sample i holds each run's own slope.
    """

    def discriminator(x: Tensor) -> Tensor:  # (batch · runs, 1) → the same
        return forward(layers, x.view(BATCH, -1, 1).transpose(0, 1)).transpose(0, 1).reshape(-1, 1)

    def in_rows(x: Tensor) -> Tensor:
        return x.transpose(0, 1).reshape(-1, 1)

    if kind == "R1":
        return weight / 2 * r1_penalty(discriminator, in_rows(real))
    if kind == "gradient penalty":
        return weight * gradient_penalty(discriminator, in_rows(real), in_rows(fake), generator=noise)
    return torch.zeros(())


def train(name: str, kind: str, weight: float, laps: int, rate: float, runs: int, steps: int, seed: int = 0) -> dict:
    """Samples above 0 (of 1,000) and distance W₁ to the data (in thousandths), of each run at each checkpoint."""
    generator, noise = torch.Generator().manual_seed(seed), torch.Generator().manual_seed(seed + 1)
    d_loss, g_loss = GAN_LOSSES[name]

    def draw(*shape: int) -> Tensor:
        return torch.randn(runs, *shape, generator=generator)

    def network() -> list[Tensor]:
        layers = [(math.sqrt(2 / n) * draw(n, m), torch.zeros(runs, 1, m)) for n, m in ((1, 16), (16, 16), (16, 1))]
        return [tensor.requires_grad_() for layer in layers for tensor in layer]

    def data(n: int) -> Tensor:
        return 2 * draw(n, 1).sign() + 0.3 * draw(n, 1)

    d, g = network(), network()
    d_adam, g_adam = (torch.optim.Adam(layers, lr=rate, betas=(0.5, 0.9), fused=True) for layers in (d, g))
    found: dict = {"above": {}, "w1": {}}
    for step in tqdm(range(1, steps + 1), desc=f"{name}, {kind} {weight:g}, {laps}, {rate:g}", disable=None):
        for _ in range(laps):
            real, fake = data(BATCH), forward(g, draw(BATCH, 1))
            loss = d_loss(forward(d, real), forward(d, fake.detach()))
            loss = loss + penalty_of(kind, weight, d, real, fake.detach(), noise)
            d_adam.zero_grad()
            (loss * runs).backward()  # a mean over runs, times runs: each has the gradient that it would have alone
            d_adam.step()
        g_adam.zero_grad()
        (g_loss(forward(d, fake)) * runs).backward()  # after D's step: the two alternate
        g_adam.step()
        if step in CHECKPOINTS:
            with torch.no_grad():
                samples, truth = forward(g, draw(SAMPLES, 1)), data(SAMPLES)
                found["above"][step] = (samples > 0).sum((1, 2)).tolist()
                apart = samples.sort(1).values - truth.sort(1).values
                found["w1"][step] = (1000 * apart.abs().mean((1, 2))).round().int().tolist()
    return found


def operations(kind: str, weight: float, laps: int) -> int:
    """Operations of the matrix products of one run while G takes one step."""
    with FlopCounterMode(display=False) as counter:
        train("non_saturating", kind, weight, laps, 1e-3, runs=1, steps=1)
    return counter.get_total_flops()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--runs", type=int, default=64)
    parser.add_argument("--steps", type=int, default=3000)
    args = parser.parse_args()
    record = json.loads(args.file.read_text(encoding="utf-8")) if args.file.exists() else {"cells": []}
    done = {(c["pair"], c["penalty"], c["weight"], c["laps"], c["rate"]) for c in record["cells"]}
    record |= {
        "what": "GANs on two humps, alternating, Adam (0.5, 0.9): samples above 0 of 1,000; 1,000 W1 to the data",
        "command": "python benchmarks/gan_failures.py src/advantage/data/gan_failures.json",
        "machine": ledger.machine(),
        "torch": torch.__version__.split("+")[0],
        "date": datetime.date.today().isoformat(),
        "runs": args.runs,
    }
    kinds = {recipe[1:4] for recipe in RECIPES}
    record["operations"] = {f"{kind}, {laps}": operations(kind, weight, laps) for kind, weight, laps in sorted(kinds)}
    for name, kind, weight, laps, rates in RECIPES:
        for rate in rates:
            if (name, kind, weight, laps, rate) in done:
                continue
            result = train(name, kind, weight, laps, rate, args.runs, args.steps)
            cell = {"pair": name, "penalty": kind, "weight": weight, "laps": laps, "rate": rate}
            record["cells"].append(cell | result)
            draft = args.file.with_suffix(".part")
            draft.write_text(json.dumps(record) + "\n", encoding="utf-8")
            draft.replace(args.file)


if __name__ == "__main__":
    main()
