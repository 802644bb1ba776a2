"""The ledger: measured numbers on their way from the chapters that measure them to the chapters that spend them.

An entry is a value with its unit, and the machine, device and date it was measured on. The package ships reference
entries; what you measure yourself goes into a file of your own, and `read` prefers it.
"""

import contextlib
import datetime
import json
import math
import os
import platform
import sys
import tempfile
import warnings
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple


class Entry(NamedTuple):
    """One measured number, with its unit, the machine, device and date of the measurement, and whether it is yours."""

    value: float
    unit: str
    machine: str
    device: str
    date: str
    own: bool = False


def record(name: str, value: float, unit: str, device: str = "cpu") -> Entry:
    """Write your own measurement. A file that cannot be written costs a warning, never a notebook.

    Args:
        name: dotted, such as `textgen.gpt.train_tokens_per_second`.
        value: a finite number.
        unit: its unit, such as `token/s`.
        device: what it was measured on: `cpu`, or the accelerator's name.

    Raises:
        ValueError: `name` or `unit` is empty, or `value` is not a finite number.
    """
    for argument, text in (("name", name), ("unit", unit)):
        if not isinstance(text, str) or not text.strip():
            raise ValueError(f"{argument}: got {text!r}; give a text that is not empty")
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"value: got {value!r} for {name!r}; give a finite number")
    entry = Entry(number, unit, machine(), device, datetime.date.today().isoformat(), own=True)
    path = location()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        entries = _own(path)
        entries[name] = entry
        _write(path, entries)
    except OSError as error:
        warnings.warn(f"the ledger {path} cannot be written ({error.strerror}): {name} is not kept", stacklevel=2)
    return entry


def read(name: str) -> Entry:
    """Your own measurement where there is one, the reference otherwise.

    Raises:
        KeyError: there is neither; the message lists the names that exist.
    """
    own = _own(location())
    return own[name] if name in own else reference(name)


def reference(name: str) -> Entry:
    """The entry that ships with the package, the same on every machine.

    Raises:
        KeyError: there is none of that name; the message lists those that exist.
    """
    entries = _parse((files("advantage") / "data" / "ledger.json").read_text(encoding="utf-8"), own=False)
    if name not in entries:
        raise KeyError(f"no entry {name!r} in the ledger; there are: {', '.join(sorted(entries)) or 'none'}")
    return entries[name]


def location() -> Path:
    """Your ledger's file: `$ADVANTAGE_LEDGER`, or `advantage/ledger.json` in your user-data folder."""
    if chosen := os.environ.get("ADVANTAGE_LEDGER"):
        return Path(chosen)
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or "~/AppData/Local"
    elif sys.platform == "darwin":
        base = "~/Library/Application Support"
    else:
        base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(os.path.expanduser(base)) / "advantage" / "ledger.json"


def adopt(target: Path) -> list[str]:
    """Make your own measurements the reference in `target`, the package's `ledger.json`. Returns their names."""
    own = _own(location())
    kept = _parse(target.read_text(encoding="utf-8"), own=False) if target.exists() else {}
    _write(target, kept | own)
    return sorted(own)


def _own(path: Path) -> dict[str, Entry]:
    try:
        return _parse(path.read_text(encoding="utf-8"), own=True)
    except OSError:
        return {}
    except (ValueError, TypeError, AttributeError) as error:
        aside = path.with_suffix(".damaged.json")
        warnings.warn(f"the ledger {path} is damaged ({error}): set aside as {aside.name}", stacklevel=3)
        with contextlib.suppress(OSError):
            os.replace(path, aside)
        return {}


def _parse(text: str, own: bool) -> dict[str, Entry]:
    return {name: Entry(**fields, own=own) for name, fields in json.loads(text).items()}


def _write(path: Path, entries: dict[str, Entry]) -> None:
    """Write beside the file, then rename: whoever reads, or interrupts, never meets half a file."""
    plain = {name: {k: v for k, v in entry._asdict().items() if k != "own"} for name, entry in sorted(entries.items())}
    descriptor, name = tempfile.mkstemp(prefix=".ledger.", dir=path.parent)
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            json.dump(plain, file, indent=2, ensure_ascii=False)
            file.write("\n")
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def machine() -> str:
    """Processor and core count, such as `AMD EPYC, 2 cores`."""
    processor = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        processor = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return f"{processor}, {os.cpu_count()} cores"


if __name__ == "__main__":
    if sys.argv[1:] != ["adopt"]:
        sys.exit("usage: python -m advantage.ledger adopt   (in a checkout: your measurements become the reference)")
    print("\n".join(adopt(Path(__file__).parent / "data" / "ledger.json")) or "your ledger is empty")
