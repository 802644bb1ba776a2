"""The contract, CONTRIBUTING.md, held over every chapter and page."""

import re
from functools import cache

import pytest

import contract
import halves
import markdown
import pairs
import parts
from rules import references
from rules.chapter import ROOT, RULES, Chapter
from rules.clocks import on_a_clock
from rules.prose import american

PAIRS = pairs.find([])
PAGES = sorted([*(ROOT / "book").glob("*.md"), *ROOT.glob("*.md")])
TESTS = sorted((ROOT / "tests").rglob("*.py"))
chapter_of = cache(Chapter)


@pytest.mark.parametrize("md", PAIRS, ids=pairs.name)
@pytest.mark.parametrize("rule", RULES)
def test_rule(md, rule):
    """One rule, one chapter, with file and line: tools/rules has what each says, tools/contract.py prints them all."""
    found = [f"{pairs.name(md)}.md:{line}: {said}" for line, said in contract.faults(chapter_of(md), rule)]
    assert not found, "\n".join([RULES[rule].__doc__, *found])


@pytest.mark.parametrize("file", TESTS, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_no_test_rests_on_a_clock(file):
    """A test that asserts a time, or what a time decides, fails on a busy machine."""
    name = file.relative_to(ROOT).as_posix()
    found = [f"{name}:{line}: {said}" for line, said in on_a_clock(file.read_text(encoding="utf-8"))]
    assert not found, "\n".join(found)


def test_there_are_chapters():
    """No test above passes because there is nothing to test."""
    assert len(PAIRS) >= 4


@pytest.mark.parametrize("part", parts.PARTS)
def test_budget(part):
    """All notebooks of a part together keep to its share of 15 minutes, as recorded, in seconds of one processor."""
    records = [halves.read_executed(md).metadata.advantage for md in PAIRS if md.parent.name == part]
    total = sum(record.seconds for record in records)
    assert total <= parts.PARTS[part].total, f"{part}: {total:.0f} s; {parts.PARTS[part].total} s"


def test_budgets_add_up():
    """The whole course, with the chapters that are planned: 15 minutes of one processor."""
    assert sum(part.total for part in parts.PARTS.values()) <= 15 * 60
    assert all(part.seconds <= 60 for part in parts.PARTS.values())


def test_every_entry_of_the_bibliography_is_cited():
    """A source that no page cites is not in the bibliography."""
    assert references.uncited() == []


def test_no_two_entries_of_the_bibliography_are_one_work():
    """One place for each fact, a citation too."""
    by_source = {}
    for key, sources in references.bibliography().items():
        assert sources, f"{key} has no doi, eprint or url"
        for source in sources:
            by_source.setdefault(source, set()).add(key)
    assert {source: keys for source, keys in by_source.items() if len(keys) > 1} == {}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_of_pages(page):
    """Relative links resolve, anchors too, in the pages of book/ and in the files at the root."""
    text = page.read_text(encoding="utf-8")
    found = references.broken_links(page, markdown.parse(text), text)
    assert not (wrong := [f"{page.name}:{line}: {said}" for line, said in found]), "\n".join(wrong)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_spelling_of_pages(page):
    """Spelling is British."""
    found = american(markdown.parse(page.read_text(encoding="utf-8")))
    assert not (wrong := [f"{page.name}:{line}: {said}" for line, said in found]), "\n".join(wrong)


def test_every_entry_of_the_contents_exists():
    """The contents name no page that is not there."""
    entries = re.findall(r"(?m)^\s*(?:root:|- file:) (\S+)", (ROOT / "_toc.yml").read_text(encoding="utf-8"))
    missing = [entry for entry in entries if not any((ROOT / f"{entry}{end}").exists() for end in (".md", ".ipynb"))]
    assert missing == []
