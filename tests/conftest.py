"""Fixtures and settings of the unit tests."""

import os

import hypothesis
import pytest
import torch

# No deadline: two workers on a busy machine say nothing about the code. In CI the same examples each time.
hypothesis.settings.register_profile("course", deadline=None, derandomize=os.environ.get("GITHUB_ACTIONS") == "true")
hypothesis.settings.load_profile("course")

torch.set_num_threads(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test marked `cuda` runs where there is such a device."""
    if not torch.cuda.is_available():
        for item in items:
            if item.get_closest_marker("cuda"):
                item.add_marker(pytest.mark.skip(reason="no CUDA device"))


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.cuda)])
def device(request: pytest.FixtureRequest) -> torch.device:
    """Each device that a function must give the same result on."""
    return torch.device(request.param)


@pytest.fixture(autouse=True)
def ledger(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the reader's measurements, or another test's."""
    monkeypatch.setenv("ADVANTAGE_LEDGER", str(tmp_path_factory.mktemp("ledger") / "ledger.json"))
