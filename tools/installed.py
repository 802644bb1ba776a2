"""The course as a reader installs it: a wheel, in an environment that does not see the checkout.

nbval's kernel `wheel` runs there (conftest.py). The environment is made once for each state of the package.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MADE_OF = ("pyproject.toml", "README.md", "LICENSE", "src")
NAME = "wheel"  # of the kernel


def run(*command: str | Path) -> str:
    """What a command prints. Raises RuntimeError with all that it said if it fails."""
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, encoding="utf-8")
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def build(folder: Path) -> Path:
    """The wheel, built in `folder` from a copy of what it is made of: setuptools leaves files where it builds."""
    source = folder / "source"
    source.mkdir()
    for name in MADE_OF[:-1]:
        shutil.copy(ROOT / name, source)
    shutil.copytree(ROOT / "src", source / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--disable-pip-version-check"]
    run(sys.executable, "-m", "pip", "wheel", *options, "--wheel-dir", folder, source)
    shutil.rmtree(source)
    return next(folder.glob("*.whl"))


def environment(folder: Path) -> Path:
    """An environment that sees this one's packages but not the course's; returns its Python.

    A path in a .pth file is searched, but .pth files that lie there are not read: the editable install stays hidden.
    """
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    outer = [sysconfig.get_path("purelib"), *(path for path in sys.path if path.endswith("-packages"))]
    (site / "outer.pth").write_text("\n".join(dict.fromkeys(outer)) + "\n", encoding="utf-8")
    for name in (NAME, "python3"):
        kernel = folder / "share" / "jupyter" / "kernels" / name
        kernel.mkdir(parents=True)
        argv = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        specification = {"argv": argv, "display_name": "Python 3", "language": "python"}
        (kernel / "kernel.json").write_text(json.dumps(specification), encoding="utf-8")
    return python


def digest() -> str:
    """Hash of the Python that runs and of all that the wheel is made of."""
    total = hashlib.sha256(f"{sys.executable}{sys.version}".encode())
    files = [ROOT / name for name in MADE_OF[:-1]] + sorted((ROOT / "src").rglob("*"))
    for file in files:
        if file.is_file() and "__pycache__" not in file.parts and ".egg-info" not in str(file):
            total.update(f"\0{file.relative_to(ROOT).as_posix()}\0".encode() + file.read_bytes())
    return total.hexdigest()[:16]


def python_with_wheel() -> Path:
    """Python of an environment with the wheel of today, in `_build`, or in a temporary folder if that is read-only."""
    shelf = ROOT / "_build" / "wheel"
    try:
        shelf.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix="new-", dir=shelf))
    except OSError:
        shelf = Path(tempfile.mkdtemp(prefix="advantage-wheel-"))
        folder = Path(tempfile.mkdtemp(dir=shelf))
    made = shelf / digest()
    inside = "Scripts/python.exe" if os.name == "nt" else "bin/python"
    if not made.exists():
        for old in shelf.iterdir():
            if old != folder:
                shutil.rmtree(old, ignore_errors=True)
        python = environment(made.with_name(f"{folder.name}-environment"))
        options = ["--quiet", "--no-deps", "--no-index", "--disable-pip-version-check"]
        run(sys.executable, "-m", "pip", "--python", python, "install", *options, build(folder))
        python.parents[1].rename(made)  # whole or not at all
        for kernel in (made / "share" / "jupyter" / "kernels").glob("*/kernel.json"):
            text = kernel.read_text(encoding="utf-8")
            kernel.write_text(text.replace(python.parents[1].name, made.name), encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    return made / inside
