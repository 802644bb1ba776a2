"""Each chapter opens alone: from the wheel, in an empty folder with an empty home; and on Colab, from the repository.

DESIGN §3, "Standalone". The notebooks that run here are the Chinese ones, whose code cells equal the English (a test
says so), so that one run shows both: that no chapter needs the checkout, and that the Chinese edition runs.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest
from filelock import FileLock

import chapter as new_chapter
import pairs
from chinese import edition

ROOT = Path(__file__).resolve().parents[1]
PAIRS = pairs.find([])
WINDOWS = os.name == "nt"

# Runs in the new environment: executes the notebook in a kernel there, which also says where `advantage` came from.
RUN = """
import json, sys
import nbformat, halves, kernel
source, target = sys.argv[1:]
read = nbformat.read(source, as_version=4)
read.cells.append(nbformat.v4.new_code_cell("import advantage\\nprint(advantage.__file__)"))
try:
    outputs, record = kernel.execute(halves.sources(read))
except kernel.Failed as error:
    sys.exit(str(error))
with open(target, "w", encoding="utf-8") as file:
    json.dump({"outputs": outputs, "record": record}, file)
"""


@pytest.fixture(scope="session")
def shared(tmp_path_factory):
    """One folder for all workers of this run."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


def once(shared, name, make):
    """`make(folder)` by the first worker that asks, the same folder for all."""
    folder, done = shared / name, shared / f"{name}.done"
    with FileLock(f"{folder}.lock"):
        if not done.exists():
            folder.mkdir()
            make(folder)
            done.touch()
    return folder


def run(command, **options):
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", **options)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="session")
def wheel(shared):
    """The wheel, built from a copy of what it is made of: setuptools leaves files where it builds."""

    def build(folder):
        source = folder / "source"
        source.mkdir()
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(ROOT / name, source)
        shutil.copytree(ROOT / "src", source / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        options = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--disable-pip-version-check"]
        run([sys.executable, "-m", "pip", "wheel", *options, "--wheel-dir", folder, source])

    return next(once(shared, "wheel", build).glob("*.whl"))


def new_environment(folder: Path) -> Path:
    """An empty environment that sees this one's packages but not the course's; returns its Python.

    A path in a .pth file is searched, but .pth files that lie there are not read: the editable install stays hidden.
    """
    run([sys.executable, "-m", "venv", "--without-pip", folder])
    python = folder / ("Scripts/python.exe" if WINDOWS else "bin/python")
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = Path(run([python, "-c", code]).strip())
    outer = run([sys.executable, "-c", code]).strip()
    (site / "outer.pth").write_text(f"{outer}\n", encoding="utf-8")
    kernel = folder / "share" / "jupyter" / "kernels" / "python3"
    kernel.mkdir(parents=True)
    argv = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    specification = {"argv": argv, "display_name": "Python 3", "language": "python"}
    (kernel / "kernel.json").write_text(json.dumps(specification), encoding="utf-8")
    return python


@pytest.fixture(scope="session")
def installed(shared, wheel):
    """Python of an environment in which the wheel is installed, and nothing else."""

    def install(folder):
        python = new_environment(folder / "environment")
        run([sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index", wheel])

    folder = once(shared, "installed", install) / "environment"
    return folder / ("Scripts/python.exe" if WINDOWS else "bin/python")


@pytest.fixture(scope="session")
def chinese(shared):
    """The Chinese notebooks as the publish job generates them; what is not translated yet is English."""
    return once(shared, "chinese", edition.translate)


def environment(home: Path, **more: str) -> dict[str, str]:
    """An empty home, but for the font cache: building it takes seconds, and says so on stderr."""
    import matplotlib

    kept = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "XDG", "PYTHON"))}
    places = {name: str(home) for name in ("HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA")}
    return {
        **kept,
        **places,
        "MPLCONFIGDIR": matplotlib.get_cachedir(),
        "PYTHONPATH": str(ROOT / "tools"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUTF8": "1",
        **more,
    }


def execute(python: Path, notebook: Path, tmp_path: Path, **more: str) -> dict:
    """Run a notebook with another environment's Python in an empty folder; its outputs and record."""
    home, folder = tmp_path / "home", tmp_path / "empty"
    home.mkdir()
    folder.mkdir()
    target = tmp_path / "outputs.json"
    run([python, "-c", RUN, notebook, target], cwd=folder, env=environment(home, **more))
    assert list(folder.iterdir()) == [], "the notebook wrote into the working folder"
    return json.loads(target.read_text(encoding="utf-8"))


def comparable(outputs: list) -> list:
    """What nbval compares: printed text and everything but pictures."""
    said = []
    for output in outputs:
        if output["output_type"] == "stream":
            said.append("".join(output["text"]))
        else:
            said.append({kind: text for kind, text in output["data"].items() if not re.search("^image/|svg$", kind)})
    return said


def test_the_wheel_has_every_file_of_the_package(wheel):
    """DESIGN §6: data comes from inside the installed package."""
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if name.startswith("advantage/")}
    source = ROOT / "src"
    kept = {file for file in source.rglob("*") if file.is_file() and "__pycache__" not in file.parts}
    wanted = {file.relative_to(source).as_posix() for file in kept if file.relative_to(source).parts[0] == "advantage"}
    assert packed == wanted


@pytest.mark.parametrize("md", PAIRS, ids=pairs.name)
def test_chinese_code_equals_the_english(md, chinese):
    """DESIGN §4, "one code": cells differ in their prose, and in strings that a reader reads."""
    english = nbformat.read(md.with_suffix(".ipynb"), as_version=4)
    translated = nbformat.read(chinese / md.relative_to(ROOT).with_suffix(".ipynb"), as_version=4)
    assert [cell.cell_type for cell in translated.cells] == [cell.cell_type for cell in english.cells]
    for ours, theirs in zip(english.cells, translated.cells):
        if ours.cell_type == "code" and "quiz(" not in ours.source and "Markdown(" not in ours.source:
            assert theirs.source == ours.source


@pytest.mark.parametrize("md", PAIRS, ids=pairs.name)
def test_a_notebook_runs_alone(md, chinese, installed, tmp_path):
    """Issue 2, §2: the wheel in an empty environment, the notebook in an empty folder; outputs as committed."""
    english = nbformat.read(md.with_suffix(".ipynb"), as_version=4)
    translated = chinese / md.relative_to(ROOT).with_suffix(".ipynb")
    ran = execute(installed, translated, tmp_path)
    *outputs, where = ran["outputs"]
    assert Path(where[0]["text"].strip()).is_relative_to(installed.parents[1])
    cells = [cell for cell in english.cells if cell.cell_type == "code"]
    sources = [cell.source for cell in nbformat.read(translated, as_version=4).cells if cell.cell_type == "code"]
    for cell, source, now in zip(cells, sources, outputs, strict=True):
        if "nbval-ignore-output" not in cell.metadata.get("tags", []) and source == cell.source:
            assert comparable(now) == comparable(cell.outputs), cell.source


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="Colab installs from a repository; this is none")
@pytest.mark.parametrize("part", ["textgen"])
def test_the_first_cell_installs_the_package_on_colab(part, tmp_path):
    """Issue 2, §2: where the package is missing the unchanged first cell installs it; here git takes this checkout."""
    address = new_chapter.address()
    python = new_environment(tmp_path / "environment")
    missing = subprocess.run([python, "-c", "import advantage"], capture_output=True, text=True, cwd=tmp_path)
    assert "No module named 'advantage'" in missing.stderr
    notebook = tmp_path / "first.ipynb"
    first = new_chapter.first_cell(ROOT / "notebooks" / part / "corpus.md", address)
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(first)]), notebook)
    settings = {f"url.{ROOT.as_uri()}.insteadOf": address, "safe.directory": "*"}
    git = {"GIT_CONFIG_COUNT": str(len(settings)), "GIT_CONFIG_NOSYSTEM": "1"}
    for number, (key, value) in enumerate(settings.items()):
        git |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    pip = {"PIP_NO_BUILD_ISOLATION": "0", "PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    ran = execute(python, notebook, tmp_path, **git, **pip, PIP_ROOT_USER_ACTION="ignore")
    first, where = ran["outputs"]
    assert "Expected run time" in "".join(output["text"] for output in first)
    assert Path(where[0]["text"].strip()).is_relative_to(tmp_path / "environment")
