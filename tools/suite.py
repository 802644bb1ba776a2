"""`make test` and `make check`: what the change can reach first, then everything.

    python tools/suite.py                          # make test
    python tools/suite.py check strategy/pricing   # make check chapter=strategy/pricing

A run that was interrupted, killed or failed leaves a mark for each step and each notebook that passed; the next run of
the same files says what is left and goes on there. Any change of a file starts anew.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import halves
import pairs
import stale

ROOT = Path(__file__).resolve().parents[1]
MARKS = ROOT / "_build" / "passed"
SITE = ROOT / "_build" / "html"
PYTEST = [sys.executable, "-m", "pytest", "--quiet"]
PAGES = ["tests/test_site.py", "tests/test_website.py", "tests/browser"]


def git(*arguments: str) -> list[str]:
    """Lines (or names, with -z) that git prints; nothing where there is no repository."""
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, encoding="utf-8")
    return [name for name in done.stdout.replace("\0", "\n").split("\n") if name]


def state() -> str:
    """Hash of every file that git knows or would add, and of the Python that runs."""
    total = hashlib.sha256(sys.version.encode())
    for name in sorted(git("ls-files", "-z", "--cached", "--others", "--exclude-standard")):
        if (ROOT / name).is_file():
            total.update(f"\0{name}\0".encode() + hashlib.sha256((ROOT / name).read_bytes()).digest())
    return total.hexdigest()[:16]


def changed() -> set[Path]:
    """Files that differ from the last commit, and from main where the branch is another."""
    names = {*git("diff", "-z", "--name-only", "HEAD"), *git("ls-files", "-z", "--others", "--exclude-standard")}
    return {ROOT / name for name in [*names, *git("diff", "-z", "--name-only", "main...HEAD")]}


def reached(files: set[Path]) -> tuple[list[Path], list[Path]]:
    """(tests, notebooks) that changed, or that use a file that did."""
    tests = []
    for test in sorted((ROOT / "tests").rglob("test_*.py")):
        if not any(test.is_relative_to(ROOT / page) for page in PAGES):
            used = stale.modules([test.read_text(encoding="utf-8")], ROOT / "src", ROOT / "tools")
            tests += [test] * bool(files & {test, *used})
    notebooks = []
    for md in pairs.find([]):
        ipynb = md.with_suffix(".ipynb")
        used = stale.dependencies(halves.sources(halves.read_text(md)))
        notebooks += [ipynb] * bool(ipynb.exists() and files & {md, ipynb, *used})
    return tests, notebooks


def run(*command: object, **environment: str) -> int:
    return subprocess.run(list(map(str, command)), cwd=ROOT, env=os.environ | environment).returncode


def nbval(notebooks: list[Path], marks: Path | None = None) -> int:
    """Run notebooks under nbval, longest first; those that pass leave a mark."""
    workers = ["-n", min(2, len(notebooks))] if len(notebooks) > 1 else []
    passed = {"ADVANTAGE_PASSED": str(marks)} if marks else {}
    return run(*PYTEST, *workers, "--nbval", *notebooks, **passed)


def mark_of(notebook: Path) -> str:
    return pairs.name(notebook).replace("/", "+")


def ruff(*arguments: str) -> int:
    place = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    return run(shutil.which("ruff", path=place), *arguments, ".")


def suite() -> int:
    """Every step in order; 0 if all passed, else the exit status of the first that failed."""
    marks = MARKS / state()
    for old in MARKS.glob("*"):
        if old != marks:
            shutil.rmtree(old)
    marks.mkdir(parents=True, exist_ok=True)
    notebooks = [md.with_suffix(".ipynb") for md in pairs.find([])]
    steps = {
        "lint": lambda: ruff("check") or ruff("format", "--check") or run(sys.executable, "-m", "mypy"),
        "reached": lambda: reach(marks),
        "tests": lambda: run(*PYTEST, "-n", 2, "tests", *(f"--ignore={page}" for page in PAGES)),
        "notebooks": lambda: nbval([book for book in notebooks if not (marks / mark_of(book)).exists()], marks),
        "site": lambda: run(sys.executable, "tools/website", "--strict"),
        "pages": lambda: run(*PYTEST, "-n", 2, *PAGES),
    }
    left = [step for step in steps if not (marks / step).exists() or (step == "site" and not SITE.exists())]
    if len(left) < len(steps):
        waiting = [pairs.name(book) for book in notebooks if not (marks / mark_of(book)).exists()]
        print(f"The last run did not end. Left to do: {', '.join(left)}; notebooks: {', '.join(waiting) or 'none'}.")
    for step in left:
        print(f"── {step}", flush=True)
        if step == "notebooks" and all((marks / mark_of(book)).exists() for book in notebooks):
            continue
        if status := steps[step]():
            print(f"── {step} failed; `make test` goes on here when nothing else was changed.", flush=True)
            return status
        (marks / step).touch()
    shutil.rmtree(marks)
    return 0


def reach(marks: Path) -> int:
    """What the change can reach: its tests, then its notebooks."""
    tests, notebooks = reached(changed())
    if not tests + notebooks:
        return 0
    print(f"{len(tests)} files of tests and {len(notebooks)} notebooks use what changed", flush=True)
    status = run(*PYTEST, "-n", 2, *tests) if tests else 0
    return status or (nbval(notebooks, marks) if notebooks else 0)


def check(chapter: str) -> int:
    """One chapter: in step, the contract, nbval, its Chinese, its two pages. All are run; 1 if one fails."""
    md = ROOT / "notebooks" / f"{chapter.removesuffix('.md').removesuffix('.ipynb').removeprefix('notebooks/')}.md"
    books = pairs.find([])
    if md.resolve() not in books:
        names = ", ".join(pairs.name(each).removeprefix("notebooks/") for each in books)
        print(f"chapter: got {chapter!r}; must be one of {names}")
        return 1
    name, python = pairs.name(md), sys.executable
    failed = [
        run(python, "tools/pairs.py", md),
        run(python, "tools/contract.py", md),
        nbval([md.with_suffix(".ipynb")]),
    ]
    if halves.is_draft(md):
        print(f"{name} is a draft: not in _toc.yml, so neither translated nor on the site")
    else:
        failed += [run(python, "tools/chinese", "check", name), run(python, "tools/website", "--strict")]
        failed += [run(*PYTEST, "tests/test_site.py", "-k", name)]
    print(f"{name}: {'to be mended' if any(failed) else 'all well'}")
    return int(any(failed))


if __name__ == "__main__":
    sys.exit(check(sys.argv[2]) if sys.argv[1:2] == ["check"] else suite())
