"""A quiz that needs no script: each answer is a fold that opens on whether it is right, and why."""

import re
from html import escape

from IPython.display import HTML

Answer = tuple[str, bool, str]  # text, whether it is right, why
Question = tuple[str, list[Answer]]


def check(questions: tuple[Question, ...]) -> None:
    """Raise `ValueError` unless each question has three or more answers, one of them right, each with its reason."""
    if not questions:
        raise ValueError("questions: got none; a quiz needs at least one (question, answers) pair")
    for number, item in enumerate(questions, 1):
        if not (isinstance(item, tuple | list) and len(item) == 2 and isinstance(item[0], str) and item[0].strip()):
            raise ValueError(f"question {number}: got {item!r}; must be a pair (text, list of answers)")
        question, answers = item
        for answer in answers:
            if not isinstance(answer, tuple | list) or [type(part) for part in answer] != [str, bool, str]:
                raise ValueError(f"{question!r}: got the answer {answer!r}; must be (text, True or False, reason)")
        right = sum(is_right for _, is_right, _ in answers)
        if len(answers) < 3 or right != 1:
            raise ValueError(f"{question!r}: got {len(answers)} answers, {right} right; needs three or more, one right")
        for texts in ([text.strip() for text, _, _ in answers], [why.strip() for _, _, why in answers]):
            if not all(texts) or len(set(texts)) < len(texts):
                raise ValueError(f"{question!r}: every answer and every reason must be there, and differ: {texts}")


def render(questions: tuple[Question, ...], right: str = "Right.", wrong: str = "No.") -> str:
    """HTML of the quiz; `right` and `wrong` lead the reasons. Back-quoted text becomes `<code>`."""
    check(questions)
    parts = ['<div class="quiz">']
    for number, (question, answers) in enumerate(questions, 1):
        parts.append(f"<p><strong>{number}. {_inline(question)}</strong></p>")
        for text, is_right, why in answers:
            verdict = f"✓ {right}" if is_right else f"✗ {wrong}"
            space = "" if verdict.endswith("。") else " "  # Chinese has none after a full stop
            said = f"<p><strong>{verdict}</strong>{space}{_inline(why)}</p>"
            parts.append(f"<details><summary>{_inline(text)}</summary>{said}</details>")
    return "\n".join([*parts, "</div>"])


def quiz(*questions: Question, right: str = "Right.", wrong: str = "No.") -> HTML:
    """Show questions as folds, in a notebook and on the site alike, with no network and no script.

    Args:
        questions: pairs (question, answers); an answer is (text, whether it is right, why).
        right: the word before the reason of the right answer.
        wrong: the word before the reasons of the others.

    Raises:
        ValueError: a question has fewer than three answers, not exactly one right one, or an empty or repeated reason.
    """
    return HTML(render(questions, right, wrong))


def _inline(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))
