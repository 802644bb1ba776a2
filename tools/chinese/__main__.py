"""The Chinese edition.

    python tools/chinese extract                # update the catalogues from the English; list what is to be done
    python tools/chinese check [PAGE ...]       # what is wrong with all catalogues, or with some
    python tools/chinese unfinished             # rewrite tools/chinese/unfinished.py: what pages still break
    python tools/chinese write FOLDER           # the Chinese pages and notebooks, as the publish job needs them

A page is named as you like: attention, notebooks/models/attention, its .md, its .ipynb or its .po.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from chinese import catalogues, check, edition


def extract() -> int:
    counts = catalogues.extract()
    for name, (total, todo) in counts.items():
        if todo:
            print(f"{name}.po: {todo} of {total} messages to translate")
    left = sum(todo for _, todo in counts.values())
    print(f"{len(counts)} catalogues, {left} messages to translate.")
    if left:
        print("Translate them; or say that they are left to do: python tools/chinese unfinished")
    return 0


def report(names: list[str]) -> int:
    found = check.problems(names)
    print("\n".join(map(str, found)) or "Nothing to mend.")
    return int(bool(found))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("extract")
    commands.add_parser("check").add_argument("page", nargs="*")
    commands.add_parser("unfinished")
    commands.add_parser("write").add_argument("folder", type=Path)
    arguments = parser.parse_args()
    try:
        if arguments.command == "extract":
            return extract()
        if arguments.command == "check":
            return report(arguments.page)
        if arguments.command == "unfinished":
            check.record(check.unfinished(check.problems()))
        else:
            edition.translate(arguments.folder, strict=True)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
