"""What every test runs with, and nbval's kernels: one thread, no network, no progress bars, a ledger of its own."""

import importlib.util
import os
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent
sys.path.insert(0, str(ROOT / "tools"))

from notebooks import kernel_environment  # noqa: E402

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
        os.environ["CI"] = "true"


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """A kernel starts with an empty ledger: no chapter sees what another measured."""
    if item.path.suffix == ".ipynb":
        os.environ["ADVANTAGE_LEDGER"] = os.path.join(_scratch.name, f"{item.path.parent.name}-{item.path.stem}.json")
