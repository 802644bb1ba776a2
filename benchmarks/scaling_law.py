"""The scaling law of the shipped sweep, with its bootstrap, for chapters that spend it: `data/scaling_law.json`.

    python benchmarks/scaling_law.py

The grid without its smallest width, as in the chapter on scaling laws, which says why. Ten seconds on one core.
"""

import json
from pathlib import Path

import numpy as np

import advantage
from advantage import files, records
from advantage.textgen import scaling

REPEATS = 200


def main() -> None:
    log = records.scaling_runs()
    smallest = min(run["width"] for run in log["runs"])
    runs = [run for run in log["runs"] if run["study"] == "grid" and run["width"] > smallest]
    columns = [np.array([run[key] for run in runs]) for key in ("parameters", "tokens", "loss")]
    law = scaling.fit(*columns)
    rows = [[float(f"{x:.6g}") for x in row] for row in scaling.bootstrap(*columns, repeats=REPEATS)]
    record = {
        "what": "loss in nats per byte = E + A / parameters^alpha + B / bytes^beta: small GPTs on Python source",
        "fitted_to": "the grid of scaling_runs.json without its smallest width",
        "runs": len(runs),
        "parameters": [int(columns[0].min()), int(columns[0].max())],
        "bytes": [int(columns[1].min()), int(columns[1].max())],
        "date": log["date"],
        **{name: float(f"{value:.6g}") for name, value in law._asdict().items()},
    }
    head = json.dumps(record, indent=1)[:-2]
    body = ",\n".join(f"  {json.dumps(row)}" for row in rows)
    with files.whole(Path(advantage.__file__).parent / "data" / "scaling_law.json") as file:
        file.write(f'{head},\n "bootstrap": [\n{body}\n ]\n}}\n')


if __name__ == "__main__":
    main()
