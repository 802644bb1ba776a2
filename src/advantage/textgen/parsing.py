"""Text that Python's parser accepts, and drawing it line by line."""

import ast
import codeop
import warnings
from collections.abc import Iterator
from typing import Any

from torch import nn

from advantage import checks
from advantage.textgen.sampling import document_end, first_tokens, prompt_ids, stream
from advantage.textgen.tokenizer import Tokenizer

CLOSERS = ('"""\n', "'''\n", *(" " * indent + "pass\n" for indent in (4, 8, 12, 16)))


class NoContinuation(ValueError):
    """No continuation was found that parses, in as many tokens as were allowed."""


def parses(source: str) -> bool:
    """Whether Python's parser accepts the text as a whole."""
    return _parse(source, 0) is None


def can_begin(source: str) -> bool:
    """Whether a text of whole lines can begin a Python file: it parses, or the parser ran out of text and found
    nothing wrong."""
    error = _parse(source, codeop.PyCF_ALLOW_INCOMPLETE_INPUT | codeop.PyCF_DONT_IMPLY_DEDENT)  # type: ignore
    return error is None or "incomplete input" in str(error)


def _parse(source: str, flags: int) -> Exception | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(source, "<text>", "exec", ast.PyCF_ONLY_AST | flags, dont_inherit=True)
        except (SyntaxError, ValueError, MemoryError, RecursionError, OverflowError) as error:
            return error
    return None


def _whole_lines(text: str) -> str:
    return text[: text.rfind("\n") + 1]


def draw_line(tokens: Iterator[int], token_bytes: list[bytes]) -> list[int]:
    """The ids up to and with the one that ends a line; fewer where the tokens end first."""
    line = []
    for token in tokens:
        line.append(token)
        if b"\n" in token_bytes[token]:
            break
    return line


def finish(prompt: str, text: str) -> str | None:
    """The longest part of `text`, in whole lines from its beginning, that parses after the prompt.

    Where no part does, what its last whole lines leave open is closed; None where that does not help.
    """
    lines = text.splitlines(keepends=True)
    for ending in ("", *CLOSERS):
        for end in range(len(lines), 0, -1):
            part = "".join(lines[:end]) + ending
            if (not ending or lines[end - 1].endswith("\n")) and parses(prompt + part):
                return part
    return None


def complete_python(
    model: nn.Module,
    tokenizer: Tokenizer,
    prompt: str = "",
    max_new_tokens: int = 200,
    *,
    tries: int = 4,
    patience: int = 20,
    seed: int = 0,
    stop: int | None = None,
    **options: Any,
) -> str:
    """Continue a prompt so that prompt and continuation together parse as Python.

    Whenever a line is complete, the parser is asked whether the text so far can begin a Python file. If not, the line
    is drawn again; after `tries` failures the line before it is drawn again too. At the end the text is cut back to
    the last line with which it parses. Where there is none, as in a body that is only the beginning of a docstring,
    the quotes are closed or a `pass` is added; where that does not help either, all is drawn again. Where the model
    has but one line to offer, as at temperature 0, nothing is drawn again.

    This is not the model's distribution given that the text parses: each line is conditioned only on what came before
    it, so a text whose beginning is easy to finish badly is drawn too often, and the cut prefers texts that end where
    a statement ends. Drawing whole texts until one parses would be exact, and costs one over the parse rate.

    Args:
        model, tokenizer, prompt, max_new_tokens, seed: as in `complete`.
        tries: draws of a line before the line above is given up.
        patience: at most `patience * max_new_tokens` tokens are drawn.
        stop: the text ends when this id is drawn; None: where a document ends.
        options: as in `stream`.

    Returns:
        The new text, without the prompt.

    Raises:
        ValueError: an argument does not fit, or no file can begin with the prompt.
        NoContinuation: no continuation that parses was found.
    """
    allowed = checks.whole("patience", patience, 1) * checks.whole("max_new_tokens", max_new_tokens)
    tries, most = checks.whole("tries", tries, 1), 5 * checks.whole("tries", tries, 1)
    if options.get("temperature", 1.0) == 0 or options.get("top_k") == 1:
        most = 0
    if not can_begin(_whole_lines(prompt)):
        raise ValueError(f"prompt: no Python file can begin with {prompt[:60]!r}")
    begin, held = prompt_ids(tokenizer, prompt)
    first, known = first_tokens(tokenizer, [held]), prompt[: len(prompt) - len(held)]
    stop = document_end(tokenizer) if stop is None else stop
    drawn = 0

    def draw(ids: list[int]) -> Iterator[int]:
        """New tokens after `ids`, counted; `first` and the seed depend on what was drawn before."""
        nonlocal drawn
        more = {"first": None if ids else first, "stop": stop, "seed": seed + drawn, **options}
        for (token,) in stream(model, [begin + ids], max_new_tokens - len(ids), **more):
            drawn += 1
            if token is None or drawn > allowed:
                return
            yield token

    longest = "" if parses(prompt) else None  # the longest continuation so far that parses
    failed: set[tuple[int, ...]] = set()  # texts whose last line cannot stand
    repeated = 0  # failures in a row that gave nothing new
    while drawn < allowed and repeated <= most:  # once, but for a text of which no part parses
        lines: list[list[int]] = []
        tokens, failures = draw([]), 0
        while line := draw_line(tokens, tokenizer.token_bytes):
            lines.append(line)
            ids = [token for each in lines for token in each]
            head = _whole_lines(known + tokenizer.decode(ids))
            if b"\n" not in tokenizer.token_bytes[line[-1]]:
                break
            if can_begin(head):
                failures = 0
                if len(head) - len(prompt) > len(longest or "") and parses(head):
                    longest = head[len(prompt) :]
                continue
            repeated = repeated + 1 if tuple(ids) in failed else 0
            failed.add(tuple(ids))
            lines.pop()
            if repeated >= most:
                repeated = most + 1
                break
            failures += 1
            if failures >= tries and lines:
                lines.pop()
                failures = 0
            tokens = draw([token for each in lines for token in each])
        text = finish(prompt, tokenizer.decode([token for each in lines for token in each])[len(held) :])
        if text is not None:
            return text
        if not lines and longest is not None:  # the document ended at once
            break
        if most == 0:
            break
    if longest is not None:
        return longest
    raise NoContinuation(
        f"prompt: found no continuation of {prompt[:60]!r} that parses in {drawn} tokens; allow more, or try a seed"
    )
