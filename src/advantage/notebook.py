"""The first cell of every notebook: what you run on, how long it takes, and how its figures look."""

import os
import platform

# Okabe & Ito's colours tell apart under every common colour blindness; the line styles and markers tell apart in grey.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000"]
LINE_STYLES = ["-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1))]


def start(seconds: int, seed: int = 0) -> None:
    """Print versions, device and the time limit of this notebook; seed torch; set the figures' style.

    Args:
        seconds: the notebook's time limit on two CPU cores, in seconds. The tests hold its last run to it.
        seed: passed to `torch.manual_seed`.

    Raises:
        ValueError: `seconds` is not a positive whole number.
    """
    if not isinstance(seconds, int) or isinstance(seconds, bool) or seconds <= 0:
        raise ValueError(f"seconds: got {seconds!r}; must be a positive whole number, such as 60")
    import matplotlib as mpl
    import torch
    from cycler import cycler

    from advantage import __version__

    torch.manual_seed(seed)
    mpl.rcParams.update(
        {
            "figure.figsize": (6.4, 3.6),
            "figure.dpi": 144,  # sharp on a phone, about 40 kB a figure
            "figure.constrained_layout.use": True,
            "font.size": 11,
            "axes.titlesize": 12,
            "axes.titleweight": "bold",
            "axes.titlelocation": "left",
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "grid.alpha": 0.25,
            "legend.frameon": False,
            "lines.linewidth": 2,
            "image.cmap": "cividis",  # even steps in grey, the same for colour-blind readers
            "axes.prop_cycle": cycler(color=COLOURS) + cycler(linestyle=LINE_STYLES),
        }
    )
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else f"CPU, {os.cpu_count()} cores"
    print(
        f"advantage {__version__} · Python {platform.python_version()} · torch {torch.__version__} · {device}\n"
        f"Expected run time: at most {seconds} s on two CPU cores."
    )
