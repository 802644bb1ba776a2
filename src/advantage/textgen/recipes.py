"""A small GPT whose every choice is a switch, so that one can be changed and the rest stay.

A recipe is a dictionary; `RECIPE` is the one that *Training well* begins with. The model is that of `gpt`, written as a
function of named weights. `run` trains it for a number of steps and returns its loss: no clock decides anything.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from advantage.textgen import corpus
from advantage.textgen.muon import orthogonalise
from advantage.textgen.tokenizer import CharTokenizer

RECIPE = {
    "layers": 2,
    "width": 32,
    "heads": 2,
    "context": 64,
    "batch": 6,
    "positions": "rotary",  # or "learned"
    "norm": True,
    "norm_qk": True,
    "activation": "squared relu",  # or "gelu"
    "zero_outputs": True,
    "precision": "float32",  # or "bfloat16"
    "optimiser": "muon",  # of the matrices inside the blocks; or "adamw"
    "matrices": 0.03,  # its learning rate
    "tables": 0.01,  # the learning rate of embedding and head, which AdamW always trains
    "beta2": 0.98,  # what AdamW keeps of its averaged square
    "warmup": 10,  # steps
    "decay": 0.7,  # share of the run
}
TABLES = ("embedding", "head")
WORDS = {
    "positions": ("rotary", "learned"),
    "activation": ("squared relu", "gelu"),
    "precision": ("float32", "bfloat16"),
    "optimiser": ("muon", "adamw"),
}


def check(recipe: dict) -> None:
    """Whether a recipe has the entries of `RECIPE`, and words that the model knows.

    Raises:
        ValueError: an entry is missing, unknown, or has a value that no switch has; the message names it.
    """
    for key in recipe.keys() ^ RECIPE.keys():
        raise ValueError(f"recipe: {'unknown' if key in recipe else 'no'} entry {key!r}; must have {', '.join(RECIPE)}")
    for key, words in WORDS.items():
        if recipe[key] not in words:
            raise ValueError(f"recipe: {key} {recipe[key]!r}; must be {' or '.join(words)}")
    if recipe["heads"] < 1 or recipe["width"] % (2 * recipe["heads"]):
        raise ValueError(f"recipe: heads {recipe['heads']}, width {recipe['width']}; 2 × heads must divide the width")


def fresh_weights(recipe: dict, vocab_size: int, seed: int) -> dict[str, Tensor]:
    """Named weights, each (outputs, inputs)."""
    generator = torch.Generator().manual_seed(seed)
    d = recipe["width"]
    s = d**-0.5
    out = 0.0 if recipe["zero_outputs"] else s
    shapes = {"embedding": (vocab_size, d, 1.0), "head": (vocab_size, d, out)}
    if recipe["positions"] == "learned":
        shapes["position"] = (recipe["context"], d, 0.1)
    for i in range(recipe["layers"]):
        shapes |= {f"{i}.{name}": (d, d, s) for name in ("query", "key", "value")}
        shapes |= {f"{i}.out": (d, d, out), f"{i}.up": (4 * d, d, s), f"{i}.down": (d, 4 * d, out / 2)}
    return {
        name: (torch.randn(m, n, generator=generator) * std).requires_grad_() for name, (m, n, std) in shapes.items()
    }


def normed(x: Tensor) -> Tensor:
    """Each vector divided by its root mean square."""
    return F.rms_norm(x, (x.shape[-1],), eps=1e-6)


def angles(length: int, c: int) -> tuple[Tensor, Tensor]:
    """cos and sin of rotary positions, each (T, c)."""
    angle = torch.arange(length)[:, None] * 10_000.0 ** (-torch.arange(0, c, 2) / c)
    return angle.cos().repeat(1, 2), torch.cat([-angle.sin(), angle.sin()], -1)


def turned(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Queries or keys (B, H, T, c), each pair of entries turned by the angle of its position."""
    return x * cos + x.roll(x.shape[-1] // 2, -1) * sin


def logits(ids: Tensor, w: dict[str, Tensor], recipe: dict) -> Tensor:
    """(B, T) token ids → (B, T, V)."""
    norm = normed if recipe["norm"] else lambda x: x
    cos_sin = angles(ids.shape[1], recipe["width"] // recipe["heads"])
    x = w["embedding"][ids]
    if recipe["positions"] == "learned":
        x = x + w["position"][: ids.shape[1]]
    for i in range(recipe["layers"]):
        h = norm(x)
        q, k, v = (
            (h @ w[f"{i}.{name}"].T).unflatten(-1, (recipe["heads"], -1)).transpose(1, 2)
            for name in ("query", "key", "value")
        )  # each (B, H, T, c)
        if recipe["norm_qk"]:
            q, k = normed(q), normed(k)
        if recipe["positions"] == "rotary":
            q, k = turned(q, *cos_sin), turned(k, *cos_sin)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + mixed.transpose(1, 2).flatten(2) @ w[f"{i}.out"].T
        h = norm(x) @ w[f"{i}.up"].T
        h = F.relu(h).square() if recipe["activation"] == "squared relu" else F.gelu(h)
        x = x + h @ w[f"{i}.down"].T
    return norm(x) @ w["head"].T


def loss_of(windows: Tensor, w: dict[str, Tensor], recipe: dict) -> Tensor:
    """Mean loss in nats of windows (B, T + 1)."""
    with torch.autocast("cpu", torch.bfloat16, enabled=recipe["precision"] == "bfloat16"):
        scores = logits(windows[:, :-1], w, recipe)
    return F.cross_entropy(scores.float().flatten(0, 1), windows[:, 1:].flatten())


def stepper(w: dict[str, Tensor], recipe: dict, parts: dict[str, int] | None = None):
    """A function that updates the weights once, with every learning rate times its argument.

    AdamW: Loshchilov & Hutter 2019 (arXiv:1711.05101). Muon: Jordan et al. 2024, with `muon.orthogonalise`.

    Args:
        w: named weights; what is not a table and has two dimensions is a matrix. All else goes with the tables.
        recipe: `optimiser`, `matrices` and `tables` count.
        parts: name → how many matrices, one above the other, that weight holds; Muon takes each alone.
    """
    parts = parts or {}
    inside = {name: p for name, p in w.items() if p.ndim == 2 and name not in TABLES}
    groups = [{"params": [p for name, p in w.items() if name not in inside], "base": recipe["tables"]}]
    stacks = []
    if recipe["optimiser"] == "adamw":
        groups.append({"params": list(inside.values()), "base": recipe["matrices"]})
    else:
        kinds = dict.fromkeys((p.shape, parts.get(name, 1)) for name, p in inside.items())
        stacks = [
            ([p for name, p in inside.items() if (p.shape, parts.get(name, 1)) == (shape, number)], number)
            for shape, number in kinds
        ]
    averages = [torch.zeros_like(torch.stack(stack)) for stack, _ in stacks]
    adam = torch.optim.AdamW(groups, lr=0.0, betas=(0.9, recipe.get("beta2", 0.98)), weight_decay=0.0)

    @torch.no_grad()
    def step(factor: float) -> None:
        for (stack, number), average in zip(stacks, averages):
            gradient = torch.stack([p.grad for p in stack])  # type: ignore[misc]  # (matrices, m, n); each has one
            average.lerp_(gradient, 0.1)
            ahead = gradient.lerp(average, 0.9)  # Nesterov: what the average will be if this gradient comes again
            shape = ahead.shape
            ahead = ahead.reshape(-1, shape[1] // number, shape[2])
            m, n = ahead.shape[-2:]
            update = orthogonalise(ahead) * max(1, m / n) ** 0.5
            torch._foreach_add_(stack, list(update.view(shape)), alpha=-recipe["matrices"] * factor)
        for group in adam.param_groups:
            group["lr"] = group["base"] * factor
        adam.step()
        for p in w.values():
            p.grad = None

    return step


def factor(i: int, steps: int, recipe: dict) -> float:
    """Of the learning rates in step i: up over the warm-up, level, down to 0 over the last `decay` of the run."""
    return min(1, (i + 1) / max(1, recipe["warmup"])) * min(1, (1 - i / steps) / max(1e-9, recipe["decay"]))


def draw(tokens: np.ndarray, starts: np.ndarray, context: int = 64) -> Tensor:
    """Windows (B, T + 1) of token ids from the given places."""
    return torch.from_numpy(tokens[starts[:, None] + np.arange(context + 1)].astype(np.int64))


def text() -> dict:
    """The chapter's text: `tokens` to train on, `vocab_size`, and `score`: windows of two halves of the held-out files.

    Rates are chosen on the half `search`; what was chosen is judged on the half `judge`.
    """
    train_files, held_out = corpus.split(corpus.documents()[::5])
    tokenizer = CharTokenizer.train(corpus.join(train_files))
    score = {}
    for name, files, number in (("search", held_out[::2], 128), ("judge", held_out[1::2], 256)):
        tokens = tokenizer.encode(corpus.join(files))
        score[name] = draw(tokens, np.random.default_rng(1).integers(len(tokens) - 65, size=number))
    tokens = tokenizer.encode(corpus.join(train_files))
    return {"tokens": tokens, "vocab_size": tokenizer.vocab_size, "score": score}


def run(recipe: dict, steps: int, seed: int, tokens: np.ndarray, vocab_size: int, score: Tensor) -> float:
    """Train a recipe on random windows, and score it.

    Args:
        recipe: as `RECIPE`, with other values.
        steps: 0 or more; 0 scores the fresh weights.
        seed: decides the first weights and the windows.
        tokens: one-dimensional whole numbers, to train on.
        vocab_size: how many different tokens there are.
        score: windows to score, (B, T + 1).

    Returns:
        Mean loss in nats per token.

    Raises:
        ValueError: the recipe is not one, `steps` is negative, or the tokens do not fill a window.
    """
    check(recipe)
    if steps < 0:
        raise ValueError(f"steps: got {steps!r}; must be 0 or more")
    if len(tokens) <= recipe["context"] + 1:
        raise ValueError(f"tokens: {len(tokens)}; a window of context {recipe['context']} needs more")
    w = fresh_weights(recipe, vocab_size, seed)
    step, places = stepper(w, recipe), np.random.default_rng(seed)
    for i in range(steps):
        starts = places.integers(len(tokens) - recipe["context"] - 1, size=recipe["batch"])
        loss_of(draw(tokens, starts, recipe["context"]), w, recipe).backward()
        step(factor(i, steps, recipe))
    with torch.no_grad():
        return loss_of(score, w, recipe).item()
