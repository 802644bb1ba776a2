"""What every test runs with, and nbval's kernels: one thread, no network, no progress bars, a ledger of its own.

With ADVANTAGE_RUN_TIMES=FILE the seconds of each notebook and the device are written there: `make test-gpu` does so.
"""

import datetime
import importlib.util
import json
import os
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent
sys.path.insert(0, str(ROOT / "tools"))

from kernel import kernel_environment  # noqa: E402

_scratch = tempfile.TemporaryDirectory(prefix="advantage-tests-", ignore_cleanup_errors=True)
if "ADVANTAGE_TESTS" not in os.environ:  # once: a worker of pytest-xdist has its parent's environment
    _environment = kernel_environment(Path(_scratch.name)) | {"ADVANTAGE_TESTS": "1"}
    _environment["CI"] = os.environ.get("CI", "")  # the browser tests ask it whether Chromium may be missing
    os.environ.update(_environment)

# The processes that tests start get this from PYTHONPATH; this process has already read its own sitecustomize.
_offline = importlib.util.spec_from_file_location("offline", ROOT / "tools" / "offline" / "sitecustomize.py")
_offline.loader.exec_module(importlib.util.module_from_spec(_offline))


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("nbval", False):
        import matplotlib.font_manager  # noqa: F401  builds the font cache; a cell that did would say so
        from nbval.plugin import IPyNbFile

        os.environ["CI"] = "true"
        prepare = IPyNbFile.__init__

        def prepare_without_svg(self, *arguments: object, **named: object) -> None:
            prepare(self, *arguments, **named)
            self.skip_compare += ("application/vnd.advantage.figure+svg",)  # tools/figure.py adds it to a picture

        IPyNbFile.__init__ = prepare_without_svg


def _seconds_of(item: pytest.Item) -> float:
    """How long the notebook that a test runs took when it was last executed; 0 for other tests."""
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    path = item.path if item.path.suffix == ".ipynb" else parameters.get("md")
    if not isinstance(path, Path):
        return 0
    recorded = json.loads(path.with_suffix(".ipynb").read_text(encoding="utf-8"))["metadata"].get("advantage", {})
    return recorded.get("seconds", 0)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The longest notebook starts first, so that no worker waits for the other at the end."""
    if config.getoption("nbval", False):
        items.sort(key=_seconds_of, reverse=True)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """With --nbval a worker takes whole notebooks, whatever --dist says; and single tests of test_standalone.py."""
    if not config.getoption("nbval", False):
        return None
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return nodeid if "test_standalone.py" in nodeid else super()._split_scope(nodeid)

    return Scheduling(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """A kernel starts with an empty ledger: no chapter sees what another measured."""
    if item.path.suffix == ".ipynb":
        os.environ["ADVANTAGE_LEDGER"] = os.path.join(_scratch.name, f"{item.path.parent.name}-{item.path.stem}.json")


_seconds: dict[str, float] = {}


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    notebook, is_notebook, _ = report.nodeid.partition(".ipynb")
    if is_notebook:
        _seconds[notebook] = _seconds.get(notebook, 0) + report.duration


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Record the times of a run that passed."""
    target = os.environ.get("ADVANTAGE_RUN_TIMES")
    if target and _seconds and exitstatus == 0 and not hasattr(session.config, "workerinput"):
        import torch

        device = torch.cuda.get_device_name() if torch.cuda.is_available() else f"CPU, {os.cpu_count()} cores"
        run = {"device": device, "torch": torch.__version__, "date": datetime.date.today().isoformat()}
        times = {name: {"seconds": round(seconds, 1), **run} for name, seconds in sorted(_seconds.items())}
        Path(target).write_text(json.dumps(times, indent=1) + "\n", encoding="utf-8")
