"""The door: what the API refuses, and where a text stops."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types import ErrorObject

from advantage.textgen.door import Gate, refusal, stops


def refused(**body):
    return refusal({"model": "m", "prompt": "abc"} | body, "m", 20, len)


@pytest.mark.parametrize(
    ("body", "status", "param", "code"),
    [
        ({"model": "other"}, 404, "model", "model_not_found"),
        ({"model": None}, 404, "model", "model_not_found"),
        ({"prompt": "a" * 20, "max_tokens": 1}, 400, "prompt", "context_length_exceeded"),
        ({"prompt": "a" * 5}, 400, "prompt", "context_length_exceeded"),  # with the default of 16 tokens
        ({"prompt": ""}, 400, "prompt", "invalid_prompt"),
        ({"prompt": ["a", "b"]}, 400, "prompt", "invalid_prompt"),
        ({"prompt": None}, 400, "prompt", "invalid_prompt"),
        ({"max_tokens": 0}, 400, "max_tokens", None),
        ({"max_tokens": True}, 400, "max_tokens", None),
        ({"max_tokens": 1.5}, 400, "max_tokens", None),
        ({"temperature": float("nan")}, 400, "temperature", None),
        ({"temperature": -1}, 400, "temperature", None),
        ({"temperature": "hot"}, 400, "temperature", None),
        ({"stop": ["a", "b", "c", "d", "e"]}, 400, "stop", None),
        ({"stop": ""}, 400, "stop", None),
        ({"stop": [1]}, 400, "stop", None),
        ({"stream": "yes"}, 400, "stream", None),
        ({"n": 2}, 400, "n", "unsupported_parameter"),
        ({"logprobs": 1}, 400, "logprobs", "unsupported_parameter"),
        ({"bogus": 1}, 400, "bogus", "unknown_parameter"),
        ({"stream_options": {"include_usage": True}}, 400, "stream_options", "unsupported_parameter"),
    ],
)
def test_what_is_refused(body, status, param, code):
    """Reference: the statuses and codes of OpenAI's API; its client's type of an error's body."""
    found = refused(**body)
    assert (found.status, found.param, found.code) == (status, param, code)
    error = ErrorObject.model_validate(json.loads(json.dumps(found.body()))["error"])
    assert param in error.message or code == "context_length_exceeded"


@pytest.mark.parametrize("body", [None, [], "text", 3])
def test_a_body_that_is_no_object(body):
    """Reference: the API's status for a bad request."""
    assert refusal(body, "m", 20, len).status == 400


def test_a_prompt_that_the_tokenizer_refuses():
    """Reference: half of a surrogate pair is no text; JSON can carry one."""
    assert refusal({"model": "m", "prompt": "\ud800"}, "m", 20, lambda text: len(text.encode())).param == "prompt"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"max_tokens": 17},
        {"n": 1, "echo": False, "logit_bias": {}, "top_p": 1.0, "logprobs": None, "suffix": None},
        {"temperature": 0, "stop": "\n", "stream": True, "user": "me", "stream_options": {}},
    ],
)
def test_what_is_served(body):
    """Reference: every value that asks for nothing more than the server offers."""
    assert refused(**body) is None


class Pieces(list):
    put_nowait = list.append


@given(st.lists(st.text("ab\n", max_size=4)), st.lists(st.text("ab\n", min_size=1, max_size=3), min_size=1, max_size=4))
def test_text_stops_before_the_first_stop_sequence(pieces, sequences):
    """Reference: str.find on the whole text."""
    queue, found = Pieces(), []
    gate = Gate(queue, sequences, lambda: found.append(True))
    for piece in pieces:
        gate.put_nowait(piece)
        passed = "".join(queue[:-1] if queue and queue[-1] is None else queue)
        assert not any(stop in passed for stop in sequences)
    gate.put_nowait(None)
    whole = "".join(pieces)
    # the first piece that completes a sequence ends the text, at the sequence that begins first
    seen = ""
    for piece in pieces:
        seen += piece
        if places := [seen.find(stop) for stop in sequences if stop in seen]:
            whole = seen[: min(places)]
            break
    assert queue[-1] is None
    assert queue.count(None) == 1
    assert "".join(queue[:-1]) == whole
    assert found == [True] * any(stop in "".join(pieces) for stop in sequences)


def test_nothing_passes_a_gate_that_has_ended():
    """Reference: the contract that an answer holds no stop sequence, and ends once."""
    queue = Pieces()
    gate = Gate(queue, ["x"], lambda: None)
    for item in ("a", "bxc", "more", None):
        gate.put_nowait(item)
    assert queue == ["a", "b", None]


@pytest.mark.parametrize(("stop", "expected"), [(None, []), ("a", ["a"]), (["a", "b"], ["a", "b"])])
def test_stop_sequences_as_a_list(stop, expected):
    """Reference: the two forms that the API takes."""
    assert stops({"stop": stop}) == expected
