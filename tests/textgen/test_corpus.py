"""The corpus: the same documents in the same order, split without a leak, refused by name where they are no text."""

import ast
import errno
import hashlib
import os
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advantage.textgen import corpus

names = st.text("abcdefgh/.", min_size=1, max_size=8)


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


# Collecting


def test_the_default_corpus_is_python_that_parses(library):
    """Reference: CPython's own parser, on every source file of its own library."""
    source = [text for name, text in library if name.endswith(".py")]
    assert len(source) > 400
    assert sum(map(len, source)) > 8_000_000
    for text in source[::20]:
        ast.parse(text)


def test_the_default_corpus_holds_documentation_and_neither_tests_nor_other_packages(library):
    """Reference: the layout of CPython's Lib/ (test, */tests, site-packages) and pydoc_data.topics."""
    from pydoc_data.topics import topics

    found = {name for name, _ in library}
    assert {f"pydoc_data/topics/{topic}.txt" for topic in topics} <= found
    assert {"ast.py", "asyncio/base_events.py"} <= found
    assert not [name for name in found if {"test", "tests", "site-packages", "__pycache__"} & set(name.split("/")[:-1])]
    assert not [name for name in found if name.startswith(("_sysconfigdata", "/"))]


def test_the_order_is_sorted_and_the_hash_repeats(library):
    """Reference: sorted() itself; a second reading of the same files."""
    assert [name for name, _ in library] == sorted(name for name, _ in library)
    assert corpus.sha256(corpus.documents()) == corpus.sha256(library)


def test_the_hash_sees_every_border():
    """Reference: length-prefixed hashing; moving one character across any border must change the hash."""
    pairs = [[("a", "bc")], [("ab", "c")], [("a", "b"), ("c", "")], [("a", "b"), ("", "c")], [("", "abc")]]
    assert len({corpus.sha256(documents) for documents in pairs}) == len(pairs)


def test_a_folder_is_read_in_order_without_hidden_and_empty_files(tmp_path):
    """Reference: the file names written here."""
    write(tmp_path, **{"b.txt": "b", "a.py": "a", ".hidden": "x", "empty.py": ""})
    write(tmp_path / "__pycache__", cached="x")
    write(tmp_path / "Z", c="中文")
    assert corpus.documents(tmp_path) == [("Z/c", "中文"), ("a.py", "a"), ("b.txt", "b")]
    assert corpus.documents(str(tmp_path), suffixes=[".py"]) == [("a.py", "a")]


@given(text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1), bom=st.booleans())
def test_line_ends_and_byte_order_mark_are_cleaned(tmp_path_factory, text, bom):
    """Reference: Python's universal newlines and its codec utf-8-sig."""
    file = tmp_path_factory.mktemp("corpus") / "f.txt"
    file.write_bytes((b"\xef\xbb\xbf" if bom else b"") + text.encode())
    expected = file.read_text(encoding="utf-8-sig")
    if expected:
        assert corpus.documents(file) == [("f.txt", expected)]


@pytest.mark.parametrize("chunk", [1, 2, 3, 5, 7])
def test_chunks_cut_no_character_and_no_line_end(tmp_path, monkeypatch, chunk):
    """Reference: the text that was written, whatever number of bytes is read at a time."""
    monkeypatch.setattr(corpus, "_CHUNK", chunk)
    write(tmp_path, f="\ufeffa\r\nb\rc\n\r\né中\ufeff😀\r".encode())  # the first mark is one of order, the second text
    assert corpus.documents(tmp_path / "f") == [("f", "a\nb\nc\n\né中\ufeff😀\n")]


# Refusing


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b"text\0more", "binary, not text: byte 4 is zero"),
        (b"caf\xe9 au lait", "not UTF-8: byte 3"),
        ("中文".encode()[:-1], "not UTF-8: byte 3"),
        (b"x" * (1 << 20) + b"\xff", "not UTF-8: byte 1048576"),
        ("语".encode("utf-16"), "binary|not UTF-8"),
    ],
)
def test_what_is_no_text_is_refused_by_name(tmp_path, data, message):
    """Reference: RFC 3629 for what UTF-8 is; the offset is that of the byte written here."""
    write(tmp_path, bad=data)
    for path in (tmp_path / "bad", tmp_path) if data.strip(b"\xef\xbb\xbf") else (tmp_path / "bad",):
        with pytest.raises(ValueError, match=f"bad: .*({message})"):
            corpus.documents(path)


def test_missing_special_and_too_large_input_is_refused_by_name(tmp_path):
    """Reference: the operating system's own errors, and the limit given here."""
    with pytest.raises(FileNotFoundError, match="nowhere"):
        corpus.documents(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"no file that ends in \.py in this folder"):
        corpus.documents(tmp_path, suffixes=(".py",))
    write(tmp_path, small="x", large="y" * 100)
    with pytest.raises(ValueError, match=r"101 bytes.*large.*write_tokens"):
        corpus.documents(tmp_path, max_bytes=100)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(ValueError, match="pipe: not a regular file"):
            corpus.documents(tmp_path / "pipe")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may read everything")
def test_unreadable_input_is_refused_by_name(tmp_path):
    """Reference: POSIX permissions."""
    write(tmp_path / "secret", f="x")
    (tmp_path / "secret").chmod(0)
    with pytest.raises(PermissionError, match="secret"):
        corpus.documents(tmp_path)
    (tmp_path / "secret").chmod(0o755)


def test_an_unreadable_folder_is_not_passed_over_in_silence(tmp_path, monkeypatch):
    """Reference: os.walk calls onerror with the OSError of os.scandir (which Path.rglob swallows)."""

    def scandir(path):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(PermissionError, match=tmp_path.name):
        corpus.documents(tmp_path)


# Splitting


@given(st.lists(names, min_size=2, max_size=40, unique=True), names)
def test_adding_a_file_moves_no_other(old, new):
    """Reference: the definition: the side is a function of the name alone (as long as chance fills both sides)."""
    if new in old:
        return
    held_back = {name for name in old if _position(name) < 0.3}
    if not held_back or len(held_back) == len(old):
        return
    before = corpus.split([(name, lines(name)) for name in old], 0.3)
    after = corpus.split([(name, lines(name)) for name in [*old, new]], 0.3)
    for side, larger in zip(before, after):
        assert set(side) <= set(larger)
    assert {name for name, _ in before[1]} == held_back


def _position(name):
    import hashlib

    return int(hashlib.sha256(name.encode()).hexdigest()[:16], 16) / 2**64


def test_the_split_of_the_library_does_not_leak(library):
    """Reference: an independent count of the long lines of each held-back file that training saw too."""
    train, validation = corpus.split(library)
    assert not {text for _, text in train} & {text for _, text in validation}
    seen = {line.strip() for _, text in train for line in text.split("\n") if len(line.strip()) >= 20}
    for name, text in validation:
        own = {line.strip() for line in text.split("\n") if len(line.strip()) >= 20}
        assert len(own & seen) <= len(own) / 2, name
    size = [sum(len(text) for _, text in side) for side in (train, validation)]
    assert 0.04 < size[1] / sum(size) < 0.2
    assert corpus.shared_lines(validation, train) < 0.12
    assert corpus.shared_lines(train, train) == 1


def test_copies_and_near_copies_are_dropped_and_short_files_are_not():
    """Reference: documents made here, of which the kind of each is known."""
    near = lines("first").replace("number 7 ", "number seven ")
    documents = [
        ("a", lines("first")),
        ("b", lines("first")),
        ("c", near),
        ("d", lines("other")),
        ("e", "x"),
        ("f", "y"),
    ]
    assert [name for name, _ in corpus.deduplicate(documents)] == ["a", "d", "e", "f"]


def test_a_single_document_is_cut_at_nine_tenths():
    """Reference: the split used with tiny Shakespeare: the last 10 % of the characters."""
    text = "".join(map(chr, range(100, 1100)))
    assert corpus.split([("f", text)]) == ([("f", text[:900])], [("f", text[900:])])
    assert corpus.split([("f", "ab")]) == ([("f", "a")], [("f", "b")])
    assert int(1_115_394 * 0.9) == 1_003_854  # nanoGPT's count of training characters


@pytest.mark.parametrize("count", [2, 3, 5])
def test_a_handful_of_documents_fills_both_sides(count):
    """Reference: the definition."""
    documents = [(f"f{i}", lines(f"word{i}")) for i in range(count)]
    train, validation = corpus.split(documents, 0.001)
    assert len(train) == count - 1
    assert len(validation) == 1


@pytest.mark.parametrize(
    ("documents", "fraction", "message"),
    [
        ([], 0.1, "documents: empty"),
        ([("a", "x"), ("b", "y")], 0.0, "fraction: 0.0 is not between"),
        ([("a", "x"), ("b", "y")], 1, "fraction: 1 is not between"),
        ([("a", "x")], 0.1, "a: 1 characters cannot be split"),
        ([("a", "x"), ("b", "x")], 0.1, "2 documents, of which 1 are not copies"),
    ],
)
def test_what_cannot_be_split_is_refused(documents, fraction, message):
    """Reference: the messages promised in the docstring."""
    with pytest.raises(ValueError, match=message):
        corpus.split(documents, fraction)


def test_who_is_held_back():
    """Reference: the names' SHA-256 as numbers from 0 to 1, and the definition: nobody is held back in full."""
    names = [f"name {i}" for i in range(200)]
    place = {name: int(hashlib.sha256(name.encode()).hexdigest()[:16], 16) / 2**64 for name in names}
    assert corpus.held_back(names, 0.5) == {name for name in names if place[name] < 0.5}
    assert corpus.held_back(names, 1 - 1e-12) == set(names) - {max(names, key=place.get)}
    assert corpus.held_back(names, 1e-12) == {min(names, key=place.get)}


def test_half_of_the_lines_is_no_copy():
    """Reference: "more than `most`" of forty lines, one after the other."""
    first, own = lines("first"), lines("second").splitlines(keepends=True)
    for common, kept in ((19, 2), (20, 2), (21, 1)):
        other = "".join([*first.splitlines(keepends=True)[:common], *own[common:]])
        assert len(corpus.deduplicate([("a", first), ("b", other)])) == kept


POEM = "the {} is old\nthe sea is cold\nand no one told\nthe bell that tolled\nwhat winds unfold\n"


def test_near_copies_of_short_lines_are_seen():
    """Reference: fifty poems that differ in one word: one is left, and cannot be split."""
    poems = [(f"p{i}", POEM.format(f"w{i}")) for i in range(50)]
    assert len(corpus.deduplicate(poems)) == 1
    assert corpus.shared_lines(poems[:1], poems[1:]) > 0.5
    chinese = [
        (f"p{i}", f"床前明月光\n疑是地上霜\n举头望明月\n低头思故乡\n{'一二三四五六七八九'[i]}\n") for i in range(9)
    ]
    assert len(corpus.deduplicate(chinese)) == 1


@pytest.mark.parametrize("lines_in_common", [1, 2, 3])
def test_a_licence_in_common_makes_no_copy(lines_in_common):
    """Reference: a hundred poems of words of their own, under the same licence: all are kept."""
    licence = "".join(f"This poem may be copied under condition {i} of the licence\n" for i in range(lines_in_common))
    poems = [(f"p{i}", licence + "".join(f"a{i}x{j} b{i}y{j} c{i}z{j}\n" for j in range(5))) for i in range(100)]
    assert [name for name, _ in corpus.deduplicate(poems)] == [name for name, _ in poems]
    train, validation = corpus.split(poems)
    assert len(train) + len(validation) == 100


@pytest.mark.skipif(os.name != "posix" or sys.platform == "darwin", reason="names of bytes are a matter of Linux")
def test_a_file_s_name_that_is_not_utf_8_is_named(tmp_path):
    """Reference: RFC 3629: no character is written with the byte FF."""
    (tmp_path / "a.txt").write_text("text")
    with open(os.fsencode(tmp_path) + b"/b\xff.txt", "w") as file:
        file.write("text")
    for path in (tmp_path, tmp_path / os.fsdecode(b"b\xff.txt")):
        with pytest.raises(ValueError, match=r"b\\udcff\.txt': the file's name is not UTF-8"):
            corpus.documents(path)
