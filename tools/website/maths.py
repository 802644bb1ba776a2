"""Mathematics as MathML, made at build time: no script, and a screen reader reads it.

A formula that cannot be converted fails the build, which names every such page and formula.
"""

import re

from docutils import nodes
from math_core import LatexError, LatexToMathML
from sphinx.application import Sphinx
from sphinx.errors import SphinxError
from sphinx.writers.html5 import HTML5Translator

CONVERTER = LatexToMathML(fancy_error=False)


class FormulaError(SphinxError):
    category = "Formula that math-core cannot convert"


def to_mathml(latex: str, display: bool) -> str:
    """MathML Core of one formula. Raises `LatexError`."""
    mathml = CONVERTER.convert_with_local_state(latex, displaystyle=display)
    return mathml.replace("&ApplyFunction;", "\u2061")  # the one entity in it that XML parsers do not know


def _converted(self: HTML5Translator, node: nodes.Element, display: bool) -> str:
    latex = node.astext()
    try:
        return to_mathml(latex, display)
    except LatexError as error:
        reason = re.sub(r"\x1b\[[\d;]*m", "", str(error)).strip()
        self.builder.bad_formulas.append(f"{self.builder.current_docname}: {latex!r}: {reason}")
        return ""


def visit_inline(self: HTML5Translator, node: nodes.math) -> None:
    self.body.append(_converted(self, node, display=False))
    raise nodes.SkipNode


def visit_block(self: HTML5Translator, node: nodes.math_block) -> None:
    target = f' id="{node["ids"][0]}"' if node["ids"] else ""
    number = f'<span class="equation-number">({node["number"]})</span>' if node.get("number") else ""
    self.body.append(f'<div class="equation"{target}>{_converted(self, node, display=True)}{number}</div>\n')
    raise nodes.SkipNode


def forget(app: Sphinx) -> None:
    app.builder.bad_formulas = []


def report(app: Sphinx, exception: Exception | None) -> None:
    if exception is None and app.builder.bad_formulas:
        raise FormulaError("\n" + "\n".join(app.builder.bad_formulas))


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    app.connect("builder-inited", forget)
    app.connect("build-finished", report)
    return {"parallel_read_safe": True}
