"""Freezes the prices that chapters assert, from the pinned `genai-prices`, into the package's data/prices.json.

    python benchmarks/prices.py [--record FILE]

Prints what it finds; with --record the tables of the file are replaced, and the rest is kept. The first four
price lists of the published day are older than the package's entries, and come from the pages that stand beside them.
"""

import argparse
import datetime
import json
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

from genai_prices import data_snapshot

READ = datetime.date(2026, 11, 25).isoformat()
SAME_MODEL = re.compile(r"llama-?3[.-]1-8b", re.IGNORECASE)
OTHER = re.compile(r":free|aion|dobby|lumimaid|nemotron|sonar|typhoon", re.IGNORECASE)  # free, or retrained by others
OPENED = [  # model, a day on which it held, cached input, new input, output, where it was read
    ("R1", "2025-02-28", 0.14, 0.55, 2.19, "https://api-docs.deepseek.com/quick_start/pricing-details-usd"),
    ("V3", "2025-02-28", 0.07, 0.27, 1.10, "https://api-docs.deepseek.com/quick_start/pricing-details-usd"),
    ("V3.1", "2025-09-05", 0.07, 0.56, 1.68, "https://api-docs.deepseek.com/quick_start/pricing"),
    ("V3.2", "2025-12-09", 0.028, 0.28, 0.42,
     "https://raw.githubusercontent.com/RooCodeInc/Roo-Code/main/packages/types/src/providers/deepseek.ts, a client's"),
]  # fmt: skip


def entry(provider: str, model: str) -> Any:
    """A model as the package lists it."""
    found = {p.id: {m.id: m for m in p.models} for p in data_snapshot.get_snapshot().providers}
    return found[provider][model]


def dollars(prices: Any, name: str) -> float:
    """One price of an entry, per million tokens, at the first tier."""
    value = getattr(prices, f"{name}_mtok")
    return float(getattr(value, "base", value))


def newest(prices: Any) -> Any:
    """The last of several price lists; the one there is otherwise."""
    return prices[-1].prices if isinstance(prices, list) else prices


def offers() -> list[dict[str, Any]]:
    """Every priced entry of Llama 3.1 8B Instruct whose name says so, dearest output last."""
    rows = [
        {"seller": p.id, "model": m.id, "input": dollars(newest(m.prices), "input"),
         "output": dollars(newest(m.prices), "output")}
        | ({"input_cached": dollars(newest(m.prices), "cache_read")} if newest(m.prices).cache_read_mtok else {})
        for p in data_snapshot.get_snapshot().providers
        for m in p.models
        if SAME_MODEL.search(m.id.replace("llama3", "llama-3")) and not OTHER.search(m.id)
    ]  # fmt: skip
    return sorted(rows, key=lambda row: (row["output"], row["input"], row["seller"]))


def day_lists() -> list[dict[str, Any]]:
    """DeepSeek's price lists, oldest first: model, a day on which it held, three prices, where they were read."""
    flash, pro = (entry("deepseek", f"deepseek-v4-{name}").prices for name in ("flash", "pro"))
    peak = entry("deepseek", "deepseek-flash").prices[-1]
    package = f"genai-prices {version('genai-prices')}"
    later = [
        ("V4 Flash", "2026-08-16", flash[0]),
        ("V4 Pro", "2026-08-16", pro[0]),
        ("V4 Flash", flash[1].constraint.start_date.isoformat(), flash[1]),
        ("V4.1 Flash, off-peak", flash[2].constraint.start_date.isoformat(), flash[2]),
        ("V4.1 Flash, peak", flash[2].constraint.start_date.isoformat(), peak),
    ]
    names = ("cache_read", "input", "output")
    priced = [(who, when, *(dollars(row.prices, name) for name in names), package) for who, when, row in later]
    keys = ("model", "on", "input_cached", "input", "output", "source")
    return [dict(zip(keys, row)) for row in [*OPENED, *priced]]


def five() -> list[dict[str, Any]]:
    """The five prices of a token of one model: the batch discount is a second list."""
    model = entry("anthropic", "claude-sonnet-5-5")
    batch = next(v.prices for v in model.price_variants if v.when == {"processing": "batch"})
    names = {"input": "input", "input_cached": "cache_read", "cache_write": "cache_write", "output": "output"}
    return [
        {"list": label} | {ours: dollars(prices, theirs) for ours, theirs in names.items()}
        for label, prices in (("at once", model.prices), ("batch", batch))
    ]


def tiers() -> list[dict[str, Any]]:
    """Four prices of three models of one seller, dearest first, and of the last one's calls that read much."""
    names = {"input": "input", "input_cached": "cache_read", "cache_write": "cache_write", "output": "output"}
    found = {model: entry("anthropic", f"claude-{model}-5-5").prices for model in ("opus", "sonnet", "haiku")}
    rows = [
        {"model": f"claude-{model}-5-5"} | {ours: dollars(prices, theirs) for ours, theirs in names.items()}
        for model, prices in found.items()
    ]
    tiers = {ours: getattr(found["haiku"], f"{theirs}_mtok").tiers[0] for ours, theirs in names.items()}
    above = {tier.start for tier in tiers.values()}.pop()
    long = {ours: float(tier.price) for ours, tier in tiers.items()}
    return [*rows, {"model": f"claude-haiku-5-5, above {above:,} tokens", **long}]


def frozen() -> dict[str, dict[str, Any]]:
    """Name of a table → its rows, what they are, their unit, date and source."""
    about = {
        "offers_8b": (offers(), "Llama 3.1 8B Instruct: every offer whose name says so, price of today's list"),
        "day_lists": (day_lists(), "DeepSeek's price lists, each with a day on which it held"),
        "five_prices": (five(), "claude-sonnet-5-5: the five prices of a token"),
        "three_tiers": (tiers(), "three models of one seller, at once"),
    }
    source = f"genai-prices {version('genai-prices')}"
    unit = "$ per million tokens"
    return {
        name: {"rows": rows, "unit": unit, "what": what, "date": READ, "source": source}
        for name, (rows, what) in about.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--record", type=Path)
    options = parser.parse_args()
    tables = frozen()
    if options.record:
        kept = json.loads(options.record.read_text(encoding="utf-8"))
        text = json.dumps(kept | tables, indent=2, ensure_ascii=False) + "\n"
        options.record.write_text(text, encoding="utf-8")
    for table in tables.values():
        print(table["what"], f"({len(table['rows'])})", *table["rows"], sep="\n  ")


if __name__ == "__main__":
    main()
