"""The texts of a figure that are to be translated, and the figure with them replaced.

A figure is an SVG whose text is text: what tools/figure.py adds to the outputs of a notebook, whose groups carry the
text as it was written (data-text), or one that we drew. Numbers, symbols, and names in `STAYS` stay as they are.
"""

import json
import re
from html import escape, unescape
from pathlib import Path

from matplotlib._mathtext_data import tex2uni

from chinese.text import CJK, MATHS, Lookup

MIME = "application/vnd.advantage.figure+svg"
FONTS = "'DejaVu Sans', 'Noto Sans CJK SC', 'PingFang SC', 'Microsoft YaHei', sans-serif"
PIXELS_PER_INCH = 110  # as large as the site shows a PNG
STAYS = {"Adam", "AdamW", "Inkwell", "Muon", "PyTorch", "SGD", "Transformer", "bfloat16", "float16", "float32"}
GROUP = re.compile(r'<g data-text="([^"]*)"(?: data-align="(\w+)" data-widths="([^"]*)")?>')
TEXT = re.compile(r"(<(?:text|title|tspan)(?: [^>]*)?>)([^<]+)(</)")


def without_texts(notebook: Path) -> int:
    """How many of a notebook's pictures have no SVG beside them: they were made before there was one."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"] if notebook.exists() else []
    outputs = [output.get("data", {}) for cell in cells for output in cell.get("outputs", [])]
    return sum("image/png" in data and MIME not in data for data in outputs)


def is_message(text: str) -> bool:
    """Whether a figure's text is words: not numbers, symbols, names, or names of code."""
    text = " ".join(text for text, _ in _pieces(text, False))
    words = re.findall(r"[A-Za-z][\w.\-+]*", text)
    spoken = [word for word in words if re.fullmatch(r"[A-Z]?[a-z]+(-[a-z]+)*[.,;:]?", word) and len(word) > 1]
    return any(word.rstrip(".,;:") not in STAYS | MATHS for word in spoken)


def texts(svg: str) -> list[str]:
    """The messages of a figure, each once, in the order in which they were drawn."""
    return list(dict.fromkeys(text for text in _all_texts(svg) if is_message(text)))


def _all_texts(svg: str) -> list[str]:
    found = [match[1] for match in GROUP.finditer(svg)] if "data-text=" in svg else [m[2] for m in TEXT.finditer(svg)]
    return [unescape(text) for text in found]


def replaced(svg: str, lookup: Lookup) -> str:
    """A figure with its texts looked up; everything that is not text stays as it is."""

    def translated(text: str) -> str:
        return lookup(text) if is_message(text) else text

    if "data-text=" not in svg:
        return TEXT.sub(lambda m: m[1] + escape(translated(unescape(m[2])), quote=False) + m[3], svg)
    parts, done = [], 0
    for match in GROUP.finditer(svg):
        text = unescape(match[1])
        if (new := translated(text)) != text:
            end = _end_of_group(svg, match.end())
            parts += [svg[done : match.end()], _drawn(match, svg[match.end() : end], new)]
            done = end
    return "".join([*parts, svg[done:]])


def _end_of_group(svg: str, start: int) -> int:
    """Where the group that was opened just before `start` is closed."""
    depth = 1
    for tag in re.finditer(r"<(/?)g\b[^>]*>", svg[start:]):
        depth += -1 if tag[1] else 1
        if depth == 0:
            return start + tag.start()
    raise ValueError("a figure whose groups are not closed")


def page_size(svg: str) -> str:
    """A figure as it stands on a page: fonts that have Chinese, and the size of the PNG beside which it was made."""
    head = re.match(r"<svg[^>]*>", svg)[0]
    for side in ("width", "height"):
        points = float(re.search(rf' {side}="([\d.]+)pt"', head)[1])
        head = re.sub(rf' {side}="[\d.]+pt"', f' {side}="{round(points / 72 * PIXELS_PER_INCH)}"', head)
    return head[:-1] + f' font-family="{FONTS}">' + svg[svg.index(">") + 1 :]


# --- one text ----------------------------------------------------------------------------------------------------


def _drawn(group: re.Match, old: str, new: str) -> str:
    """What stands in the group of a text: one text, or its lines and formulas, drawn anew in place of the old ones."""
    _, align, widths = group.groups()
    if align is None:
        return TEXT.sub(lambda match: match[1] + escape(new, quote=False) + match[3], old, count=1)
    anchor, part = {"left": ("start", 0), "center": ("middle", 0.5), "right": ("end", 1)}[align]
    style = re.search(r"font-(?:weight|style|size)[^\"]*?font-size: [\d.]+px|font-size: [\d.]+px", old)[0]
    places = re.findall(r'<text[^>]*?transform="([^"]*)"|<g transform="([^"]*)">', old)
    drawn = []
    for line, place, width in zip(new.split("\n"), ["".join(place) for place in places], map(float, widths.split())):
        head = f'<text transform="{place}" x="{part * width:g}" text-anchor="{anchor}" style="{style}">'
        drawn.append(f"{head}{_with_formulas(line)}</text>")
    return "".join(drawn)


def _pieces(text: str, formulas: bool = True) -> list[tuple[str, bool]]:
    """(piece, whether it is a formula) of a text: as Matplotlib does, `$…$` is one if every $ has its pair."""
    pieces = re.split(r"(?<!\\)\$", text)
    if len(pieces) % 2 == 0:
        pieces = [text]
    found = [(piece.replace(r"\$", "$"), bool(number % 2)) for number, piece in enumerate(pieces)]
    return [piece for piece in found if formulas or not piece[1]]


def _with_formulas(text: str) -> str:
    """Words and `$…$` as the content of an SVG text: letters italic, sub- and superscripts moved and small."""
    return "".join(_formula(piece) if formula else escape(piece, quote=False) for piece, formula in _pieces(text))


SPACES = {",": " ", ";": " ", ":": " ", " ": " ", "!": ""}
NOT_DRAWN = {"mathrm", "mathit", "mathbf", "text", "left", "right", "operatorname", "displaystyle"}


def _formula(tex: str) -> str:
    """A formula of one line. Raises ValueError for a command that it cannot draw."""
    found, index = [], 0
    while index < len(tex):
        sign = tex[index]
        if sign in "_^":
            script, index = _argument(tex, index + 1)
            shift = 0.25 if sign == "_" else -0.4
            inner = _formula(script)
            found.append(f'<tspan dy="{shift}em"><tspan font-size="70%">{inner}</tspan></tspan>')
            found.append(f'<tspan dy="{-shift}em">\u200b</tspan>')
        elif sign == "\\":
            name = re.match(r"[A-Za-z]+|.", tex[index + 1 :])[0]
            index += 1 + len(name)
            if name == "sqrt":
                inner, index = _argument(tex, index)
                found.append("√" + (f"({_formula(inner)})" if len(inner) > 1 else _formula(inner)))
            elif name == "frac":
                above, index = _argument(tex, index)
                below, index = _argument(tex, index)
                found.append(f"{_formula(above)}/{_formula(below)}")
            elif name in NOT_DRAWN:
                if tex[index : index + 1] == "{":
                    inner, index = _argument(tex, index)
                    found.append(escape(inner, quote=False))
            elif name in MATHS:
                found.append(name)
            elif name in SPACES:
                found.append(SPACES[name])
            elif name in tex2uni:
                found.append(chr(tex2uni[name]))
            elif not name.isalpha():
                found.append(escape(name))
            else:
                raise ValueError(f"figure: \\{name} in ${tex}$ cannot be drawn; write it without LaTeX")
        elif sign in "{}":
            index += 1
        else:
            sign = {"-": "−", "*": "∗"}.get(sign, escape(sign))
            found.append(f'<tspan font-style="italic">{sign}</tspan>' if sign.isalpha() else sign)
            index += 1
    return "".join(found)


def _argument(tex: str, index: int) -> tuple[str, int]:
    """The group, command or sign at a place, and where it ends."""
    if tex[index : index + 1] != "{":
        end = index + len(re.match(r"\\[A-Za-z]+|.", tex[index:])[0])
        return tex[index:end], end
    depth, end = 0, index
    while True:
        depth += {"{": 1, "}": -1}.get(tex[end], 0)
        end += 1
        if depth == 0:
            return tex[index + 1 : end - 1], end


# --- what a translation keeps --------------------------------------------------------------------------------------


def breaches(english: str, chinese: str) -> list[str]:
    """What would go wrong in a figure with this translation."""
    wrong = []
    if chinese.count("\n") > english.count("\n"):
        wrong.append(f"{chinese.count(chr(10)) + 1} lines, more than the English has")
    if _width(chinese) > 1.35 * _width(english) + 4:
        wrong.append(f"too long for the place of {english!r}: shorten it")
    try:
        _with_formulas(chinese)
    except (ValueError, IndexError) as error:
        wrong.append(str(error))
    return wrong


def _width(text: str) -> float:
    """Of the longest line, in Latin letters; a Chinese one takes nearly two."""
    lines = ["xx".join(piece for piece, _ in _pieces(line, False)) for line in text.split("\n")]
    return max(sum(1.8 if re.match(f"[{CJK}，。：；？！、（）]", sign) else 1 for sign in line) for line in lines)
