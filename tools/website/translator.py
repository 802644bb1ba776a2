"""What differs from Sphinx's HTML: headings, tables, images, links to a place, citations, code."""

import posixpath
from collections.abc import Iterable
from html import escape
from pathlib import Path

import imagesize
from docutils import nodes
from pygments.formatters import HtmlFormatter
from pygments.token import STANDARD_TYPES, Token, _TokenType
from sphinx import addnodes
from sphinx.writers.html5 import HTML5Translator

from website.words import speaker

PIXELS_PER_INCH = 110  # of a figure on the page; one of 6.4 inches then fills the column
LONG = 24  # characters; the column of an entry above that keeps a width that can be read on a phone
SHORT = 10  # characters; an entry up to that, such as a date, stays on one line: Chinese breaks after any character

PLAIN = {"n", "nn", "p", "o", "w", "bp", "vm"}  # Pygments' short names


class Translator(HTML5Translator):
    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)
        self.images = 0
        word = speaker(self.config.language)
        self.permalinks = {
            nodes.section: word("Link to this heading"),
            addnodes.desc_signature: word("Link to this definition"),
            nodes.figure: word("Link to this figure"),
        }
        self.elsewhere = word("Link to this place")
        self.colon = "：" if self.config.language.startswith("zh") else ": "

    # The id belongs to the heading: search then finds sections, and a link lands on the words.
    def visit_section(self, node: nodes.section) -> None:
        self.section_level += 1
        self.body.append("<section>\n")

    def depart_section(self, node: nodes.section) -> None:
        self.section_level -= 1
        self.body.append("</section>\n")

    def visit_title(self, node: nodes.title) -> None:
        if isinstance(node.parent, nodes.section):
            node["ids"] = node.parent["ids"]
        super().visit_title(node)

    def depart_title(self, node: nodes.title) -> None:
        super().depart_title(node)
        if self.section_level == 1 and isinstance(node.parent, nodes.section):
            self.body.append(self.builder.below_title(self.builder.current_docname))

    def add_permalink_ref(self, node: nodes.Element, title: str) -> None:
        super().add_permalink_ref(node, self.permalinks.get(type(node), self.elsewhere))

    def visit_table(self, node: nodes.table) -> None:
        self.body.append('<div class="table-scroll">')  # a wide table scrolls in itself, never the page
        super().visit_table(node)

    def depart_table(self, node: nodes.table) -> None:
        super().depart_table(node)
        self.body.append("</div>\n")

    def visit_entry(self, node: nodes.entry) -> None:
        length = len(node.astext())
        node["classes"] += ["long"] * (length > LONG) + ["short"] * (0 < length <= SHORT)
        super().visit_entry(node)

    def visit_image(self, node: nodes.image) -> None:
        uri = node["uri"]
        file = Path(self.builder.srcdir, uri)
        dpi = imagesize.getDPI(file)[0] if file.suffix == ".png" else -1
        scale = PIXELS_PER_INCH / dpi if dpi > 0 else 1  # so that text is as large in a small figure as in a wide one
        width, height = (round(length * scale) for length in imagesize.get(file))
        source = posixpath.join(self.builder.imgpath, self.builder.images.get(uri, uri))
        loading = ' loading="lazy" decoding="async"' if self.images else ""
        self.images += 1
        classes = f' class="{" ".join(node["classes"])}"' if node["classes"] else ""
        alt = escape(node.get("alt", ""), quote=True)
        self.body.append(f'<img src="{source}" alt="{alt}" width="{width}" height="{height}"{loading}{classes}>')

    def depart_image(self, node: nodes.image) -> None:
        pass

    def visit_citation(self, node: nodes.citation) -> None:
        """As in docutils, but for the role: that one is known as deprecated, and a list wants items."""
        if not isinstance(node.previous_sibling(), nodes.citation):
            self.body.append('<div role="list" class="citation-list">\n')
        self.body.append(self.starttag(node, "div", classes=[node.tagname], role="listitem"))

    def visit_Text(self, node: nodes.Text) -> None:
        if self.protect_literal_text:  # inline code may be broken anywhere: no element around each word
            self.body.append(self.encode(node.astext()))
        elif node.astext() == " -- ":  # Sphinx's, between a parameter and its text
            self.body.append(self.colon)
        else:
            super().visit_Text(node)

    def visit_desc_sig_element(self, node: addnodes.desc_sig_element) -> None:
        if not PLAIN.issuperset(node["classes"]):
            self.visit_inline(node)

    def depart_desc_sig_element(self, node: addnodes.desc_sig_element) -> None:
        if not PLAIN.issuperset(node["classes"]):
            self.depart_inline(node)

    def depart_field_name(self, node: nodes.field_name) -> None:
        self.body.append(f'<span class="colon">{self.colon.strip()}</span></dt>\n')


class Formatter(HtmlFormatter):
    """Names, punctuation and spaces of code have no colour: their elements would be two thirds of a chapter's."""

    def format(self, tokens: Iterable[tuple[_TokenType, str]], file: object) -> None:
        super().format(((Token if STANDARD_TYPES.get(kind) in PLAIN else kind, text) for kind, text in tokens), file)

    def wrap(self, source: Iterable[tuple[int, str]]) -> Iterable[tuple[int, str]]:
        yield 0, "<pre>"
        yield from source
        yield 0, "</pre>"
