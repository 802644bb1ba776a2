"""Training: the published recipe (reference.py) against the package's command, whole processes in turn, by the clock.

    python benchmarks/training.py tinyshakespeare.txt [--seeds 5] [--references 3] [--threads 2] [--runs training.jsonl]
        [--record src/advantage/data/training_runs.json] [--dry]

A round for each seed:

1. the published recipe as printed, 2,000 steps (in the first `--references` rounds);
2. the recipe with its rate searched, in as few steps as bring it to 1.88 (in the same rounds; see `TO_TARGET`);
3. the command with a tenth of the recipe's seconds;
4. the command with all of them.

Seconds are those of whole processes, from start to end; in later rounds the median of the first ones counts. The
command is told to stop training earlier, by what evaluating and saving take after its budget (`AFTER`). The loss of the
searched recipe after 2,000 steps needs no clock: race.py has it.

A run is a line of --runs and is not done again, so that the benchmark resumes: about 14 minutes with five seeds on two
quiet cores. --record writes the package's record. --dry takes 20 steps and 40 seconds, to see that all works.
"""

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from runs import Runs, write

COMMAND = [sys.executable, "-m", "advantage.textgen", "train", "--tokenizer", "char", "--checkpoint-seconds", "1e9"]
SIZE = {"layers": 4, "width": 128, "heads": 4, "context": 64, "batch": 12, "budget-tokens": 76_800}  # the reference's
SHARES = {"short": 0.1, "equal": 1.0}  # of the reference's seconds
TO_TARGET = {"steps": 1220, "rate": 0.008}  # of the searched recipe: see README.md
AFTER = {"short": 1.3, "equal": 2.2}  # seconds that the budget does not count: interpreter, evaluating, saving
TARGETS = {"short": 1.88, "equal": 1.56}


def measure(command: list[str], threads: int) -> dict:
    """Loss, wall seconds of the whole process, steps, peak resident megabytes and processor seconds."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "CI": "true"}
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    found = re.search(r"val_loss (\S+) seconds \S+ tokens \d+ steps (\d+)", output)
    if status or not found:
        sys.exit(f"failed: {' '.join(command)}")
    return {
        "val_loss": float(found[1]),
        "seconds": round(seconds, 3),
        "steps": int(found[2]),
        "memory_mb": round(usage.ru_maxrss / 1024),
        "processor_seconds": round(usage.ru_utime + usage.ru_stime, 2),
    }


def race(runs: Runs, options: argparse.Namespace, scratch: str) -> None:
    script, corpus = str(Path(__file__).with_name("reference.py")), str(options.corpus)

    def published(name: str, seed: int, steps: int, rate: float) -> dict:
        steps = 20 if options.dry else steps
        command = [sys.executable, script, corpus, f"--seed={seed}", f"--steps={steps}", f"--rate={rate}"]
        return runs.once({"name": name, "seed": seed}, lambda: measure(command, options.threads))

    def ours(name: str, seed: int, *budget: str) -> dict:
        folder = tempfile.mkdtemp(dir=scratch)
        command = [*COMMAND, f"--corpus={corpus}", f"--seed={seed}", f"--out={folder}", *budget]
        return runs.once({"name": name, "seed": seed}, lambda: measure(command, options.threads))

    references: list[float] = []
    for seed in range(options.seeds):
        if seed < options.references:
            references.append(published("reference", seed, 2000, 1e-3)["seconds"])
            published("to 1.88", seed, **TO_TARGET)
        seconds = references[seed] if seed < options.references else statistics.median(references)
        for name, share in SHARES.items():
            budget = 40 if options.dry else share * seconds - AFTER[name]
            ours(name, seed, f"--budget-seconds={budget:.2f}")
    ours("memory", 0, *(f"--{key}={value}" for key, value in SIZE.items()))


def summary(runs: Runs) -> dict:
    """The record: rows of each runner, in the order of their seeds."""
    rows: dict[str, list[dict]] = {}
    for row in runs.rows:
        rows.setdefault(row["what"]["name"], []).append({key: row[key] for key in row if key != "what"} | row["what"])
    for name in rows:
        rows[name] = [{key: row[key] for key in row if key != "name"} for row in rows[name]]
    memory = rows.pop("memory")[0]["memory_mb"]
    return {"memory_mb_at_the_reference_s_size": memory, "runs": rows}


def table(record: dict) -> str:
    """Lines for README.md."""
    seconds = {name: statistics.median(row["seconds"] for row in rows) for name, rows in record["runs"].items()}
    lines = [
        "| run | seeds | validation loss, median (range) | seconds, median | ÷ reference | ÷ to 1.88 |",
        "|---|---|---|---|---|---|",
    ]
    for name, rows in record["runs"].items():
        losses = [row["val_loss"] for row in rows]
        loss = f"{statistics.median(losses):.4f} ({min(losses):.4f}–{max(losses):.4f})"
        shares = [seconds[name] / seconds[other] for other in ("reference", "to 1.88")]
        target = f"; target {TARGETS[name]}" if name in TARGETS else ""
        lines.append(
            f"| {name} | {len(rows)} | {loss}{target} | {seconds[name]:.1f} | {shares[0]:.3f} | {shares[1]:.3f} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--references", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=Path, default=Path("training.jsonl"))
    parser.add_argument("--record", type=Path)
    parser.add_argument("--dry", action="store_true", help="20 steps, 40 seconds: whether all works")
    options = parser.parse_args()
    runs = Runs(options.runs)
    with tempfile.TemporaryDirectory() as scratch:
        race(runs, options, scratch)
    record = summary(runs)
    print(table(record))
    print(f"memory of training at the reference's size: {record['memory_mb_at_the_reference_s_size']} MB at most")
    if options.record:
        torch.set_num_threads(options.threads)  # what the record names
        write(options.record, runs, "training races by the clock: the published recipe and the command", record)


if __name__ == "__main__":
    main()
