"""The published small recipe, for comparison: 4 layers, 4 heads, width 128, context 64, batch 12, 2,000 steps.

    python benchmarks/reference.py tinyshakespeare.txt [--steps 2000] [--rate 0.001]

AdamW at 1e-3 with 100 steps of warm-up and cosine decay to 1e-4, learned positions, LayerNorm, GELU, a tied head, no
bias, no dropout: nanoGPT's settings for a CPU (https://github.com/karpathy/nanoGPT, README). It trains on the
first 90 % of the file and prints its loss over all of the last 10 %, and its seconds from the start of the process.
"""

import time

STARTED = time.perf_counter()

import argparse  # noqa: E402
import math  # noqa: E402
from pathlib import Path  # noqa: E402

import torch  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

LAYERS, HEADS, WIDTH, CONTEXT, BATCH = 4, 4, 128, 64, 12
RATE, WARMUP = 1e-3, 100  # the rate falls to a tenth


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH, bias=False), nn.LayerNorm(WIDTH, bias=False)
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH, bias=False)
        self.out = nn.Linear(WIDTH, WIDTH, bias=False)
        self.up = nn.Linear(WIDTH, 4 * WIDTH, bias=False)
        self.down = nn.Linear(4 * WIDTH, WIDTH, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        heads = [part.unflatten(-1, (HEADS, -1)).transpose(1, 2) for part in self.qkv(self.norm1(x)).chunk(3, -1)]
        mixed = F.scaled_dot_product_attention(*heads, is_causal=True)  # (B, H, T, d_head)
        x = x + self.out(mixed.transpose(1, 2).flatten(2))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class Reference(nn.Module):
    def __init__(self, vocab_size: int) -> None:
        super().__init__()
        self.token, self.position = nn.Embedding(vocab_size, WIDTH), nn.Embedding(CONTEXT, WIDTH)
        self.blocks = nn.Sequential(*(Block() for _ in range(LAYERS)))
        self.norm = nn.LayerNorm(WIDTH, bias=False)
        for name, weight in self.named_parameters():
            if weight.ndim == 2:
                last = name.endswith(("out.weight", "down.weight"))
                nn.init.normal_(weight, std=0.02 / math.sqrt(2 * LAYERS) if last else 0.02)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        x = self.token(ids) + self.position.weight[: ids.shape[1]]
        return self.norm(self.blocks(x)) @ self.token.weight.T


def rate(step: int, steps: int, highest: float) -> float:
    if step < WARMUP:
        return highest * (step + 1) / (WARMUP + 1)
    share = (step - WARMUP) / max(1, steps - WARMUP)
    return highest * (0.1 + 0.9 * (1 + math.cos(math.pi * share)) / 2)


def read(path: Path) -> tuple[torch.Tensor, torch.Tensor, int]:
    """Ids of the first 90 % of a text and of the rest, and how many characters there are."""
    text = path.read_text(encoding="utf-8")
    number = {character: i for i, character in enumerate(sorted(set(text)))}
    ids = torch.tensor([number[character] for character in text])
    return ids[: int(0.9 * len(ids))], ids[int(0.9 * len(ids)) :], len(number)


def optimiser_of(model: Reference, highest: float) -> torch.optim.AdamW:
    decayed = [p for p in model.parameters() if p.ndim == 2]
    others = [p for p in model.parameters() if p.ndim < 2]
    groups = [{"params": decayed, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=highest, betas=(0.9, 0.99))


def train_step(model: Reference, optimiser: torch.optim.AdamW, train: torch.Tensor, now: float) -> None:
    starts = torch.randint(len(train) - CONTEXT, (BATCH, 1))
    windows = train[starts + torch.arange(CONTEXT + 1)]
    loss = F.cross_entropy(model(windows[:, :-1]).flatten(0, 1), windows[:, 1:].flatten())
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    for group in optimiser.param_groups:
        group["lr"] = now
    optimiser.step()


@torch.no_grad()
def score(model: Reference, validation: torch.Tensor) -> float:
    """Mean loss over all of the validation text, in windows of the model's context."""
    rows = (len(validation) - 1) // CONTEXT
    x, y = validation[: rows * CONTEXT].view(rows, -1), validation[1 : rows * CONTEXT + 1].view(rows, -1)
    total = sum(
        F.cross_entropy(model(x[i : i + 32]).flatten(0, 1), y[i : i + 32].flatten(), reduction="sum").item()
        for i in range(0, rows, 32)
    )
    return total / y.numel()


def run(path: Path, steps: int, seed: int, highest: float = RATE) -> float:
    """Validation loss after so many steps."""
    torch.manual_seed(seed)
    train, validation, vocab_size = read(path)
    model = Reference(vocab_size)
    optimiser = optimiser_of(model, highest)
    for step in range(steps):
        train_step(model, optimiser, train, rate(step, steps, highest))
    return score(model, validation)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--rate", type=float, default=RATE)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    loss = run(options.corpus, options.steps, options.seed, options.rate)
    tokens = options.steps * BATCH * CONTEXT
    seconds = time.perf_counter() - STARTED
    print(f"val_loss {loss:.4f} seconds {seconds:.1f} tokens {tokens} steps {options.steps}")


if __name__ == "__main__":
    main()
