"""Running a notebook alone, and what every test runs with."""

import base64
import io
import os
import re
import socket
import subprocess
import sys

import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output
from PIL import Image

import kernel
from rules.chapter import ROOT


def notebook(*cells):
    return new_notebook(cells=[new_code_cell(cell) for cell in cells])


def test_execution(tmp_path):
    """One thread, an empty folder, no network, a ledger of its own; seconds and memory recorded."""
    outputs, record = kernel.execute(
        [
            "import os, socket, torch\nprint(torch.get_num_threads(), os.listdir(), os.environ['CI'])",
            "try:\n    socket.create_connection(('192.0.2.1', 80), 1)\nexcept OSError as error:\n    print(error)",
            "print(os.path.exists(os.environ['ADVANTAGE_LEDGER']))",
            "block = b'1' * 300_000_000",
        ]
    )
    printed = [cell[0].text if cell else "" for cell in outputs]
    assert printed[0] == "1 [] true\n"
    assert "no network here" in printed[1]
    assert printed[2] == "False\n"
    assert 300 < record["peak_memory_mb"] < 1500
    assert record["seconds"] > 0
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
    """The failing cell's code and traceback in the output; nothing written, no warning."""
    with pytest.raises(kernel.Failed, match=message):
        kernel.execute([cell])


def test_what_every_test_runs_with():
    """One thread, no network, no progress bars, in each process that a test starts."""
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
    """A changed output, a new warning and an exception fail; code and traceback are shown."""
    cells = ["print(1)", "print(2)", "import warnings\nwarnings.warn('new')", "def f():\n    return 1 / 0\nf()"]
    written = notebook(*cells)
    written.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
    for number, cell in enumerate(written.cells, 1):
        cell.execution_count = number
    written.cells[0].outputs = [new_output("stream", name="stdout", text="1\n")]
    written.cells[1].outputs = [new_output("stream", name="stdout", text="3\n")]
    nbformat.write(written, tmp_path / "broken.ipynb")
    command = [sys.executable, "-m", "pytest", "-c", ROOT / "pyproject.toml", "--rootdir", tmp_path, "--nbval"]
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


# --- nbval: from the wheel, in an empty folder ---------------------------------------------------------------------


def nbval(folder, *cells, **environment):
    """What pytest says of a notebook with these cells, each (source, outputs), run as the suite runs notebooks."""
    written = notebook(*(source for source, _ in cells))
    for number, (cell, (_, outputs)) in enumerate(zip(written.cells, cells), 1):
        cell.execution_count, cell.outputs = number, outputs
    nbformat.write(written, folder / "one.ipynb")
    command = [sys.executable, "-m", "pytest", "-c", ROOT / "pyproject.toml", "--rootdir", folder, "-p", "conftest"]
    settings = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ['PYTHONPATH']}"} | environment
    del settings["ADVANTAGE_TESTS"]
    command += ["--nbval", "-p", "no:cacheprovider", folder]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=settings)


def test_nbval_runs_what_a_reader_installs(tmp_path):
    """The kernel has the wheel and not the checkout, an empty folder and an empty home; a figure's SVG may differ."""
    svg = [new_output("display_data", {"text/plain": "'x'", kernel.FIGURE: "<svg/>"}, metadata={})]
    bundle = {"text/plain": "'x'", kernel.FIGURE: "<svg>2</svg>"}
    show = f"from IPython.display import display\ndisplay({bundle!r}, raw=True)"
    cells = [
        ("import os, sys, advantage\nassert advantage.__file__.startswith(sys.prefix)", []),
        (f"assert not any({str(ROOT / 'src')!r} in path for path in sys.path)", []),
        ("assert os.listdir() == os.listdir(os.path.expanduser('~')) == []", []),
        (show, svg),
    ]
    passed = tmp_path / "passed"
    passed.mkdir()
    (tmp_path / "books").mkdir()
    done = nbval(tmp_path / "books", *cells, ADVANTAGE_PASSED=str(passed))
    assert "4 passed" in done.stdout, done.stdout
    assert [file.name for file in passed.iterdir()] == ["one"]


@pytest.mark.parametrize("place", ["left.txt", "~/left.txt"])
def test_nbval_finds_what_is_left_behind(tmp_path, place):
    """A notebook that writes into its folder or its home does not pass, and the file is named."""
    passed = tmp_path / "passed"
    passed.mkdir()
    (tmp_path / "books").mkdir()
    cell = (f"import os\nopen(os.path.expanduser({place!r}), 'w').close()", [])
    done = nbval(tmp_path / "books", cell, ADVANTAGE_PASSED=str(passed))
    assert "left files behind" in done.stdout
    assert "left.txt" in done.stdout
    assert done.returncode == 1
    assert list(passed.iterdir()) == []
