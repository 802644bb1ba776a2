"""What a page shows of each code cell, and its folds: set-up, solutions, code that is not part of the argument."""

import re
from typing import Any

from docutils import nodes
from myst_nb.sphinx_ import HideCodeCellNode
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.writers.html5 import HTML5Translator

from website.words import speaker


class Cells(SphinxPostTransform):
    """Shows of each code cell what a reader of the page wants to see: a quiz does not show its answers."""

    default_priority = 198  # just before MyST-NB folds
    formats = ("html",)

    def run(self, **kwargs: Any) -> None:
        word = speaker(self.config.language)
        first = True
        for cell in list(self.document.findall(nodes.container)):
            if cell.get("nb_element") != "cell_code" or not cell.children:
                continue
            source = cell.children[0] if cell.children[0].get("nb_element") == "cell_code_source" else None
            if source is None:
                continue
            solution = cell.get("hide_mode") == "all"
            label = word("Solution") if solution else word("Show the code")
            if first:  # every notebook's first cell installs and starts; a reader of the page need not see it
                cell["hide_mode"], label, first = "input", word("Set-up"), False
            elif source.astext().startswith("advantage.quiz("):
                cell.remove(source)
            elif solution:
                without_text(cell, source)
            cell["prompt_show"] = cell["prompt_hide"] = label


def without_text(cell: nodes.container, source: nodes.container) -> None:
    """Take out of a solution's code the text that its output shows, and the whole of it if nothing else is left."""
    code = source.astext()
    text = re.search(r'(^|\n)Markdown\(\s*[rf]*"""', code)
    if not text:
        return
    before = code[: text.start()]
    if re.fullmatch(r"(\s*from IPython\.display import Markdown\s*|\s*#[^\n]*\n)*", before):
        cell.remove(source)
    else:
        literal = next(source.findall(nodes.literal_block))
        literal.replace_self(nodes.literal_block(before.rstrip(), before.rstrip(), **literal.attributes))


def visit_fold(self: HTML5Translator, node: HideCodeCellNode) -> None:
    classes, label = " ".join(node["classes"]), node["prompt_show"]
    self.body.append(f'<details class="fold {classes}"><summary>{label}</summary>\n')


def depart_fold(self: HTML5Translator, node: HideCodeCellNode) -> None:
    self.body.append("</details>\n")


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_post_transform(Cells)
    app.add_node(HideCodeCellNode, override=True, html=(visit_fold, depart_fold))
    return {"parallel_read_safe": True}
