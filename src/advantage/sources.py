"""Figures that we did not measure: data sheets and prices, each with its date and source."""

import json
from importlib.resources import files


def accelerators() -> dict[str, dict]:
    """Name → `flops` (operations per second), `bytes_per_second`, `memory_bytes`, and where they come from."""
    return _read("accelerators.json")


def prices() -> dict[str, dict]:
    """Name → `value` in `unit`, what it is the price of, and where it comes from."""
    return _read("prices.json")


def _read(name: str) -> dict[str, dict]:
    return json.loads((files("advantage") / "data" / name).read_text(encoding="utf-8"))
