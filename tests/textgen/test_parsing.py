"""Text that parses, by the parser."""

import ast
import contextlib
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from advantage.textgen import parsing
from advantage.textgen.parsing import complete_python
from advantage.textgen.sampling import complete
from advantage.textgen.tokenizer import BPETokenizer, ByteTokenizer, CharTokenizer


class Script(torch.nn.Module):
    """A model that writes random Python-like tokens, most of which do not parse."""

    context = None

    def __init__(self, vocab_size):
        super().__init__()
        self.vocab_size = vocab_size

    def new_cache(self, batch, length):
        return None

    def forward(self, ids, cache=None):
        return torch.zeros(*ids.shape, self.vocab_size)


SOURCE = """def f(x):
    return [x, (1)]
if x == 'a':
    y = f(2)
else:
    pass
# note
for i in x: print(i)
'''doc'''
"""


@settings(deadline=None, max_examples=25)
@given(
    st.sampled_from(["char", "byte", "bpe"]),
    st.integers(0, 10**6),
    st.sampled_from(["", "y = 2\n", "def f(x):\n", "x = (\n"]),
)
def test_constrained_text_always_parses(kind, seed, prompt):
    """Reference: ast.parse, on what a model that draws tokens uniformly writes."""
    tokenizer = {"char": CharTokenizer.train(SOURCE), "byte": ByteTokenizer(), "bpe": BPETokenizer.train(SOURCE, 280)}[
        kind
    ]
    if prompt.endswith((":\n", "(\n")):  # chance may find no continuation of these
        with contextlib.suppress(parsing.NoContinuation):
            ast.parse(prompt + complete_python(Script(tokenizer.vocab_size), tokenizer, prompt, 60, seed=seed))
    else:
        ast.parse(prompt + complete_python(Script(tokenizer.vocab_size), tokenizer, prompt, 60, seed=seed))


def test_a_wrong_line_is_drawn_again():
    """Reference: the same draws cut at the first line that cannot stand; drawing again gives more text."""
    tokenizer = CharTokenizer.train(SOURCE)
    model, constrained, cut = Script(tokenizer.vocab_size), 0, 0
    for seed in range(24):
        constrained += len(complete_python(model, tokenizer, "", 60, seed=seed))
        lines = complete(model, tokenizer, "", 60, seed=seed).splitlines(keepends=True)
        cut += max(len("".join(lines[:n])) for n in range(len(lines)) if parsing.parses("".join(lines[:n])))
    assert constrained > 1.5 * cut


def test_constrained_text_is_the_models_where_it_parses():
    """Reference: a model whose text parses anyway: free and constrained drawing give the same lines."""
    text = "x = 1\ny = [x,\n     2]\nz = 3\n"

    class Recite(Script):
        def forward(self, ids, cache=None):
            logits = torch.full((*ids.shape, 256), -math.inf)
            for row, length in enumerate([ids.shape[1]] * len(ids)):
                logits[row, -1, ord(text[(length - 1) % len(text)])] = 0
            return logits

    assert complete_python(Recite(256), ByteTokenizer(), "", len(text), cache=False) == text
    cut = complete_python(Recite(256), ByteTokenizer(), "", text.index("2]"), cache=False)
    assert cut == "x = 1\n"


class Fixed(Script):
    """Writes the same text again and again."""

    def __init__(self, text):
        super().__init__(256)
        self.text = text

    def forward(self, ids, cache=None):
        logits = torch.full((len(ids), 1, 256), -math.inf)
        logits[:, -1, ord(self.text[(ids.shape[1] - self.begin) % len(self.text)])] = 0
        return logits


@pytest.mark.parametrize(
    ("prompt", "text", "tokens", "expected"),
    [
        ("def f():\n", '    """doc of many\n    lines\n', 29, '    """doc of many\n    lines\n"""\n'),
        ("def f():\n", "    # only a comment\n", 23, "    # only a comment\n    pass\n"),
        ("", "x = 1\ny = (", 11, "x = 1\n"),
        ("", "x = 1\ny = 2", 11, "x = 1\ny = 2"),
    ],
)
def test_what_is_open_at_the_end_is_cut_or_closed(prompt, text, tokens, expected):
    """Reference: texts of which it is known by hand how much of them parses."""
    model = Fixed(text)
    model.begin = len(prompt) or 1
    found = complete_python(model, ByteTokenizer(), prompt, tokens, temperature=0, cache=False)
    ast.parse(prompt + found)
    assert found == expected


def test_a_document_that_ends_at_once_ends():
    """Reference: a model that draws only the separator: nothing to add, or an error."""

    class End(Script):
        def forward(self, ids, cache=None):
            logits = torch.full((*ids.shape, 256), -math.inf)
            logits[..., 0] = 0
            return logits

    assert complete_python(End(256), ByteTokenizer(), "x = 1\n", 8, temperature=0) == ""
    with pytest.raises(parsing.NoContinuation):
        complete_python(End(256), ByteTokenizer(), "def f():\n", 8, temperature=0)


@pytest.mark.parametrize(
    ("source", "whole", "beginning"),
    [
        ("", True, True),
        ("def f():\n", False, True),
        ("def f():\n    return 1\n", True, True),
        ("x = (\n", False, True),
        ("x = )\n", False, False),
        ("s = 'a\n", False, False),
        ("s = '''a\n", False, True),
        ("    x\n", False, False),
        ("if x:\n    a\n  b\n", False, False),
        ("try:\n    x\n", False, True),
        ("x = \\\n", False, True),
        ("@d\n", False, True),
        ("x = = 1\n", False, False),
        ("x\0\n", False, False),
        ("(" * 300 + "\n", False, False),
    ],
)
def test_the_parser_tells_wrong_from_unfinished(source, whole, beginning):
    """Reference: the Python language reference: which of these lines can still become a program."""
    assert parsing.parses(source) is whole
    assert parsing.can_begin(source) is beginning


def test_a_prompt_that_no_program_begins_with_is_refused():
    """Reference: Python's grammar."""
    with pytest.raises(ValueError, match="prompt: no Python file can begin with"):
        complete_python(Script(256), ByteTokenizer(), "x = )\n", 5)
    with pytest.raises(parsing.NoContinuation, match="found no continuation"):
        complete_python(Script(256), ByteTokenizer(), "x = (\n", 0)
    assert complete_python(Script(256), ByteTokenizer(), "x = 1", 0) == ""


@pytest.mark.parametrize("options", [{"temperature": 0}, {"top_k": 1}, {"temperature": 1e-3}])
def test_a_line_that_cannot_stand_is_not_drawn_again_and_again(options):
    """Reference: counted tokens of a model that has one thing to say, and that never parses."""
    model = Fixed("x = )\n")
    model.begin, calls, forward = 1, [], model.forward

    def count(ids, cache=None):
        calls.append(ids)
        return forward(ids, cache)

    model.forward = count
    assert complete_python(model, ByteTokenizer(), "", 300, cache=False, **options) == ""
    assert len(calls) <= (6 if options != {"temperature": 1e-3} else 6 * 25)


@pytest.mark.parametrize("wrong", [{"max_new_tokens": -5}, {"max_new_tokens": 1.5}, {"tries": 0}, {"patience": 0}])
def test_wrong_numbers_are_named(wrong):
    """Reference: the docstring."""
    with pytest.raises(ValueError, match=f"{next(iter(wrong))}: "):
        complete_python(Script(256), ByteTokenizer(), "x = 1\n", **wrong)
