"""A corpus larger than memory: tokens on disk, written as a stream and read where they are touched.

`write_tokens` splits like `corpus.split` and writes files of tokens; `read_tokens` maps them into memory; `stream`
gives the training text to a tokenizer that learns.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from advantage.textgen import corpus

_WHITESPACE = " \t\n\r\f\v"


def cut_before_whitespace(chunks: Iterable[str], size: int = 1 << 16) -> Iterator[str]:
    """The same text in pieces of about `size` characters, each cut between a non-space and a space.

    No token of the tokenizers here crosses such a place, so that encoding the pieces gives the tokens of the whole
    text. (Text that runs on for `size` characters without a space is cut where it stands.)
    """
    held = ""
    for chunk in chunks:
        held += chunk
        while len(held) > 2 * size:
            at = next(
                (i for i in range(2 * size, size, -1) if held[i] in _WHITESPACE and held[i - 1] not in _WHITESPACE),
                2 * size,
            )
            yield held[:at]
            held = held[at:]
    if held:
        yield held


def size(path: str | Path, suffixes: Iterable[str] = ()) -> int:
    """Bytes of a corpus on disk, in the files that `documents` would read."""
    return sum(file.stat().st_size for _, file in corpus.files(path, suffixes))


def stream(path: str | Path, fraction: float = 0.1, suffixes: Iterable[str] = ()) -> Iterator[str]:
    """The training side of `write_tokens`, a chunk at a time: what a tokenizer may learn from."""
    found, sizes, _ = _survey(path, suffixes)
    yield from _side(found, sizes, corpus.held_back(list(sizes), fraction), "train", fraction)


def _survey(
    path: str | Path, suffixes: Iterable[str] = ()
) -> tuple[list[tuple[str, Path]], dict[str, int], dict[str, str]]:
    """The files, and the characters and the hash of each that is neither empty nor a copy."""
    found, sizes, hashes = corpus.files(path, suffixes), {}, {}
    seen = set()
    for name, file in found:
        digest, characters = hashlib.sha256(), 0
        for text in corpus.read(file):
            digest.update(text.encode())
            characters += len(text)
        if characters and digest.hexdigest() not in seen:
            sizes[name], hashes[name] = characters, digest.hexdigest()
            seen.add(digest.hexdigest())
    if not sizes:
        raise ValueError(f"{path}: no text: the file, or every file of the folder, is empty")
    return found, sizes, hashes


def write_tokens(
    path: str | Path, tokenizer, folder: str | Path, fraction: float = 0.1, suffixes: Iterable[str] = ()
) -> dict[str, object]:
    """Stream a corpus of any size into `folder/train.bin` and `folder/validation.bin`.

    Memory stays at a few megabytes. The split is that of `split`, but for copies: only documents that are equal to
    the letter are dropped. The folder appears when everything in it is complete, or not at all.

    Args:
        path: a UTF-8 file or a folder of them.
        tokenizer: one of `advantage.textgen.tokenizer`.
        folder: where to write; it must not exist yet.
        fraction: as in `split`.
        suffixes: as in `documents`.

    Returns:
        What `folder/tokens.json` holds: the tokenizer's fingerprint, the number of tokens, bytes and characters, the
        hash of the text.

    Raises:
        ValueError, OSError: as in `documents`; FileExistsError where `folder` exists.
    """
    folder = Path(folder)
    if folder.exists():
        raise FileExistsError(f"{folder}: exists; name a new folder, or remove it")
    found, sizes, hashes = _survey(path, suffixes)
    names = list(sizes)
    held_back = corpus.held_back(names, fraction)

    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        counts, length = {}, {}
        for part in ("train", "validation"):  # second pass, once for each side
            counts[part] = length[part] = 0
            with open(unfinished / f"{part}.bin", "wb") as out:
                for piece in cut_before_whitespace(_side(found, sizes, held_back, part, fraction)):
                    ids = np.asarray(tokenizer.encode(piece), dtype=tokenizer.dtype)
                    counts[part] += len(ids)
                    length[part] += len(piece.encode())
                    out.write(ids.tobytes())
                out.flush()
                os.fsync(out.fileno())
            if not counts[part]:
                raise ValueError(f"{path}: no text is left for {part}; give more files, or one single file")
        meta = {
            "tokenizer": tokenizer.fingerprint,
            "dtype": np.dtype(tokenizer.dtype).name,
            "train_tokens": counts["train"],
            "validation_tokens": counts["validation"],
            "validation_bytes": length["validation"],
            "documents": len(names),
            "characters": sum(sizes.values()),
            "sha256": hashlib.sha256("".join(f"{name}\n{hashes[name]}\n" for name in names).encode()).hexdigest(),
        }
        (unfinished / "tokens.json").write_text(json.dumps(meta, indent=1) + "\n")
        unfinished.chmod(0o755)
        os.replace(unfinished, folder)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    return meta


def _side(
    found: list[tuple[str, Path]], sizes: dict[str, int], held_back: set[str], part: str, fraction: float
) -> Iterator[str]:
    """The text of one side of the split, a chunk at a time."""
    if len(sizes) == 1:  # one document: its beginning, or its end
        ((name, size),) = sizes.items()
        border, at = corpus.cut(size, fraction, name), 0
        for text in corpus.read(dict(found)[name]):
            inside = max(border - at, 0)
            at += len(text)
            yield text[:inside] if part == "train" else text[inside:]
        return
    first = True
    for name, file in found:
        if name in sizes and (name in held_back) == (part == "validation"):
            if not first:
                yield corpus.SEPARATOR
            first = False
            yield from corpus.read(file)


def read_tokens(folder: str | Path, tokenizer=None) -> tuple[np.memmap, np.memmap]:
    """`(train, validation)` as `write_tokens` left them: arrays on disk, of which only what is touched comes into
    memory.

    Raises:
        ValueError: the tokens were written with another tokenizer, or a file is damaged.
    """
    folder = Path(folder)
    meta = json.loads((folder / "tokens.json").read_text())
    if tokenizer is not None and tokenizer.fingerprint != meta["tokenizer"]:
        raise ValueError(
            f"{folder}: written with tokenizer {meta['tokenizer'][:12]}, not with {tokenizer.fingerprint[:12]}; "
            "load the tokenizer that belongs to it, or write the tokens again"
        )
    parts = []
    for part in ("train", "validation"):
        file, dtype = folder / f"{part}.bin", np.dtype(meta["dtype"])
        if file.stat().st_size != meta[f"{part}_tokens"] * dtype.itemsize:
            raise ValueError(
                f"{file}: damaged: {file.stat().st_size} bytes where {meta[f'{part}_tokens']} tokens were written"
            )
        parts.append(np.memmap(file, dtype=dtype, mode="r"))
    return tuple(parts)
