"""Write the repository's address wherever it stands: `python tools/repository.py https://github.com/you/course`.

The one place is `[project.urls] Repository` of pyproject.toml; this copies it to the first cell of each notebook, both
halves, and to the files in COPIES, and says which files changed. No notebook becomes stale by it.
"""

import re
import sys
from pathlib import Path

import nbformat

import chapter
import notebooks

ROOT = Path(__file__).resolve().parents[1]
COPIES = ["_config.yml", "CITATION.cff", "README.md"]  # files that may name the address, beside the notebooks


def checked(url: str) -> str:
    """The address without `.git` or a slash at its end."""
    url = url.strip().rstrip("/").removesuffix(".git")
    if not re.fullmatch(r"https://[\w.-]+(:\d+)?(/[\w.~-]+){2,}", url):
        raise ValueError(f"url: got {url!r}; must be like https://github.com/owner/name")
    return url


def write(url: str, root: Path = ROOT) -> list[Path]:
    """Set the address everywhere; returns the files that changed."""
    new, old = checked(url), chapter.address(root)
    changed = []

    def replace(path: Path, pattern: str, replacement: str) -> None:
        before = path.read_text(encoding="utf-8")
        after = re.sub(pattern, lambda found: found[1] + replacement, before)
        if after != before:
            notebooks.write_atomically(path, after)
            changed.append(path)

    replace(root / "pyproject.toml", r'(?m)^(Repository = ")[^"]*', new)
    for name in COPIES:
        if (root / name).exists():
            replace(root / name, rf"(){re.escape(old)}(?![\w-])", new)
    for md in notebooks.find_pairs([root / "notebooks"]):
        replace(md, r'(%pip install --quiet "advantage(?:\[\w+\])? @ git\+)[^"]*', new)
        ipynb = md.with_suffix(".ipynb")
        if not ipynb.exists():
            continue
        text, executed = notebooks.read_text(md), nbformat.read(ipynb, as_version=4)
        outputs = [(cell.execution_count, cell.outputs) for cell in executed.cells if cell.cell_type == "code"]
        cells = sum(cell.cell_type == "code" for cell in text.cells)
        if md not in changed or len(outputs) != cells:
            continue
        record = {key: value for key, value in executed.metadata.get("advantage", {}).items() if key != "text_sha256"}
        notebooks.write_notebook(ipynb, notebooks.assemble(text, outputs, record))
        changed.append(ipynb)
    return changed


def main(argv: list[str]) -> int:
    if len(argv) != 1:
        print("usage: make repository url=https://github.com/you/course")
        return 2
    try:
        changed = write(argv[0])
    except ValueError as error:
        print(error)
        return 1
    for path in changed:
        print(path.relative_to(ROOT).as_posix())
    if not changed:
        print("the address stands everywhere already")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
