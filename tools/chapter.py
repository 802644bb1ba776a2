"""Start a chapter: `python tools/chapter.py strategy pricing` writes the pair notebooks/strategy/pricing.

The text is notebooks/_template.md with the part's first cell, and is executed at once. It is a draft until it stands in
`_toc.yml`: tested, but not yet on the site, and not held to a chapter's length, figures, sections and translation.
"""

import re
import sys
from pathlib import Path

import halves
import pairs
import parts
from advantage.files import whole
from website.places import repository

ROOT = Path(__file__).resolve().parents[1]


def first_cell(md: Path, address: str) -> str:
    """The first code cell of a notebook: the same for all but for the part's extra and the seconds."""
    return f"""\
try:
    import advantage
except ModuleNotFoundError:  # on Colab, once
    %pip install --quiet "advantage{parts.extra(md)} @ git+{address}"
    import advantage

advantage.start(seconds={parts.limit(md)})"""


def create(part: str, name: str, root: Path = ROOT) -> Path:
    """Write the `.md` half of a new chapter; returns its path."""
    md = root / "notebooks" / part / f"{name}.md"
    parts.part_of(md)
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        raise ValueError(f"name: got {name!r}; must be lower-case words joined by hyphens, as in unit-economics")
    if md.exists() or md.with_suffix(".ipynb").exists():
        raise ValueError(f"name: notebooks/{part}/{name} exists already")
    template = ROOT / "notebooks" / "_template.md"
    text, cells = template.read_text(encoding="utf-8"), halves.sources(halves.read_text(template))
    text = halves.with_code(text, cells, [first_cell(md, repository(root)), *cells[1:]])
    md.parent.mkdir(parents=True, exist_ok=True)
    with whole(md) as file:
        file.write(text.replace("\n# Title\n", f"\n# {name.replace('-', ' ').capitalize()}\n", 1))
    return md


def main(argv: list[str]) -> int:
    if len(argv) != 2:
        print("usage: make chapter part=strategy name=pricing")
        return 2
    try:
        md = create(*argv)
    except ValueError as error:
        print(error)
        return 1
    print(f"wrote {md.relative_to(ROOT)}: a draft, until you add `- file: {pairs.name(md)}` to _toc.yml")
    return pairs.main([str(md)])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
