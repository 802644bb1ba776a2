"""Text that Python's parser accepts, and drawing it line by line."""

import ast
import codeop
import warnings

from advantage.textgen.sampling import first_tokens, prompt_ids, stream


class NoContinuation(ValueError):
    """No continuation was found that parses, in as many tokens as were allowed."""


CLOSERS = ('"""\n', "'''\n", *(" " * indent + "pass\n" for indent in (4, 8, 12, 16)))


def parses(source: str) -> bool:
    """Whether Python's parser accepts the text as a whole."""
    return _parse(source, 0) is None


def can_begin(source: str) -> bool:
    """Whether a text of whole lines can begin a Python file: it parses, or the parser ran out of text and found
    nothing wrong."""
    error = _parse(source, codeop.PyCF_ALLOW_INCOMPLETE_INPUT | codeop.PyCF_DONT_IMPLY_DEDENT)
    return error is None or "incomplete input" in str(error)


def _parse(source: str, flags: int) -> Exception | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(source, "<text>", "exec", ast.PyCF_ONLY_AST | flags, dont_inherit=True)
        except (SyntaxError, ValueError, MemoryError, RecursionError, OverflowError) as error:
            return error
    return None


def complete_python(
    model,
    tokenizer,
    prompt: str = "",
    max_new_tokens: int = 200,
    *,
    tries: int = 4,
    patience: int = 20,
    seed: int = 0,
    stop: int | None = None,
    **options,
) -> str:
    """Continue a prompt so that prompt and continuation together parse as Python.

    Whenever a line is complete, the parser is asked whether the text so far can begin a Python file. If not, the line
    is drawn again; after `tries` failures the line before it is drawn again too. At the end the text is cut back to
    the last line with which it parses. Where there is none, as in a body that is only the beginning of a docstring,
    the quotes are closed or a `pass` is added; where that does not help either, all is drawn again.

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
        ValueError: no file can begin with the prompt.
        NoContinuation: no continuation that parses was found.
    """
    if not can_begin(prompt[: prompt.rfind("\n") + 1]):
        raise ValueError(f"prompt: no Python file can begin with {prompt[:60]!r}")
    begin, held = prompt_ids(tokenizer, prompt)
    first, known = first_tokens(tokenizer, [held]), prompt[: len(prompt) - len(held)]
    if stop is None and tokenizer.token_bytes[tokenizer.start] == b"\0":
        stop = tokenizer.start
    drawn, allowed = 0, patience * max_new_tokens
    longest = "" if parses(prompt) else None  # the longest continuation so far that parses
    while drawn < allowed:  # once, but for a text of which no part parses: a string left open in its first line
        ids, accepted, failures, ended = [], [0], 0, False
        while len(ids) < max_new_tokens and drawn < allowed and not ended:
            ended = True
            left = {"max_new_tokens": max_new_tokens - len(ids), "first": None if ids else first, "stop": stop}
            for (token,) in stream(model, [begin + ids], seed=seed + drawn, **left, **options):
                drawn += 1
                if token is None or drawn > allowed:
                    break
                ids.append(token)
                if b"\n" not in tokenizer.token_bytes[token]:
                    continue
                text = known + tokenizer.decode(ids)
                head = text[: text.rfind("\n") + 1]
                if can_begin(head):
                    accepted.append(len(ids))
                    failures = 0
                    if len(head) - len(prompt) > len(longest or "") and parses(head):
                        longest = head[len(prompt) :]
                    continue
                failures += 1
                if failures >= tries and len(accepted) > 1:
                    accepted.pop()
                    failures = 0
                del ids[accepted[-1] :]
                ended = False
                break
        lines = tokenizer.decode(ids)[len(held) :].splitlines(keepends=True)
        for ending in ("", *CLOSERS):  # cut back; where no part parses, close what the last whole lines left open
            for end in range(len(lines), 0, -1):
                text = "".join(lines[:end]) + ending
                if (not ending or lines[end - 1].endswith("\n")) and parses(prompt + text):
                    return text
        if not ids and longest is not None:  # the document ended at once
            break
    if longest is not None:
        return longest
    raise NoContinuation(
        f"prompt: found no continuation of {prompt[:60]!r} that parses in {drawn} tokens; allow more, or try a seed"
    )
