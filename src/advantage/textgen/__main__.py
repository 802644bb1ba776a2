"""Train a small language model on text, and write with it.

    python -m advantage.textgen train --out model --budget-seconds 60
    python -m advantage.textgen train --corpus poems.txt --tokenizer char --budget-tokens 2000000 --out poems
    python -m advantage.textgen sample --model poems --prompt "Shall I" --tokens 200 --temperature 0.8

A corpus of more than 256 MiB is never held in memory: it is streamed into tokens on disk, in OUT/tokens, first.
Training again into the same folder resumes from its last checkpoint; Ctrl-C writes one first. Under
`torchrun --nproc-per-node 2 -m advantage.textgen train …` each process takes its part of every batch.

Exit codes: 0 done, 1 the input or a file is at fault (the message says which), 2 the command line is, 130 interrupted.
"""

import time

STARTED = time.perf_counter()

import argparse  # noqa: E402
import json  # noqa: E402
import math  # noqa: E402
import os  # noqa: E402
import shutil  # noqa: E402
import sys  # noqa: E402

LARGE = 1 << 28  # bytes of a corpus from which on it is streamed and not held in memory


def command_line() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="python -m advantage.textgen", description=__doc__, formatter_class=raw)
    commands = parser.add_subparsers(dest="command", required=True)
    train = commands.add_parser("train", help="train a model", description=__doc__, formatter_class=raw)
    train.add_argument(
        "--corpus", help="a UTF-8 file or a folder, of any size; the standard library's source unless given"
    )
    train.add_argument("--tokenizer", choices=["char", "byte", "bpe"], default="char")
    train.add_argument("--vocab-size", type=int, default=1024, help="of the bpe tokenizer (default 1024)")
    train.add_argument("--model", choices=["gpt", "lstm"], default="gpt")
    train.add_argument("--preset", choices=["cpu", "gpu"], help="sizes; cpu unless there is a GPU")
    budget = train.add_mutually_exclusive_group(required=True)
    budget.add_argument("--budget-seconds", type=float, help="wall time, counted from the start of the process")
    budget.add_argument("--budget-tokens", type=int, help="tokens to train on: runs with it are repeatable")
    train.add_argument("--seed", type=int, default=0)
    train.add_argument("--out", required=True, help="folder for the model, its log and its checkpoints")
    for name in ("layers", "width", "heads", "context", "batch"):
        train.add_argument(f"--{name}", type=int, help="instead of the preset's")
    train.add_argument("--muon-rate", type=float, help="learning rate of the blocks' matrices, instead of the preset's")
    train.add_argument("--adam-rate", type=float, help="learning rate of everything else, instead of the preset's")
    train.add_argument("--checkpoint-seconds", type=float, default=60.0)
    train.add_argument(
        "--bfloat16",
        action=argparse.BooleanOptionalAction,
        help="multiply 16-bit numbers: faster on a GPU, where it is the default, and on processors with units for them",
    )
    train.add_argument("--compile", action="store_true", help="compile the model first: for runs of many minutes")
    train.add_argument("--float16", action="store_true", help="store the final weights in 16 bits")
    sample = commands.add_parser("sample", help="write with a model", description=__doc__, formatter_class=raw)
    sample.add_argument("--model", required=True, help="folder of a trained model, or `inkwell` for the one shipped")
    sample.add_argument("--prompt", default="")
    sample.add_argument("--tokens", type=int, default=200)
    sample.add_argument("--temperature", type=float, default=0.8)
    sample.add_argument("--top-k", type=int)
    sample.add_argument("--top-p", type=float)
    sample.add_argument("--min-p", type=float)
    sample.add_argument("--repetition-penalty", type=float, default=1.0)
    sample.add_argument("--seed", type=int, default=0)
    sample.add_argument("--parses", action="store_true", help="write Python that parses")
    return parser


def train(options: argparse.Namespace) -> None:
    import torch
    import torch.distributed as dist

    from advantage import ledger
    from advantage.textgen import corpus, presets, shards, storage, tokenizer
    from advantage.textgen.gpt import GPT
    from advantage.textgen.lstm import LSTM
    from advantage.textgen.training import train as run

    cuda = torch.cuda.is_available()
    if "WORLD_SIZE" in os.environ:
        dist.init_process_group("nccl" if cuda else "gloo")
        if cuda:
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    first = not dist.is_initialized() or dist.get_rank() == 0
    chosen = presets.size(options.preset or ("gpu" if cuda else "cpu"), options.budget_seconds, options.budget_tokens)
    if options.model == "lstm":
        chosen["adam_rate"] = presets.LSTM_RATE
    names = {"layers": "num_layers", "width": "d_model", "heads": "num_heads", "context": "context", "batch": "batch"}
    names |= {"muon_rate": "muon_rate", "adam_rate": "adam_rate"}
    chosen |= {key: getattr(options, flag) for flag, key in names.items() if getattr(options, flag) is not None}

    kinds = {"char": tokenizer.CharTokenizer, "byte": tokenizer.ByteTokenizer, "bpe": tokenizer.BPETokenizer}
    kind, learned = kinds[options.tokenizer], {"vocab_size": options.vocab_size} if options.tokenizer == "bpe" else {}
    if options.corpus and shards.size(options.corpus) > LARGE:  # from disk to disk, and mapped into memory
        encoder = kind() if kind is tokenizer.ByteTokenizer else kind.train(shards.stream(options.corpus), **learned)
        folder = os.path.join(options.out, "tokens")
        if first:
            shutil.rmtree(folder, ignore_errors=True)
            shards.write_tokens(options.corpus, encoder, folder)
        if dist.is_initialized():
            dist.barrier()
        train_tokens, validation_tokens = shards.read_tokens(folder, encoder)
        with open(os.path.join(folder, "tokens.json"), encoding="utf-8") as file:
            meta = json.load(file)
        validation_bytes, data_hash = meta["validation_bytes"], meta["sha256"]
    else:
        documents = corpus.documents(options.corpus)
        texts = [corpus.join(side) for side in corpus.split(documents)]
        encoder = kind() if kind is tokenizer.ByteTokenizer else kind.train(texts[0], **learned)
        train_tokens, validation_tokens = (encoder.encode(text) for text in texts)
        validation_bytes, data_hash = len(texts[1].encode()), corpus.sha256(documents)

    torch.manual_seed(options.seed)
    if options.model == "gpt":
        model = GPT(encoder.vocab_size, *(chosen[key] for key in ("context", "num_layers", "d_model", "num_heads")))
    else:
        model = LSTM(encoder.vocab_size, chosen["d_model"], chosen["num_layers"])
    device = "cuda" if cuda else "cpu"
    result = run(
        model.to(device),
        train_tokens,
        validation_tokens,
        budget_seconds=options.budget_seconds,
        budget_tokens=options.budget_tokens,
        context=chosen["context"],
        batch=chosen["batch"],
        muon_rate=chosen["muon_rate"],
        adam_rate=chosen["adam_rate"],
        seed=options.seed,
        out=options.out,
        checkpoint_seconds=options.checkpoint_seconds,
        bfloat16=options.bfloat16,
        compiled=options.compile,
        started=STARTED,
    )
    if first:
        facts = {
            "val_loss": result.val_loss,
            "bits_per_byte": result.val_loss * (len(validation_tokens) - 1) / validation_bytes / math.log(2),
            "seconds": result.seconds,
            "tokens": result.tokens,
            "steps": result.steps,
            "seed": options.seed,
            "corpus_sha256": data_hash,
            "device": torch.cuda.get_device_name() if cuda else "cpu",
            "machine": ledger.machine(),
            "torch": torch.__version__,
            "date": time.strftime("%Y-%m-%d"),
            "command": " ".join(["python -m advantage.textgen", *sys.argv[1:]]),
        }
        storage.save(options.out, model, encoder, facts, torch.float16 if options.float16 else torch.float32)
        seconds = time.perf_counter() - STARTED
        print(f"val_loss {result.val_loss:.4f} seconds {seconds:.1f} tokens {result.tokens} steps {result.steps}")
    if dist.is_initialized():
        dist.destroy_process_group()


def sample(options: argparse.Namespace) -> None:
    from advantage.textgen import inkwell, parsing, sampling, storage

    model, encoder = inkwell.load() if options.model == "inkwell" else storage.load(options.model)[:2]
    names = ("temperature", "top_k", "top_p", "min_p", "repetition_penalty", "seed")
    choice = {name: getattr(options, name) for name in names}
    print(options.prompt, end="", flush=True)
    if options.parses:
        print(parsing.complete_python(model, encoder, options.prompt, options.tokens, **choice))
        return
    for piece in sampling.stream_text(model, encoder, options.prompt, options.tokens, **choice):
        print(piece, end="", flush=True)
    print()


def main(arguments: list[str] | None = None) -> int:
    options = command_line().parse_args(arguments)
    try:
        (train if options.command == "train" else sample)(options)
    except KeyboardInterrupt:
        print("interrupted; the same command resumes from the last checkpoint", file=sys.stderr)
        return 130
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
