"""`make serve`: the site on this machine, built again when a file changes. PORT=8080 names another port than 8000."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterable
from pathlib import Path

from website import server
from website.places import ROOT, SITE

PAIRS = ROOT / "tools" / "pairs.py"


def run(*command: str | Path) -> bool:
    """A step in a process of its own: it takes the tools as they are now, and what it says stays in the terminal."""
    return subprocess.run([sys.executable, *map(str, command)], cwd=ROOT).returncode == 0


def chapters(changed: Iterable[str]) -> list[Path]:
    """The texts of chapters among the files that changed: their notebooks, of which the site is made, come after."""
    found = {Path(path) for path in changed}
    return sorted(p for p in found if p.suffix == ".md" and ROOT / "notebooks" in p.parents and p.exists())


def update(changed: Iterable[str]) -> bool:
    """Bring the notebooks of changed chapters into step and build. A cell that fails is said, and ends nothing."""
    texts = chapters(changed)
    failed = [text for text in texts if not run(PAIRS, text)]
    for text in failed:
        print(f"{text.relative_to(ROOT)}: its notebook was not made; the site shows the old one.", file=sys.stderr)
    return run(ROOT / "tools" / "website")


def serve(watched: list[str]) -> int:
    from watchfiles import watch

    rebuilt = threading.Condition()
    port = os.environ.get("PORT", "8000")
    try:
        address = server.start(SITE, int(port), rebuilt)
    except ValueError as error:
        print(f"make serve: {error}: make serve PORT=8080", file=sys.stderr)
        return 1
    run(ROOT / "tools" / "website")
    if not SITE.exists():
        return 1
    print(f"Serving {address} and {address}zh/ (Ctrl-C ends it)", flush=True)
    written: set[str] = set()
    try:
        for changes in watch(*(ROOT / name for name in watched if (ROOT / name).exists()), debounce=400):
            changed = {path for _, path in changes}
            if changed <= written:  # by the step that made these notebooks, and the site has them
                written = set()
                continue
            written = {str(text.with_suffix(".ipynb")) for text in chapters(changed)}
            if update(changed):
                with rebuilt:
                    rebuilt.notify_all()
    except KeyboardInterrupt:
        pass
    return 0
