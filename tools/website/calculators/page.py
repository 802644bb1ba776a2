"""The directive `{calculator} NAME`: a calculator's sliders, with the answer for its start as text and picture.

The page says all of it without a script; `calculators.js` wakes the sliders, and Python comes at the first touch.
"""

import json
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.writers.html5 import HTML5Translator

from chinese.catalogues import translations
from website.calculators import served
from website.calculators.answer import Answer, answer
from website.calculators.declared import RULES, WORDS, calculator, key, start, texts

Word = Callable[[str], str]
STEPS = 200  # of a slider


class calculator_node(nodes.General, nodes.Element):
    """Where a calculator stands. It is written with the page, when it is known whether its chapter is in the book."""


class Directive(SphinxDirective):
    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        name = calculator(self.arguments[0]).name
        for entry in served.modules().values():
            if isinstance(entry, Path):
                self.env.note_dependency(str(entry))
        for data in (served.ROOT / "src" / "advantage" / "data").glob("*.json"):
            self.env.note_dependency(str(data))
        if self.config.language != "en":
            self.env.note_dependency(
                str(served.ROOT / "book" / "locale" / self.config.language / "book/calculators.po")
            )
        return [calculator_node(name=name)]


def word_of(language: str) -> Word:
    return str if language == "en" else translations("book/calculators", False)


def number(value: float) -> str:
    """A start as a field shows it."""
    return f"{value:.12g}"


def control(declared: Any, argument: Any, word: Word) -> str:
    """A slider and a field for one argument."""
    name = f"{declared.name}-{argument.name}"
    label, unit, value = escape(word(argument.label)), escape(word(argument.unit)), number(start(argument))
    data = {
        "argument": argument.name,
        "key": key(declared, argument),
        "low": argument.low,
        "high": argument.high,
        "spread": argument.spread,
        "decimals": argument.decimals,
        "start": value,
    }
    attributes = " ".join(f'data-{what}="{escape(str(text))}"' for what, text in data.items())
    return (
        f'<div class="control" {attributes}>\n'
        f'<label id="{name}-label" for="{name}">{label}</label>\n'
        f'<span class="field"><input type="text" id="{name}" value="{value}" inputmode="decimal" autocomplete="off" '
        f'aria-describedby="{name}-unit {name}-error" disabled> '
        f'<span class="unit" id="{name}-unit">{unit}</span></span>\n'
        f'<input type="range" min="0" max="{STEPS}" value="{round(STEPS * share(argument, float(value)))}" '
        f'aria-labelledby="{name}-label" aria-valuetext="{value} {unit}" disabled>\n'
        f'<p class="error" id="{name}-error" aria-live="polite"></p>\n</div>'
    )


def share(argument: Any, value: float) -> float:
    """How far a value is along an argument's slider."""
    low, high = argument.low, argument.high
    if argument.spread == "log":
        from math import log

        return log(value / low) / log(high / low)
    return (value - low) / (high - low)


def form(name: str, word: Word, chapter: str) -> str:
    """A calculator as it is before the first touch; `chapter` is a link to its chapter, or nothing."""
    declared = calculator(name)
    found = answer(name, [start(argument) for argument in declared.arguments], word)
    if not isinstance(found, Answer):
        raise ValueError(f"{name}: its start is refused: {found.sentence}")
    controls = "\n".join(control(declared, argument, word) for argument in declared.arguments)

    def button(kind: str, name: str) -> str:
        return f'<button type="button" class="button {name}" disabled>{escape(word(WORDS[kind]))}</button>'

    return (
        f'<form class="calculator" id="calculator-{name}" data-name="{name}" autocomplete="off">\n'
        f'<div class="result">\n<p class="answer" aria-live="polite" aria-atomic="true">{escape(found.sentence)}</p>\n'
        f'<div class="chart">{found.chart}</div>\n</div>\n'
        f'<div class="controls" data-pagefind-ignore>\n{controls}\n'
        f'<p class="actions">{button("reset", "as-in-chapter")} {button("copy", "share")}</p>\n'
        f'<noscript><p class="note">{escape(word(WORDS["noscript"]))}</p></noscript>\n</div>\n{chapter}</form>\n'
    )


def visit(self: HTML5Translator, node: calculator_node) -> None:
    builder, word = self.builder, word_of(self.config.language)
    chapter, link = calculator(node["name"]).chapter, ""
    if chapter in builder.env.found_docs:
        uri = builder.get_relative_uri(builder.current_docname, chapter)
        title = f'<a href="{uri}">{escape(builder.env.titles[chapter].astext())}</a>'
        link = f'<p class="to-chapter">{escape(word(WORDS["chapter"])).replace("%s", title)}</p>\n'
    self.body.append(form(node["name"], word, link))
    raise nodes.SkipNode


def calculators_on(doctree: nodes.document) -> list[str]:
    """The names of a page's calculators."""
    return [node["name"] for node in doctree.findall(calculator_node)]


def page_words(names: list[str], word: Word) -> str:
    """What the script says and looks up, as JSON: words of the page, and the texts of its calculators."""
    english = [*WORDS.values(), *RULES.values(), *(text for name in names for text in texts(calculator(name)))]
    pairs = [part for text in dict.fromkeys(english) if word(text) != text for part in (text, word(text))]
    return json.dumps({"words": {name: word(text) for name, text in WORDS.items()}, "pairs": pairs}, ensure_ascii=False)


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_node(calculator_node, html=(visit, None))
    app.add_directive("calculator", Directive)
    return {"parallel_read_safe": True}
