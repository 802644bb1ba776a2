"""`make test` and `make check`: the change first; an interrupted run goes on; an unknown name is an error."""

import pytest

import pairs
import suite

ROOT = suite.ROOT
ALL = ["ruff check", "ruff format", "mypy", "tests", "nbval", "website", "pages"]


@pytest.fixture
def ran(tmp_path, monkeypatch):
    """The suite with steps that only say their names; a test sets which fails, and what notebooks pass."""
    said, state = [], {"fails": "", "files": "a"}
    monkeypatch.setattr(suite, "MARKS", tmp_path / "passed")
    monkeypatch.setattr(suite, "SITE", tmp_path)
    monkeypatch.setattr(suite, "state", lambda: state["files"])
    monkeypatch.setattr(suite, "changed", lambda: state.get("changed", set()))

    def run(*command, **environment):
        words = " ".join(map(str, command))
        names = {
            "ruff check": "ruff check",
            "ruff format": "ruff format",
            "mypy": "mypy",
            "--nbval": "nbval",
            "tools/website": "website",
        }
        names |= {"test_site": "pages"} if "--ignore" not in words else {}
        name = next((name for part, name in names.items() if part in words), "tests")
        said.append((name, words))
        if state["fails"] == "killed":
            raise KeyboardInterrupt
        for book in map(str, command) if name == "nbval" else ():  # one path each, spaces and all
            if book.endswith(".ipynb") and (state["fails"] != name or "strategy" in book):
                (tmp_path / "passed" / state["files"] / suite.mark_of(suite.Path(book))).touch()
        return int(state["fails"] == name)

    monkeypatch.setattr(suite, "run", run)
    return said, state


def names(said):
    return [name for name, _ in said]


def test_every_step_in_order(ran):
    """All steps run, once, and a run that passed leaves no mark: the next starts anew."""
    said, _ = ran
    for _ in range(2):
        said.clear()
        assert suite.suite() == 0
        assert names(said) == ALL


def test_it_goes_on_where_it_stopped(ran, capsys):
    """After a failure, or a kill, the next run says what is left and repeats nothing that passed."""
    said, state = ran
    state["fails"] = "nbval"
    assert suite.suite() == 1
    state["fails"] = ""
    said.clear()
    capsys.readouterr()
    assert suite.suite() == 0
    assert names(said) == ["nbval", "website", "pages"]
    assert "strategy" not in said[0][1]
    assert "models/attention" in said[0][1]
    assert "Left to do: notebooks, site, pages" in capsys.readouterr().out


def test_a_kill_keeps_what_passed(ran):
    """What was under way is run again."""
    said, state = ran
    state["fails"] = "website"
    suite.suite()
    state["fails"] = "killed"
    with pytest.raises(KeyboardInterrupt):
        suite.suite()
    state["fails"] = ""
    said.clear()
    assert suite.suite() == 0
    assert names(said) == ["website", "pages"]


def test_a_changed_file_starts_anew(ran):
    """What passed for other files says nothing."""
    said, state = ran
    state["fails"] = "pages"
    suite.suite()
    state |= {"files": "b", "fails": ""}
    said.clear()
    assert suite.suite() == 0
    assert names(said) == ALL


def test_the_change_is_tested_first(ran):
    """The tests and notebooks that use a changed file run before all else, and no notebook twice."""
    said, state = ran
    state["changed"] = {ROOT / "src" / "advantage" / "strategy" / "unit_economics.py"}
    assert suite.suite() == 0
    assert names(said) == [*ALL[:3], "tests", "nbval", *ALL[3:]]
    assert "test_unit_economics" in said[3][1]
    assert "test_attention" not in said[3][1]
    assert "strategy/unit-economics" in said[4][1]
    assert "strategy/unit-economics" not in said[6][1]


@pytest.mark.parametrize(
    ("file", "tests", "notebooks"),
    [
        ("notebooks/strategy/unit-economics.md", set(), {"notebooks/strategy/unit-economics"}),
        ("tests/test_quizzes.py", {"test_quizzes.py"}, set()),
        ("README.md", set(), set()),
    ],
)
def test_reached(file, tests, notebooks):
    """What changed itself, and what imports it, directly or not."""
    found = suite.reached({ROOT / file})
    assert {test.name for test in found[0]} == tests
    assert set(map(pairs.name, found[1])) == notebooks


def test_tools_reach_their_tests():
    """The imports of a test are followed through the tools too."""
    reached, _ = suite.reached({ROOT / "tools" / "stale.py"})
    assert {"test_stale.py", "test_pairs.py", "test_rules.py"} <= {test.name for test in reached}


@pytest.mark.parametrize("name", ["strategy/no-such", "", "_template", "models", "../README"])
def test_check_of_an_unknown_chapter(ran, capsys, name):
    """A name that is not there is an error that says which there are; nothing is run."""
    said, _ = ran
    assert suite.check(name) == 1
    assert "must be one of" in capsys.readouterr().out
    assert said == []


@pytest.mark.parametrize("name", ["strategy/unit-economics", "notebooks/strategy/unit-economics.md"])
@pytest.mark.parametrize("fails", ["", "website"])
def test_check(ran, name, fails):
    """One chapter, by any of its names: every check runs, and one that fails is told."""
    said, state = ran
    suite.MARKS.joinpath("a").mkdir(parents=True)
    state["fails"] = fails
    assert suite.check(name) == bool(fails)
    joined = " ".join(words for _, words in said)
    for part in ("pairs.py", "contract.py", "--nbval", "tools/chinese check", "tools/website --strict", "-k"):
        assert part in joined
