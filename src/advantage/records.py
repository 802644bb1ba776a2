"""Data files: figures from elsewhere with date and source, and what the benchmarks wrote down with machine and date."""

import json
from importlib.resources import files
from typing import Any


def accelerators() -> dict[str, dict[str, Any]]:
    """Name → `flops` (operations per second), `bytes_per_second`, `memory_bytes`, and where they come from."""
    return _read("accelerators.json")


def prices() -> dict[str, dict[str, Any]]:
    """Name → `value` in `unit`, what it is the price of, and where it comes from."""
    return _read("prices.json")


def training_runs() -> dict[str, Any]:
    """`runs`: the published recipe and the command in turn; loss, seconds, steps and memory of each run.

    Written by `benchmarks/training.py`.
    """
    return _read("training_runs.json")


def training_search() -> dict[str, Any]:
    """`first`, `second` and `third`: name of a change → loss of each run with it, in nats per character.

    The third is judged on a tenth of the training split, the others on the validation split.
    """
    return _read("training_search.json")


def recipe_runs() -> dict[str, Any]:
    """`studies`: study → rival → rows of both rates, steps, seed and loss; `step_ms`: what a step of each rival costs.

    Written by `benchmarks/search.py`.
    """
    return _read("recipe_runs.json")


def architecture_runs() -> dict[str, Any]:
    """The same for GPT and LSTM, each with AdamW and with Muon; rows hold characters in place of steps.

    Written by `benchmarks/architectures.py`.
    """
    return _read("architecture_runs.json")


def scaling_runs() -> dict[str, Any]:
    """`runs`: small GPTs of several widths on several amounts of text; size, tokens, seed, rates and loss of each.

    Written by `python -m advantage.textgen sweep`.
    """
    return _read("scaling_runs.json")


def scaling_law() -> dict[str, Any]:
    """`E`, `A`, `B`, `alpha`, `beta` of the law fitted to the sweep, and `bootstrap`: 200 rows of the same five.

    `parameters` and `bytes` are the least and the greatest that it was fitted to.
    Written by `benchmarks/scaling_law.py`.
    """
    return _read("scaling_law.json")


def race_runs() -> dict[str, Any]:
    """`runs`: the published recipe at several rates, and the package's two sizes; steps, seed and loss of each.

    Written by `benchmarks/race.py`.
    """
    return _read("race_runs.json")


def compile_times() -> dict[str, Any]:
    """`sizes`: seconds to compile, milliseconds of a step before and after, and the steps that earn it back.

    Written by `benchmarks/compiling.py`.
    """
    return _read("compile_times.json")


def samples() -> dict[str, Any]:
    """`temperatures`, `rules`, `penalties`: setting → parse rate, surprise and variety by beginning, lengths of copies.

    `loops` holds the variety within single texts, `beams` what a search finds, `answers` the tokens drawn and kept for
    answers of each length.
    Written by `benchmarks/samples.py`.
    """
    return _read("samples.json")


def compression() -> dict[str, Any]:
    """`quality`: compressed model → bytes, parameters, bits per byte by part of the text, parse rate by beginning.

    `students`: study → rows of both rates, steps, seed and bits per byte; `step_ms`, `speed` and `healing` beside them.
    Written by `benchmarks/compress.py`.
    """
    return _read("compression.json")


def serving() -> dict[str, Any]:
    """`studies`: study → one row a run of Inkwell's model behind a server: clients, steps, tokens, times, seconds.

    `curve`: `write` and `long` (prompts) → `texts` in a step and `step_ms`, processor milliseconds of that step;
    `read_ms_per_token` and `read_ms_per_request`: what reading a prompt adds.
    Written by `benchmarks/serving.py`.
    """
    return _read("serving.json")


def published_training() -> dict[str, dict[str, Any]]:
    """Name of a run → its model, devices and speed in tera-operations per second and device, and where that is printed.

    `link` and `network` are bytes per second and direction, into a server and between servers.
    """
    return _read("published_training.json")


def price_series() -> dict[str, dict[str, Any]]:
    """Name of a series of prices → what it is, `unit`, and `rows`: date, value, source and how that was checked."""
    return _read("price_series.json")


def input_series() -> dict[str, dict[str, Any]]:
    """The same of what prices are not: compute of training runs, a wage, how far open weights lie behind."""
    return _read("input_series.json")


def gan_failures() -> dict[str, Any]:
    """`cells`: small GANs of one recipe at one rate, how many samples lie on each hump and how far from the data.

    Also `operations` of a step of each kind. Written by `benchmarks/gan_failures.py`.
    """
    return _read("gan_failures.json")


def _read(name: str) -> dict[str, Any]:
    return json.loads((files("advantage") / "data" / name).read_text(encoding="utf-8"))
