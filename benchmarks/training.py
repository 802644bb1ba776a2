"""Training: the published recipe (reference.py) against the package's command, alternating, in one run.

    python benchmarks/training.py tinyshakespeare.txt [--repeats 3] [--threads 2] [--share 0.108] [--record FILE]

Each round runs the reference to its end; then the command with a budget of `share` of those seconds; then the command
with all of them. Budgets come from the clock alone: the validation split decides nothing. Printed are losses, seconds
from process start to end (a run's only checkpoint that counts is its last), peak resident memory, and the ratios:
targets are a loss of 1.88 in 1/6 of the reference's seconds, and 1.58 in all of them. Last comes the memory of training
at the reference's size. With --record the figures are also written, as the package's data/training_runs.json is.
"""

import argparse
import datetime
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from advantage import ledger

COMMAND = [sys.executable, "-m", "advantage.textgen", "train", "--tokenizer", "char", "--checkpoint-seconds", "1e9"]
SIZE = {"layers": 4, "width": 128, "heads": 4, "context": 64, "batch": 12, "budget-tokens": 76_800}  # the reference's


def measure(command: list[str], threads: int) -> tuple[float, float, int, float, float]:
    """(validation loss, wall seconds of the whole process, steps, peak resident MB, processor seconds)."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "CI": "true"}
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    found = re.search(r"val_loss (\S+) seconds \S+ tokens \d+ steps (\d+)", output)
    if status or not found:
        sys.exit(f"failed: {' '.join(command)}")
    return float(found[1]), seconds, int(found[2]), usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--share", type=float, default=0.108, help="of the reference's seconds, for the short run")
    parser.add_argument("--record", type=Path)
    options = parser.parse_args()
    rows: dict[str, list[tuple[float, float, int, float, float]]] = {"reference": [], "short": [], "equal": []}
    print(f"{'run':<10}{'loss':>8}{'seconds':>9}{'steps':>7}{'MB':>6}{'CPU s':>8}{'of reference':>14}")

    def ours(seed: int, *more: str) -> list[str]:
        folder = tempfile.mkdtemp(dir=scratch)
        return [*COMMAND, "--corpus", str(options.corpus), "--seed", str(seed), "--out", folder, *more]

    def show(name: str, run: tuple, reference: tuple) -> None:
        rows[name].append(run)
        line = "{:<10}{:>8.4f}{:>9.1f}{:>7}{:>6.0f}{:>8.1f}".format(name, *run)
        print(f"{line}{run[1] / reference[1]:>14.3f}", flush=True)

    with tempfile.TemporaryDirectory() as scratch:
        for seed in range(options.repeats):
            script = str(Path(__file__).with_name("reference.py"))
            reference = measure([sys.executable, script, str(options.corpus), "--seed", str(seed)], options.threads)
            budgets = {"short": options.share * reference[1], "equal": 0.96 * reference[1]}
            show("reference", reference, reference)
            for name, budget in budgets.items():
                show(name, measure(ours(seed, "--budget-seconds", f"{budget:.2f}"), options.threads), reference)
        memory = measure(ours(0, *(f"--{k}={v}" for k, v in SIZE.items())), options.threads)[3]

    for name, runs in rows.items():
        losses = [run[0] for run in runs]
        ratios = [run[1] / reference[1] for run, reference in zip(runs, rows["reference"])]
        print(
            f"{name:<10} median loss {statistics.median(losses):.4f} ({min(losses):.4f} to {max(losses):.4f}), ", end=""
        )
        print(f"median share of the reference's time {statistics.median(ratios):.3f}")
    print(f"memory of training at the reference's size: {memory:.0f} MB resident at most")
    if options.record:
        names = ("val_loss", "seconds", "steps", "memory_mb", "processor_seconds")
        record = {
            "machine": ledger.machine(),
            "torch": torch.__version__.split("+")[0],
            "threads": options.threads,
            "date": datetime.date.today().isoformat(),
            "memory_mb_at_the_reference_s_size": round(memory),
            "runs": {
                name: [dict(zip(names, (round(x, 4) for x in run))) for run in runs] for name, runs in rows.items()
            },
        }
        options.record.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
