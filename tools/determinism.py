"""Deterministic cells give the same in three runs, in shuffled order, without network, with the checkout read-only.

    python tools/determinism.py [--runs 3] [PATH ...]

By hand, and weekly in gpu.yml: nbval holds every run to the committed outputs; this holds runs to each other, pictures
included. On Linux the runs happen in namespaces of their own, in which the checkout is mounted read-only and no network
exists. Elsewhere Python refuses the network and the tree is compared before and after.
"""

import argparse
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import nbformat

import halves
import kernel
import pairs

ROOT = Path(__file__).resolve().parents[1]

INSIDE = "ADVANTAGE_DETERMINISM_INSIDE"


def enter_namespaces() -> None:
    """Start again with the checkout read-only and no network, where the system can."""
    inside = [sys.executable, *sys.argv]
    unshare = ["unshare", "--user", "--map-root-user", "--net", "--mount"]
    if not shutil.which("unshare") or subprocess.run([*unshare, "true"], capture_output=True).returncode:
        print("no namespaces here: Python refuses the network, and the tree is compared before and after", flush=True)
        return
    os.execvpe(unshare[0], [*unshare, *inside], os.environ | {INSIDE: "1"})


def close_off() -> None:
    """Within the namespaces: loopback up, since kernels talk over it; the checkout read-only."""
    import fcntl
    import socket
    import struct

    up_and_running = struct.pack("16sh", b"lo", 0x1 | 0x40)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, 0x8914, up_and_running)  # SIOCSIFFLAGS
    subprocess.run(["mount", "--bind", ROOT, ROOT], check=True)
    subprocess.run(["mount", "-o", "remount,ro,bind", ROOT], check=True)
    os.chdir(ROOT)  # into the mount: the old working folder lies under it
    try:
        (ROOT / "writable").touch()
    except OSError:
        print("read-only checkout, no network", flush=True)
    else:
        (ROOT / "writable").unlink()
        raise SystemExit("the checkout could not be made read-only")


def state_of_tree() -> str:
    """Hash of every file of the checkout but .git, environments and caches."""
    digest = hashlib.sha256()
    for file in sorted(ROOT.rglob("*")):
        parts = file.relative_to(ROOT).parts
        if file.is_file() and not any(part.startswith(".") or part in {"_build", "__pycache__"} for part in parts):
            digest.update(file.relative_to(ROOT).as_posix().encode() + file.read_bytes())
    return digest.hexdigest()


def compared(notebook: nbformat.NotebookNode, outputs: list[list], pictures: bool) -> dict[str, list]:
    """What must not change: outputs of each cell that nbval compares, by the cell's place and first line."""
    found = {}
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for place, (cell, shown) in enumerate(zip(cells, outputs), 1):
        if "nbval-ignore-output" in cell.metadata.get("tags", []):
            continue
        said = []
        for output in shown:
            if output.output_type == "stream":
                said.append(["stream", "".join(output.text)])
            else:
                kinds = {kind: data for kind, data in output.data.items() if pictures or not kind.startswith("image/")}
                said.append([output.output_type, kinds])
        found[f"cell {place}: {cell.source.splitlines()[0][:60]}"] = json.loads(json.dumps(said))
    return found


def run(md: Path) -> list[list]:
    return kernel.execute(halves.sources(halves.read_text(md)))[0]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="*", type=Path)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    sys.dont_write_bytecode = True
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    if sys.platform == "linux" and INSIDE not in os.environ:
        enter_namespaces()
    if INSIDE in os.environ:
        close_off()
    found = pairs.find([path.resolve() for path in arguments.paths])
    before = None if INSIDE in os.environ else state_of_tree()  # read-only within, whatever others do outside
    first, different = {}, []
    for number in range(1, arguments.runs + 1):
        order = random.Random(number).sample(found, len(found))
        print(f"run {number}: {', '.join(pairs.name(md).removeprefix('notebooks/') for md in order)}", flush=True)
        with ProcessPoolExecutor(pairs.WORKERS) as pool:
            for md, outputs in zip(order, pool.map(run, order)):
                committed = nbformat.read(md.with_suffix(".ipynb"), as_version=4)
                kept = [cell.outputs for cell in halves.code_of(committed)]
                for earlier, pictures, what in (
                    (compared(committed, kept, False), False, "not as committed"),
                    (first.setdefault(md, compared(committed, outputs, True)), True, "not as in run 1"),
                ):
                    now = compared(committed, outputs, pictures)
                    wrong = [cell for cell in earlier if earlier[cell] != now[cell]]
                    different += [f"{pairs.name(md)}, {cell}: {what}" for cell in wrong]
    if before and state_of_tree() != before:
        different.append("a run wrote into the checkout")
    cells = sum(map(len, first.values()))
    print(*different, sep="\n")
    print(f"{cells} deterministic cells of {len(found)} notebooks, {arguments.runs} runs: {len(different)} differences")
    return int(bool(different))


if __name__ == "__main__":
    sys.exit(main())
