"""From a model's probabilities to text: choose the next token, append it, ask again.

`probabilities` turns logits into the distribution that is drawn from; `stream` and `generate` run the loop, with a
key–value cache and for several prompts at once; `complete` and `stream_text` do the same for text; `beam_search` looks
for the most probable text instead.

A model here is anything with `model(ids) → logits`, (B, T) → (B, T, V), `model(ids, cache) → logits` for tokens that
follow those in the cache, `model.new_cache(batch, length)`, and `model.context`, the tokens it can see (None: any
number).
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

NEVER = float("-inf")


# ---------------------------------------------------------------------- choosing one token


def probabilities(
    logits: Tensor,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    min_p: float | None = None,
    repetition_penalty: float = 1.0,
    seen: Tensor | None = None,
) -> Tensor:
    """The distribution that the next token is drawn from.

    The steps are applied in this order, each where it is asked for: repetition penalty, temperature, top-k, top-p,
    min-p.

    Args:
        logits: (B, V), the model's output for the next token.
        temperature: divides the logits; below 1 sharper, above 1 flatter, 0 puts all on the largest.
        top_k: keep the k largest logits (and what ties with the last of them).
        top_p: keep the smallest set of tokens that holds this much probability (Holtzman et al. 2020).
        min_p: keep tokens at least this fraction as probable as the most probable one (Nguyen et al. 2024).
        repetition_penalty: above 1 makes tokens that were `seen` less probable: positive logits are divided by it
            (Keskar et al. 2019), negative ones multiplied, as in `transformers`.
        seen: (B, V), True for the tokens of the text so far.

    Returns:
        (B, V), each row sums to one.

    Raises:
        ValueError: an argument is out of range, or the logits are NaN.
    """
    _check(temperature, top_k, top_p, min_p, repetition_penalty)
    if logits.ndim != 2 or not logits.is_floating_point() or 0 in logits.shape:
        raise ValueError(f"logits: {tuple(logits.shape)} {logits.dtype}; must be (B, V) floats, neither of them 0")
    logits = logits.float()
    if logits.isnan().any():
        raise ValueError("logits: NaN; the model has diverged, or its weights are damaged")
    if repetition_penalty != 1 and seen is not None:
        logits = torch.where(
            seen, torch.where(logits > 0, logits / repetition_penalty, logits * repetition_penalty), logits
        )
    if temperature == 0:
        return torch.zeros_like(logits).scatter(1, logits.argmax(1, keepdim=True), 1.0)
    logits = logits / temperature
    if top_k is not None and top_k < logits.shape[1]:
        logits = logits.masked_fill(logits < logits.topk(top_k).values[:, -1:], NEVER)
    p = logits.softmax(1)
    if top_p is not None and top_p < 1:
        sorted_p, order = p.sort(descending=True, stable=True)
        before = sorted_p.cumsum(1) - sorted_p  # the probability of all that come first
        p = p * (before < top_p).gather(1, order.argsort(1))
        p = p / p.sum(1, keepdim=True)
    if min_p is not None and min_p > 0:
        p = p * (p >= min_p * p.max(1, keepdim=True).values)
        p = p / p.sum(1, keepdim=True)
    return p


def _check(temperature: float, top_k: int | None, top_p: float | None, min_p: float | None, penalty: float) -> None:
    if not 0 <= temperature < float("inf"):
        raise ValueError(f"temperature: {temperature!r}; must be 0 (the most probable token) or a positive number")
    if top_k is not None and (int(top_k) != top_k or top_k < 1):
        raise ValueError(f"top_k: {top_k!r}; must be a whole number, 1 or more")
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError(f"top_p: {top_p!r}; must be above 0 and at most 1")
    if min_p is not None and not 0 <= min_p <= 1:
        raise ValueError(f"min_p: {min_p!r}; must be between 0 and 1")
    if not 0 < penalty < float("inf"):
        raise ValueError(f"repetition_penalty: {penalty!r}; must be positive; 1 changes nothing")


def draw(p: Tensor, uniform: Tensor) -> Tensor:
    """One token for each row, by inverting the cumulative distribution.

    Args:
        p: (B, V) probabilities.
        uniform: (B,) numbers in [0, 1).

    Returns:
        (B,) ids; a token of probability zero is never drawn.
    """
    cumulative = p.double().cumsum(1)
    wanted = uniform.double()[:, None] * cumulative[:, -1:]
    return (cumulative <= wanted).sum(1)


# ----------------------------------------------------------------------- the loop


def window(length: int, context: int | None) -> int:
    """Where the text that the model sees begins, for a text of `length` tokens.

    A text that fits is seen whole. A longer one loses its beginning, half a context at a time, so that a cache lasts
    for half a context before it is filled anew. It depends on the length alone: with a cache and without, the model
    sees the same.
    """
    if context is None or length <= context:
        return 0
    step = max(context // 2, 1)
    return -(-(length - context) // step) * step


@torch.inference_mode()
def stream(
    model,
    prompts: Sequence[Sequence[int]],
    max_new_tokens: int,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    min_p: float | None = None,
    repetition_penalty: float = 1.0,
    stop: int | None = None,
    seed: int = 0,
    cache: bool = True,
    first: Tensor | None = None,
) -> Iterator[list[int | None]]:
    """Draw tokens after each prompt, and yield them as they come.

    Prompts may differ in length: all rows start at the same place, and a row takes its own prompt's next token until
    the prompt ends, so that no padding is needed. Row i draws with seed + i: a row is the same alone and in a batch.

    Args:
        model: see the module's first lines.
        prompts: ids, one sequence for each row, none of them empty (`complete` begins an empty prompt with
            `tokenizer.start`).
        max_new_tokens: the most that a row gets.
        temperature, top_k, top_p, min_p, repetition_penalty: as in `probabilities`.
        stop: a row ends when this id is drawn, which is not returned.
        seed: any whole number.
        cache: False recomputes the whole text for every token: the same tokens, slower.
        first: (B, V), True for the tokens that a row may begin with; any, unless given.

    Yields:
        One list for each step: the new id of each row, or None where a row has ended or still reads its prompt.
    """
    _check(temperature, top_k, top_p, min_p, repetition_penalty)
    if len(prompts) == 0:
        raise ValueError("prompts: none; give at least one sequence of ids")
    for row, prompt in enumerate(prompts):
        if len(prompt) == 0:
            raise ValueError(f"prompts[{row}]: empty; begin with the tokenizer's start id")
    if max_new_tokens < 0:
        raise ValueError(f"max_new_tokens: {max_new_tokens}; must be 0 or more")
    lengths = [len(prompt) for prompt in prompts]
    total, rows = max(lengths) + max_new_tokens, len(prompts)
    device = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
    context = getattr(model, "context", None)

    ids = torch.zeros(rows, total, dtype=torch.long, device=device)
    for row, prompt in enumerate(prompts):
        ids[row, : lengths[row]] = torch.as_tensor(np.asarray(prompt, dtype=np.int64))
    uniform = torch.zeros(rows, total)  # what row i draws its token at place n with
    for row, length in enumerate(lengths):
        own = torch.Generator().manual_seed(seed + row)
        uniform[row, length : length + max_new_tokens] = torch.rand(max_new_tokens, generator=own)
    uniform = uniform.to(device)
    seen, state, begin = None, None, None
    ended = [max_new_tokens == 0] * rows
    n = min(lengths)
    was_training = model.training
    model.eval()
    try:
        while not all(ended):
            start = window(n, context)
            if not cache:
                logits = model(ids[:, start:n])[:, -1]
            elif start != begin:
                state, begin = model.new_cache(rows, total if context is None else min(total, context)), start
                logits = model(ids[:, start:n], state)[:, -1]
            else:
                logits = model(ids[:, n - 1 : n], state)[:, -1]
            if repetition_penalty != 1:
                if seen is None:
                    seen = torch.zeros_like(logits, dtype=torch.bool).scatter(1, ids[:, :n], True)
                else:
                    seen.scatter_(1, ids[:, n - 1 : n], True)
            if first is not None and n in lengths:
                begins = torch.tensor([n == length for length in lengths], device=device)[:, None]
                logits = logits.masked_fill(begins & ~first.to(device), NEVER)
            p = probabilities(logits, temperature, top_k, top_p, min_p, repetition_penalty, seen)
            chosen = p.argmax(1) if temperature == 0 else draw(p, uniform[:, n])
            if n >= max(lengths):
                ids[:, n] = chosen
            else:
                reading = torch.tensor([n < length for length in lengths], device=device)
                ids[:, n] = torch.where(reading, ids[:, n], chosen)
            step = []
            for row, token in enumerate(chosen.tolist()):
                if n < lengths[row]:
                    step.append(None)
                    continue
                ended[row] = ended[row] or token == stop
                step.append(None if ended[row] else token)
                ended[row] = ended[row] or n + 1 - lengths[row] >= max_new_tokens
            n += 1
            yield step
    finally:
        model.train(was_training)


def generate(model, prompts: Sequence[Sequence[int]], max_new_tokens: int, **options) -> list[list[int]]:
    """The new tokens of each prompt; arguments as in `stream`."""
    drawn = [[] for _ in prompts]
    for step in stream(model, prompts, max_new_tokens, **options):
        for row, token in zip(drawn, step):
            if token is not None:
                row.append(token)
    return drawn


# ----------------------------------------------------------------------- with text


def prompt_ids(tokenizer, prompt: str) -> tuple[list[int], bytes]:
    """The ids of a prompt, and the white space at its end that is left to the first token drawn.

    Byte pairs give the space before a word to the word. A prompt that ends in a space would end where no text does
    that the model has read, so the space is taken off, and the first token drawn must begin with it. The empty prompt
    is the place before a text begins.
    """
    ids = tokenizer.encode(prompt, strict=True).tolist()
    held = tokenizer.token_bytes[ids[-1]] if ids else b""
    if held.isspace() and any(len(token) > len(held) and token.startswith(held) for token in tokenizer.token_bytes):
        return ids[:-1] or [tokenizer.start], held
    return ids or [tokenizer.start], b""


def first_tokens(tokenizer, held: list[bytes]) -> Tensor | None:
    """(B, V): the tokens that begin with what each prompt has left to them; None where none has."""
    if not any(held):
        return None
    return torch.tensor([[token.startswith(rest) for token in tokenizer.token_bytes] for rest in held])


def stream_text(model, tokenizer, prompt: str, max_new_tokens: int = 200, **options) -> Iterator[str]:
    """Continue one prompt, a piece of text for each token; a character of several tokens comes with its last one.

    Options as in `stream`. A document that ends (`tokenizer.start`) ends the text, unless `stop` says otherwise. A
    prompt may end in white space: the first token is drawn among those that begin with it.

    Raises:
        ValueError: the vocabulary lacks a character of the prompt.
    """
    options.setdefault("stop", tokenizer.start if tokenizer.token_bytes[tokenizer.start] == b"\0" else None)
    ids, held = prompt_ids(tokenizer, prompt)
    steps = stream(model, [ids], max_new_tokens, first=first_tokens(tokenizer, [held]), **options)
    for piece in tokenizer.stream(step[0] for step in steps if step[0] is not None):
        yield piece[len(held) :]
        held = b""


def complete(model, tokenizer, prompts: str | list[str], max_new_tokens: int = 200, **options) -> str | list[str]:
    """Continue one prompt or several at once: the new text of each, without the prompt; as `stream_text` does."""
    several = [prompts] if isinstance(prompts, str) else prompts
    options.setdefault("stop", tokenizer.start if tokenizer.token_bytes[tokenizer.start] == b"\0" else None)
    begun = [prompt_ids(tokenizer, prompt) for prompt in several]
    held = [rest for _, rest in begun]
    drawn = generate(model, [ids for ids, _ in begun], max_new_tokens, first=first_tokens(tokenizer, held), **options)
    texts = [tokenizer.decode(ids)[len(rest) :] for ids, rest in zip(drawn, held)]
    return texts[0] if isinstance(prompts, str) else texts


# --------------------------------------------------------------------- beam search


@torch.inference_mode()
def beam_search(
    model, prompt: Sequence[int], max_new_tokens: int, beams: int = 4, length_penalty: float = 0.0
) -> list[tuple[list[int], float]]:
    """The most probable continuations that a search of `beams` candidates finds, best first.

    After each token the candidates with the highest total log-probability are kept. With one beam this is greedy
    decoding; with as many as there are texts it is exhaustive.

    Args:
        model: as in `stream`; no cache is used.
        prompt: ids, not empty.
        max_new_tokens: the length of every continuation.
        beams: candidates that are kept.
        length_penalty: scores are divided by length to this power; all lengths are equal here, so only the score
            changes.

    Returns:
        Pairs (new ids, log-probability in nats over length ** length_penalty).
    """
    if len(prompt) == 0:
        raise ValueError("prompt: empty; begin with the tokenizer's start id")
    if beams < 1 or max_new_tokens < 0:
        raise ValueError(f"beams: {beams}, max_new_tokens: {max_new_tokens}; must be at least 1 and 0")
    device = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
    context = getattr(model, "context", None)
    ids = torch.as_tensor(np.asarray(prompt, dtype=np.int64), device=device)[None]  # (candidates, length)
    scores = torch.zeros(1, device=device, dtype=torch.double)
    for _ in range(max_new_tokens):
        log_p = model(ids[:, window(ids.shape[1], context) :])[:, -1].double().log_softmax(1)  # (candidates, V)
        total = (scores[:, None] + log_p).flatten()
        scores, best = total.topk(min(beams, len(total)))
        ids = torch.cat([ids[best // log_p.shape[1]], (best % log_p.shape[1])[:, None]], dim=1)
    scale = max(max_new_tokens, 1) ** length_penalty
    return [(row[len(prompt) :].tolist(), score / scale) for row, score in zip(ids, scores.tolist())]
