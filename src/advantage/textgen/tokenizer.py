"""From text to numbers and back: characters, bytes, and byte pairs.

Each tokenizer has `encode(text)` → array of ids, `decode(ids)` → text, `vocab_size`, `token_bytes` (the bytes that
each id stands for), `fingerprint` (a hash: equal means the same ids for the same text) and `save(folder)`;
`load(folder)` gives it back. None has special tokens: the end of a document is the character `"\\0"`, which no text
contains.
"""

import codecs
import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from advantage import checks, files
from advantage.textgen.byte_pairs import BYTES, PIECE, VISIBLE, learn_merges, merge
from advantage.textgen.corpus import SEPARATOR
from advantage.textgen.shards import cut_before_whitespace

UNKNOWN = "\ufffd"  # the character that stands for one that the vocabulary lacks
FILE = "tokenizer.json"
__all__ = [
    "BYTES",
    "PIECE",
    "BPETokenizer",
    "ByteTokenizer",
    "CharTokenizer",
    "Tokenizer",
    "learn_merges",
    "load",
    "merge",
]


class Tokenizer:
    """What all three have in common."""

    kind: str
    vocab_size: int
    token_bytes: list[bytes]

    def encode(self, text: str, strict: bool = False) -> np.ndarray:
        """The ids of the text; with `strict`, a character that the vocabulary lacks is a ValueError that names it."""
        raise NotImplementedError

    def _state(self) -> str:
        raise NotImplementedError

    def __init__(self) -> None:
        self.dtype = np.uint16 if self.vocab_size <= 1 << 16 else np.uint32
        self.fingerprint = hashlib.sha256(self._state().encode()).hexdigest()

    @property
    def start(self) -> int:
        """The id that stands before the first token of a text: the end of the document before, or a line end, or 0."""
        for text in (SEPARATOR, "\n"):
            if text.encode() in self.token_bytes:
                return self.token_bytes.index(text.encode())
        return 0

    def decode(self, ids: Iterable[int]) -> str:
        """The text of the ids. Bytes that are not UTF-8, as where a character was cut in two, become U+FFFD."""
        return b"".join(self.token_bytes[i] for i in row_of_ids("ids", ids, self.vocab_size)).decode(errors="replace")

    def stream(self, ids: Iterable[int]) -> Iterable[str]:
        """The text of each id as it arrives; a character of several tokens comes with its last one."""
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        for i in ids:
            yield decoder.decode(self.token_bytes[row_of_ids("ids", [i], self.vocab_size)[0]])
        yield decoder.decode(b"", final=True)

    def save(self, folder: str | Path) -> None:
        """Write `folder/tokenizer.json`, whole or not at all."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        with files.whole(folder / FILE) as file:
            file.write(self._state())


def row_of_ids(name: str, ids: Iterable[int], vocab_size: int | None = None) -> np.ndarray:
    """One row of whole numbers, of the vocabulary where its size is given, as int64."""
    row = np.asarray(ids if hasattr(ids, "__len__") else list(ids))
    if row.ndim != 1 or (row.size and row.dtype.kind not in "iu"):
        raise ValueError(f"{name}: shape {row.shape}, type {row.dtype}; give one row of integers")
    if vocab_size is not None and row.size and (row.min() < 0 or row.max() >= vocab_size):
        raise ValueError(f"{name}: between {row.min()} and {row.max()}, outside the vocabulary 0 … {vocab_size - 1}")
    return row.astype(np.int64)


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"text: character {error.start} is {text[error.start]!r}, half of a surrogate pair, "
            "which is no character; remove it"
        ) from None


class CharTokenizer(Tokenizer):
    """One id for each character of the training text, and one (U+FFFD) for all others.

    Args:
        characters: the vocabulary, in the order of the ids.
    """

    kind = "char"

    def __init__(self, characters: str) -> None:
        if not characters or len(set(characters)) != len(characters):
            raise ValueError(f"characters: {characters[:20]!r}… must be one or more characters, none of them twice")
        _utf8(characters)
        self.characters = characters
        self.vocab_size = len(characters)
        self.token_bytes = [character.encode() for character in characters]
        unknown = characters.find(UNKNOWN)
        self._ids = np.full(0x110000, unknown, np.int32)  # id of each code point
        self._ids[[ord(character) for character in characters]] = np.arange(len(characters))
        super().__init__()

    @classmethod
    def train(cls, text: str | Iterable[str]) -> "CharTokenizer":
        """The characters of `text`, or of a stream of texts, in code-point order, and U+FFFD."""
        found: set[str] = set()
        for piece in [text] if isinstance(text, str) else text:
            found.update(piece)
        if not found:
            raise ValueError("text: empty; a vocabulary needs at least one character")
        return cls("".join(sorted({*found, UNKNOWN})))

    def encode(self, text: str, strict: bool = False) -> np.ndarray:
        """The id of each character; with `strict`, a character that the vocabulary lacks is a ValueError that names
        it."""
        _utf8(text)
        codes = np.frombuffer(text.encode("utf-32-le"), np.uint32)
        ids = self._ids[codes]
        wrong = (ids < 0) | (codes == ord(UNKNOWN)) | (ids == self._ids[ord(UNKNOWN)]) if strict else ids < 0
        if wrong.any():
            at = int(wrong.argmax())
            raise ValueError(
                f"text: character {at} is {text[at]!r} (U+{codes[at]:04X}), "
                f"which the vocabulary of {self.vocab_size} characters lacks"
            )
        return ids.astype(self.dtype)

    def _state(self) -> str:
        return json.dumps({"kind": self.kind, "characters": self.characters})


class ByteTokenizer(Tokenizer):
    """The bytes of UTF-8: 256 ids, nothing to learn, nothing unknown."""

    kind = "byte"
    vocab_size = 256

    def __init__(self) -> None:
        self.token_bytes = [bytes([byte]) for byte in range(256)]
        super().__init__()

    @classmethod
    def train(cls, text: str | Iterable[str]) -> "ByteTokenizer":
        """Nothing to learn: the text is not read."""
        return cls()

    def encode(self, text: str, strict: bool = False) -> np.ndarray:
        """The bytes of the text (`strict` changes nothing: no character is unknown)."""
        return np.frombuffer(_utf8(text), np.uint8).astype(self.dtype)

    def _state(self) -> str:
        return json.dumps({"kind": self.kind})


class BPETokenizer(Tokenizer):
    """Byte pairs: the 256 bytes, and tokens made by merging the most frequent pair, again and again (Sennrich et al.
    2016).

    `learn_merges` is the whole algorithm; training and encoding run in the `tokenizers` package, to the same merges.

    Args:
        merges: pairs of ids, the first for id 256, the next for id 257, … ; ids below 256 are bytes in the order of
            `BYTES`.
    """

    kind = "bpe"

    def __init__(self, merges: list[tuple[int, int]]) -> None:
        from tokenizers import Tokenizer, models, pre_tokenizers

        self.merges = [tuple(pair) for pair in merges]
        self.token_bytes = [bytes([byte]) for byte in BYTES]
        for new, (left, right) in enumerate(self.merges, 256):
            if not (0 <= left < new and 0 <= right < new):
                raise ValueError(f"merges: pair {(left, right)} for id {new} names an id that does not exist yet")
            self.token_bytes.append(self.token_bytes[left] + self.token_bytes[right])
        self.vocab_size = len(self.token_bytes)
        if len(set(self.token_bytes)) != self.vocab_size:
            raise ValueError("merges: two ids stand for the same bytes")
        visible = _visible_characters()
        names = ["".join(visible[byte] for byte in token) for token in self.token_bytes]
        self._fast = Tokenizer(
            models.BPE(
                {name: i for i, name in enumerate(names)}, [(names[left], names[right]) for left, right in self.merges]
            )
        )
        self._fast.pre_tokenizer = _pre_tokenizer(pre_tokenizers)
        super().__init__()

    @classmethod
    def train(cls, text: str | Iterable[str], vocab_size: int) -> "BPETokenizer":
        """Learn the merges of a text, or of the texts of an iterable.

        Args:
            text: what to learn from: training documents only, never those held back.
            vocab_size: 256 bytes and the number of merges; fewer where the text runs out of pairs.
        """
        from tokenizers import Tokenizer, models, pre_tokenizers, trainers

        if checks.whole("vocab_size", vocab_size) < 256:
            raise ValueError(f"vocab_size: {vocab_size} is less than the 256 bytes that every vocabulary holds")
        texts = [text] if isinstance(text, str) else text
        fast = Tokenizer(models.BPE())
        fast.pre_tokenizer = _pre_tokenizer(pre_tokenizers)
        trainer = trainers.BpeTrainer(
            vocab_size=vocab_size, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
        )
        fast.train_from_iterator(
            (piece for one in texts for piece in cut_before_whitespace([_utf8(one).decode()])), trainer
        )
        state = json.loads(fast.to_str())["model"]
        return cls([(state["vocab"][left], state["vocab"][right]) for left, right in state["merges"]])

    def encode(self, text: str, strict: bool = False) -> np.ndarray:
        """The ids of the text (`strict` changes nothing: no character is unknown)."""
        encoded = self._fast.encode_batch_fast(list(_parts(text)), add_special_tokens=False)
        return np.concatenate([np.zeros(0, self.dtype), *(np.array(one.ids, self.dtype) for one in encoded)])

    def for_others(self):
        """A copy for programs that read the format of the package `tokenizers`, whose class it has; it decodes too."""
        from tokenizers import Tokenizer, decoders

        copied = Tokenizer.from_str(self._fast.to_str())
        copied.decoder = decoders.ByteLevel()
        return copied

    def _state(self) -> str:
        return json.dumps({"kind": self.kind, "merges": self.merges})


def _parts(text: str) -> Iterator[str]:
    """The text in parts that are encoded one by one, to the same ids."""
    _utf8(text)
    return cut_before_whitespace([text])


def _visible_characters() -> dict[int, str]:
    """The character that `tokenizers` writes for each byte: itself where visible, else one from U+0100 up."""
    return {byte: chr(byte) if byte in VISIBLE else chr(256 + i - len(VISIBLE)) for i, byte in enumerate(BYTES)}


def _pre_tokenizer(pre_tokenizers):
    from tokenizers import Regex

    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PIECE), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )


def load(folder: str | Path, fingerprint: str | None = None) -> CharTokenizer | ByteTokenizer | BPETokenizer:
    """The tokenizer saved in a folder.

    Args:
        folder: where `save` wrote.
        fingerprint: what the model beside it was trained with; another tokenizer is refused.

    Raises:
        ValueError: the file is damaged, or does not belong to the model.
    """
    file = Path(folder) / FILE
    try:
        state = json.loads(file.read_text(encoding="utf-8"))
        kind = state.pop("kind")
        tokenizer = {"char": CharTokenizer, "byte": ByteTokenizer, "bpe": BPETokenizer}[kind](**state)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"{file}: not a tokenizer of this package ({error})") from error
    if fingerprint is not None and tokenizer.fingerprint != fingerprint:
        raise ValueError(
            f"{file}: fingerprint {tokenizer.fingerprint[:12]} where the model was trained with {fingerprint[:12]}; "
            "model and tokenizer do not belong together"
        )
    return tokenizer
