"""What a request to `/v1/completions` must be: checked before the engine sees it, refused in the API's own words.

The engine of `engine` takes a prompt that is longer than the model's context, ignores what it does not know how to do,
and ends for everybody after one request for no tokens or of no text. What is refused here is refused as OpenAI's API
does it: a status and `{"error": {"message", "type", "param", "code"}}`, which its client turns into its exceptions.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

MAX_TOKENS = 16  # the API's default
NEUTRAL: dict[str, tuple[Any, ...]] = {  # what the engine cannot do, and the values that ask for nothing
    "best_of": (1,),
    "echo": (False,),
    "frequency_penalty": (0,),
    "logit_bias": ({},),
    "logprobs": (),
    "n": (1,),
    "presence_penalty": (0,),
    "seed": (),
    "stream_options": ({}, {"include_usage": False}),
    "suffix": ("",),
    "top_p": (1,),
}
TAKEN = {"max_tokens", "model", "prompt", "stop", "stream", "temperature", "user"}  # who asks changes nothing


class Refusal(NamedTuple):
    status: int
    message: str
    param: str | None = None
    code: str | None = None

    def body(self) -> dict[str, Any]:
        kind = "invalid_request_error" if self.status < 500 else "server_error"
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}}


def refusal(body: Any, model: str, context: int, count: Callable[[str], int]) -> Refusal | None:
    """Why a request is not served; None where it is.

    Args:
        body: what the client sent, from JSON.
        model: the one name that is served.
        context: tokens that prompt and answer may have together.
        count: a text's number of tokens.
    """
    if not isinstance(body, dict):
        return Refusal(400, f"the body is {type(body).__name__}; must be a JSON object")
    if body.get("model") != model:
        return Refusal(404, f"model: {body.get('model')!r} is not served; {model!r} is", "model", "model_not_found")
    for name, value in body.items():
        if name not in TAKEN and value is not None and value not in NEUTRAL.get(name, ()):
            code = "unsupported_parameter" if name in NEUTRAL else "unknown_parameter"
            return Refusal(400, f"{name}: {value!r}; this server does not offer it", name, code)
    prompt, limit = body.get("prompt"), body.get("max_tokens")
    limit = MAX_TOKENS if limit is None else limit
    if not isinstance(prompt, str) or not prompt:
        return Refusal(400, f"prompt: {prompt!r}; must be a text that is not empty", "prompt", "invalid_prompt")
    if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
        return Refusal(400, f"max_tokens: {limit!r}; must be a whole number of 1 or more", "max_tokens")
    if wrong := _options(body):
        return wrong
    try:
        tokens = count(prompt)
    except (ValueError, UnicodeError) as error:
        return Refusal(400, f"prompt: {error}", "prompt", "invalid_prompt")
    if tokens + limit > context:
        long = f"{tokens} of the prompt and max_tokens {limit} make {tokens + limit} tokens; the model has {context}"
        return Refusal(400, long, "prompt", "context_length_exceeded")
    return None


def _options(body: dict[str, Any]) -> Refusal | None:
    temperature, stop, stream = body.get("temperature"), stops(body), body.get("stream")
    number = isinstance(temperature, int | float) and not isinstance(temperature, bool)
    if temperature is not None and not (number and 0 <= temperature <= 2):
        return Refusal(400, f"temperature: {temperature!r}; must be a number from 0 to 2", "temperature")
    if len(stop) > 4 or not all(isinstance(text, str) and text for text in stop):
        return Refusal(400, f"stop: {body.get('stop')!r}; must be a text or up to four, none empty", "stop")
    if stream is not None and not isinstance(stream, bool):
        return Refusal(400, f"stream: {stream!r}; must be true or false", "stream")
    return None


def stops(body: dict[str, Any]) -> list[Any]:
    """The stop sequences of a request, as a list."""
    stop = body.get("stop")
    return [] if stop is None else stop if isinstance(stop, list) else [stop]


class Gate:
    """A queue's end that lets text through until a stop sequence, and nothing from there on.

    Text that may be the beginning of a stop sequence is held back until it is known. `put_nowait` takes pieces of text;
    anything else (the end, an error) passes after what was held.

    Args:
        queue: where the text goes; None goes there at a stop sequence.
        stops: the stop sequences.
        found: called once, when a stop sequence has been found.
    """

    def __init__(self, queue: Any, stops: list[str], found: Callable[[], None]) -> None:
        self.queue, self.stops, self.found = queue, stops, found
        self.held, self.ended = "", False

    def put_nowait(self, item: Any) -> None:
        if self.ended:
            return
        if not isinstance(item, str):
            self.ended = True
            self._pass(self.held)
            self.queue.put_nowait(item)
            return
        self.held += item
        places = [place for stop in self.stops if (place := self.held.find(stop)) >= 0]
        if places:
            self.ended = True
            self._pass(self.held[: min(places)])
            self.queue.put_nowait(None)
            self.found()
            return
        keep = max((n for stop in self.stops for n in range(len(stop)) if self.held.endswith(stop[:n])), default=0)
        self._pass(self.held[: len(self.held) - keep])
        self.held = self.held[len(self.held) - keep :]

    def _pass(self, text: str) -> None:
        if text:
            self.queue.put_nowait(text)
