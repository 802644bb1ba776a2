"""A corpus larger than memory: tokens on disk, written as a stream and read where they are touched.

`survey` reads the corpus once; `stream` gives the training text to a tokenizer that learns; `write_tokens` writes files
of tokens, split as by `corpus.split` but for near-copies; `read_tokens` maps them into memory.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from advantage import checks, files
from advantage.textgen import corpus

if TYPE_CHECKING:
    from advantage.textgen.tokenizer import Tokenizer

_SPACES = " \t\n\r\f\v"


def cut_before_whitespace(chunks: Iterable[str], size: int = 1 << 16) -> Iterator[str]:
    """The same text in pieces of about `size` characters, each cut between a non-space and a space.

    No token of the tokenizers here crosses such a place, so that encoding the pieces gives the tokens of the whole
    text. (Text that runs on for `size` characters without a space is cut where it stands.)
    """
    held, size = "", checks.whole("size", size, 1)
    for chunk in chunks:
        held += chunk
        begin = 0
        while len(held) - begin > 2 * size:
            end = _last_border(held, begin + size, begin + 2 * size)
            yield held[begin:end]
            begin = end
        held = held[begin:]
    if held:
        yield held


def _last_border(text: str, low: int, high: int) -> int:
    """The last place above `low`, and at most `high`, where a space follows a non-space; `high` where there is none."""
    for i in range(high, low, -1):
        if text[i] in _SPACES and text[i - 1] not in _SPACES:
            return i
    return high


class Survey(NamedTuple):
    """What a corpus on disk holds, copies and empty files left out."""

    path: Path
    files: dict[str, Path]  # by name, sorted
    sizes: dict[str, int]  # characters
    hashes: dict[str, str]

    @property
    def sha256(self) -> str:
        """The hash of names and texts: two runs with the same hash saw the same data."""
        return hashlib.sha256("".join(f"{name}\n{self.hashes[name]}\n" for name in self.sizes).encode()).hexdigest()


def size(path: str | Path, suffixes: Iterable[str] = ()) -> int:
    """Bytes of a corpus on disk, in the files that `documents` would read."""
    return sum(file.stat().st_size for _, file in corpus.files(path, suffixes))


def survey(path: str | Path, suffixes: Iterable[str] = ()) -> Survey:
    """Read a corpus once, a chunk at a time.

    Raises:
        ValueError, OSError: as in `corpus.documents`.
    """
    found = Survey(Path(path), {}, {}, {})
    seen = set()
    for name, file in corpus.files(path, suffixes):
        digest, characters = hashlib.sha256(), 0
        for text in corpus.read(file):
            digest.update(text.encode())
            characters += len(text)
        if characters and digest.hexdigest() not in seen:
            seen.add(digest.hexdigest())
            found.files[name], found.sizes[name], found.hashes[name] = file, characters, digest.hexdigest()
    if not found.sizes:
        raise ValueError(f"{path}: no text: the file, or every file of the folder, is empty")
    return found


def stream(path: str | Path | Survey, fraction: float = 0.1, suffixes: Iterable[str] = ()) -> Iterator[str]:
    """The training side of `write_tokens`, a chunk at a time: what a tokenizer may learn from."""
    yield from _side(path if isinstance(path, Survey) else survey(path, suffixes), "train", fraction)


def write_tokens(
    path: str | Path | Survey,
    tokenizer: "Tokenizer",
    folder: str | Path,
    fraction: float = 0.1,
    suffixes: Iterable[str] = (),
) -> dict[str, int | str]:
    """Stream a corpus of any size into `folder/train.bin` and `folder/validation.bin`.

    Memory stays at a few megabytes. The split is that of `corpus.split`, but for copies: only documents that are equal
    to the letter are dropped. Near-copies stay, and where they fall on both sides the validation loss is too low; drop
    them first, or judge by documents that you know are new. The folder appears when all in it is complete, or not at
    all.

    Args:
        path: a UTF-8 file or a folder of them, or their `survey`.
        tokenizer: one of `advantage.textgen.tokenizer`.
        folder: where to write; it must not exist yet, and lie outside of the corpus.
        fraction: as in `corpus.split`.
        suffixes: as in `corpus.documents`.

    Returns:
        What `folder/tokens.json` holds: the tokenizer's fingerprint, the number of tokens, bytes and characters, the
        hash of the text.

    Raises:
        ValueError, OSError: as in `corpus.documents`; FileExistsError where `folder` exists.
    """
    folder = Path(folder)
    if folder.exists():
        raise FileExistsError(f"{folder}: exists; name a new folder, or remove it")
    whole = path if isinstance(path, Survey) else survey(path, suffixes)
    if whole.path.is_dir() and folder.resolve().is_relative_to(whole.path.resolve()):
        raise ValueError(f"folder: {folder} lies inside the corpus {whole.path}; choose one outside of it")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with files.whole_folder(folder) as unfinished:
        counts, length = {}, {}
        for part in ("train", "validation"):  # second pass, once for each side
            counts[part] = length[part] = 0
            with open(unfinished / f"{part}.bin", "wb") as out:
                for piece in cut_before_whitespace(_side(whole, part, fraction)):
                    ids = np.asarray(tokenizer.encode(piece), dtype=tokenizer.dtype)
                    counts[part] += len(ids)
                    length[part] += len(piece.encode())
                    out.write(ids.tobytes())
                out.flush()
                os.fsync(out.fileno())
            if not counts[part]:
                raise ValueError(f"{whole.path}: no text is left for {part}; give more files, or one single file")
        meta: dict[str, int | str] = {
            "tokenizer": tokenizer.fingerprint,
            "dtype": np.dtype(tokenizer.dtype).name,
            "train_tokens": counts["train"],
            "validation_tokens": counts["validation"],
            "validation_bytes": length["validation"],
            "documents": len(whole.sizes),
            "characters": sum(whole.sizes.values()),
            "sha256": whole.sha256,
        }
        (unfinished / "tokens.json").write_text(json.dumps(meta, indent=1) + "\n", encoding="utf-8")
    return meta


def _side(found: Survey, part: str, fraction: float) -> Iterator[str]:
    """The text of one side of the split, a chunk at a time."""
    checks.inside("fraction", fraction, 0, 1)
    if len(found.sizes) == 1:  # one document: its beginning, or its end
        ((name, size),) = found.sizes.items()
        border, at = corpus.cut(size, fraction, name), 0
        for text in corpus.read(found.files[name]):
            inside = max(border - at, 0)
            at += len(text)
            yield text[:inside] if part == "train" else text[inside:]
        return
    held_back = corpus.held_back(list(found.sizes), fraction)
    separator = ""
    for name, file in found.files.items():
        if (name in held_back) == (part == "validation"):
            yield separator
            separator = corpus.SEPARATOR
            yield from corpus.read(file)


def facts(folder: str | Path) -> dict[str, int | str]:
    """What `write_tokens` returned for this folder.

    Raises:
        ValueError: tokens.json is damaged.
        OSError: it is missing.
    """
    file = Path(folder) / "tokens.json"
    numbers = ("train_tokens", "validation_tokens", "validation_bytes")
    try:
        meta = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(meta["tokenizer"], str) or np.dtype(meta["dtype"]).name not in ("uint16", "uint32"):
            raise ValueError(f"dtype {meta['dtype']!r}")
        return meta | {name: checks.whole(name, meta[name]) for name in numbers}
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"{file}: not the record of a folder of tokens, or damaged ({error})") from error


def read_tokens(folder: str | Path, tokenizer: "Tokenizer | None" = None) -> tuple[np.memmap, np.memmap]:
    """`(train, validation)` as `write_tokens` left them: arrays on disk, of which only what is touched comes into
    memory.

    Raises:
        ValueError: the tokens were written with another tokenizer, or a file is damaged.
    """
    folder = Path(folder)
    meta = facts(folder)
    if tokenizer is not None and tokenizer.fingerprint != meta["tokenizer"]:
        raise ValueError(
            f"{folder}: written with tokenizer {str(meta['tokenizer'])[:12]}, not with {tokenizer.fingerprint[:12]}; "
            "load the tokenizer that belongs to it, or write the tokens again"
        )

    def mapped(part: str) -> np.memmap:
        file, dtype, count = folder / f"{part}.bin", np.dtype(str(meta["dtype"])), int(meta[f"{part}_tokens"])
        if file.stat().st_size != count * dtype.itemsize:
            raise ValueError(f"{file}: damaged: {file.stat().st_size} bytes where {count} tokens were written")
        return np.memmap(file, dtype=dtype, mode="r")

    return mapped("train"), mapped("validation")


def apart(out: str, corpus: str | None) -> None:
    """Refuse a folder for the results inside the corpus, of which they would then be a part."""
    if corpus is None or not Path(corpus).is_dir():
        return
    inside, around = Path(out).resolve(), Path(corpus).resolve()
    if inside.is_relative_to(around) or around.is_relative_to(inside / "tokens"):
        raise ValueError(f"out: {out} lies inside the corpus {corpus}; choose a folder outside of it")
