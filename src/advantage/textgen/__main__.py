"""Train a small language model on text, and write with it.

    python -m advantage.textgen train --out model --budget-seconds 60
    python -m advantage.textgen train --corpus poems.txt --tokenizer char --budget-tokens 2000000 --out poems
    python -m advantage.textgen sample --model poems --prompt "Shall I" --tokens 200 --temperature 0.8
    python -m advantage.textgen sweep --out runs.json
    python -m advantage.textgen serve --model inkwell --port 8000

A corpus of more than 256 MiB is never held in memory: it is streamed into tokens on disk, in OUT/tokens, first. Of its
documents only exact copies are dropped; near-copies, which a smaller corpus is searched for, can then stand on both
sides of the split and flatter the loss.

The same training command into the same folder resumes from its last checkpoint; Ctrl-C writes one first. Another one
is refused. Under `torchrun --nproc-per-node 2 -m advantage.textgen train …` each process takes its part of every batch.

Exit codes: 0 done, 1 the input or a file is at fault (the message says which), 2 the command line is, 130 interrupted.
"""

import time

STARTED = time.perf_counter()

import argparse  # noqa: E402
import contextlib  # noqa: E402
import math  # noqa: E402
import os  # noqa: E402
import shutil  # noqa: E402
import signal  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import TYPE_CHECKING, Any, NamedTuple  # noqa: E402

from advantage.textgen import serving  # noqa: E402

if TYPE_CHECKING:
    import numpy as np

    from advantage.textgen.tokenizer import Tokenizer

LARGE = 1 << 28  # bytes of a corpus from which on it is streamed and not held in memory
SIZES = {
    "num_layers": ("--layers", "blocks, or LSTM layers"),
    "d_model": ("--width", "width"),
    "num_heads": ("--heads", "attention heads"),
    "context": (None, "tokens in a window"),
    "batch": (None, "windows in a step"),
    "muon_rate": (None, "learning rate of the blocks' matrices"),
    "adam_rate": (None, "learning rate of everything else"),
}


SWEEP = """Train small models of several sizes on several amounts of text, for a scaling law to be fitted to.

Every run is a row of the file OUT. A sweep that was stopped or killed goes on where it was when the same command is
given again; several sweeps may fill one file. One hour of one processor core as it stands.
"""


def command_line() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="python -m advantage.textgen", description=__doc__, formatter_class=raw)
    commands = parser.add_subparsers(dest="command", required=True)
    arguments = commands.add_parser("train", help="train a model", description=__doc__, formatter_class=raw)
    arguments.set_defaults(run=train)
    arguments.add_argument(
        "--corpus", help="a UTF-8 file or a folder, of any size; the standard library's source unless given"
    )
    arguments.add_argument("--tokenizer", choices=["char", "byte", "bpe"], default="char")
    arguments.add_argument("--vocab-size", type=int, default=1024, help="of the bpe tokenizer (default 1024)")
    arguments.add_argument("--model", choices=["gpt", "lstm"], default="gpt")
    arguments.add_argument("--preset", choices=["cpu", "gpu"], help="sizes and rates; cpu unless there is a GPU")
    budget = arguments.add_mutually_exclusive_group(required=True)
    budget.add_argument("--budget-seconds", type=float, help="wall time, counted from the start of the process")
    budget.add_argument("--budget-tokens", type=int, help="tokens to train on: runs with it are repeatable")
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--out", required=True, help="folder for the model, its log and its checkpoints")
    for name, (short, meaning) in SIZES.items():
        flags = [f"--{name.replace('_', '-')}", *([short] if short else [])]
        kind = float if name.endswith("rate") else int
        arguments.add_argument(*flags, dest=name, type=kind, help=f"{meaning}, instead of the preset's")
    arguments.add_argument("--checkpoint-seconds", type=float, default=60.0)
    arguments.add_argument(
        "--bfloat16",
        action=argparse.BooleanOptionalAction,
        help="multiply 16-bit numbers: faster on a GPU, where it is the default, and on processors with units for them",
    )
    arguments.add_argument("--compile", action="store_true", help="compile the model first: for runs of many minutes")
    arguments.add_argument("--float16", action="store_true", help="store the final weights in 16 bits")
    arguments = commands.add_parser("sample", help="write with a model", description=__doc__, formatter_class=raw)
    arguments.set_defaults(run=sample)
    arguments.add_argument("--model", required=True, help="folder of a trained model, or `inkwell` for the one shipped")
    arguments.add_argument("--prompt", default="")
    arguments.add_argument("--tokens", type=int, default=200)
    arguments.add_argument("--temperature", type=float, default=0.8)
    arguments.add_argument("--top-k", type=int)
    arguments.add_argument("--top-p", type=float)
    arguments.add_argument("--min-p", type=float)
    arguments.add_argument("--repetition-penalty", type=float, default=1.0)
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--parses", action="store_true", help="write Python that parses")
    arguments = commands.add_parser("sweep", help="train a grid of sizes and amounts of text", description=SWEEP)
    arguments.set_defaults(run=sweep)
    arguments.add_argument("--out", required=True, help="the JSON file of the runs, made if there is none")
    arguments.add_argument("--corpus", help="a UTF-8 file or a folder; the source of sympy unless given")
    arguments.add_argument("--widths", type=int, nargs="+", help="widths of the models, multiples of 16")
    arguments.add_argument("--tokens", type=int, nargs="+", help="amounts of text, in bytes")
    pair = ("WIDTH", "TOKENS")
    arguments.add_argument("--larger", type=int, nargs=2, action="append", metavar=pair, help="a run to be forecast")
    arguments.add_argument("--only", nargs="+", help="of: grid, seeds, rates, repeated, larger")
    arguments = commands.add_parser("serve", help="serve a model", description=serving.DESCRIPTION, formatter_class=raw)
    arguments.set_defaults(run=serve)
    serving.arguments(arguments)
    return parser


class Data(NamedTuple):
    """A corpus in tokens."""

    encoder: "Tokenizer"
    train_tokens: "np.ndarray"
    validation_tokens: "np.ndarray"
    validation_bytes: int
    about: dict[str, str]  # the tokenizer's fingerprint, the text's hash: what a run that resumes must have too


def prepare(options: argparse.Namespace, first: bool) -> Data:
    """Read the corpus, or stream it to disk where it is too large for memory, and encode it."""
    import torch.distributed as dist

    from advantage.textgen import checkpoints, corpus, shards, tokenizer

    kinds: dict[str, Any] = {
        "char": tokenizer.CharTokenizer,
        "byte": tokenizer.ByteTokenizer,
        "bpe": tokenizer.BPETokenizer,
    }
    kind, learned = kinds[options.tokenizer], {"vocab_size": options.vocab_size} if options.tokenizer == "bpe" else {}
    if not options.corpus or shards.size(options.corpus) <= LARGE:
        documents = corpus.documents(options.corpus)
        train_text, validation_text = (corpus.join(side) for side in corpus.split(documents))
        encoder = kind.train(train_text, **learned)
        about = {"tokenizer": encoder.fingerprint, "corpus_sha256": corpus.sha256(documents)}
        ids = encoder.encode(train_text), encoder.encode(validation_text)
        return Data(encoder, *ids, len(validation_text.encode()), about)
    found = shards.survey(options.corpus)
    encoder = kind.train(shards.stream(found), **learned)
    about = {"tokenizer": encoder.fingerprint, "corpus_sha256": found.sha256}
    folder = Path(options.out) / "tokens"
    if first:
        checkpoints.check(Path(options.out), about)  # before the tokens of another run are overwritten
        shutil.rmtree(folder, ignore_errors=True)
        shards.write_tokens(found, encoder, folder)
    if dist.is_initialized():
        dist.barrier()
    return Data(encoder, *shards.read_tokens(folder, encoder), int(shards.facts(folder)["validation_bytes"]), about)


def train(options: argparse.Namespace) -> None:
    import torch
    import torch.distributed as dist

    from advantage import ledger
    from advantage.textgen import presets, shards, storage, training

    ready()
    cuda = torch.cuda.is_available()
    chosen = presets.choose(
        options.preset or ("gpu" if cuda else "cpu"), options.model, options.budget_seconds, options.budget_tokens
    )
    chosen |= {name: getattr(options, name) for name in SIZES if getattr(options, name) is not None}
    sizes = {name: chosen.pop(name) for name in ("num_layers", "d_model", "num_heads")}
    recipe = chosen | {"seed": options.seed, "bfloat16": options.bfloat16}
    training.Recipe(**recipe)  # what does not fit is refused before anything is read
    training.Budget(options.budget_tokens, options.budget_seconds, 1, STARTED)
    shards.apart(options.out, options.corpus)

    if "WORLD_SIZE" in os.environ:
        if cuda:
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        dist.init_process_group("nccl" if cuda else "gloo")
    first = not dist.is_initialized() or dist.get_rank() == 0
    data = prepare(options, first)
    torch.manual_seed(options.seed)
    settings = {"model": options.model, "vocab_size": data.encoder.vocab_size, **sizes, "context": chosen["context"]}
    if options.model == "lstm":
        settings = {name: value for name, value in settings.items() if name not in ("num_heads", "context")}
    model = storage.build(settings)
    result = training.train(
        model.to("cuda" if cuda else "cpu"),
        data.train_tokens,
        data.validation_tokens,
        budget_seconds=options.budget_seconds,
        budget_tokens=options.budget_tokens,
        out=options.out,
        about=data.about,
        checkpoint_seconds=options.checkpoint_seconds,
        compiled=options.compile,
        started=STARTED,
        **recipe,
    )
    if not math.isfinite(result.val_loss):
        raise ValueError(f"val_loss: {result.val_loss}; training has diverged: lower muon_rate and adam_rate")
    if first:
        nats = result.val_loss * (len(data.validation_tokens) - 1)
        facts = {
            "val_loss": result.val_loss,
            "bits_per_byte": nats / data.validation_bytes / math.log(2),
            "seconds": result.seconds,
            "tokens": result.tokens,
            "steps": result.steps,
            "seed": options.seed,
            "corpus_sha256": data.about["corpus_sha256"],
            "device": torch.cuda.get_device_name() if cuda else "cpu",
            "machine": ledger.machine(),
            "torch": torch.__version__,
            "date": time.strftime("%Y-%m-%d"),
            "command": " ".join(["python -m advantage.textgen", *sys.argv[1:]]),
        }
        storage.save(options.out, model, data.encoder, facts, torch.float16 if options.float16 else torch.float32)
        seconds = time.perf_counter() - STARTED
        print(f"val_loss {result.val_loss:.4f} seconds {seconds:.1f} tokens {result.tokens} steps {result.steps}")
    if dist.is_initialized():
        dist.destroy_process_group()


def sample(options: argparse.Namespace) -> None:
    from advantage.textgen import inkwell, parsing, sampling, storage

    ready()
    model, encoder = inkwell.load() if options.model == "inkwell" else storage.load(options.model)[:2]
    names = ("temperature", "top_k", "top_p", "min_p", "repetition_penalty", "seed")
    choice = {name: getattr(options, name) for name in names}
    if options.parses:
        text = parsing.complete_python(model, encoder, options.prompt, options.tokens, **choice)
        print(options.prompt + text)
        return
    begun = False
    try:
        for piece in sampling.stream_text(model, encoder, options.prompt, options.tokens, **choice):
            print(piece if begun else options.prompt + piece, end="", flush=True)
            begun = True
    finally:
        if begun:
            print()


def sweep(options: argparse.Namespace) -> None:
    from advantage.textgen import sweep

    ready()
    chosen = {name: getattr(options, name) for name in ("widths", "tokens", "larger", "only")}
    cells = sweep.plan(**{name: value for name, value in chosen.items() if value is not None})
    if not Path(options.out).resolve().parent.is_dir():
        raise ValueError(f"out: {options.out}; its folder does not exist")
    sweep.sweep(options.out, cells, sweep.text(options.corpus), lambda line: print(line, flush=True))
    print(f"{len(cells)} runs of this sweep are in {options.out}")


def serve(options: argparse.Namespace) -> None:
    ready()
    serving.run(options)


def leave(*_: object) -> None:
    """Ctrl-C before there is anything to clean up: an interrupted import can end in any kind of traceback."""
    os.write(2, b"interrupted\n")
    os._exit(130)


def ready() -> None:
    """From here on Ctrl-C is a KeyboardInterrupt again."""
    if signal.getsignal(signal.SIGINT) is leave:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def main(arguments: list[str] | None = None) -> int:
    options = command_line().parse_args(arguments)
    with contextlib.suppress(AttributeError):  # where output is no text stream of Python's own
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        options.run(options)
    except KeyboardInterrupt:
        how = "interrupted"
        if options.command == "train":
            kept = list(Path(options.out).glob("checkpoint-*"))
            how += "; the same command goes on from the last checkpoint" if kept else " before the first checkpoint"
        if options.command == "sweep":
            how += "; the same command goes on with the runs that are missing"
        print(how, file=sys.stderr)
        return 130
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGINT, leave)
    sys.exit(main())
