"""Quizzes: what a reader sees, and what is refused."""

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advantage import quiz, quizzes

QUESTION = (
    "Why √d_k?",
    [("Sums.", False, "No: softmax."), ("Variance.", True, "Var(q·k) = d_k."), ("Memory.", False, "As large.")],
)
words = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="`"), min_size=1).filter(
    lambda text: text.strip() == text
)


class Reader(HTMLParser):
    """What a browser makes of the quiz, by the standard library's parser: tags in order, and each element's text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open, self.tags, self.text = [], [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def test_it_is_folds_without_script():
    """HTML standard, the details element: opens by mouse and keyboard with no script."""
    reader = Reader(quiz(QUESTION, QUESTION).data)
    assert reader.open == []
    assert reader.tags.count("details") == reader.tags.count("summary") == 6
    assert not {"script", "input", "img", "link"} & set(reader.tags)
    assert sum("✓ Right." in text for text in reader.text) == 2
    assert sum("✗ No." in text for text in reader.text) == 4


@given(words, st.lists(st.tuples(words, words), min_size=3, max_size=5, unique_by=(lambda a: a[0], lambda a: a[1])))
def test_every_text_comes_through(question, answers):
    """HTML escaping: any text is shown as it was written, <, & and quotes included."""
    html = quizzes.render(((question, [(text, n == 0, why) for n, (text, why) in enumerate(answers)]),))
    shown = "".join(Reader(html).text)
    for text in (question, *[part for answer in answers for part in answer]):
        assert text in shown


@pytest.mark.parametrize(("right", "between"), [("Right.", " "), ("对。", "")])
def test_the_space_after_the_verdict(right, between):
    """tools/chinese/rules.py: no space stands beside full-width punctuation."""
    assert f"<strong>✓ {right}</strong>{between}Var(q·k) = d_k." in quizzes.render((QUESTION,), right=right)


def test_code_between_back_quotes():
    """CommonMark, code spans: the one piece of Markdown that a quiz knows."""
    question = ("What is `a < b`?", QUESTION[1])
    assert "<code>a &lt; b</code>" in quizzes.render((question,))


def test_words_of_another_language():
    """Quizzes too are translated; their verdicts are arguments."""
    html = quizzes.render((QUESTION,), right="对。", wrong="不对。")
    assert html.count("✓ 对。") == 1
    assert html.count("✗ 不对。") == 2


right, wrong, other = QUESTION[1][1], QUESTION[1][0], QUESTION[1][2]


@pytest.mark.parametrize(
    ("questions", "message"),
    [
        ((), "got none"),
        (("Why?",), r"question 1: got 'Why\?'"),
        ((("Why?",),), "must be a pair"),
        (((" ", [right, wrong, other]),), "must be a pair"),
        ((("Why?", [right, wrong]),), "got 2 answers"),
        ((("Why?", [wrong, other, ("c", False, "c")]),), "0 right"),
        ((("Why?", [right, wrong, ("c", True, "c")]),), "2 right"),
        ((("Why?", [right, wrong, ("c", False)]),), "must be .text, True or False, reason"),
        ((("Why?", [right, wrong, ("c", 0, "c")]),), "must be .text, True or False, reason"),
        ((("Why?", [right, wrong, wrong]),), "differ"),
        ((("Why?", [right, wrong, ("c", False, " ")]),), "differ"),
    ],
)
def test_refused(questions, message):
    """CONTRIBUTING.md, the quiz: the error names the question and what would be right."""
    with pytest.raises(ValueError, match=message):
        quizzes.check(questions)
    with pytest.raises(ValueError, match=message):
        quiz(*questions)
