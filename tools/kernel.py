"""Run a notebook alone: a fresh kernel in an empty folder, one thread, no network, a ledger of its own."""

import base64
import datetime
import io
import json
import os
import shutil
import tempfile
import threading
from pathlib import Path

import nbformat
import psutil
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[1]

# What every kernel runs with, here and under nbval: results must not depend on cores, no bar is drawn into an output.
KERNEL_ENV = {
    "CI": "true",
    "TQDM_DISABLE": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
    "HF_HUB_OFFLINE": "1",
}

# Run in the kernel after the last cell and not kept. Seconds of the processor, those of child processes too: on a busy
# machine they stay what they are, where a clock on the wall would run on.
PROBE = """
import json, os, platform
_seconds = round(sum(os.times()[:4]), 1)
import torch
print(json.dumps({
    "seconds": _seconds,
    "device": torch.cuda.get_device_name() if torch.cuda.is_available() else f"CPU, {os.cpu_count()} cores",
    "python": platform.python_version(),
    "torch": torch.__version__,
}))
"""

COLOURS = 64  # of a picture's palette: a quarter of the bytes, and no difference to be seen
VISIBLE = 6, 0.01  # unless more than this share of the pixels is off by more of 255: bands in a colour bar
CLOSE = 24  # of 255: a picture is the old one if no pixel differs by more; a changed label differs by 100 and more


FIGURE = "application/vnd.advantage.figure+svg"  # a picture's words, from which Chinese figures are made


class Failed(Exception):
    pass


def kernel_environment(scratch: Path) -> dict[str, str]:
    """Environment of a kernel: one thread, no bars, no network, the ledger and IPython's files in `scratch`."""
    path = os.pathsep.join(filter(None, [str(ROOT / "tools" / "offline"), os.environ.get("PYTHONPATH")]))
    return {
        **os.environ,
        **KERNEL_ENV,
        "PYTHONPATH": path,
        "ADVANTAGE_LEDGER": str(scratch / "ledger.json"),
        "IPYTHONDIR": str(scratch / "ipython"),
    }


def peak_of_tree(pid: int, stop: threading.Event) -> list[float]:
    """Sample the resident MB of a process and all its children until `stop`; returns the list that it fills."""
    peak = [0.0]

    def sample() -> None:
        process, stopped = psutil.Process(pid), False
        while not stopped:
            stopped, total = stop.wait(0.1), 0  # once more at the end: a busy machine may have let none come before
            try:
                family = [process, *process.children(recursive=True)]
            except psutil.NoSuchProcess:
                return
            for member in family:
                try:
                    total += member.memory_info().rss
                except psutil.Error:
                    continue
            peak[0] = max(peak[0], total / 2**20)

    threading.Thread(target=sample, daemon=True).start()
    return peak


def run_cell(client: NotebookClient, cell: NotebookNode, index: int) -> None:
    try:
        client.execute_cell(cell, index)
    except CellExecutionError as error:
        raise Failed(str(error)) from None
    for output in cell.outputs:
        output.pop("transient", None)
        if output.output_type == "stream" and output.name == "stderr":
            raise Failed(f"a cell wrote to stderr:\n{cell.source}\n------------------\n{output.text}")


def execute(sources: list[str], timeout: int = 1200) -> tuple[list[list[NotebookNode]], dict]:
    """Run code cells in a fresh kernel in an empty folder.

    Returns:
        (outputs of each cell, record of the run).

    Raises:
        Failed: a cell raised or wrote to stderr, or the notebook left files behind; the message says which.
    """
    import matplotlib.font_manager  # noqa: F401  builds the font cache, which would else be built, and said, in a cell

    cells = [nbformat.v4.new_code_cell(source) for source in [*sources, PROBE]]
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
    options = {
        "coalesce_streams": True,
        "record_timing": False,
        "startup_timeout": 600,
        "extra_arguments": ["--log-level=ERROR"],
    }
    client = NotebookClient(notebook, timeout=timeout, **options)
    stop = threading.Event()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        folder = Path(scratch) / "work"
        folder.mkdir()
        startup = Path(scratch) / "ipython" / "profile_default" / "startup"  # IPython runs what lies there
        startup.mkdir(parents=True)
        shutil.copy(ROOT / "tools" / "figure.py", startup)
        try:
            with client.setup_kernel(cwd=str(folder), env=kernel_environment(Path(scratch))):
                peak = peak_of_tree(client.km.provisioner.pid, stop)
                for index, cell in enumerate(cells[:-1]):
                    run_cell(client, cell, index)
                stop.set()
                if left := sorted(file.name for file in folder.iterdir()):
                    raise Failed(f"the notebook wrote into the working folder: {', '.join(left)}")
                run_cell(client, cells[-1], len(sources))
        finally:
            stop.set()
    record = json.loads(cells[-1].outputs[0].text)
    record |= {"peak_memory_mb": round(peak[0]), "date": f"{datetime.date.today()}"}
    return [[with_small_pictures(output) for output in cell.outputs] for cell in cells[:-1]], record


# --- pictures ----------------------------------------------------------------------------------------------------


def small_picture(png: bytes) -> bytes:
    """A PNG with a palette of 64 colours, or of 256 where 64 show; the same bytes if it has one, or shines through."""
    import numpy as np
    from PIL import Image

    with Image.open(io.BytesIO(png)) as picture:
        opaque = "A" not in picture.mode or picture.getchannel("A").getextrema() == (255, 255)
        if picture.mode == "P" or not opaque:
            return png
        picture = picture.convert("RGB")
    few = picture.quantize(COLOURS, dither=Image.Dither.NONE)
    off = np.abs(np.asarray(picture, int) - np.asarray(few.convert("RGB"), int)).max(axis=2) > VISIBLE[0]
    target = io.BytesIO()
    palette = picture.quantize(256, dither=Image.Dither.NONE) if off.mean() > VISIBLE[1] else few
    palette.save(target, "PNG", optimize=True)
    return min(png, target.getvalue(), key=len)


def with_small_pictures(output: NotebookNode) -> NotebookNode:
    """An output whose PNG has a palette; all else in it is left as it is."""
    if png := output.get("data", {}).get("image/png"):
        output.data["image/png"] = base64.b64encode(small_picture(base64.b64decode(png))).decode()
    return output


def same_picture(old: str, new: str) -> bool:
    """Whether two PNGs in base64 look the same: one size, and no pixel that differs by more than CLOSE."""
    import numpy as np
    from PIL import Image

    if old.strip() == new.strip():
        return True
    with Image.open(io.BytesIO(base64.b64decode(old))) as one, Image.open(io.BytesIO(base64.b64decode(new))) as two:
        if one.size != two.size:
            return False
        before, after = (np.asarray(picture.convert("RGBA"), dtype=int) for picture in (one, two))
    return int(np.abs(before - after).max(initial=0)) <= CLOSE


def kept_outputs(old: list[NotebookNode], new: list[NotebookNode]) -> list[NotebookNode]:
    """A cell's new outputs, or the old ones where they say the same: printed text and data equal, pictures alike."""

    def said(output: NotebookNode) -> list:
        pictures = {"image/png", FIGURE}
        data = {kind: text for kind, text in output.get("data", {}).items() if kind not in pictures}
        return [output.output_type, output.get("name"), output.get("text"), data, set(output.get("data", {}))]

    if [said(output) for output in old] != [said(output) for output in new]:
        return new
    for before, after in zip(old, new):
        png = "image/png"
        if png in before.get("data", {}) and not same_picture(before.data[png], after.data[png]):
            return new
    return old
