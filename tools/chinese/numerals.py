"""The numbers of a text: digits with their magnitude, and the English words that Chinese may write as digits."""

import calendar
import re
from collections import Counter
from decimal import Decimal
from itertools import product

from chinese.text import plain

MAGNITUDES = {"thousand": 3, "million": 6, "billion": 9, "trillion": 12}
MAGNITUDES |= {"千": 3, "万": 4, "百万": 6, "千万": 7, "亿": 8, "十亿": 9, "百亿": 10, "千亿": 11, "万亿": 12}
NUMBER = re.compile(
    r"(?P<digits>\d+(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)"
    r"(?:[ -]?(?P<magnitude>thousand|million|billion|trillion|百万|千万|十亿|百亿|千亿|万亿|千|万|亿)(?![a-z]))?"
    r"(?P<percent> ?%)?"
)
FRACTION = re.compile(r"(?<![\d./])(\d+)/(\d+)(?![\d/])")

ONES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
ONES += ["thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]
TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
CARDINALS = {word: n for n, word in enumerate(ONES)} | {word: 10 * n for n, word in enumerate(TENS, 2)}
CARDINALS |= {f"{TENS[t]}-{ONES[n]}": 10 * (t + 2) + n for t, n in product(range(8), range(1, 10))}
ORDINALS = {"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8}
ORDINALS |= {"ninth": 9, "tenth": 10, "eleventh": 11, "twelfth": 12}
PARTS = ORDINALS | {"half": 2, "quarter": 4, "hundredth": 100, "thousandth": 1000, "halve": 2}
del PARTS["first"], PARTS["second"]
TIMES = {"once": 1, "twice": 2, "double": 2, "doubled": 2, "doubles": 2, "doubling": 2, "triple": 3, "dozen": 12}
POWERS = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9, "trillion": 10**12}
LESS = "smaller|less|fewer|lower|slower|cheaper|shorter|narrower|rarer|worse|nearer|closer"


def _shown(value: Decimal | int) -> str:
    return f"{Decimal(value).normalize():f}"


def _words(text: str) -> str:
    """The words of a message, without addresses; months as numbers."""
    text = re.sub(r"https?://\S+", " ", plain(text))
    for month, name in enumerate(calendar.month_name[1:], 1):
        text = re.sub(rf"(?<=\d ){name}\b|\b{name}(?= \d)", str(month), text)
    return text


def values(text: str) -> list[tuple[str, str]]:
    """(value, the same with its form) of each number: thousands separators and magnitudes do not matter."""
    text, found = _words(text), []
    for match in FRACTION.finditer(text):
        found.append((f"{match[1]}/{match[2]}", f"{match[1]}/{match[2]}"))
    for match in NUMBER.finditer(FRACTION.sub(" ", text)):
        power = MAGNITUDES.get(match["magnitude"], 0)
        value = _shown(Decimal(match["digits"].replace(",", "")) * 10**power)
        found.append((value, f"{value}%" if match["percent"] else value))
    return found


def _part(count: int, whole: int) -> set[str]:
    """How `count` of `whole` parts may be written: 2/100, 1/50, 0.02, 2%."""
    forms = {f"{count}/{whole}"}
    if whole % count == 0:
        forms.add(f"1/{whole // count}")
    share = Decimal(count) / whole
    short = -share.normalize().as_tuple().exponent <= 6
    return forms | ({_shown(share), f"{_shown(100 * share)}%"} if short else set())


def spelled(text: str) -> list[set[str]]:
    """Of each number that English writes as a word, the forms in which Chinese may write it as digits."""
    words = re.findall(r"[a-z]+(?:-[a-z]+)*", _words(text).lower())
    words = [part for word in words for part in ([word] if word in CARDINALS else word.split("-"))]
    found, index = [], 0
    while index < len(words):
        word, after = words[index], words[index + 1] if index + 1 < len(words) else ""
        count = CARDINALS.get(word) or (1 if word in ("a", "an", "half") else None)
        part = next((after.removesuffix(end) for end in ("s", "") if after.removesuffix(end) in PARTS), None)
        part = "half" if after in ("halves", "half") else part
        index += 1
        if count and word != "half" and part and not (word in ONES[2:] and after in ORDINALS):
            found.append(_part(count, PARTS[part]))
            index += 1
        elif word in CARDINALS or word in POWERS or (word in ("a", "an") and after in POWERS):
            value = CARDINALS.get(word, POWERS.get(word, 1))
            while index < len(words) and words[index] in POWERS:
                value *= POWERS[words[index]]
                index += 1
            found.append({_shown(value)})
            if re.search(rf"\b{word}\b[a-z ]* times [a-z ]*\b({LESS})\b", text.lower()):
                found[-1].add(f"1/{value}")
        elif word in TIMES:
            found.append({str(TIMES[word])})
        elif word in ("half", "halve", "halves", "halved", "halving"):
            found.append(_part(1, 2))
        elif word.removesuffix("s") in PARTS or word in ORDINALS:
            base = word.removesuffix("s")
            found.append({str(ORDINALS[base])} if base in ORDINALS else set())
            found[-1] |= _part(1, PARTS[base]) if base in PARTS else set()
    return found


def differences(english: str, chinese: str) -> tuple[list[str], list[str]]:
    """(numbers that are missing, numbers that were added) in a translation."""
    old, new = Counter(value for value, _ in values(english)), values(chinese)
    extra = []
    for value, form in new:
        if old[value]:
            old[value] -= 1
        else:
            extra.append(form)
    for form in list(extra):  # "24 times cheaper" may be 1/24
        whole = form.removeprefix("1/")
        times = rf"(?<![\d.,]){re.escape(whole)}[ -](times|fold)|factor of {re.escape(whole)}(?![\d,]|\.\d)"
        if form != whole and old[whole] and re.search(times, english):
            old[whole] -= 1
            extra.remove(form)
    allowed = sorted(spelled(english), key=len)
    added = []
    for form in extra:
        fit = next((forms for forms in allowed if form in forms), None)
        if fit is None:
            added.append(form)
        else:
            allowed.remove(fit)
    return list((+old).elements()), added
