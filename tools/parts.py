"""The one table of a part's facts: a part is a folder of `notebooks/`, and of `advantage` where it has code."""

from pathlib import Path
from typing import NamedTuple


class Part(NamedTuple):
    title: str  # what the table of contents calls it
    seconds: int  # the limit of one notebook, on two CPU cores
    total: int  # seconds that all its notebooks may take together, the planned ones too
    extra: str = ""  # what the first cell installs beside the core
    is_course: bool = True  # its chapters have the sections of CONTRIBUTING.md


PARTS = {  # in the book's order; `total` adds up to 15 minutes, for 32 chapters
    "start": Part("Start here", 60, 20, is_course=False),
    "models": Part("Models", 60, 150),
    "textgen": Part("The text-generation project", 60, 480, extra="[textgen]"),
    "applications": Part("Applications", 60, 170),
    "strategy": Part("Platform strategy", 15, 80),
}
SECONDS = {  # chapters that train long enough to need more than their part's limit
    f"textgen/{name}": 120
    for name in ("corpus", "lstm", "gpt", "training-well", "sampling", "scaling-laws", "compress", "serve")
} | {"textgen/scale-out": 120}
EXTRAS = {  # chapters that need more than their part
    "models/attention": "[textgen]",  # Inkwell's model
    "textgen/compress": "[textgen,compress]",
    "textgen/serve": "[textgen,serve]",
    "strategy/advantage": "[strategy]",
    "strategy/two-sided": "[strategy]",
    "strategy/business-model": "[strategy,customers]",
    "strategy/build-buy-tune": "[strategy]",
    "strategy/go-to-market": "[strategy,demand]",
}
MEMORY_MB = 2000


def part_of(path: Path) -> Part:
    """The part of a notebook, by the name of its folder.

    Raises:
        ValueError: there is no such part.
    """
    name = path.parent.name
    if name not in PARTS:
        raise ValueError(f"part: got {name!r} ({path}); must be one of {', '.join(PARTS)}")
    return PARTS[name]


def limit(path: Path) -> int:
    """Seconds that a notebook may take."""
    return SECONDS.get(f"{path.parent.name}/{path.stem}", part_of(path).seconds)


def extra(path: Path) -> str:
    """What a notebook's first cell installs beside the core."""
    return EXTRAS.get(f"{path.parent.name}/{path.stem}", part_of(path).extra)
