"""The glossary as the rules read it. The reference is its page."""

from chinese import glossary


def test_terms_of():
    """Forms, words that are not used, the gloss, and a remark that makes a word ambiguous."""
    page = (
        "| English | 中文 | 不用 | Meaning |\n|---|---|---|---|\n| token | 词元（token）；标记 | | a unit |\n"
        "| tie (between two) | 并列 | 平局；打平 | x |\n\n| English | Meaning |\n|---|---|\n| mask | x |\n"
    )
    tie = glossary.Term("tie", ("并列",), ("平局", "打平"), ambiguous=True)
    assert set(glossary.terms_of(page)) == {tie, glossary.Term("token", ("词元", "标记"), glossed=True)}


def test_terms__each_once():
    """A term of the page has one row, and no form that another row of the same word excludes."""
    found = [(term.english, term.ambiguous) for term in glossary.terms()]
    assert len(found) > 100
    assert len(found) == len(set(found))
    for term in glossary.terms():
        assert not set(term.forms) & set(term.never), term
        assert not any(never in form for never in term.never for form in term.forms), term


def test_terms__confusable_apart():
    """Two batches that mean different things have different names."""
    forms = {term.english: term.forms for term in glossary.terms()}
    assert not set(forms["critical batch"]) & set(forms["crossover batch"])
