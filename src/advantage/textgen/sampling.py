"""From a model's probabilities to text: choose the next token, append it, ask again.

`probabilities` turns logits into the distribution that is drawn from; `stream` and `generate` run the loop, with a
key–value cache and for several prompts at once; `complete` and `stream_text` do the same for text; `beam_search` looks
for the most probable text instead.

A model here is anything with `model(ids) → logits`, (B, T) → (B, T, V), `model(ids, cache) → logits` for tokens that
follow those in the cache, `model.new_cache(batch, length)`, and `model.context`, the tokens it can see (None: any
number).
"""

import bisect
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from advantage import checks
from advantage.textgen.distribution import NEVER, check_logits, check_options, draw, probabilities
from advantage.textgen.interface import device_of
from advantage.textgen.tokenizer import Tokenizer, row_of_ids

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


class _Reader:
    """Reads rows of ids up to a place, and gives the logits for the token that comes there.

    Rows may join at the end: with a cache that can `join` another, each is read once. Without, all are read again.
    """

    def __init__(self, model: Any, ids: Tensor, cached: bool) -> None:
        self.model, self.ids, self.cached = model, ids, cached
        self.context = getattr(model, "context", None)
        self.room = ids.shape[1] if self.context is None else min(ids.shape[1], self.context)
        self.state: Any = None  # the cache of rows low … high − 1, from the place `start` on
        self.start = self.low = self.high = 0

    def logits(self, low: int, high: int, n: int) -> Tensor:
        """(high − low, V), for place n of the rows low … high − 1."""
        start = window(n, self.context)
        if not self.cached:
            return self.model(self.ids[low:high, start:n])[:, -1]
        goes_on = self.state is not None and (start, low) == (self.start, self.low)
        if goes_on and (high == self.high or hasattr(self.state, "join")):
            logits = self.model(self.ids[low : self.high, n - 1 : n], self.state)[:, -1]
            if high > self.high:
                joining, state = self._fill(self.high, high, start, n)
                self.state.join(state)
                logits = torch.cat([logits, joining])
        else:
            logits, self.state = self._fill(low, high, start, n)
        self.start, self.low, self.high = start, low, high
        return logits

    def _fill(self, low: int, high: int, start: int, n: int) -> tuple[Tensor, Any]:
        state = self.model.new_cache(high - low, self.room)
        return self.model(self.ids[low:high, start:n], state)[:, -1], state


@torch.inference_mode()
def stream(
    model: Any,
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

    Prompts may differ in length: a row joins the others when they have come as far as its prompt, which is then read
    at once, so that no padding is needed. Row i draws with seed + i: a row is the same alone and in a batch.

    Args:
        model: see the module's first lines.
        prompts: ids, one sequence for each row, none of them empty (`complete` begins an empty prompt with
            `tokenizer.start`).
        max_new_tokens: the most that a row gets.
        temperature, top_k, top_p, min_p, repetition_penalty: as in `probabilities`.
        stop: a row ends when this id is drawn, which is not returned.
        seed: any whole number of 63 bits.
        cache: False recomputes the whole text for every token: the same tokens, slower.
        first: (B, V), True for the tokens that a row may begin with; any, unless given.

    Yields:
        One list for each step: the new id of each row, or None where a row has ended or has not yet begun.
    """
    check_options(temperature, top_k, top_p, min_p, repetition_penalty)
    checks.whole("max_new_tokens", max_new_tokens)
    checks.whole("seed", seed, -(1 << 63))
    if seed + len(prompts) >= 1 << 63:
        raise ValueError(f"seed: {seed}; must be below 2 ** 63")
    read = [_prompt(f"prompts[{row}]", prompt) for row, prompt in enumerate(prompts)]
    if not read:
        raise ValueError("prompts: none; give at least one sequence of ids")
    order = sorted(range(len(read)), key=lambda row: len(read[row]))  # rows begin in this order
    lengths = [len(read[row]) for row in order]
    total, device = lengths[-1] + max_new_tokens, device_of(model)
    ids = torch.zeros(len(order), total, dtype=torch.long)
    uniform = torch.zeros(len(order), total)  # what each row draws its token at a place with
    for place, row in enumerate(order):
        ids[place, : lengths[place]] = torch.from_numpy(read[row])
        own = torch.Generator().manual_seed(seed + row)
        uniform[place, lengths[place] : lengths[place] + max_new_tokens] = torch.rand(max_new_tokens, generator=own)
    ids, uniform = ids.to(device), uniform.to(device)
    reader = _Reader(model, ids, cache)
    begins = None if first is None else first[order].to(device)
    seen: Tensor | None = None
    ended = [max_new_tokens == 0] * len(order)
    low = high = 0  # rows low … high − 1 are drawn for; those before have ended, those after have not begun
    was_training = model.training
    model.eval()
    try:
        for n in range(lengths[0], total):
            if all(ended):
                break
            step: list[int | None] = [None] * len(order)
            if all(ended[low:high]):
                low = high
            high = bisect.bisect_right(lengths, n)
            if low == high:  # nothing to draw before the next prompt ends
                yield step
                continue
            logits = reader.logits(low, high, n)
            if repetition_penalty != 1 and seen is None:
                seen = torch.zeros(len(order), logits.shape[1], dtype=torch.bool, device=device)
                for place, length in enumerate(lengths):
                    seen[place, ids[place, :length]] = True
            if begins is not None and n in lengths:
                new = torch.tensor([n == length for length in lengths[low:high]], device=device)[:, None]
                logits = logits.masked_fill(new & ~begins[low:high], NEVER)
            known = None if seen is None else seen[low:high]
            p = probabilities(logits, temperature, top_k, top_p, min_p, repetition_penalty, known)
            chosen = p.argmax(1) if temperature == 0 else draw(p, uniform[low:high, n], checked=True)
            ids[low:high, n] = chosen
            if known is not None:
                known.scatter_(1, chosen[:, None], True)
            for place, token in enumerate(chosen.tolist(), low):
                if not ended[place]:
                    step[order[place]] = None if token == stop else token
                    ended[place] = token == stop or n + 1 - lengths[place] >= max_new_tokens
            yield step
    finally:
        model.train(was_training)


def _prompt(name: str, prompt: Sequence[int]) -> np.ndarray:
    if len(prompt) == 0:
        raise ValueError(f"{name}: empty; begin with the tokenizer's start id")
    return row_of_ids(name, prompt)


def generate(model: Any, prompts: Sequence[Sequence[int]], max_new_tokens: int, **options: Any) -> list[list[int]]:
    """The new tokens of each prompt; arguments as in `stream`."""
    drawn: list[list[int]] = [[] for _ in prompts]
    for step in stream(model, prompts, max_new_tokens, **options):
        for row, token in zip(drawn, step):
            if token is not None:
                row.append(token)
    return drawn


# ----------------------------------------------------------------------- with text


def document_end(tokenizer: Tokenizer) -> int | None:
    """The id that ends a document; None where the vocabulary has none."""
    return tokenizer.start if tokenizer.token_bytes[tokenizer.start] == b"\0" else None


def prompt_ids(tokenizer: Tokenizer, prompt: str) -> tuple[list[int], bytes]:
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


def first_tokens(tokenizer: Tokenizer, held: list[bytes]) -> Tensor | None:
    """(B, V): the tokens that begin with what each prompt has left to them; None where none has."""
    if not any(held):
        return None
    return torch.tensor([[token.startswith(rest) for token in tokenizer.token_bytes] for rest in held])


def stream_text(
    model: Any, tokenizer: Tokenizer, prompt: str, max_new_tokens: int = 200, **options: Any
) -> Iterator[str]:
    """Continue one prompt, a piece of text for each token; a character of several tokens comes with its last one.

    Options as in `stream`. A document that ends (`tokenizer.start`) ends the text, unless `stop` says otherwise. A
    prompt may end in white space: the first token is drawn among those that begin with it.

    Raises:
        ValueError: the vocabulary lacks a character of the prompt.
    """
    options.setdefault("stop", document_end(tokenizer))
    ids, held = prompt_ids(tokenizer, prompt)
    steps = stream(model, [ids], max_new_tokens, first=first_tokens(tokenizer, [held]), **options)
    for piece in tokenizer.stream(step[0] for step in steps if step[0] is not None):
        yield piece[len(held) :]
        held = b""


def complete(
    model: Any, tokenizer: Tokenizer, prompts: str | list[str], max_new_tokens: int = 200, **options: Any
) -> str | list[str]:
    """Continue one prompt or several at once: the new text of each, without the prompt; as `stream_text` does."""
    several = [prompts] if isinstance(prompts, str) else prompts
    options.setdefault("stop", document_end(tokenizer))
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
    start = _prompt("prompt", prompt)
    checks.whole("beams", beams, 1)
    checks.whole("max_new_tokens", max_new_tokens)
    device = device_of(model)
    context = getattr(model, "context", None)
    ids = torch.from_numpy(start).to(device)[None]  # (candidates, length)
    scores = torch.zeros(1, device=device, dtype=torch.double)
    for _ in range(max_new_tokens):
        logits = model(ids[:, window(ids.shape[1], context) :])[:, -1].double()
        check_logits(logits)
        log_p = logits.log_softmax(1)  # (candidates, V)
        total = (scores[:, None] + log_p).flatten()
        scores, best = total.topk(min(beams, len(total)))
        ids = torch.cat([ids[best // log_p.shape[1]], (best % log_p.shape[1])[:, None]], dim=1)
    scale = max(max_new_tokens, 1) ** length_penalty
    return [(row[len(prompt) :].tolist(), score / scale) for row, score in zip(ids, scores.tolist())]
