"""Running a notebook alone, and what every test runs with."""

import base64
import io
import re
import socket
import subprocess
import sys

import nbformat
import numpy as np
import pytest
import rules
from nbformat.v4 import new_code_cell, new_notebook, new_output
from PIL import Image

import kernel


def notebook(*cells):
    return new_notebook(cells=[new_code_cell(cell) for cell in cells])


def test_execution(tmp_path):
    """Issue 2, §2 and §7: one thread, an empty folder, no network, a ledger of its own; seconds and memory recorded."""
    outputs, record = kernel.execute(
        [
            "import os, socket, torch\nprint(torch.get_num_threads(), os.listdir(), os.environ['CI'])",
            "try:\n    socket.create_connection(('192.0.2.1', 80), 1)\nexcept OSError as error:\n    print(error)",
            "print(os.path.exists(os.environ['ADVANTAGE_LEDGER']))",
            "import time\nblock = b'1' * 300_000_000\ntime.sleep(0.5)",
        ]
    )
    printed = [cell[0].text if cell else "" for cell in outputs]
    assert printed[0] == "1 [] true\n"
    assert "no network here" in printed[1]
    assert printed[2] == "False\n"
    assert 300 < record["peak_memory_mb"] < 1500
    assert 0 < record["seconds"] < 60
    assert set(record) == {"seconds", "peak_memory_mb", "device", "python", "torch", "date"}


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("def f():\n    return 1 / 0\nf()", "return 1 / 0(.|\n)*ZeroDivisionError"),
        ("import warnings\nwarnings.warn('careful')", "wrote to stderr(.|\n)*careful"),
        ("open('left.txt', 'w').close()", "working folder: left.txt"),
    ],
)
def test_execution_fails(cell, message):
    """Issue 2, §1: the failing cell's code and traceback in the output; nothing written, no warning."""
    with pytest.raises(kernel.Failed, match=message):
        kernel.execute([cell])


def test_what_every_test_runs_with():
    """Issue 2, §2 and §7: one thread, no network, no progress bars, in each process that a test starts."""
    code = (
        "import os, socket\n"
        "ledger = os.path.exists(os.environ['ADVANTAGE_LEDGER'])\n"
        "print(os.environ['OMP_NUM_THREADS'], os.environ['TQDM_DISABLE'], ledger)\n"
        "socket.create_connection(('192.0.2.1', 80), 1)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "1 1 False\n"
    assert "no network here" in done.stderr
    with pytest.raises(OSError, match="no network here"):
        socket.create_connection(("192.0.2.1", 80), 1)
    with socket.create_server(("localhost", 0)) as server:
        socket.create_connection(server.getsockname(), 1).close()


def test_nbval_is_strict(tmp_path):
    """Issue 2, §1 and §2: a changed output, a new warning and an exception fail; code and traceback are shown."""
    cells = ["print(1)", "print(2)", "import warnings\nwarnings.warn('new')", "def f():\n    return 1 / 0\nf()"]
    written = notebook(*cells)
    written.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
    for number, cell in enumerate(written.cells, 1):
        cell.execution_count = number
    written.cells[0].outputs = [new_output("stream", name="stdout", text="1\n")]
    written.cells[1].outputs = [new_output("stream", name="stdout", text="3\n")]
    nbformat.write(written, tmp_path / "broken.ipynb")
    command = [sys.executable, "-m", "pytest", "-c", rules.ROOT / "pyproject.toml", "--rootdir", tmp_path, "--nbval"]
    done = subprocess.run([*command, "-p", "no:cacheprovider", tmp_path], capture_output=True, text=True, cwd=tmp_path)
    assert "3 failed, 1 passed" in done.stdout
    for said in ("print(2)", "assert reference_output == test_output failed", "return 1 / 0", "ZeroDivisionError"):
        assert said in re.sub(r"\x1b\[[\d;]*m", "", done.stdout)


# --- pictures ----------------------------------------------------------------------------------------------------


def png(image):
    target = io.BytesIO()
    image.save(target, "PNG")
    return target.getvalue()


def drawn(text="1.0", shades=False):
    """A figure such as the chapters have, as PNG."""
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(6.4, 3.6), dpi=100)
    ax.plot([0, 1], [0, 1])
    ax.set_title(f"Loss {text}")
    if shades:
        ax.imshow([[x / 256 for x in range(256)]], aspect="auto")
    target = io.BytesIO()
    fig.savefig(target, format="png")
    plt.close(fig)
    return target.getvalue()


def in_base64(data):
    return base64.b64encode(data).decode()


@pytest.mark.parametrize(("shades", "most"), [(False, 64), (True, 256)])
def test_small_pictures(shades, most):
    """A palette: fewer bytes, the same size, colours near the old; more colours where bands would show."""
    old = drawn(shades=shades)
    new = kernel.small_picture(old)
    assert len(new) < len(old) / (2 if shades else 1.2)
    with Image.open(io.BytesIO(old)) as before, Image.open(io.BytesIO(new)) as after:
        assert after.mode == "P"
        assert len(after.getcolors()) <= most
        assert (len(after.getcolors()) > 64) == shades
        off = np.abs(np.asarray(before.convert("RGB"), int) - np.asarray(after.convert("RGB"), int)).max(axis=2)
    assert (off > 12).mean() < 0.01
    assert kernel.small_picture(new) == new


def test_a_picture_that_shines_through_is_left():
    """PNG, alpha: a palette of opaque colours would not do."""
    image = Image.new("RGBA", (4, 4), (255, 0, 0, 128))
    assert kernel.small_picture(png(image)) == png(image)


def test_same_picture():
    """One size and no visible difference: noise of rounding is the same, another digit is not."""
    old = drawn()
    with Image.open(io.BytesIO(old)) as image:
        near = Image.fromarray(np.clip(np.asarray(image.convert("RGB"), int) - 8, 0, 255).astype(np.uint8))
        smaller = png(image.resize((64, 36)))
    assert kernel.same_picture(in_base64(old), in_base64(png(near)))
    assert not kernel.same_picture(in_base64(old), in_base64(drawn("1.1")))
    assert not kernel.same_picture(in_base64(old), in_base64(smaller))
