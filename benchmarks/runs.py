"""What the searches share: runs that are kept and never done twice, and one way to look for two learning rates."""

import datetime
import json
import math
import platform
import re
import time
from collections.abc import Callable
from pathlib import Path

import torch

from advantage import files, ledger

SEARCH_SEEDS = (100, 101)  # decide the rates, scored on the first half of the held-out files
STRIDES = (4.0, 2.0)


class Runs:
    """Runs in a file of one JSON line each. A run that stands there is not done again, so that a search resumes."""

    def __init__(self, path: Path) -> None:
        self.path, self.rows = path, []
        if path.exists():
            text = path.read_text(encoding="utf-8")
            lines = text[: text.rfind("\n") + 1]  # a run that was killed may have left half a line
            self.rows = [json.loads(line) for line in lines.splitlines()]
            if lines != text:
                with files.whole(path) as file:
                    file.write(lines)
        self.known = {_name(row["what"]): row for row in self.rows}

    def once(self, what: dict, measure: Callable[[], dict]) -> dict:
        """The row of the run that `what` describes: `measure()`'s figures with the processor seconds that it took."""
        if _name(what) not in self.known:
            begin = time.process_time()
            found = measure()  # a run in another process brings its own processor seconds
            row = {"what": what, "processor_seconds": round(time.process_time() - begin, 2)} | found
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
            self.rows.append(row)
            self.known[_name(what)] = row
            print(json.dumps(row), flush=True)
        return self.known[_name(what)]


def compass(
    score: Callable[[tuple[float, float]], float], start: tuple[float, float], both: bool = True, strides=STRIDES
) -> tuple[float, float]:
    """The pair of rates with the lowest score that a walk finds, from `start`.

    It looks at the four neighbours (one rate times or divided by 4), moves to the best while one is better, then does
    the same with factors of 2, or with the `strides` given: so the best is never on an edge, and every rival is
    searched by the same rule. Unless `both`, the second rate stays.
    """
    seen: dict[tuple[float, float], float] = {}

    def at(pair: tuple[float, float]) -> float:
        if pair not in seen:
            loss = score(pair)
            seen[pair] = loss if math.isfinite(loss) else math.inf
        return seen[pair]

    here = start
    for stride in strides:
        while True:
            a, b = here
            pairs = [(a * stride, b), (a / stride, b)] + [(a, b * stride), (a, b / stride)] * both
            best = min(((round(x, 9), round(y, 9)) for x, y in pairs), key=at)
            if at(best) >= at(here):
                break
            here = best
    return here


def write(path: Path, runs: Runs, what: str, record: dict) -> None:
    """The package's record: where it comes from, then `record`, a row of numbers a line."""
    origin = {
        "what": what,
        "machine": ledger.machine(),
        "torch": torch.__version__.split("+")[0],
        "python": platform.python_version(),
        "threads": torch.get_num_threads(),
        "date": datetime.date.today().isoformat(),
        "processor_minutes": round(sum(row["processor_seconds"] for row in runs.rows) / 60, 1),
    }
    text = re.sub(r"\[[^\[\]{}]+\]", _on_one_line, json.dumps(origin | record, indent=1, ensure_ascii=False))
    with files.whole(path) as file:
        file.write(text + "\n")


def _on_one_line(found: re.Match) -> str:
    return f"[{' '.join(found[0][1:-1].split())}]"


def _name(what: dict) -> str:
    return json.dumps(what, sort_keys=True)
