"""Sampling: distributions by chi-square, the loop by an uncached and an unbatched one."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import chisquare

from advantage.textgen import sampling
from advantage.textgen.gpt import GPT
from advantage.textgen.lstm import LSTM
from advantage.textgen.sampling import beam_search, complete, draw, generate, probabilities, stream
from advantage.textgen.tokenizer import BPETokenizer, ByteTokenizer, CharTokenizer


class Cache:
    def __init__(self, batch, length, width):
        self.x, self.length = torch.zeros(batch, length, width), 0


class Toy(torch.nn.Module):
    """One attention over all earlier tokens, with a cache: enough to tell a wrong cache from a right one."""

    def __init__(self, vocab_size, context=None, width=8, sharp=3.0):
        super().__init__()
        generator = torch.Generator().manual_seed(vocab_size)
        self.context = context
        self.embedding = torch.nn.Parameter(torch.randn(vocab_size, width, generator=generator))
        self.query = torch.nn.Parameter(torch.randn(width, width, generator=generator))
        self.head = torch.nn.Parameter(sharp * torch.randn(width, vocab_size, generator=generator))
        self.calls = 0

    def new_cache(self, batch, length):
        return Cache(batch, length, self.embedding.shape[1])

    def forward(self, ids, cache=None):
        assert self.context is None or ids.shape[1] <= self.context
        self.calls += ids.numel()
        x = self.embedding[ids]
        before, known = 0, x
        if cache is not None:
            before = cache.length
            cache.length += ids.shape[1]
            assert cache.length <= cache.x.shape[1], "the cache is too short"
            cache.x[:, before : cache.length] = x
            known = cache.x[:, : cache.length]
        position = torch.arange(known.shape[1])
        mine = torch.arange(before, before + ids.shape[1])[:, None]
        scores = x @ self.query @ known.mT - 0.3 * (mine - position)
        return scores.masked_fill(position > mine, -math.inf).softmax(-1) @ known @ self.head


logits_of = arrays(np.float32, st.tuples(st.integers(1, 3), st.integers(1, 12)), elements=st.floats(-8, 8, width=32))


# One token


@given(
    logits_of,
    st.sampled_from([0.3, 0.7, 1.0, 2.0]),
    st.none() | st.integers(1, 15),
    st.none() | st.floats(0.05, 1.0),
    st.none() | st.floats(0.0, 0.9),
    st.sampled_from([1.0, 1.3, 0.8]),
)
def test_probabilities_are_those_of_transformers(logits, temperature, top_k, top_p, min_p, penalty):
    """Reference: the logits processors of `transformers`, applied in the order of its `generate`."""
    from transformers.generation import logits_process as hf

    logits = torch.from_numpy(logits)
    rows, size = logits.shape
    ids = torch.arange(rows)[:, None] % size
    seen = torch.zeros(rows, size, dtype=torch.bool).scatter(1, ids, True)
    steps = [hf.RepetitionPenaltyLogitsProcessor(penalty), hf.TemperatureLogitsWarper(temperature)]
    steps += [hf.TopKLogitsWarper(top_k)] if top_k else []
    steps += [hf.TopPLogitsWarper(top_p)] if top_p and top_p < 1 else []
    steps += [hf.MinPLogitsWarper(min_p)] if min_p else []
    expected = logits.clone()
    for step in steps:
        expected = step(ids, expected)
    p = probabilities(logits, temperature, top_k, top_p, min_p, penalty, seen)
    expected = expected.softmax(1)
    if (p > 0).equal(expected > 0):  # a token that lies on the border by the last bit may fall on either side
        torch.testing.assert_close(p, expected, rtol=1e-4, atol=1e-6)
    else:
        ties = torch.sort(logits, 1).values.diff(dim=1).abs() < 1e-4
        near = top_p is not None and _near(logits, temperature, top_k, top_p, seen, penalty)
        assert ties.any() or near or min_p


def _near(logits, temperature, top_k, top_p, seen, penalty):
    """Whether a cumulative probability lies on the threshold by rounding."""
    p = probabilities(logits, temperature, top_k, None, None, penalty, seen).sort(descending=True).values.cumsum(1)
    return bool(((p - top_p).abs() < 1e-4).any())


def test_by_hand():
    """Reference: arithmetic: logits that are logarithms of 1/2, 1/4, 1/8, 1/8."""
    logits = torch.tensor([[0.5, 0.25, 0.125, 0.125]]).log()

    def row(**options):
        return [round(x, 6) for x in probabilities(logits, **options)[0].tolist()]

    assert row() == [0.5, 0.25, 0.125, 0.125]
    assert row(temperature=0.5) == [round(x / 22, 6) for x in (16, 4, 1, 1)]
    assert row(temperature=0) == [1, 0, 0, 0]
    assert row(top_k=2) == [round(2 / 3, 6), round(1 / 3, 6), 0, 0]
    assert row(top_k=3) == row()  # a tie with the third
    assert row(top_p=0.5) == [1, 0, 0, 0]
    assert row(top_p=0.51) == row(top_k=2)
    assert row(min_p=0.3) == row(top_k=2)
    assert row(min_p=1) == [1, 0, 0, 0]
    seen = torch.tensor([[True, False, False, False]])
    assert row(repetition_penalty=2.0, seen=seen) == [round(x, 6) for x in (1 / 3, 1 / 3, 1 / 6, 1 / 6)]
    assert row(seen=seen) == row(repetition_penalty=2.0) == row()  # one without the other changes nothing


def test_draws_follow_the_distribution():
    """Reference: Pearson's chi-square test of 40,000 draws against the probabilities, at a fixed seed."""
    logits = torch.tensor([[2.0, 1.0, 0.0, -1.0, -2.0, 0.5]])
    for options in (
        {},
        {"temperature": 0.7},
        {"top_k": 3},
        {"top_p": 0.8},
        {"min_p": 0.1},
        {"temperature": 1.5, "top_k": 4},
    ):
        p = probabilities(logits, **options)
        uniform = torch.rand(40_000, generator=torch.Generator().manual_seed(1))
        counts = torch.bincount(draw(p.expand(40_000, -1), uniform), minlength=6).numpy()
        allowed = p[0].numpy() > 0
        assert not counts[~allowed].any()
        expected = p[0].double().numpy()[allowed]
        assert chisquare(counts[allowed], 40_000 * expected / expected.sum()).pvalue > 0.01


def test_generated_tokens_follow_the_models_distribution():
    """Reference: Pearson's chi-square test of pairs of tokens against the model's own p(a) p(b | a), 6,000 rows."""
    model, rows = Toy(4, sharp=1.0), 6000
    with torch.no_grad():
        first = model(torch.tensor([[0]]))[0, -1].softmax(0)
        second = model(torch.tensor([[0, a] for a in range(4)]))[:, -1].softmax(1)
    expected = (first[:, None] * second).flatten().double().numpy()
    drawn = generate(model, [[0]] * rows, 2, seed=7)
    counts = np.bincount([4 * a + b for a, b in drawn], minlength=16)
    assert chisquare(counts, rows * expected / expected.sum()).pvalue > 0.01


@given(st.lists(st.sampled_from([0.0, 0.2, 1.0]), min_size=1, max_size=6), st.floats(0, 1, exclude_max=True, width=32))
def test_what_has_no_probability_is_never_drawn(weights, uniform):
    """Reference: the definition of a distribution; 0 and the largest number below 1 are drawn too."""
    if not any(weights):
        return
    p = torch.tensor([weights]) / sum(weights)
    for u in (uniform, 0.0, 1 - 2**-24):
        assert weights[int(draw(p, torch.tensor([u])))] > 0


# The loop


@settings(deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 10), min_size=1, max_size=12), min_size=1, max_size=4),
    st.integers(0, 12),
    st.sampled_from([None, 1, 2, 5, 8]),
    st.sampled_from([{}, {"temperature": 0}, {"top_k": 3, "repetition_penalty": 1.5}, {"top_p": 0.7, "stop": 3}]),
    st.integers(0, 2**40),
)
def test_cache_equals_no_cache_and_batch_equals_single(prompts, count, context, options, seed):
    """Reference: the loop without a cache, one prompt at a time."""
    model = Toy(11, context)
    together = generate(model, prompts, count, seed=seed, **options)
    assert together == generate(model, prompts, count, seed=seed, cache=False, **options)
    for row, prompt in enumerate(prompts):
        assert generate(model, [prompt], count, seed=seed + row, cache=False, **options) == [together[row]]
    if "stop" not in options:
        assert [len(row) for row in together] == [count] * len(prompts)
    else:
        assert not any(3 in row for row in together)


def trained(kind, context=24):
    """A model of the package with weights far from their beginning, so that every path through it matters."""
    torch.manual_seed(0)
    model = GPT(13, context, 2, 32, 2) if kind == "gpt" else LSTM(13, 16, 2)
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    return model.eval()


@pytest.mark.parametrize("kind", ["gpt", "lstm"])
@given(data=st.data())
@settings(deadline=None, max_examples=15)
def test_the_models_of_the_package_with_and_without_cache(kind, data):
    """Reference: the loop without a cache, one prompt at a time; texts run past the context."""
    model = trained(kind)
    prompts = data.draw(st.lists(st.lists(st.integers(0, 12), min_size=1, max_size=30), min_size=1, max_size=3))
    options = data.draw(
        st.sampled_from([{"temperature": 0}, {"top_p": 0.9}, {"min_p": 0.05, "repetition_penalty": 1.2}])
    )
    together = generate(model, prompts, 30, seed=3, **options)
    assert together == generate(model, prompts, 30, seed=3, cache=False, **options)
    for row, prompt in enumerate(prompts):
        assert generate(model, [prompt], 30, seed=3 + row, cache=False, **options) == [together[row]]


@pytest.mark.parametrize("kind", ["gpt", "lstm"])
def test_logits_with_and_without_cache(kind):
    """Reference: one pass over the whole text, float32 on the CPU, to 1e-5."""
    model, ids = trained(kind), torch.randint(13, (3, 24), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        cache = model.new_cache(3, 24)
        steps = [
            model(ids[:, :7], cache),
            *(model(ids[:, n : n + 1], cache) for n in range(7, 20)),
            model(ids[:, 20:], cache),
        ]
        torch.testing.assert_close(torch.cat(steps, 1), model(ids), rtol=0, atol=1e-5)


@pytest.mark.parametrize("context", [None, 4])
def test_the_repetition_penalty_counts_every_token_so_far(context):
    """Reference: a loop that looks at the whole text for every token."""
    model, ids = Toy(11, context, sharp=1.0), [3, 7]
    for _ in range(20):
        with torch.no_grad():
            logits = model(torch.tensor([ids[sampling.window(len(ids), context) :]]))[0, -1]
        ids.append(
            max(range(11), key=lambda i: float(logits[i] * ((1.7 if logits[i] < 0 else 1 / 1.7) if i in ids else 1)))
        )
    assert generate(model, [ids[:2]], 20, temperature=0, repetition_penalty=1.7) == [ids[2:]]


@pytest.mark.parametrize("context", [1, 2, 3, 8, 9])
def test_the_window_fits_and_moves_forward(context):
    """Reference: its definition: at most `context` tokens, at least one, and a cache lasts for half a context."""
    starts = [sampling.window(length, context) for length in range(1, 60)]
    assert all(1 <= length - start <= context for length, start in zip(range(1, 60), starts))
    assert starts == sorted(starts)
    runs = [len(list(run)) for _, run in itertools.groupby(starts)]
    assert all(run == max(context // 2, 1) for run in runs[1:-1])
    assert sampling.window(10**6, None) == 0


def test_the_cache_saves_work():
    """Reference: counted tokens: each is read once with a cache, and once for each later one without."""
    model = Toy(11)
    generate(model, [[1, 2, 3]], 40)
    assert model.calls == 3 + 39
    model.calls = 0
    generate(model, [[1, 2, 3]], 40, cache=False)
    assert model.calls == sum(range(3, 43))


def test_tokens_arrive_one_by_one():
    """Reference: `generate`; a row with a longer prompt begins later, and a row that stopped gives None."""
    model = Toy(11)
    steps = list(stream(model, [[1], [1, 2, 3]], 5, seed=3))
    assert [step[1] for step in steps[:2]] == [None, None]
    assert [step[0] for step in steps[5:]] == [None, None]
    assert [token for token, _ in steps if token is not None] == generate(model, [[1]], 5, seed=3)[0]
    model.train()
    steps = stream(model, [[1]], 5)
    next(steps)
    steps.close()  # a reader may leave early
    assert model.training


def test_seeds_repeat_and_differ():
    """Reference: the same seed gives the same tokens, whatever was drawn elsewhere."""
    model = Toy(11, sharp=0.1)
    a = generate(model, [[1]], 30, seed=1)
    torch.rand(7)
    assert a == generate(model, [[1]], 30, seed=1) != generate(model, [[1]], 30, seed=2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"prompts": []}, "prompts: none"),
        ({"prompts": [[1], []]}, r"prompts\[1\]: empty"),
        ({"max_new_tokens": -1}, "max_new_tokens: -1"),
        ({"temperature": -0.1}, "temperature: -0.1"),
        ({"temperature": math.nan}, "temperature: nan"),
        ({"top_k": 0}, "top_k: 0"),
        ({"top_k": 1.5}, "top_k: 1.5"),
        ({"top_p": 0.0}, "top_p: 0.0"),
        ({"top_p": 1.1}, "top_p: 1.1"),
        ({"min_p": 1.1}, "min_p: 1.1"),
        ({"repetition_penalty": 0}, "repetition_penalty: 0"),
    ],
)
def test_wrong_arguments_are_named(change, message):
    """Reference: the ranges in the docstrings."""
    arguments = {"prompts": [[1]], "max_new_tokens": 2, **change}
    with pytest.raises(ValueError, match=message):
        generate(Toy(4), arguments.pop("prompts"), **arguments)


@pytest.mark.parametrize("logits", [torch.zeros(3), torch.zeros(1, 0), torch.zeros(1, 3, dtype=torch.long)])
def test_wrong_logits_are_named(logits):
    """Reference: the docstring."""
    with pytest.raises(ValueError, match="logits"):
        probabilities(logits)
    with pytest.raises(ValueError, match="logits: NaN"):
        probabilities(torch.tensor([[0.0, math.nan]]))


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_other_types_and_infinite_logits(dtype):
    """Reference: softmax: a logit of minus infinity has no probability; all equal logits share it."""
    p = probabilities(torch.tensor([[0.0, -math.inf, 0.0]], dtype=dtype), top_p=0.99, min_p=0.1)
    torch.testing.assert_close(p, torch.tensor([[0.5, 0.0, 0.5]]))


# Text


def test_prompts_empty_long_and_unknown():
    """Reference: the definitions: empty means the start id, long loses its beginning, unknown is refused by name."""
    chars = CharTokenizer.train("\0abc\n")
    model = Toy(chars.vocab_size, context=4)
    assert complete(model, chars, "", 9, seed=5, stop=-1) == chars.decode(
        generate(model, [[chars.start]], 9, seed=5)[0]
    )
    long = "abc" * 20
    tail = long[sampling.window(60, 4) :]
    assert complete(model, chars, long, 1, temperature=0) == complete(model, chars, tail, 1, temperature=0)
    with pytest.raises(ValueError, match=r"character 1 is 'é' \(U\+00E9\)"):
        complete(model, chars, "aé", 5)


SPACED = BPETokenizer.train(
    "def read(self):\n    return self.data\n\n\ndef write(self, data):\n    x = data\n" * 50, 300
)


@pytest.mark.parametrize("prompt", ["def ", "x =", "def read(self):\n", "def read(self):\n    ", " ", "\n\n", "a"])
@pytest.mark.parametrize("seed", range(3))
def test_white_space_at_a_prompt_s_end_begins_the_first_token(prompt, seed):
    """Reference: the definition, with `generate` and the ids of the prompt without its white space."""
    model = Toy(SPACED.vocab_size)
    text = prompt + complete(model, SPACED, prompt, 6, temperature=3.0, seed=seed)
    ids, held = sampling.prompt_ids(SPACED, prompt)
    allowed = [token for token in SPACED.token_bytes if token.startswith(held)]
    drawn = generate(model, [ids], 6, temperature=3.0, seed=seed, first=sampling.first_tokens(SPACED, [held]))[0]
    assert SPACED.token_bytes[drawn[0]] in allowed
    assert text == prompt[: len(prompt) - len(held)] + SPACED.decode(drawn)
    assert "".join(sampling.stream_text(model, SPACED, prompt, 6, temperature=3.0, seed=seed)) == text[len(prompt) :]
    both = complete(model, SPACED, ["def", prompt], 6, temperature=3.0, seed=seed - 1)
    assert both[1] == text[len(prompt) :]  # a row is the same alone and beside a prompt that ends in a word


def test_only_white_space_that_a_longer_token_begins_with_is_taken_off():
    """Reference: the vocabularies: bytes and characters have no longer token, a word's end none that matters."""
    chars = CharTokenizer.train("ab \n")
    assert sampling.prompt_ids(chars, "a ") == (chars.encode("a ").tolist(), b"")
    assert sampling.prompt_ids(ByteTokenizer(), "a ") == ([97, 32], b"")
    assert sampling.prompt_ids(SPACED, "def") == (SPACED.encode("def").tolist(), b"")
    assert sampling.prompt_ids(SPACED, "def ") == (SPACED.encode("def").tolist(), b" ")


def test_text_is_streamed_as_it_is_completed():
    """Reference: `complete`; the bytes of one character come together; a document's end ends the text."""
    model, tokenizer = Toy(256, sharp=0.2), ByteTokenizer()
    pieces = list(sampling.stream_text(model, tokenizer, "中", 300, seed=1))
    assert "".join(pieces) == complete(model, tokenizer, "中", 300, seed=1)
    assert "\0" not in "".join(pieces)
    assert len("".join(pieces)) < 300
    assert complete(model, tokenizer, ["中", "a"], 20, seed=1)[0] == complete(model, tokenizer, "中", 20, seed=1)


# Beams


@given(st.lists(st.integers(0, 3), min_size=1, max_size=3), st.sampled_from([None, 3]))
@settings(deadline=None, max_examples=20)
def test_enough_beams_find_the_most_probable_text(prompt, context):
    """Reference: all 64 texts of three tokens, scored one by one."""
    model = Toy(4, context)
    scores = {}
    for text in itertools.product(range(4), repeat=3):
        score = 0.0
        for n, token in enumerate(text):
            ids = [*prompt, *text[:n]]
            with torch.no_grad():
                score += (
                    model(torch.tensor([ids[sampling.window(len(ids), context) :]]))[0, -1]
                    .double()
                    .log_softmax(0)[token]
                )
        scores[text] = float(score)
    found = beam_search(model, prompt, 3, beams=64)
    assert len(found) == 64
    for (ids, score), best in zip(found, sorted(scores.values(), reverse=True)):
        assert score == pytest.approx(best, abs=1e-5)
        assert scores[tuple(ids)] == pytest.approx(score, abs=1e-5)
    assert beam_search(model, prompt, 3, beams=1)[0][0] == generate(model, [prompt], 3, temperature=0)[0]


def test_beam_edges():
    """Reference: the docstring."""
    assert beam_search(Toy(4), [1], 0) == [([], 0.0)]
    with pytest.raises(ValueError, match="prompt: empty"):
        beam_search(Toy(4), [], 3)
    with pytest.raises(ValueError, match="beams: 0"):
        beam_search(Toy(4), [1], 3, beams=0)


# Faults


@pytest.mark.parametrize("temperature", [1e-40, 1e-300, 5e-324, 1e-8])
@pytest.mark.parametrize("scale", [1.0, 1e30, 3e38])
def test_a_tiny_temperature_acts_as_zero(temperature, scale):
    """Reference: the limit of the softmax: all on the largest; a logit of −inf stays out."""
    logits = torch.tensor([[0.1, 0.9, -0.5, -math.inf], [-0.1, -0.2, -0.9, -0.9]]) * scale
    for options in ({}, {"top_k": 2}, {"top_p": 0.5}, {"min_p": 0.5}):
        p = probabilities(logits, temperature, **options)
        assert torch.equal(p, probabilities(logits, 0))
    assert generate(Toy(11), [[1, 2]], 9, temperature=temperature) == generate(Toy(11), [[1, 2]], 9, temperature=0)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("temperature", [0, 1.0])
def test_a_logit_that_is_no_number_never_becomes_a_token(bad, temperature):
    """Reference: the docstrings: a ValueError, wherever it comes from."""

    class Broken(Toy):
        def forward(self, ids, cache=None):
            logits = super().forward(ids, cache)
            logits[..., 3] = bad
            return logits

    with pytest.raises(ValueError, match=r"logits: NaN or \+inf"):
        generate(Broken(11), [[1]], 3, temperature=temperature)
    with pytest.raises(ValueError, match=r"logits: NaN or \+inf"):
        beam_search(Broken(11), [1], 3)
    with pytest.raises(ValueError, match="a row is all −inf"):
        probabilities(torch.tensor([[0.0, 0.0], [-math.inf, -math.inf]]), temperature)


@pytest.mark.parametrize("p", [[0.5, math.nan], [0.0, 0.0], [-0.5, 1.5], [math.inf, 1.0]])
def test_what_is_no_distribution_is_not_drawn_from(p):
    """Reference: Kolmogorov's axioms."""
    with pytest.raises(ValueError, match="p: a row is no distribution"):
        draw(torch.tensor([p]), torch.tensor([0.5]))
    with pytest.raises(ValueError, match="uniform"):
        draw(torch.tensor([[0.5, 0.5]]), torch.tensor([1.0]))
    assert draw(torch.tensor([[0.5, 0.5]]), torch.tensor([math.nextafter(1, 0)], dtype=torch.float64)).item() == 1


@pytest.mark.parametrize("kind", ["toy", "gpt", "lstm"])
def test_a_long_prompt_is_read_at_once_beside_a_short_one(kind):
    """Reference: counted calls and tokens of the model: those of both prompts alone."""
    model = {"toy": Toy(13), "gpt": trained("gpt", 600), "lstm": trained("lstm")}[kind]
    forward, counted = model.forward, []

    def count(ids, *cache):
        counted.append(ids.numel())
        return forward(ids, *cache)

    model.forward = count
    long, short = [1] * 360, [2, 3]
    alone = generate(model, [long], 20, seed=1), generate(model, [short], 20, seed=2)
    calls, tokens = len(counted), sum(counted)
    counted.clear()
    assert generate(model, [long, short], 20, seed=1) == [alone[0][0], alone[1][0]]
    assert (len(counted), sum(counted)) == (calls, tokens)
    counted.clear()
    near = [[1] * 30, [2] * 25, [3] * 30]  # while others are still being drawn for
    together = generate(model, near, 20, seed=1)
    assert together == [generate(model, [prompt], 20, seed=1 + row)[0] for row, prompt in enumerate(near)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[1]], 1.5), "max_new_tokens: 1.5"),
        (([[1]], True), "max_new_tokens: True"),
        (([[1.5]], 2), r"prompts\[0\]: shape"),
        (([[[1]]], 2), r"prompts\[0\]: shape"),
    ],
)
def test_wrong_prompts_and_numbers_are_named(arguments, message):
    """Reference: the docstring."""
    with pytest.raises(ValueError, match=message):
        generate(Toy(4), *arguments)
    with pytest.raises(ValueError, match="seed: "):
        generate(Toy(4), [[1]], 2, seed=1 << 64)
