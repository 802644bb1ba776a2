"""A sweep: many small models, of several sizes and on several amounts of text, kept in one file.

Every run is a row of that file, and a row that stands there is not measured again: a sweep that was stopped or killed
goes on where it was. After each run the file is written anew, whole or not at all. All models are the GPT of `gpt` with
two blocks, on bytes; the width alone makes the size. No clock decides anything.
"""

import datetime
import importlib.util
import json
import platform
import re
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from advantage import checks, files, ledger
from advantage.textgen import corpus
from advantage.textgen.gpt import GPT
from advantage.textgen.tokenizer import ByteTokenizer
from advantage.textgen.training import Run, train

WIDTHS = (16, 32, 48, 64, 80, 96, 128)
TOKENS = (250_000, 500_000, 1_000_000, 2_000_000)
LARGER = ((192, 2_000_000), (192, 4_000_000))  # held out: forecast from the others
LAYERS, HEAD = 2, 16  # blocks; width of an attention head
RECIPE: dict[str, Any] = {"context": 64, "batch": 12}
MUON_RATE, ADAM_RATE = 0.02, 0.24  # the first for every width; the second over √width
STUDIES = ("grid", "seeds", "rates", "repeated", "larger")
RATES_SEED = 100  # of the runs that check the rates: they are scored on other pieces of the held-out files
PIECE = 4096  # bytes of a piece of text
HELD_OUT = 64  # pieces that judge a run


class Cell(NamedTuple):
    """One run: what decides its loss."""

    study: str
    width: int
    tokens: int  # read in training, repeats counted
    distinct: int | None = None  # bytes of text that they are drawn from; None: all there are
    seed: int = 0
    muon: float = 1.0  # the learning rates, as multiples of those that the rule gives
    adam: float = 1.0


class Text(NamedTuple):
    """A corpus in bytes."""

    train: np.ndarray
    judge: np.ndarray  # pieces of the held-out files
    rates: np.ndarray  # other pieces of them, for the choice of the learning rates
    sha256: str


def text(path: str | Path | None = None) -> Text:
    """A UTF-8 file or folder; unless given, the source of `sympy`, which is the same on every machine.

    Raises:
        ValueError, OSError: as in `corpus.documents`; or the held-out files are too short to judge by.
    """
    suffixes: tuple[str, ...] = ()
    if path is None:
        found = importlib.util.find_spec("sympy")
        if found is None or found.origin is None:
            raise ValueError("corpus: sympy, whose source is the default text, is not installed; name a file or folder")
        path, suffixes = Path(found.origin).parent, (".py",)
    documents = corpus.documents(path, suffixes)
    train_bytes, held_out = (ByteTokenizer().encode(corpus.join(side)) for side in corpus.split(documents))
    half = min(HELD_OUT * PIECE, len(held_out) // 2)
    if half < 2:
        raise ValueError(f"corpus: {len(held_out)} bytes are held out; a sweep needs 4 or more to judge by")
    return Text(train_bytes, spread(held_out, half), spread(held_out, half // 2, late=True), corpus.sha256(documents))


def spread(tokens: np.ndarray, count: int, late: bool = False) -> np.ndarray:
    """`count` tokens in pieces that lie evenly over all of `tokens`; `late` ones begin halfway to the next piece.

    Raises:
        ValueError: there are not so many.
    """
    if not 1 <= count <= len(tokens):
        raise ValueError(f"count: {count}; must be from 1 to {len(tokens)}, the tokens that there are")
    pieces = -(-count // PIECE)
    stride, size = len(tokens) // pieces, -(-count // pieces)
    if stride < size:  # no room between pieces
        return tokens[:count]
    begin = min(stride // 2, stride - size) if late else 0
    rows = tokens[: pieces * stride].reshape(pieces, stride)[:, begin : begin + size]
    return rows.reshape(-1)[:count]


def plan(
    widths: Iterable[int] = WIDTHS, tokens: Iterable[int] = TOKENS, larger=LARGER, only: Iterable[str] = STUDIES
) -> list[Cell]:
    """The runs of a sweep, study by study.

    Args:
        widths: of the models, each a multiple of 16.
        tokens: amounts of text.
        larger: pairs (width, tokens) of the runs that are held out.
        only: names of studies: `grid`; `seeds` (two more seeds at a cell in the middle of the grid); `rates` (half and
            twice the learning rates of the rule, for the smallest and the largest width of the grid); `repeated` (the
            same number of tokens, from less and less text); `larger`.

    Raises:
        ValueError: a width is no multiple of 16, a number is not positive, or a study has no such name.
    """
    widths = sorted({checks.whole("widths", width, HEAD) for width in widths})
    tokens = sorted({checks.whole("tokens", number, 1) for number in tokens})
    if not widths or not tokens:
        raise ValueError("widths, tokens: give one or more of each")
    larger = [(checks.whole("larger", width, HEAD), checks.whole("larger", number, 1)) for width, number in larger]
    if odd := [width for width in (*widths, *dict(larger)) if width % HEAD]:
        raise ValueError(f"widths: {odd[0]}; must be a multiple of {HEAD}, the width of a head")
    if unknown := set(only := list(only)) - set(STUDIES):
        raise ValueError(f"only: {', '.join(sorted(unknown))}; must be among {', '.join(STUDIES)}")
    second, middle = tokens[min(1, len(tokens) - 1)], tokens[len(tokens) // 2]
    changes = (1, 1), (0.5, 1), (2, 1), (1, 0.5), (1, 2)
    studies = {
        "grid": [Cell("grid", width, number) for number in tokens for width in widths],
        "larger": [Cell("larger", *pair) for pair in larger],
        "seeds": [Cell("seeds", widths[len(widths) // 2], middle, seed=seed) for seed in (1, 2)],
        "repeated": [
            Cell("repeated", width, second, distinct=second // 2**k)
            for width in dict.fromkeys((widths[min(2, len(widths) - 1)], widths[max(0, len(widths) - 2)]))
            for k in range(7)
        ],
        "rates": [
            Cell("rates", width, second, None, RATES_SEED, *change)
            for width in dict.fromkeys((widths[0], widths[-1]))
            for change in changes
        ],
    }
    return [cell for study in STUDIES if study in only for cell in studies[study]]


def model(width: int, seed: int) -> GPT:
    """A fresh GPT of a sweep."""
    torch.manual_seed(seed)
    return GPT(256, RECIPE["context"], LAYERS, width, width // HEAD)


def sizes(width: int) -> tuple[int, int]:
    """(all parameters, those outside of embedding and head)."""
    blocks = 12 * LAYERS * width**2
    return blocks + 2 * 256 * width, blocks


def measure(cell: Cell, data: Text, on_step: Callable[[int], None] | None = None) -> Run:
    """Train and judge one run, on a GPU where there is one."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    tokens = data.train if cell.distinct is None else spread(data.train, cell.distinct)
    return train(
        model(cell.width, cell.seed).to(device),
        tokens,
        data.rates if cell.study == "rates" else data.judge,
        budget_tokens=cell.tokens,
        on_step=on_step,
        muon_rate=MUON_RATE * cell.muon,
        adam_rate=ADAM_RATE * cell.adam / cell.width**0.5,
        seed=cell.seed,
        bfloat16=False,
        **RECIPE,
    )


def sweep(path: str | Path, cells: Iterable[Cell], data: Text, say: Callable[[str], None] = print) -> dict[str, Any]:
    """Measure the runs that `path` does not hold yet; return what it then holds.

    Args:
        path: a JSON file, made if there is none; its folder must exist. Several sweeps may fill one file.
        cells: the runs.
        data: the text.
        say: told of every run that was measured.

    Raises:
        ValueError: `path` holds no sweep, or one of another text, recipe or device; or a run has diverged.
        OSError: `path` cannot be written.
    """
    path, about = Path(path), identity(data)
    kept(path, about)  # refused before anything is measured
    for cell in cells:
        if cell in done(kept(path, about)):
            continue
        begin = time.process_time()
        run = measure(cell, data)
        if not np.isfinite(run.val_loss):
            raise ValueError(f"{cell}: its loss is {run.val_loss}; training has diverged: lower its rates")
        row = cell._asdict() | dict(zip(("parameters", "non_embedding"), sizes(cell.width)))
        row |= {"loss": round(run.val_loss, 5), "processor_seconds": round(time.process_time() - begin, 1)}
        with files.locked(path):
            record = kept(path, about)
            if cell not in done(record):
                record["runs"].append(row)
            write(path, record | origin())
        say(f"width {cell.width}, {cell.tokens:,} tokens ({cell.study}): loss {row['loss']:.4f}")
    return kept(path, about)


def identity(data: Text) -> dict[str, Any]:
    """What all runs of a file share."""
    return {
        "corpus_sha256": data.sha256,
        "train_bytes": len(data.train),
        "held_out_bytes": len(data.judge),
        "layers": LAYERS,
        "context": RECIPE["context"],
        "batch": RECIPE["batch"],
        "muon_rate": MUON_RATE,
        "adam_rate_times_root_width": ADAM_RATE,
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
    }


def origin() -> dict[str, Any]:
    return {
        "machine": ledger.machine(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__.split("+")[0],
        "python": platform.python_version(),
        "date": datetime.date.today().isoformat(),
    }


def kept(path: Path, about: dict[str, Any]) -> dict[str, Any]:
    """What the file holds, or a record without runs where there is no file."""
    if not path.exists():
        return {"what": "held-out loss of small GPTs, nats per byte", **about, "runs": []}
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        done(record)
        differ = [key for key in about if record[key] != about[key]]
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"{path}: not the record of a sweep, or damaged ({error}); name another file") from error
    if differ:
        key = differ[0]
        raise ValueError(f"{path}: holds another sweep: {key} {record[key]}, here {about[key]}; name another file")
    return record


def done(record: dict[str, Any]) -> set[Cell]:
    return {Cell(**{key: row[key] for key in Cell._fields}) for row in record["runs"]}


def write(path: Path, record: dict[str, Any]) -> None:
    """The record, one run a line."""
    runs = ",\n".join(f"  {json.dumps(run)}" for run in record["runs"])
    head = json.dumps(record | {"runs": []}, indent=1, ensure_ascii=False)
    with files.whole(path) as file:
        file.write(re.sub(r'"runs": \[\]', lambda _: f'"runs": [\n{runs}\n ]', head) + "\n")
