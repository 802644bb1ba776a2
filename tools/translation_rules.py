"""The rules that a translation keeps, each a function of the English and the Chinese that returns what is wrong.

Formulas, inline code, the targets of links and numbers are those of the English. Digits stay Arabic digits; a magnitude
may be written the Chinese way (`1.2 million` → `120 万`), number words (`three`) become Chinese numerals (`三`). A term
of book/glossary.md appears as one of its Chinese forms.

Typography: one space between Chinese and a Latin word, number, formula or code; none beside full-width punctuation,
none between two Chinese characters. Beside Chinese, punctuation is full-width (，。；：？！、（）“”《》……——). `**` and
`*` stand directly around words, with punctuation outside, or CommonMark does not see them.

Where a rule is wrong about a message, the catalogue says so in a translator's comment, with the reason:
    # allow numbers: the English writes "a dozen"
"""

import re
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from functools import cache

import polib

import translations
from translations import CJK, MATHS, PARSER, ROOT, plain

Rule = Callable[[str, str], list[str]]
RULES: dict[str, Rule] = {}
FULL = "，。；：？！、（）“”‘’《》…—"
LATIN = "A-Za-z0-9%Α-Ωα-ω½²³⁰-⁹₀-₉"


def rule(function: Rule) -> Rule:
    RULES[function.__name__] = function
    return function


def _tokens(text: str, *kinds: str) -> list[str]:
    return [token.content for token in PARSER.parseInline(text)[0].children if token.type in kinds]


def _differences(kind: str, old: Counter, new: Counter) -> list[str]:
    missing, added = old - new, new - old
    return ([f"{kind} missing: {', '.join(missing)}"] if missing else []) + (
        [f"{kind} added: {', '.join(added)}"] if added else []
    )


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


MAGNITUDES = {
    "thousand": 3,
    "million": 6,
    "billion": 9,
    "trillion": 12,
    "千": 3,
    "万": 4,
    "百万": 6,
    "千万": 7,
    "亿": 8,
}
MAGNITUDES |= {"十亿": 9, "百亿": 10, "千亿": 11, "万亿": 12}
NUMBER = re.compile(
    r"(\d+(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)"
    r"(?:[ -]?(thousand|million|billion|trillion|百万|千万|十亿|百亿|千亿|万亿|千|万|亿)(?![a-z]))?"
)
MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October"]
MONTHS += ["November", "December"]


def values(text: str) -> Counter:
    """The numbers in a text's words, as values: thousands separators and magnitudes do not matter."""
    text = re.sub(r"https?://\S+", " ", plain(text))
    for month, name in enumerate(MONTHS, 1):
        text = re.sub(rf"(?<=\d ){name}\b|\b{name}(?= \d)", str(month), text)
    found = Counter()
    for digits, magnitude in NUMBER.findall(text):
        value = Decimal(digits.replace(",", "")) * 10 ** MAGNITUDES.get(magnitude, 0)
        found[f"{value.normalize():f}"] += 1
    return found


@rule
def numbers(english: str, chinese: str) -> list[str]:
    """Each number is there, with the same value."""
    return _differences("number", values(english), values(chinese))


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


@cache
def glossary() -> list[tuple[re.Pattern, str, list[str]]]:
    """(pattern, English term, Chinese forms) of book/glossary.md, long terms first.

    A term with a remark in parentheses is for readers only: its word has other meanings.
    """
    found = []
    page = ROOT / "book" / "glossary.md"
    for row in re.findall(
        r"(?m)^\| *([^|]+?) *\| *([^|]+?) *\|", page.read_text(encoding="utf-8") if page.exists() else ""
    ):
        english, chinese = row
        if re.search(f"[{CJK}]|[A-Z]", chinese) and not re.search(r"\(|^English$|^-+$", english):
            pattern = re.compile(rf"\b{re.escape(english)}(?:s|es)?\b", re.IGNORECASE)
            found.append((pattern, english, [form.strip() for form in chinese.split("；")]))
    return sorted(found, key=lambda term: -len(term[1]))


@rule
def terms(english: str, chinese: str) -> list[str]:
    """A term of the glossary is translated by one of its Chinese forms."""
    wrong, text = [], plain(english, titles=False)
    target = plain(chinese)
    for pattern, term, forms in glossary():
        text, times = pattern.subn(" ", text)
        if times and not any(form.lower() in target.lower() for form in forms):
            wrong.append(f"{term!r} is {' or '.join(forms)} in the glossary")
    return wrong


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


# --- catalogues --------------------------------------------------------------------------------------------------


def breaches(english: str, chinese: str, allowed: str = "") -> list[str]:
    """What is wrong with a translation; `allowed` is its translator's comment."""
    excused = set(re.findall(r"(?m)^allow (\w+): \S", allowed))
    return [
        f"{name}: {what}" for name, check in RULES.items() if name not in excused for what in check(english, chinese)
    ]


def problems(names: list[str] | None = None) -> list[str]:
    """Everything that is wrong with the catalogues, or with those named: a line each."""
    found = []
    wanted = translations.messages()
    for name, path in translations.files().items():
        if names and name not in names:
            continue
        catalogue = polib.pofile(str(path))
        there = {entry.msgid for entry in catalogue}
        texts = [text for text, _ in wanted.get(name, [])]
        found += [
            f"{name}.po: not extracted, run make translations: {text!r}"
            for text in dict.fromkeys(texts)
            if text not in there
        ]
        for entry in catalogue:
            at = f"{name}.po: {entry.msgid[:60]!r}"
            if entry.obsolete or entry.msgid not in texts:
                found.append(f"{at}: obsolete, run make translations")
            elif entry.fuzzy:
                found.append(f"{at}: fuzzy, its English was {entry.previous_msgid!r}")
            elif not entry.msgstr.strip():
                found.append(f"{at}: not translated")
            else:
                found += [f"{at}: {what}" for what in breaches(entry.msgid, entry.msgstr, entry.tcomment)]
    found += [f"{name}.po: missing, run make translations" for name in wanted if name not in translations.files()]
    return found
