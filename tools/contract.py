"""What a chapter lacks of the contract (CONTRIBUTING.md), with file and line: the rules stand in tools/rules.

python tools/contract.py [PATH ...]              # every rule on the pairs given, or on all of them
python tools/contract.py --numbers [PATH ...]    # numbers of the prose that no cell shows, to be checked by eye
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

import markdown
import pairs
from halves import Refused
from rules import cells, prose, references, shape  # noqa: F401  each registers its rules
from rules.chapter import RULES, Chapter, Fault, shown


def faults(chapter: Chapter, name: str) -> list[Fault]:
    """What one rule says about a chapter; nothing if the rule is not for it."""
    return list(RULES[name](chapter)) if RULES[name].scope in chapter.scopes else []


def problems(chapter: Chapter) -> list[str]:
    """Everything that is wrong with a chapter: file, line, rule, what is wrong."""
    where = pairs.name(chapter.md)
    found = [(line, name, said) for name in RULES for line, said in faults(chapter, name)]
    return [f"{where}.md:{line}: {name}: {said}" for line, name, said in sorted(found)]


def unshown_numbers(chapter: Chapter) -> Iterator[str]:
    """Numbers of the prose, of three characters or more, that stand in no code and no output."""
    outputs = [shown(output) for cell in chapter.code for output in cell.outputs]
    number = re.compile(r"(?<![\w.,])\d[\d,.]*\d(?![\w])")
    text = "\n".join([*(cell.source for cell in chapter.code), *outputs])
    known = {found.replace(",", "") for found in number.findall(text)}
    for title, section in chapter.sections:
        for token in markdown.inline(section) if title != "References" else ():
            for found in number.findall(token.content if token.type == "text" else ""):
                plain = found.replace(",", "")
                year = re.fullmatch(r"(?:19|20)\d\d", plain)
                if len(plain) > 2 and not year and not any(each.startswith(plain) for each in known):
                    yield f"{pairs.name(chapter.md)}.md:{markdown.line_of(token)}: {found}"


def main(argv: list[str]) -> int:
    check = unshown_numbers if "--numbers" in argv else problems
    try:
        found = [
            said
            for md in pairs.find([Path(path) for path in argv if path != "--numbers"])
            for said in check(Chapter(md))
        ]
    except Refused as error:
        found = [str(error)]
    print(*found, sep="\n")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
