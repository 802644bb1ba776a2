"""What `torch.compile` costs and saves, for the command's two sizes on this machine.

    python benchmarks/compiling.py [--laps 50]

Plain and compiled steps (forward and backward) alternate; printed are the seconds of the first compiled step, the
medians of the later ones, and the number of steps after which compiling has paid for itself. Needs a C++ compiler.
"""

import argparse
import statistics
import time

import torch
from torch.nn import functional as F

from advantage.textgen.__main__ import LONG, SHORT
from advantage.textgen.models import GPT


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--laps", type=int, default=50)
    options = parser.parse_args()
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
        back = f"{(first - plain) / (plain - fast):,.0f} steps" if plain > fast else "never"
        print(
            f"{name}: compiling {first:.1f} s; step {1e3 * plain:.1f} ms plain, {1e3 * fast:.1f} ms compiled; ", end=""
        )
        print(f"pays back after {back}")


if __name__ == "__main__":
    main()
