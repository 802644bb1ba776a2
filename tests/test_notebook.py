"""The first cell of every notebook: what it prints, seeds and sets."""

import subprocess
import sys

import matplotlib as mpl
import pytest
import torch

from advantage import notebook

# Okabe and Ito, "Color Universal Design" (2008): the eight colours, yellow included, which is too pale for lines.
OKABE_ITO = {"#000000", "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7"}


@pytest.fixture
def started():
    """rcParams as `start` leaves them; restored afterwards."""
    with mpl.rc_context():
        notebook.start(seconds=60)
        yield mpl.rcParams


def test_it_names_versions_device_and_limit(capsys, started):
    """The first cell prints the versions, the device and the expected run time."""
    first, second = capsys.readouterr().out.splitlines()
    assert f"torch {torch.__version__}" in first
    assert f"Python {sys.version.split()[0]}" in first
    assert ("CPU, " in first) != torch.cuda.is_available()
    assert second == "Expected run time: at most 60 s on two CPU cores."


@pytest.mark.cuda
def test_it_names_the_gpu(capsys, started):
    """The device, where there is one."""
    assert torch.cuda.get_device_name() in capsys.readouterr().out


@pytest.mark.parametrize("seed", [0, 7])
def test_it_seeds_torch(seed):
    """torch.manual_seed: the same seed, the same numbers."""
    with mpl.rc_context():
        notebook.start(seconds=15, seed=seed)
    drawn = torch.rand(3)
    assert drawn.equal(torch.rand(3, generator=torch.Generator().manual_seed(seed)))


@pytest.mark.parametrize("seconds", [0, -1, 1.5, True, "60", None])
def test_bad_limit(seconds):
    """CONTRIBUTING.md: bad input gets a ValueError that names the argument, the value and what would be right."""
    with pytest.raises(ValueError, match=f"seconds: got {seconds!r}; must be a positive whole number"):
        notebook.start(seconds=seconds)


def test_figures_read_in_grey_on_a_phone_and_to_the_colour_blind(started):
    """Okabe and Ito 2008 for the colours; CONTRIBUTING.md: line styles too, and text of ten points or more."""
    assert set(notebook.COLOURS) <= OKABE_ITO
    assert len(set(notebook.COLOURS)) == len(set(notebook.LINE_STYLES)) == len(notebook.COLOURS)
    cycle = list(started["axes.prop_cycle"])
    assert [style["color"] for style in cycle] == notebook.COLOURS
    assert [style["linestyle"] for style in cycle] == notebook.LINE_STYLES
    assert started["font.size"] >= 10
    assert tuple(started["figure.figsize"]) == (6.4, 3.6)


def test_importing_the_package_is_cheap():
    """README: a strategy chapter has 15 s; importing `advantage` alone must not load torch or matplotlib."""
    code = "import sys, advantage; print(*sorted({'torch', 'matplotlib', 'numpy'} & set(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert loaded == []
