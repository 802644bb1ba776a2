"""What `torch.compile` costs and saves, for the command's two sizes on this machine.

    python benchmarks/compiling.py [--laps 50] [--record FILE]

Plain and compiled steps (forward and backward) alternate; printed are the seconds of the first compiled step, the
medians of the later ones, and the number of steps after which compiling has paid for itself. Needs a C++ compiler.
With --record the figures are also written, as the package's data/compile_times.json is.
"""

import argparse
import datetime
import json
import statistics
import time
from pathlib import Path

import torch
from torch.nn import functional as F

from advantage import ledger
from advantage.textgen.gpt import GPT
from advantage.textgen.presets import LONG, SHORT


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--laps", type=int, default=50)
    parser.add_argument("--record", type=Path)
    options = parser.parse_args()
    rows = {}
    for name, size in (("short", SHORT), ("long", LONG)):
        torch.manual_seed(0)
        model = GPT(65, size["context"], size["num_layers"], size["d_model"], size["num_heads"])
        ids = torch.randint(65, (size["batch"], size["context"]))

        def step(function, ids=ids):
            begin = time.perf_counter()
            F.cross_entropy(function(ids).flatten(0, 1), ids.flatten()).backward()
            return time.perf_counter() - begin

        compiled = torch.compile(model)
        step(model)
        first = step(compiled)
        laps = [(step(model), step(compiled)) for _ in range(options.laps)]
        plain, fast = (statistics.median(lap) for lap in zip(*laps))
        back = round((first - plain) / (plain - fast)) if plain > fast else None
        rows[name] = {
            "compiling_seconds": round(first, 1),
            "plain_ms": round(1e3 * plain, 1),
            "compiled_ms": round(1e3 * fast, 1),
            "pays_back_after_steps": back,
        }
        print(f"{name}:", rows[name])
    if options.record:
        about = {
            "machine": ledger.machine(),
            "torch": torch.__version__.split("+")[0],
            "threads": torch.get_num_threads(),
            "date": datetime.date.today().isoformat(),
        }
        options.record.write_text(json.dumps({**about, "sizes": rows}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
