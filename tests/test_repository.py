"""The repository as a whole: what it must not say, and how its code is laid out."""

import ast
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

import stale
from rules.cells import MACHINE_PATH
from rules.chapter import ROOT
from website.places import repository

CODE = sorted([*(ROOT / "tools").rglob("*.py"), *(ROOT / "src").rglob("*.py")])
# A document that the repository does not hold, or a paragraph of one.
OUTSIDE = re.compile(r"\b(?:Issue|DESIGN|CURRICULUM)\b(?:\.md)?,? ?(?:§|\d)|\bissues? #?\d+\b|§ ?\d")
LONG: set[str] = set()


def tracked() -> list[Path]:
    """Text files under version control."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    files = [ROOT / name for name in listed.stdout.split("\0") if name]
    return [file for file in files if file.is_file() and file.suffix not in {".png", ".woff2", ".safetensors", ".gz"}]


def text_of(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="ignore")


def test_no_path_of_one_machine_in_the_repository():
    """The repository knows no machine; tests of the rules have such paths to test for them."""
    found = []
    for file in tracked():
        if (ROOT / "tests" / "tools") in file.parents:
            continue
        if (path := MACHINE_PATH.search(text_of(file))) or str(ROOT) in text_of(file):
            found.append(f"{file.relative_to(ROOT)}: {path[0] if path else ROOT}")
    assert not found, "\n".join(found)


@pytest.mark.parametrize("text", ["Issue _2, untranslated", "DESIGN _§_3", "see issue #_12", "(§ _3)"])
def test_outside(text):
    """The rule below finds what it is for."""
    assert OUTSIDE.search(text.replace("_", ""))


def test_no_reference_to_what_is_not_here():
    """Code, tests and tools say the rule itself or cite CONTRIBUTING.md, not a document that nobody else has."""
    found = [
        f"{file.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for file in tracked()
        if file.suffix in {".py", ".yml", ".toml", ".css", ".js", ".html"} or file.name in {"Makefile", "run"}
        for number, line in enumerate(text_of(file).splitlines(), 1)
        if OUTSIDE.search(line)
    ]
    assert not found, "\n".join(found)


def test_one_address():
    """The repository's address stands in one place; every copy agrees."""
    address = repository()
    name = address.split("/")[-1]
    other = re.compile(rf"git\+(?!{re.escape(address)}[\"'])https?://[\w.-]+/\w[^\s\"'<]*")
    found = []
    for file in tracked():
        if (ROOT / "tests") in file.parents or file.suffix == ".po":
            continue
        text = text_of(file).replace('\\"', '"')
        copies = re.findall(rf"https://github\.com/[\w.-]+/{re.escape(name)}\b", text)
        found += [f"{file.relative_to(ROOT)}: {copy}" for copy in other.findall(text)]
        found += [f"{file.relative_to(ROOT)}: {copy}" for copy in copies if copy != address]
    assert not found, "\n".join(found)


def test_every_data_file_is_named_by_a_module():
    """A data file makes those chapters stale that use it, as far as a module names it."""
    modules = "".join(text_of(file) for file in (ROOT / "src").rglob("*.py"))
    kinds = {".py", ".pyc", ".typed"}
    data = [file for file in (ROOT / "src" / "advantage").rglob("*") if file.is_file() and file.suffix not in kinds]
    assert [file.name for file in data if file.name not in modules and file.name != ".DS_Store"] == []


@pytest.mark.parametrize("file", CODE, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_short_files(file):
    """One idea a file, under 300 lines; a file on the list is still to be divided, and the list only shrinks."""
    lines = text_of(file).count("\n")
    assert (lines > 300) == (file.relative_to(ROOT).as_posix() in LONG), lines


def imports(file: Path) -> set[Path]:
    """The files of the repository that a file imports, but for those of packages themselves."""
    root = ROOT / ("src" if (ROOT / "src") in file.parents else "tools")
    package = ".".join(file.relative_to(root).parent.parts)
    found = set()
    tree = ast.parse(text_of(file))
    tree.body = [
        node for node in tree.body if not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test))
    ]
    for name in stale.mentioned(tree, package):
        for source in (ROOT / "tools", ROOT / "src"):
            target = stale.module_file(name, source)
            if target and target.name not in {"__init__.py", "__main__.py"} and target != file:
                found.add(target)
    return found


def circle(graph: dict[Path, set[Path]]) -> list[Path]:
    """Files that import each other, directly or not, and those that need them."""
    left = dict(graph)
    while free := [file for file, needs in left.items() if not needs & set(left)]:
        for file in free:
            del left[file]
    return sorted(left)


def test_no_circle_between_files():
    """A file can be read after those that it imports."""
    assert circle({1: {2}, 2: {3}, 3: {1}, 4: {1}, 5: set()}) == [1, 2, 3, 4]
    assert circle({file: imports(file) for file in CODE}) == []


def test_no_chapter_is_excused_from_the_linter():
    """88 columns in what readers see, for every chapter: notebooks/ruff.toml makes no exception for a file."""
    settings = tomllib.loads((ROOT / "notebooks" / "ruff.toml").read_text())
    assert settings["line-length"] == 88
    assert not {"per-file-ignores", "extend-per-file-ignores", "exclude"} & (settings | settings["lint"]).keys()


def test_the_readme_names_every_file_of_code():
    """A newcomer finds each file of tools/ and of the package in the README's tree, on a line of its own."""
    tree = text_of(ROOT / "README.md").partition("## What is where")[2].partition("\n## ")[0]
    lines, folders, listed = tree.splitlines(), [], set()
    for line in lines:
        if name := re.match(r"( *)([\w./<>-]+)", line):
            depth = len(name[1]) // 4
            folders = [*folders[:depth], name[2].rstrip("/")]
            listed.add("/".join(folders))
    plumbing = {"tools/chinese/__main__.py", "tools/website/__main__.py"}
    code = {file.relative_to(ROOT).as_posix() for file in CODE if file.name != "__init__.py"} - plumbing
    assert sorted(code - listed) == []
    assert sorted(name for name in listed - code if name.endswith(".py") and not (ROOT / name).exists()) == []
