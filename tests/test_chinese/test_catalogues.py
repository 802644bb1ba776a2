"""The catalogues: kept, marked, never deleted. The reference is what each test writes into them."""

import os
import subprocess
import sys
from pathlib import Path

import polib
import pytest

from chinese import catalogues, messages


def catalogue(**entries: str) -> polib.POFile:
    po = polib.POFile()
    po += [polib.POEntry(msgid=text.replace("_", " "), msgstr=translation) for text, translation in entries.items()]
    return po


def test_updated__kept_changed_dropped():
    """A translation is kept; where its English changed it is fuzzy, where that is gone it is dropped."""
    old = catalogue(The_loss_falls_quickly="损失下降得很快", Gone_without_trace="消失", The_same="相同")
    new = catalogues.updated(
        old,
        [("The same", ""), ("The loss falls slowly", "heading"), ("Elsewhere", ""), ("The same", "")],
        {"Elsewhere": "别处"},
    )
    found = {entry.msgid: entry for entry in new}
    assert list(found) == ["The same", "The loss falls slowly", "Elsewhere"]
    assert found["The same"].msgstr == "相同"
    assert found["The same"].flags == []
    changed = found["The loss falls slowly"]
    assert (changed.msgstr, changed.flags, changed.previous_msgid) == (
        "损失下降得很快",
        ["fuzzy"],
        "The loss falls quickly",
    )
    assert found["Elsewhere"].msgstr == "别处"


def state(folder: Path) -> dict[Path, tuple[int, bytes]]:
    return {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in folder.rglob("*") if p.is_file()}


def test_extract__all_kinds(course):
    """Pages, notebooks, contents and the site's words each have their catalogue."""
    catalogues.extract()
    ids = {name: [entry.msgid for entry in polib.pofile(str(path))] for name, path in catalogues.files().items()}
    assert ids["toc"] == ["Start here"]
    assert set(ids["site"]) == {"The book", "Search", "Right.", "No."}
    assert ids["book/index"] == ["The page", "Where it breaks", "See [there](#where-it-breaks)."]
    assert ids["notebooks/models/gan"][:4] == ["Title", "Text here.", "A curve.", "It rises slowly."]


def test_extract__twice(course):
    """A second run does nothing. Not even the files' times change."""
    catalogues.extract()
    before = state(catalogues.CATALOGUES)
    catalogues.extract()
    assert state(catalogues.CATALOGUES) == before


@pytest.mark.parametrize("name", ["notebooks/models/gan.md", "book/index.md"])
@pytest.mark.parametrize("what", ["mark", "missing", "not in the book", "nothing in it"])
def test_extract__deletes_no_catalogue(course, fill, name, what):
    """A source that is not recognised must not cost its translations: refused, before anything is written."""
    catalogues.extract()
    fill()
    before, path, toc = state(catalogues.CATALOGUES), course / name, course / "_toc.yml"
    if what == "mark":
        path.write_text("\ufeff" + path.read_text(encoding="utf-8"), encoding="utf-8")
    elif what == "missing":
        path.unlink()
    elif what == "not in the book":
        document = name.removesuffix(".md")
        toc.write_text(
            toc.read_text()
            .replace(f"root: {document}", "root: book/api")
            .replace(f"- file: {document}", "- file: book/api")
        )
    else:
        header = "---\njupytext:\n  text_representation:\n    extension: .md\n    format_name: myst\n---\n"
        path.write_text(header if "notebooks" in name else "1.\n")
        path.with_suffix(".ipynb").unlink(missing_ok=True)
    with pytest.raises(ValueError, match=name.removesuffix(".md")):
        catalogues.extract()
    assert state(catalogues.CATALOGUES) == before


def test_extract__command_refuses(tmp_path):
    """The command says so and fails."""
    tool = Path(messages.ROOT) / "tools" / "chinese"
    done = subprocess.run([sys.executable, tool, "check", "no-such-page"], capture_output=True, text=True)
    assert done.returncode == 1
    assert "no-such-page: no such page" in done.stderr


def test_extract__identity():
    """On the course as it is extraction changes not a byte of any catalogue."""
    for name, catalogue in catalogues.extracted():
        assert catalogues.files()[name].read_text(encoding="utf-8") == catalogues.as_text(catalogue), name


def test_read__damaged(tmp_path):
    file = tmp_path / "x.po"
    file.write_text('<<<<<<< HEAD\nmsgid "a"\n')
    with pytest.raises(ValueError, match=r"x\.po: cannot be read"):
        catalogues.read(file)


def test_write__interrupted(tmp_path, monkeypatch):
    """What is interrupted leaves nothing half-written."""
    file = tmp_path / "x.po"
    catalogues.write(file, "old")
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        catalogues.write(file, "new")
    assert file.read_text() == "old"
