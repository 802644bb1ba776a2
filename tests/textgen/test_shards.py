"""Tokens on disk: those of the text in memory, in a few megabytes, whole or not at all."""

import errno
import json
import os
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advantage.textgen import corpus, shards
from advantage.textgen.tokenizer import BPETokenizer, ByteTokenizer, CharTokenizer


@pytest.fixture(scope="module")
def library():
    return corpus.documents()


def write(folder, **files):
    folder.mkdir(exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data if isinstance(data, bytes) else data.encode())
    return folder


def lines(word, count=40):
    return "".join(f"the {word} sentence with number {i} stands only here\n" for i in range(count))


@pytest.mark.parametrize("make", [ByteTokenizer, lambda: CharTokenizer.train("".join(map(chr, range(1024))))])
def test_streamed_tokens_equal_those_in_memory(tmp_path, make):
    """Reference: documents → split → join → encode, all in memory."""
    tokenizer = make()
    folder = write(tmp_path / "texts", **{f"f{i}.txt": lines(f"wörd{i}").replace("\n", "\r\n") for i in range(30)})
    train, validation = corpus.split(corpus.documents(folder))
    meta = shards.write_tokens(folder, tokenizer, tmp_path / "out" / "tokens")
    got = shards.read_tokens(tmp_path / "out" / "tokens", tokenizer)
    for ids, expected in zip(got, (train, validation)):
        assert isinstance(ids, np.memmap)
        np.testing.assert_array_equal(ids, tokenizer.encode(corpus.join(expected)))
    assert meta["documents"] == 30
    assert meta["characters"] == sum(len(text) for _, text in train + validation)


def test_streamed_byte_pairs_equal_those_in_memory(tmp_path, library, monkeypatch):
    """Reference: the same text encoded whole; a single file is cut at nine tenths of its characters."""
    text = dict(library)["argparse.py"] + "中文 é" * 50
    tokenizer = BPETokenizer.train(text, 400)
    write(tmp_path, **{"f.py": text})
    monkeypatch.setattr(corpus, "_CHUNK", 5000)
    shards.write_tokens(tmp_path / "f.py", tokenizer, tmp_path / "tokens")
    (train,), (validation,) = corpus.split([("f.py", text)])
    got = shards.read_tokens(tmp_path / "tokens")
    np.testing.assert_array_equal(got[0], tokenizer.encode(train[1]))
    np.testing.assert_array_equal(got[1], tokenizer.encode(validation[1]))


def test_streaming_needs_a_few_megabytes_whatever_the_size(tmp_path):
    """Reference: tracemalloc; the file is 24 MB."""
    file = tmp_path / "large.txt"
    file.write_bytes(b"a line of thirty-two characters\n" * 750_000)
    tracemalloc.start()
    meta = shards.write_tokens(file, ByteTokenizer(), tmp_path / "tokens")
    train, _ = shards.read_tokens(tmp_path / "tokens")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert meta["train_tokens"] == len(train) == 21_600_000
    assert peak < 12e6


@given(st.text(" \tab\n中", max_size=300), st.integers(1, 20), st.integers(1, 30))
def test_cutting_before_whitespace_changes_no_piece(text, chunk, size):
    """Reference: the pieces of the whole text, by the regular expression of the byte-pair tokenizer."""
    import re

    from advantage.textgen.tokenizer import PIECE

    spaced = " ".join(text)  # no run without a space is longer than size
    parts = list(
        shards.cut_before_whitespace([spaced[i : i + chunk] for i in range(0, len(spaced), chunk)], max(size, 4))
    )
    assert "".join(parts) == spaced
    whole = re.findall(PIECE, spaced)
    if all(len(word) < size for word in re.findall(r"\s+|\S+", spaced)):
        assert [piece for part in parts for piece in re.findall(PIECE, part)] == whole


@pytest.mark.parametrize("fault", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_a_run_that_fails_leaves_nothing(tmp_path, monkeypatch, fault):
    """Reference: the folder's listing before and after a disk that is full, or a user who interrupts."""
    write(tmp_path / "texts", a=lines("one"), b=lines("two"))

    def fail(_):
        raise fault

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fail)
        with pytest.raises(type(fault)):
            shards.write_tokens(tmp_path / "texts", ByteTokenizer(), tmp_path / "tokens")
    assert os.listdir(tmp_path) == ["texts"]
    shards.write_tokens(tmp_path / "texts", ByteTokenizer(), tmp_path / "tokens")
    with pytest.raises(FileExistsError, match="tokens: exists"):
        shards.write_tokens(tmp_path / "texts", ByteTokenizer(), tmp_path / "tokens")


def test_tokens_of_another_tokenizer_and_damaged_tokens_are_refused(tmp_path):
    """Reference: the fingerprint in tokens.json, and the file's length."""
    write(tmp_path, f=lines("one"))
    shards.write_tokens(tmp_path / "f", ByteTokenizer(), tmp_path / "tokens")
    with pytest.raises(ValueError, match="written with tokenizer"):
        shards.read_tokens(tmp_path / "tokens", CharTokenizer.train(lines("one")))
    file = tmp_path / "tokens" / "train.bin"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"train\.bin: damaged"):
        shards.read_tokens(tmp_path / "tokens")
    assert json.loads((tmp_path / "tokens" / "tokens.json").read_text())["dtype"] == "uint16"


@pytest.mark.parametrize("chunk", [1 << 14, 1 << 22])
def test_cutting_takes_time_in_proportion_to_the_text(chunk):
    """Reference: counted characters: of what is copied, each is copied a few times, whatever the chunk's size."""

    class Counted(str):
        copied = 0

        def __getitem__(self, key):
            if isinstance(key, slice):
                Counted.copied += len(range(*key.indices(len(self))))
            return Counted(super().__getitem__(key))

        def __add__(self, other):
            return Counted(super().__add__(other))

        def __radd__(self, other):
            return Counted(str(other) + str(self))

    text = "some words " * (1 << 18)
    pieces = list(shards.cut_before_whitespace(Counted(text[i : i + chunk]) for i in range(0, len(text), chunk)))
    assert "".join(pieces) == text
    assert Counted.copied < 12 * len(text)


def test_tokens_inside_the_corpus_are_refused(tmp_path):
    """Reference: the folder's listing: what is written there would be read as corpus the next time."""
    write(tmp_path / "texts", a=lines("one"), b=lines("two"))
    with pytest.raises(ValueError, match="lies inside the corpus"):
        shards.write_tokens(tmp_path / "texts", ByteTokenizer(), tmp_path / "texts" / "tokens")
    assert sorted(os.listdir(tmp_path / "texts")) == ["a", "b"]


def test_a_survey_saves_readings_and_changes_nothing(tmp_path, monkeypatch):
    """Reference: the same calls with the folder's name."""
    write(tmp_path / "texts", a=lines("one"), b=lines("two"), c=lines("two"))
    found = shards.survey(tmp_path / "texts")
    assert "".join(shards.stream(found)) == "".join(shards.stream(tmp_path / "texts"))
    one = shards.write_tokens(found, ByteTokenizer(), tmp_path / "one")
    assert one == shards.write_tokens(tmp_path / "texts", ByteTokenizer(), tmp_path / "other")
    assert one == shards.facts(tmp_path / "one")
    assert (one["sha256"], one["documents"]) == (found.sha256, 2)


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b"\xff", b'{"tokenizer": "x", "dtype": "O"}', b"[" * 100_000])
def test_a_damaged_record_is_named(tmp_path, data):
    """Reference: files made wrong here."""
    write(tmp_path, f=lines("one"))
    shards.write_tokens(tmp_path / "f", ByteTokenizer(), tmp_path / "tokens")
    (tmp_path / "tokens" / "tokens.json").write_bytes(data)
    with pytest.raises(ValueError, match=r"tokens\.json: not the record of a folder of tokens, or damaged"):
        shards.read_tokens(tmp_path / "tokens")
