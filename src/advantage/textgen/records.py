"""What the repository's benchmarks measured and wrote down: each record names its machine, torch and date."""

import json
from importlib.resources import files


def training() -> dict:
    """`runs`: the published recipe and the command in turn; loss, seconds, steps and memory of each run.

    Written by `benchmarks/training.py`.
    """
    return _read("training.json")


def search() -> dict:
    """`first` and `second`: name of a change → validation loss of each run with it, in nats per character."""
    return _read("search.json")


def compiling() -> dict:
    """`sizes`: seconds to compile, milliseconds of a step before and after, and the steps that earn it back.

    Written by `benchmarks/compiling.py`.
    """
    return _read("compiling.json")


def _read(name: str) -> dict:
    return json.loads((files("advantage") / "data" / name).read_text(encoding="utf-8"))
