"""The rules that a translation keeps, each a function of the English and the Chinese that returns what is wrong.

Formulas, inline code, the targets of links and numbers are those of the English. Digits stay digits; a magnitude may
be written the Chinese way (`1.2 million` → `120 万`); a number word (`three`, `a tenth`, `twice`) may become digits. A
term of book/glossary.md appears as one of its Chinese forms, and never as one of those that it excludes.

Typography: one space between Chinese and a Latin word, number, formula or code; none beside full-width punctuation,
none between two Chinese characters, none before %. Punctuation beside Chinese is full-width, as in `FULL`.
`**` and `*` stand directly around words, with punctuation outside, or CommonMark does not see them.

Where a rule is wrong about a message, the catalogue says so in a translator's comment, with the reason:
    # allow numbers: the English writes "a dozen"
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable

from chinese import glossary, numerals
from chinese.text import CJK, MATHS, plain
from markdown import PARSER

Rule = Callable[[str, str], list[str]]
RULES: dict[str, Rule] = {}
FULL = "，。；：？！、（）“”‘’《》…—"
LATIN = "A-Za-z0-9%Α-Ωα-ω½²³⁰-⁹₀-₉"


def rule(function: Rule) -> Rule:
    RULES[function.__name__] = function
    return function


def _tokens(text: str, *kinds: str) -> list[str]:
    return [token.content for token in PARSER.parseInline(text)[0].children if token.type in kinds]


def _said(kind: str, missing: Iterable[str], added: Iterable[str]) -> list[str]:
    return [f"{kind} {what}: {', '.join(those)}" for what, those in (("missing", missing), ("added", added)) if those]


def _differences(kind: str, old: Counter, new: Counter) -> list[str]:
    return _said(kind, old - new, new - old)


# --- the same in both languages ------------------------------------------------------------------------------------


@rule
def formulas(english: str, chinese: str) -> list[str]:
    """Each formula stays as it is."""
    kinds = "math_inline", "math_inline_double"
    return _differences("formula", Counter(_tokens(english, *kinds)), Counter(_tokens(chinese, *kinds)))


@rule
def code(english: str, chinese: str) -> list[str]:
    """Each piece of code, HTML tag and quoted name stays as it is."""
    kinds = "code_inline", "html_inline"
    return _differences("code", Counter(_tokens(english, *kinds)), Counter(_tokens(chinese, *kinds)))


@rule
def links(english: str, chinese: str) -> list[str]:
    """Each link and picture leads where it led."""

    def targets(text: str) -> Counter:
        children = PARSER.parseInline(text)[0].children
        return Counter(
            str(t.attrs.get("href", t.attrs.get("src"))) for t in children if t.type in ("link_open", "image")
        )

    return _differences("link", targets(english), targets(chinese))


@rule
def places(english: str, chinese: str) -> list[str]:
    """Each place for a value, as in "Last run: %s", is there, in the same order."""
    pattern = r"%(?:\.\d)?[sdf]"
    old, new = re.findall(pattern, english), re.findall(pattern, chinese)
    said = f"places for values: {' '.join(new) or 'none'}; the English has {' '.join(old) or 'none'}"
    return [] if old == new else [said]


@rule
def numbers(english: str, chinese: str) -> list[str]:
    """Each number is there, with the same value; what is added is a number that the English writes as a word."""
    return _said("number", *numerals.differences(english, chinese))


@rule
def marks(english: str, chinese: str) -> list[str]:
    """Bold text stays bold; no `*`, `_` or `` ` `` is left over that was not there."""

    def count(text: str, kind: str) -> int:
        return sum(token.type == kind for token in PARSER.parseInline(text)[0].children)

    strong, emphasis = count(english, "strong_open"), count(english, "em_open")
    wrong = []
    if not strong <= count(chinese, "strong_open") <= strong + emphasis:
        wrong.append(f"{strong} pieces of bold text, not {count(chinese, 'strong_open')}: is punctuation inside **…**?")
    if count(chinese, "em_open") > emphasis:
        wrong.append("more italics than the English has")
    for mark in "*`$":
        if plain(chinese).count(mark) > plain(english).count(mark):
            wrong.append(f"{mark} is left over in {plain(chinese)!r}")
    return wrong


# --- words -------------------------------------------------------------------------------------------------------


@rule
def terms(english: str, chinese: str) -> list[str]:
    """A term of the glossary is translated by one of its Chinese forms."""
    wrong, text, target = [], plain(english, titles=False), plain(chinese).lower()
    for term in glossary.terms():
        if not term.ambiguous:
            text, times = term.pattern.subn(" ", text)
            if times and not any(form.lower() in target for form in term.forms):
                wrong.append(f"{term.english!r} is {' or '.join(term.forms)} in the glossary")
    return wrong


@rule
def excluded(english: str, chinese: str) -> list[str]:
    """A term is not translated by a word that the glossary excludes for it."""
    text, target, wrong = plain(english, titles=False), plain(chinese), []
    for term in glossary.terms():
        text, times = term.pattern.subn(" ", text)
        wrong += [
            f"{term.english!r} is {' or '.join(term.forms)} in the glossary, not {word}"
            for word in term.never
            if times and word in target
        ]
    return wrong


@rule
def authors(english: str, chinese: str) -> list[str]:
    """Several authors are 等人."""
    return ["et al. in Chinese is 等人"] if re.search(f"[{CJK}]", chinese) and "et al" in plain(chinese) else []


@rule
def reductions(english: str, chinese: str) -> list[str]:
    """倍 is for what grows: a tenth of something is 十分之一 or 1/10."""
    found = re.findall(r"[小少低短慢轻薄]了?[一二两三四五六七八九十百千万几数\d. ]+倍", plain(chinese, code="9"))
    return [f"{what}: write 几分之一 (1/10) for a reduction" for what in found]


@rule
def misread(english: str, chinese: str) -> list[str]:
    """Words that are read otherwise than they are meant."""
    wrong = ["会计数 reads as 会计·数: write 会数数 or 计数" for _ in re.findall("会计数", chinese)]
    if "多字节" in chinese and not re.search(r"multi-?byte", english, re.IGNORECASE):
        wrong.append("多字节 means multi-byte: write 超过…个字节")
    if re.search("[百千万]分之[一二三四五六七八九十]+[^，。；]*(?:奈特|比特)", chinese):
        wrong.append("百分之一奈特 reads as a percentage: write 0.01 奈特")
    return wrong


@rule
def exercises(english: str, chinese: str) -> list[str]:
    """The lead of an exercise is followed by a full stop: **1. 手算**。"""
    lead = re.match(r"\*\*\d+\. [^*]*\*\*(.?)", chinese)
    return [f"after the lead stands {lead[1]!r}, not 。"] if lead and lead[1] != "。" else []


@rule
def english_left(english: str, chinese: str) -> list[str]:
    """No English is left but names, and titles in links."""
    text = re.sub(r"https?://\S+", " ", plain(chinese, code="。", titles=False))
    wrong = []
    for run in re.findall(r"[A-Za-z][\w'’-]*(?:[ ,.;:]+[A-Za-z][\w'’-]*){3,}", text):
        if len(re.findall(r"\b[a-z]{2,}\b", run)) >= 2:
            wrong.append(f"English: {run!r}")
    if not re.search(f"[{CJK}]", chinese) and set(re.findall(r"\b[a-z]{2,}\b", plain(english))) - MATHS:
        wrong.append("no Chinese in it")
    return wrong


# --- typography --------------------------------------------------------------------------------------------------

BREACHES = {
    f"half-width punctuation after Chinese: full-width is {FULL[:9]}": f"[{CJK}”）》] ?[,;:?!]|[{CJK}]\\.(?!\\w)",
    "half-width punctuation before Chinese": f"[,;?!] ?[{CJK}]",
    "half-width parentheses beside Chinese": f"[{CJK}]\\(|\\([{CJK}]|[{CJK}]\\)|\\)[{CJK}]",
    "straight quotation marks beside Chinese": f"[{CJK}{FULL}] ?[\"']|[\"'] ?[{CJK}]",
    "three dots beside Chinese: write ……": f"[{CJK}]\\.\\.\\.|\\.\\.\\.[{CJK}]",
    "no space between Chinese and Latin, number, code or formula": f"[{CJK}][{LATIN}]|[{LATIN}][{CJK}]",
    "a space between two Chinese characters": f"[{CJK}] +[{CJK}]",
    "a space beside full-width punctuation": f" [{FULL[:-2]}]|[{FULL[:-2]}] ",
    "a space before %": "[\\dx] +%",
    "two spaces": "  ",
    "a full-width letter or digit": "[０-９Ａ-Ｚａ-ｚ]",
    "two marks in a row": "。。|，，|，。|。，|；。",
}


@rule
def typography(english: str, chinese: str) -> list[str]:
    """Punctuation and spaces as the docstring of this module says."""
    text = plain(chinese, code="x")
    wrong = []
    for what, pattern in BREACHES.items():
        for found in re.finditer(pattern, text):
            wrong.append(f"{what}: …{text[max(0, found.start() - 6) : found.end() + 6]}…")
    if text != text.strip():
        wrong.append("begins or ends with a space")
    return wrong


@rule
def ending(english: str, chinese: str) -> list[str]:
    """A sentence ends as a sentence; a heading, cell or name has no full stop."""
    old, new = plain(english, code="x").rstrip(), plain(chinese, code="x").rstrip()
    if old.endswith(("?", ":")) and not new.endswith({"?": "？", ":": "："}[old[-1]]):
        return [f"ends with {new[-1:]!r}, the English with {old[-1]!r}"]
    if old.endswith(".") and " " in old and re.search(f"[{CJK}]", new) and not new.endswith(tuple("。！？：；…”）")):
        return [f"ends with {new[-1:]!r}, the English with a full stop"]
    if re.search(r"\w$", old) and new.endswith(tuple("。；：，、")):
        return [f"ends with {new[-1]!r}, the English without punctuation"]
    return []


# --- all of them -------------------------------------------------------------------------------------------------


def breaches(english: str, chinese: str, allowed: str = "") -> list[tuple[str, str]]:
    """(rule, what is wrong) of a translation; `allowed` is its translator's comment."""
    excused = set(re.findall(r"(?m)^allow (\w+): \S", allowed))
    return [(name, what) for name, check in RULES.items() if name not in excused for what in check(english, chinese)]
