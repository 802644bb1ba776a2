"""The corpus: what goes in, and what is held back to judge by.

A corpus is a list of documents `(name, text)` in a fixed order. `documents` collects them, `split` holds some back
without leaking, `join` makes one text of them. A corpus larger than memory never becomes a list: see `shards`.
"""

import codecs
import contextlib
import hashlib
import importlib
import os
import re
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path

from advantage import checks

Documents = list[tuple[str, str]]

SEPARATOR = "\0"  # stands between two documents; no text contains it, because a file that does is refused as binary
LICENCE = (
    "Python Software Foundation License, version 2 (the default corpus: the standard library and its documentation)"
)

_NOT_SOURCE = {"test", "tests", "idle_test", "site-packages", "dist-packages", "__pycache__"}
_CHUNK = 1 << 20  # bytes read at a time
_LONG_LINE = 20  # characters; a shorter line ("    return None", "else:") says nothing about copying by itself
_SEVERAL = 3  # long lines that a document must have to be known by them: one may be a licence that many share
_RUN = 4  # words in a row that a document of short lines is known by
_WORD = re.compile(r"[\u2e80-\u9fff]|[^\s\u2e80-\u9fff]+")  # a Chinese character, or what stands between spaces


# -------------------------------------------------------------------- collect


def documents(path: str | Path | None = None, suffixes: Iterable[str] = (), max_bytes: int = 1 << 30) -> Documents:
    r"""The documents of a corpus, sorted by name, with `\n` line ends and without byte-order marks.

    Args:
        path: a UTF-8 file or a folder of them (hidden files, `__pycache__` and empty files are passed over).
            None stands for the standard library of this Python, without its tests, and the topics of its documentation.
        suffixes: in a folder, take only names that end so, for example `(".py", ".md")`. Empty: every file.
        max_bytes: the most that is read into memory.

    Returns:
        Pairs `(name, text)`; a name is the path below the folder, with `/`.

    Raises:
        ValueError: a file is empty, binary, not UTF-8 or not a regular file, or the whole is too large. The message
            names it.
        OSError: a file is missing or may not be read.
    """
    if path is None:
        return _standard_library()
    found = files(path, suffixes)
    total = sum(file.stat().st_size for _, file in found)
    if total > max_bytes:
        largest = max((file for _, file in found), key=lambda file: file.stat().st_size)
        raise ValueError(
            f"{path}: {total:,} bytes are more than documents() holds in memory ({max_bytes:,}); "
            f"the largest file is {largest}. shards.write_tokens() streams a corpus of any size"
        )
    collected = [(name, "".join(read(file))) for name, file in found]
    collected = [(name, text) for name, text in collected if text]
    if not collected:
        raise ValueError(f"{path}: no text: the file, or every file of the folder, is empty")
    return collected


def _standard_library() -> Documents:
    root = Path(sysconfig.get_path("stdlib"))
    collected = []
    for name, file in files(root, (".py",)):
        folders = set(name.split("/")[:-1])
        if folders & _NOT_SOURCE or name.startswith(("_sysconfigdata", "config-", "pydoc_data/")):
            continue  # tests, other people's packages, and what describes only the machine that built this Python
        if text := "".join(read(file)):
            collected.append((name, text))
    topics: dict[str, str] = {}
    with contextlib.suppress(ImportError):  # some distributions leave the documentation out
        topics |= importlib.import_module("pydoc_data.topics").topics
    collected += [(f"pydoc_data/topics/{topic}.txt", text) for topic, text in topics.items()]
    return sorted(collected)


def files(path: str | Path, suffixes: Iterable[str] = ()) -> list[tuple[str, Path]]:
    """`(name, file)` of every file that belongs to the corpus, sorted by name."""
    path, suffixes = Path(path), tuple(suffixes)
    if not path.is_dir():
        return _named([(path.name, path)])
    found: list[tuple[str, Path]] = []

    def stop(error: OSError) -> None:  # os.walk passes unreadable folders over in silence unless told otherwise
        raise error

    for folder, folders, names in os.walk(path, onerror=stop):
        folders[:] = [name for name in folders if not name.startswith(".") and name != "__pycache__"]
        found += [
            ((Path(folder) / name).relative_to(path).as_posix(), Path(folder) / name)
            for name in names
            if not name.startswith(".") and (not suffixes or name.endswith(suffixes))
        ]
    if not found:
        raise ValueError(
            f"{path}: no file{' that ends in ' + ' or '.join(suffixes) if suffixes else ''} in this folder"
        )
    return _named(sorted(found))


def _named(found: list[tuple[str, Path]]) -> list[tuple[str, Path]]:
    for name, file in found:
        try:
            name.encode()
        except UnicodeEncodeError:
            raise ValueError(f"{str(file)!r}: the file's name is not UTF-8; rename it") from None
    return found


def read(file: Path) -> Iterator[str]:
    """The text of one file, a chunk at a time, cleaned of byte-order mark and carriage returns."""
    if file.exists() and not file.is_file():
        raise ValueError(f"{file}: not a regular file")
    decoder, offset, held, first = codecs.getincrementaldecoder("utf-8")(), 0, "", True
    with open(file, "rb") as stream:
        while True:
            data = stream.read(_CHUNK)
            if b"\0" in data:
                raise ValueError(f"{file}: binary, not text: byte {offset + data.index(0)} is zero")
            pending = len(decoder.getstate()[0])  # bytes of a character that the last chunk cut in two
            try:
                text = decoder.decode(data, final=not data)
            except UnicodeDecodeError as error:
                where = offset - pending + error.start
                raise ValueError(
                    f"{file}: not UTF-8: byte {where} ({error.reason}). Convert it, for example with iconv"
                ) from None
            if first and text:
                text, first = text.removeprefix("\ufeff"), False
            offset += len(data)
            text = held + text
            held = "\r" if data and text.endswith("\r") else ""  # its "\n" may be in the next chunk
            text = text[: len(text) - len(held)].replace("\r\n", "\n").replace("\r", "\n")
            if text:
                yield text
            if not data:
                return


# ---------------------------------------------------------------------- split


def deduplicate(documents: Documents, most: float = 0.5) -> Documents:
    """Drop the documents that say again what an earlier one said.

    A document is dropped when its text equals an earlier one's, or when more than `most` of its lines of at least 20
    characters stand in the documents kept before it. A document of short lines, such as a poem, is compared by four
    words in a row instead.
    """
    kept: Documents = []
    texts: set[str] = set()
    seen: set[str] = set()
    for name, text in documents:
        own = _marks(text)
        if text in texts or _share(own, seen) > most:
            continue
        kept.append((name, text))
        texts.add(text)
        seen |= own
    return kept


def split(documents: Documents, fraction: float = 0.1, most: float = 0.5) -> tuple[Documents, Documents]:
    """Documents to train on, and documents to judge by that training never saw.

    A hash of the name alone decides the side, so that adding a file moves no other. Copies are dropped first
    (`deduplicate`), then every validation document of which more than `most` of the long lines stand in the training
    documents. One single document is cut instead: its last `fraction` of characters is the validation text. Where
    chance puts all documents on one side, which happens with a handful of files, the one with the most extreme hash
    changes sides.

    Args:
        documents: pairs `(name, text)`.
        fraction: the share of the documents that is held back, between 0 and 1.
        most: the share of long lines that a validation document may have in common with the training documents.

    Returns:
        `(train, validation)`, each in the order of `documents`.
    """
    if not documents:
        raise ValueError("documents: empty list; give at least one pair (name, text)")
    if not 0 < fraction < 1:
        raise ValueError(f"fraction: {fraction!r} is not between 0 and 1")
    checks.share("most", most)
    if len(documents) == 1:
        ((name, text),) = documents
        at = cut(len(text), fraction, name)
        return [(name, text[:at])], [(name, text[at:])]
    unique = deduplicate(documents, most)
    judged = held_back([name for name, _ in unique], fraction)
    train = [(name, text) for name, text in unique if name not in judged]
    seen = _all_marks(train)
    validation = [(name, text) for name, text in unique if name in judged and _share(_marks(text), seen) <= most]
    if not train or not validation:
        raise ValueError(
            f"documents: {len(documents)} documents, of which {len(unique)} are not copies, cannot be split in two; "
            "give more files, or one single file"
        )
    return train, validation


def cut(characters: int, fraction: float, name: str) -> int:
    """Where one document is cut into training and validation text, so that neither side is empty."""
    if characters < 2:
        raise ValueError(f"{name}: {characters} characters cannot be split into training and validation text")
    return min(max(int(characters * (1 - fraction)), 1), characters - 1)


def held_back(names: list[str], fraction: float) -> set[str]:
    """The names whose hash puts them on the validation side."""
    position = {name: int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) / 2**64 for name in names}
    chosen = {name for name in names if position[name] < fraction}
    if len(names) > 1 and not chosen:
        chosen = {min(names, key=position.__getitem__)}
    elif len(names) > 1 and len(chosen) == len(names):
        chosen = chosen - {max(names, key=position.__getitem__)}
    return chosen


def _marks(text: str) -> set[str]:
    """What a text is known by: its long lines; where they are few, four words in a row of its short lines."""
    lines = [line for raw in text.split("\n") if (line := raw.strip())]
    long = [line for line in lines if len(line) >= _LONG_LINE]
    if len(set(long)) >= _SEVERAL and 2 * len(long) >= len(lines):
        return set(long)
    return _runs([line for line in lines if len(line) < _LONG_LINE]) or (_runs(long) if len(long) == 1 else set(long))


def _runs(lines: list[str]) -> set[str]:
    words = _WORD.findall("\n".join(lines))
    return {" ".join(words[i : i + _RUN]) for i in range(len(words) - _RUN + 1)}


def _all_marks(documents: Documents) -> set[str]:
    return set().union(*(_marks(text) for _, text in documents))


def _share(marks: set[str], seen: set[str]) -> float:
    return len(marks & seen) / len(marks) if marks else 0.0


def shared_lines(validation: Documents, train: Documents) -> float:
    """The share of the validation text's distinct long lines (or runs of words, where lines are short) that stand in
    the training text too: 0 is no leak, 1 a copy."""
    return _share(_all_marks(validation), _all_marks(train))


def join(documents: Documents) -> str:
    """One text: the documents with `SEPARATOR` between them."""
    return SEPARATOR.join(text for _, text in documents)


def sha256(documents: Documents) -> str:
    """The hash of names and texts: two runs with the same hash saw the same data."""
    digest = hashlib.sha256()
    for name, text in documents:
        for part in (name, text):
            data = part.encode()
            digest.update(len(data).to_bytes(8, "big"))  # first, so that no other cut gives the same bytes
            digest.update(data)
    return digest.hexdigest()
