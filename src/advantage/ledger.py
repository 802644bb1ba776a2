"""The ledger: measured numbers on their way from the chapters that measure them to the chapters that spend them.

An entry is a value with its unit, and the machine, device and date it was measured on. The package ships reference
entries; what you measure yourself goes into a file of your own, and `read` prefers it. Measuring again keeps what was
measured before; several notebooks may write at once.
"""

import contextlib
import datetime
import json
import os
import platform
import sys
import warnings
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

from advantage import checks, files

UNITS = {  # what multiplies matrices fast, as Linux names it → as makers name it
    "avx2": "AVX2", "avx512f": "AVX-512", "avx512_bf16": "AVX512-BF16", "avx512_fp16": "AVX512-FP16",
    "amx_tile": "AMX", "amx_bf16": "AMX-BF16", "asimd": "NEON", "sve": "SVE", "bf16": "BF16", "i8mm": "I8MM",
}  # fmt: skip


class Entry(NamedTuple):
    """One measured number: its unit, where and when it was measured, and whether it is yours.

    `threads`, `units` (of the processor, such as AVX-512) and `repeats` are None where an entry does not say.
    """

    value: float
    unit: str
    machine: str
    device: str
    date: str
    threads: int | None = None
    units: str | None = None
    repeats: int | None = None
    own: bool = False


def record(name: str, value: float, unit: str, device: str = "cpu", repeats: int = 1) -> Entry:
    """Write your own measurement. A file that cannot be written costs a warning, never a notebook.

    Args:
        name: dotted, such as `textgen.gpt.train_tokens_per_second`.
        value: a finite number.
        unit: its unit, such as `token/s`.
        device: what it was measured on: `cpu`, or the accelerator's name.
        repeats: how many measurements the value sums up.

    Raises:
        ValueError: `name`, `unit` or `device` is empty, `value` is not a finite number, or `repeats` is below 1.
    """
    for argument, text in (("name", name), ("unit", unit), ("device", device)):
        checks.text(argument, text)
    number = checks.series("value", [value])[0]
    today = datetime.date.today().isoformat()
    repeats = checks.whole("repeats", repeats, least=1)
    entry = Entry(number, unit, machine(), device, today, threads(), units(), repeats, own=True)
    path = location()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with files.locked(path):
            rows = _own(path)
            before = rows.get(name, {})
            earlier = before.pop("earlier", []) + ([before] if before else [])
            _write(path, rows | {name: _fields(entry) | ({"earlier": earlier} if earlier else {})})
    except OSError as error:
        warnings.warn(f"the ledger {path} cannot be written ({error.strerror}): {name} is not kept", stacklevel=2)
    return entry


def read(name: str) -> Entry:
    """Your own measurement where there is one, the reference otherwise.

    Raises:
        KeyError: there is neither; the message lists the names that exist.
    """
    own = _own(location())
    return _entry(own[name], own=True) if name in own else reference(name)


def history(name: str) -> list[Entry]:
    """All your own measurements of that name, the oldest first."""
    row = _own(location()).get(name)
    return [_entry(fields, own=True) for fields in [*row.get("earlier", []), row]] if row else []


def reference(name: str) -> Entry:
    """The entry that ships with the package, the same on every machine.

    Raises:
        KeyError: there is none of that name; the message lists those that exist.
    """
    rows = _parse((resources.files("advantage") / "data" / "ledger.json").read_text(encoding="utf-8"))
    if name not in rows:
        raise KeyError(f"no entry {name!r} in the ledger; there are: {', '.join(sorted(rows)) or 'none'}")
    return _entry(rows[name], own=False)


def location() -> Path:
    """Your ledger's file: `$ADVANTAGE_LEDGER`, or `advantage/ledger.json` in your user-data folder."""
    if chosen := os.environ.get("ADVANTAGE_LEDGER"):
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or "~/AppData/Local"
    elif sys.platform == "darwin":
        base = "~/Library/Application Support"
    else:
        base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(os.path.expanduser(base)) / "advantage" / "ledger.json"


def adopt(target: Path) -> list[str]:
    """Make your own measurements the reference in `target`, the package's `ledger.json`. Returns their names."""
    own = {name: {k: v for k, v in row.items() if k != "earlier"} for name, row in _own(location()).items()}
    kept = _parse(target.read_text(encoding="utf-8")) if target.exists() else {}
    _write(target, kept | own)
    return sorted(own)


def _own(path: Path) -> dict[str, dict[str, Any]]:
    """Name → fields of your own entries, with whatever a later version of the course put there."""
    try:
        return _parse(path.read_text(encoding="utf-8"))
    except OSError:
        return {}
    except (ValueError, TypeError, AttributeError) as error:
        aside = path.with_suffix(".damaged.json")
        warnings.warn(f"the ledger {path} is damaged ({error}): set aside as {aside.name}", stacklevel=3)
        with contextlib.suppress(OSError):
            os.replace(path, aside)
        return {}


def _parse(text: str) -> dict[str, dict[str, Any]]:
    rows = json.loads(text)
    for name, row in rows.items():
        for fields in [row, *row.get("earlier", [])]:
            checks.series(name, [_entry(fields, own=True).value])
    return rows


def _entry(fields: dict[str, Any], own: bool) -> Entry:
    """Fields that this version does not know stay in the file."""
    return Entry(**{key: fields[key] for key in Entry._fields if key in fields and key != "own"}, own=own)


def _fields(entry: Entry) -> dict[str, Any]:
    return {key: value for key, value in entry._asdict().items() if key != "own" and value is not None}


def _write(path: Path, rows: dict[str, dict[str, Any]]) -> None:
    text = json.dumps(dict(sorted(rows.items())), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    with files.whole(path) as file:
        file.write(text)


def machine() -> str:
    """Processor and core count, such as `AMD EPYC, 2 cores`."""
    name = _cpuinfo("model name") or platform.processor() or platform.machine()
    return f"{name}, {os.cpu_count()} cores"


def units() -> str | None:
    """The processor's units for fast arithmetic, such as `AVX2, AVX-512, AVX512-BF16`; None where Linux is not."""
    flags = (_cpuinfo("flags") or _cpuinfo("Features")).split()
    return ", ".join(unit for flag, unit in UNITS.items() if flag in flags) or None


def threads() -> int:
    """Threads that PyTorch computes with."""
    import torch

    return torch.get_num_threads()


def _cpuinfo(key: str) -> str:
    """The first processor's line of that name in Linux's /proc/cpuinfo, or nothing."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line.split(":", 1)[1].strip() for line in lines if line.split(":")[0].strip() == key), "")


if __name__ == "__main__":
    if sys.argv[1:] != ["adopt"]:
        sys.exit("usage: python -m advantage.ledger adopt   (in a checkout: your measurements become the reference)")
    print("\n".join(adopt(Path(__file__).parent / "data" / "ledger.json")) or "your ledger is empty")
