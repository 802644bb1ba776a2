"""The contract, CONTRIBUTING.md, held over every chapter and page."""

import re
import subprocess
from functools import cache

import pytest
import rules
from rules import ROOT, Chapter

import chapter as new_chapter
import pairs

PAIRS = pairs.find([])
PAGES = sorted([*(ROOT / "book").glob("*.md"), *ROOT.glob("*.md")])
chapter_of = cache(Chapter)


@pytest.mark.parametrize("md", PAIRS, ids=pairs.name)
@pytest.mark.parametrize("rule", rules.RULES)
def test_rule(md, rule):
    """CONTRIBUTING.md: one rule, one chapter; tests/contract/rules.py says what each rule is."""
    problems = rules.RULES[rule](chapter_of(md))
    assert not problems, "\n".join([f"{pairs.name(md)}: {rules.RULES[rule].__doc__}", *problems])


def test_there_are_chapters():
    """No test above passes because there is nothing to test."""
    assert len(PAIRS) >= 4


def test_every_entry_of_the_bibliography_is_cited():
    """Issue 2, §2: every entry cited."""
    problems = rules.uncited()
    assert not problems, "\n".join(problems)


def test_no_two_entries_of_the_bibliography_are_one_work():
    """DESIGN §2: one place for each fact, a citation too."""
    by_source = {}
    for key, sources in rules.bibliography().items():
        assert sources, f"{key} has no doi, eprint or url"
        for source in sources:
            by_source.setdefault(source, set()).add(key)
    assert {source: keys for source, keys in by_source.items() if len(keys) > 1} == {}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_of_pages(page):
    """Issue 2, §2: relative links resolve, in the pages of book/ and in the files at the root."""
    text = page.read_text(encoding="utf-8")
    problems = rules.broken_links(page, rules.PARSER.parse(text), text)
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_spelling_of_pages(page):
    """CONTRIBUTING.md: spelling is British."""
    text = page.read_text(encoding="utf-8")
    problems = rules.american(rules.PARSER.parse(text))
    assert not problems, "\n".join(problems)


def test_every_entry_of_the_contents_exists():
    """Issue 2, §2: the contents name no page that is not there."""
    entries = re.findall(r"(?m)^\s*(?:root:|- file:) (\S+)", (ROOT / "_toc.yml").read_text(encoding="utf-8"))
    missing = [entry for entry in entries if not any((ROOT / f"{entry}{end}").exists() for end in (".md", ".ipynb"))]
    assert missing == []


def test_every_data_file_is_named_by_a_module():
    """tools/stale.py: a data file makes those chapters stale that use it, as far as a module names it."""
    modules = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "src").rglob("*.py"))
    kinds = {".py", ".pyc", ".typed"}
    data = [file for file in (ROOT / "src" / "advantage").rglob("*") if file.is_file() and file.suffix not in kinds]
    assert [file.name for file in data if file.name not in modules and file.name != ".DS_Store"] == []


def tracked() -> list:
    """Text files under version control; those of the tree where git is not at hand."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    files = [ROOT / name for name in listed.stdout.split("\0") if name]
    return [file for file in files if file.is_file() and file.suffix not in {".png", ".woff2", ".safetensors", ".gz"}]


def test_no_path_of_one_machine_in_the_repository():
    """DESIGN §2: the repository knows no machine; tests/contract has such paths to test for them."""
    found = []
    for file in tracked():
        if (ROOT / "tests" / "contract") in file.parents:
            continue
        text = file.read_text(encoding="utf-8", errors="ignore")
        if (path := rules.MACHINE_PATH.search(text)) or str(ROOT) in text:
            found.append(f"{file.relative_to(ROOT)}: {path[0] if path else ROOT}")
    assert not found, "\n".join(found)


def test_one_address():
    """Issue 2, §2: the repository's address stands in one place; every copy agrees."""
    address = new_chapter.address()
    owner_and_name = address.removeprefix("https://github.com/")
    other = re.compile(rf"git\+(?!{re.escape(address)}[\"'])https?://[\w.-]+/\w[^\s\"'<]*")
    found = []
    for file in tracked():
        if (ROOT / "tests") in file.parents or file.suffix == ".po":
            continue
        text = file.read_text(encoding="utf-8", errors="ignore").replace('\\"', '"')
        found += [f"{file.relative_to(ROOT)}: {copy}" for copy in other.findall(text)]
        name = owner_and_name.split("/")[-1]
        found += [
            f"{file.relative_to(ROOT)}: {copy}"
            for copy in re.findall(rf"https://github\.com/[\w.-]+/{re.escape(name)}\b", text)
            if copy != address
        ]
    assert not found, "\n".join(found)
