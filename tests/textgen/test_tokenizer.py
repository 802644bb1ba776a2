"""The tokenizers: published merges, the same merges as `tokenizers`, and every Unicode string back as it went in."""

import json
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advantage.textgen import corpus, tokenizer
from advantage.textgen.tokenizer import BPETokenizer, ByteTokenizer, CharTokenizer, learn_merges, load, merge

unicode = st.text(st.characters(exclude_categories=["Cs"]))  # every character but halves of surrogate pairs
CHINESE = "注意力把每个词和其他词联系起来。模型从左到右,一次写一个词元。"


@pytest.fixture(scope="module")
def text():
    library = dict(corpus.documents())
    return (
        corpus.join([(name, library[name]) for name in ("argparse.py", "asyncio/tasks.py", "fractions.py")]) + CHINESE
    )


@pytest.fixture(scope="module")
def byte_pairs(text):
    return BPETokenizer.train(text, 600)


# Byte pairs


def test_the_published_example():
    """Reference: Wikipedia, "Byte-pair encoding": aaabdaaabac, 3 merges → XdXac, that is 258 100 258 97 99."""
    merges = learn_merges("aaabdaaabac", 3, pieces="(?s).+", order=range(256))
    assert merges == [(97, 97), (97, 98), (256, 257)]
    ids = tuple(b"aaabdaaabac")
    for new, pair in enumerate(merges, 256):
        ids = merge(ids, pair, new)
    assert ids == (258, 100, 258, 97, 99)


def test_the_merges_of_tokenizers_on_a_real_text(text, byte_pairs):
    """Reference: the trainer of the `tokenizers` package: 344 merges of 170,000 characters, ties included."""
    assert byte_pairs.vocab_size == 600
    assert learn_merges(text, 344) == byte_pairs.merges


@given(st.text("ab \n_1", max_size=60), st.integers(0, 30))
def test_the_merges_of_tokenizers_where_ties_abound(text, count):
    """Reference: the trainer of the `tokenizers` package, on short texts of few letters."""
    assert learn_merges(text, count) == BPETokenizer.train(text, 256 + count).merges


@given(st.text("abé \n", max_size=40))
def test_encoding_applies_the_merges_in_order(byte_pairs, text):
    """Reference: `merge`, one merge after another, piece by piece, in plain Python."""
    number = {byte: i for i, byte in enumerate(tokenizer.BYTES)}
    expected = []
    for piece in re.findall(tokenizer.PIECE, text):
        ids = tuple(number[byte] for byte in piece.encode())
        for new, pair in enumerate(byte_pairs.merges, 256):
            ids = merge(ids, pair, new)
        expected += ids
    assert byte_pairs.encode(text).tolist() == expected


@given(unicode)
def test_pieces_are_cut_alike_in_both_engines(text):
    """Reference: the Onigmo engine inside `tokenizers`; together the pieces are the text."""
    from tokenizers import Regex
    from tokenizers.pre_tokenizers import Split

    pieces = re.findall(tokenizer.PIECE, text)
    assert "".join(pieces) == text
    assert [text[i:j] for _, (i, j) in Split(Regex(tokenizer.PIECE), "isolated").pre_tokenize_str(text)] == pieces


def test_long_texts_are_encoded_as_if_whole(text, byte_pairs):
    """Reference: one call of the `tokenizers` encoder on the whole text, which `encode` cuts in pieces of 64 K."""
    whole = text * 3
    assert byte_pairs.encode(whole).tolist() == byte_pairs._fast.encode(whole).ids


def test_the_separator_is_never_merged(byte_pairs):
    """Reference: the definition: id of the byte 0, whatever stands beside it."""
    ids = byte_pairs.encode('"""\0"""\0\0x')
    assert (ids == byte_pairs.start).sum() == 3
    assert byte_pairs.token_bytes[byte_pairs.start] == b"\0"
    assert [token for token in byte_pairs.token_bytes if b"\0" in token] == [b"\0"]


# Round trips


@given(unicode)
def test_any_unicode_text_comes_back(byte_pairs, text):
    """Reference: the text itself."""
    for each in (ByteTokenizer(), byte_pairs, CharTokenizer.train(text + "x")):
        ids = each.encode(text)
        assert ids.dtype == each.dtype
        assert each.decode(ids) == text
        assert "".join(each.stream(ids)) == text
        assert b"".join(each.token_bytes[i] for i in ids) == text.encode()


@given(st.lists(st.integers(0, 599)))
def test_any_ids_give_text(byte_pairs, ids):
    """Reference: Python's decoder with errors="replace"; a model may sample half a character."""
    expected = b"".join(byte_pairs.token_bytes[i] for i in ids).decode(errors="replace")
    assert byte_pairs.decode(ids) == expected
    assert "".join(byte_pairs.stream(ids)) == expected


@pytest.mark.parametrize("kind", ["char", "byte", "bpe"])
def test_half_a_surrogate_pair_is_refused(byte_pairs, kind):
    """Reference: RFC 3629, section 3: UTF-8 has no encoding of U+D800 … U+DFFF."""
    each = {"char": CharTokenizer("ab"), "byte": ByteTokenizer(), "bpe": byte_pairs}[kind]
    with pytest.raises(ValueError, match=r"text: character 2 is '\\udc80', half of a surrogate pair"):
        each.encode("ab\udc80")
    with pytest.raises(ValueError, match="half of a surrogate pair"):
        type(each).train("\ud800", 300) if kind == "bpe" else CharTokenizer("\ud800")


def test_an_unknown_character_becomes_u_fffd_or_a_named_error():
    """Reference: the Unicode Standard: U+FFFD replaces "an incoming character whose value is unknown"."""
    each = CharTokenizer.train("hello")
    assert each.characters == "ehlo\ufffd"
    assert each.decode(each.encode("héllo")) == "h\ufffdllo"
    with pytest.raises(
        ValueError, match=r"text: character 1 is 'é' \(U\+00E9\), which the vocabulary of 5 characters lacks"
    ):
        each.encode("héllo", strict=True)
    with pytest.raises(ValueError, match="character 0 is '!'"):
        CharTokenizer("ab").encode("!")
    assert each.encode("hello", strict=True).tolist() == [1, 0, 2, 2, 3]


# Files


@pytest.mark.parametrize("kind", ["char", "byte", "bpe"])
def test_what_is_saved_is_what_is_loaded(tmp_path, byte_pairs, kind):
    """Reference: the tokenizer before it was saved."""
    each = {"char": CharTokenizer.train(CHINESE), "byte": ByteTokenizer(), "bpe": byte_pairs}[kind]
    each.save(tmp_path / "model")
    assert [file.name for file in (tmp_path / "model").iterdir()] == [tokenizer.FILE]
    again = load(tmp_path / "model", each.fingerprint)
    assert type(again) is type(each)
    assert again.fingerprint == each.fingerprint
    assert again.token_bytes == each.token_bytes
    assert again.encode(CHINESE).tolist() == each.encode(CHINESE).tolist()


def test_a_tokenizer_of_another_model_is_refused(tmp_path, byte_pairs):
    """Reference: sha256: each of the four has another fingerprint."""
    others = [ByteTokenizer(), CharTokenizer("ab"), CharTokenizer("ba"), byte_pairs]
    assert len({each.fingerprint for each in others}) == len(others)
    others[1].save(tmp_path)
    with pytest.raises(ValueError, match="do not belong together"):
        load(tmp_path, others[2].fingerprint)


@pytest.mark.parametrize(
    "state",
    [
        "",
        "[]",
        "{}",
        '{"kind": "word"}',
        '{"kind": "char"}',
        '{"kind": "char", "characters": "aa"}',
        '{"kind": "bpe", "merges": [[0, 256]]}',
        '{"kind": "bpe", "merges": [[0, 1], [0, 1]]}',
        '{"kind": "bpe", "merges": [[-1, 1]]}',
        '{"kind": "bpe", "merges": 3}',
        '{"kind": "byte", "size": 1}',
    ],
)
def test_a_damaged_file_is_named(tmp_path, state):
    """Reference: files made wrong here."""
    (tmp_path / tokenizer.FILE).write_text(state)
    with pytest.raises(ValueError, match=r"tokenizer\.json: not a tokenizer"):
        load(tmp_path)
    with pytest.raises(FileNotFoundError, match="elsewhere"):
        load(tmp_path / "elsewhere")


# Edges


@pytest.mark.parametrize(
    ("ids", "message"),
    [([256], "outside the vocabulary 0 … 255"), ([-1], "outside"), ([0.5], "integers"), ([[1]], r"shape \(1, 1\)")],
)
def test_wrong_ids_are_refused(ids, message):
    """Reference: the definition of the byte vocabulary."""
    with pytest.raises(ValueError, match=message):
        ByteTokenizer().decode(ids)


def test_edges(byte_pairs):
    """Reference: definitions: empty text, empty ids, smallest vocabularies, the id before a text."""
    for each in (ByteTokenizer(), byte_pairs, CharTokenizer("a")):
        assert each.encode("").shape == (0,)
        assert each.decode([]) == each.decode(np.zeros(0, int)) == ""
    assert BPETokenizer.train("", 300).vocab_size == 256
    assert BPETokenizer.train(["ab ab", "ab"], 257).token_bytes[256] == b"ab"
    assert (ByteTokenizer().start, CharTokenizer("a\n").start, CharTokenizer("a").start) == (0, 1, 0)
    with pytest.raises(ValueError, match="vocab_size: 255"):
        BPETokenizer.train("a", 255)
    with pytest.raises(ValueError, match="text: empty"):
        CharTokenizer.train("")
    assert json.loads(CharTokenizer("ab")._state()) == {"kind": "char", "characters": "ab"}
    assert CharTokenizer("".join(map(chr, range(0x10000, 0x20001)))).dtype == np.uint32


@pytest.mark.parametrize("ids", [[-1], [9999], [0.5], ["a"], [None], [3, -1]])
def test_wrong_ids_are_refused_by_the_stream_too(byte_pairs, ids):
    """Reference: decode, which refuses the same."""
    for each in (ByteTokenizer(), byte_pairs, CharTokenizer("ab")):
        with pytest.raises(ValueError, match="ids: "):
            each.decode(ids)
        with pytest.raises(ValueError, match="ids: "):
            list(each.stream(ids))
