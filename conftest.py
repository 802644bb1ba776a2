"""What every test runs with, and nbval's kernels: one thread, no network, no progress bars, a ledger of its own.

Under --nbval each notebook runs as a reader runs it: from the wheel (tools/installed.py), in an empty folder, with an
empty home, and leaves both empty. ADVANTAGE_PASSED=FOLDER gets an empty file for each notebook that passed: `make test`
goes on from there. With ADVANTAGE_RUN_TIMES=FILE the seconds of each notebook and the device are written there.
"""

import datetime
import importlib.util
import json
import os
import sys
import tempfile
from pathlib import Path
from unittest import mock

import pytest

ROOT = Path(__file__).parent
sys.path.insert(0, str(ROOT / "tools"))

import installed  # noqa: E402
from kernel import FIGURE, kernel_environment  # noqa: E402

_scratch = tempfile.TemporaryDirectory(prefix="advantage-tests-", ignore_cleanup_errors=True)
if "ADVANTAGE_TESTS" not in os.environ:  # once: a worker of pytest-xdist has its parent's environment
    _environment = kernel_environment(Path(_scratch.name)) | {"ADVANTAGE_TESTS": "1"}
    _environment["CI"] = os.environ.get("CI", "")  # the browser tests ask it whether Chromium may be missing
    os.environ.update(_environment)

# The processes that tests start get this from PYTHONPATH; this process has already read its own sitecustomize.
_offline = importlib.util.spec_from_file_location("offline", ROOT / "tools" / "offline" / "sitecustomize.py")
_offline.loader.exec_module(importlib.util.module_from_spec(_offline))


def pytest_configure(config: pytest.Config) -> None:
    if not config.getoption("nbval", False):
        return
    import matplotlib.font_manager  # noqa: F401  builds the font cache; a cell that did would say so
    import nbval.plugin

    os.environ["CI"] = "true"
    config.option.nbval_kernel_name = config.option.nbval_kernel_name or installed.NAME
    if not hasattr(config, "workerinput"):
        os.environ["JUPYTER_PATH"] = str(installed.python_with_wheel().parents[1] / "share" / "jupyter")
    run_alone(nbval.plugin.IPyNbFile)


def run_alone(kind: type) -> None:
    """Let nbval run a notebook in an empty folder with an empty home, which must be empty at the end."""
    import matplotlib
    from nbval.kernel import RunningKernel

    begin, end = kind.__init__, kind.teardown

    def __init__(self: pytest.File, *args: object, **kwargs: object) -> None:
        begin(self, *args, **kwargs)
        self.skip_compare = (*self.skip_compare, FIGURE)

    def setup(self: pytest.File) -> None:
        self.scratch = tempfile.TemporaryDirectory(prefix="notebook-", ignore_cleanup_errors=True)
        scratch = Path(self.scratch.name)
        self.empty = [scratch / "home", scratch / "work"]
        for folder in self.empty:
            folder.mkdir()
        places = dict.fromkeys(("HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA"), str(self.empty[0]))
        places |= {"ADVANTAGE_LEDGER": str(scratch / "ledger.json"), "IPYTHONDIR": str(scratch / "ipython")}
        places |= {"JUPYTER_RUNTIME_DIR": str(scratch), "MPLCONFIGDIR": matplotlib.get_cachedir()}
        places |= {"PYTHONPATH": str(ROOT / "tools" / "offline"), "PYTHONDONTWRITEBYTECODE": "1"}
        options = self.config.option
        with mock.patch.dict(os.environ, places):
            self.kernel = RunningKernel(
                options.nbval_kernel_name, str(self.empty[1]), options.nbval_kernel_startup_timeout
            )
        self.setup_sanitize_files()

    def teardown(self: pytest.File) -> None:
        end(self)
        left = [f"{file.parent.name}/{file.name}" for folder in self.empty for file in folder.iterdir()]
        self.scratch.cleanup()
        assert not left, f"{self.path.name} left files behind: {', '.join(sorted(left))}"

    kind.__init__, kind.setup, kind.teardown = __init__, setup, teardown


def _seconds_of(item: pytest.Item) -> float:
    """How long the notebook that a test runs took when it was last executed; 0 for other tests."""
    if item.path.suffix != ".ipynb":
        return 0
    return json.loads(item.path.read_text(encoding="utf-8"))["metadata"].get("advantage", {}).get("seconds", 0)


_last: dict[str, str] = {}  # notebook → its last cell
_failed: set[str] = set()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The longest notebook starts first, so that no worker waits for the other at the end."""
    if config.getoption("nbval", False):
        items.sort(key=_seconds_of, reverse=True)
        _last.update({item.nodeid.partition("::")[0]: item.nodeid for item in items})


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """With --nbval a worker takes whole notebooks, whatever --dist says."""
    if not config.getoption("nbval", False):
        return None
    from xdist.scheduler import LoadFileScheduling

    return LoadFileScheduling(config, log)


_seconds: dict[str, float] = {}


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    notebook, _, _ = report.nodeid.partition("::")
    if not notebook.endswith(".ipynb"):
        return
    name = notebook.removesuffix(".ipynb")
    _seconds[name] = _seconds.get(name, 0) + report.duration
    if report.failed:
        _failed.add(notebook)
    passed = os.environ.get("ADVANTAGE_PASSED")
    if passed and report.when == "teardown" and _last.get(notebook) == report.nodeid and notebook not in _failed:
        Path(passed, name.replace("/", "+")).touch()


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Record the times of a run that passed."""
    target = os.environ.get("ADVANTAGE_RUN_TIMES")
    if target and _seconds and exitstatus == 0 and not hasattr(session.config, "workerinput"):
        import torch

        device = torch.cuda.get_device_name() if torch.cuda.is_available() else f"CPU, {os.cpu_count()} cores"
        run = {"device": device, "torch": torch.__version__, "date": datetime.date.today().isoformat()}
        times = {name: {"seconds": round(seconds, 1), **run} for name, seconds in sorted(_seconds.items())}
        Path(target).write_text(json.dumps(times, indent=1) + "\n", encoding="utf-8")
