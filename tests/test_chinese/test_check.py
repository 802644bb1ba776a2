"""The catalogues as they are, and what the check finds. The reference is what each test breaks."""

import pytest

from chinese import catalogues, check, figures, glossary, messages
from chinese.unfinished import UNFINISHED


def test_problems__each_kind(course, fill):
    """Untranslated, fuzzy, obsolete, missing and not yet extracted messages are all found."""
    catalogues.extract()
    fill()
    path = catalogues.files()["book/index"]
    po = catalogues.read(path)
    po[0].msgstr = ""
    po[1].flags = ["fuzzy"]
    po[2].msgid = "Something old."
    catalogues.write(path, catalogues.as_text(po))
    catalogues.files()["toc"].unlink()
    found = "\n".join(map(str, check.problems()))
    for what in ("not translated", "fuzzy", "obsolete", "not extracted"[4:], "toc.po: missing"):
        assert what in found


def test_problems__figure(course, fill):
    """A figure's text that is not translated, or too long for its place, is found as a figure's."""
    catalogues.extract()
    fill()
    path = catalogues.files()["notebooks/models/gan"]
    po = catalogues.read(path)
    (entry,) = [entry for entry in po if entry.comment == "figure"]
    for text in ("", "时" * 40):
        entry.msgstr = text
        catalogues.write(path, catalogues.as_text(po))
        assert "figures" in {problem.rule for problem in check.problems(["gan"])}


def test_problems__picture_without_texts(course, fill):
    """A picture that was made without its SVG would stay English, and nothing would say so."""
    catalogues.extract()
    fill()
    assert "figures" not in {problem.rule for problem in check.problems(["gan"])}
    path = course / "notebooks/models/gan.ipynb"
    path.write_text(path.read_text(encoding="utf-8").replace(figures.MIME, "text/x-other"), encoding="utf-8")
    assert any("1 figures without texts" in str(problem) for problem in check.problems(["gan"]))


@pytest.mark.parametrize(
    "name",
    [
        "gan",
        "models/gan",
        "notebooks/models/gan",
        "notebooks/models/gan.md",
        "notebooks/models/gan.ipynb",
        "notebooks/models/gan.po",
        "book/locale/zh_CN/notebooks/models/gan.po",
    ],
)
def test_named(course, monkeypatch, name):
    """Every way to name a page means its catalogue."""
    monkeypatch.chdir(course)
    there = {"notebooks/models/gan", "book/index", "book/api"}
    assert check.named([name], there) == {"notebooks/models/gan"}
    assert check.named([str(course / "notebooks/models/gan.md")], there) == {"notebooks/models/gan"}


@pytest.mark.parametrize("name", ["gna", "notebooks/models/gna", "an", ""])
def test_named__nothing(course, name):
    """A name that no page has is an error; there a check could not fail."""
    with pytest.raises(ValueError, match="no such page"):
        check.named([name], {"notebooks/models/gan", "book/index"})


def test_named__two(course):
    with pytest.raises(ValueError, match="which of a/index, book/index"):
        check.named(["index"], {"a/index", "book/index"})


def test_not_glossed(course, fill, monkeypatch):
    """A term that the glossary marks carries its English once in a chapter where it stands."""
    monkeypatch.setattr(glossary, "terms", lambda: [glossary.Term("text", ("文本",), glossed=True)])
    catalogues.extract()
    fill()
    path = catalogues.files()["notebooks/models/gan"]
    for translation, wrong in (
        ("文本在此。", 1),
        ("文本（text）在此。", 0),
        ("**文本**（text）在此。", 0),
        ("文本（英文）。", 1),
    ):
        po = catalogues.read(path)
        (entry,) = [entry for entry in po if entry.msgid == "Text here."]
        entry.msgstr = translation
        catalogues.write(path, catalogues.as_text(po))
        assert sum(problem.rule == "glossed" for problem in check.problems(["gan"])) == wrong, translation


@pytest.fixture(scope="module")
def found() -> list[check.Problem]:
    return check.problems()


@pytest.mark.parametrize("name", sorted({*catalogues.files(), *messages.messages()}))
def test_catalogue(name, found):
    """Complete, and kept to every rule but those under which its page stands in unfinished.py."""
    mine = [str(problem) for problem in check.unexpected(found) if problem.catalogue == name]
    assert not mine, "\n".join(mine)


def test_unfinished__only_shrinks(found):
    """No page stands there for a rule that it keeps: `python tools/chinese unfinished` takes it out."""
    left = check.unfinished(found)
    done = {name: rules - left.get(name, set()) for name, rules in UNFINISHED.items()}
    assert {name: rules for name, rules in done.items() if rules} == {}
