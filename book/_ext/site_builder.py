"""The HTML builder: Jupyter Book's pages through one template, one stylesheet and one small script of our own.

What a page needs beyond its body is gathered in `SiteBuilder.update_page_context`; what differs from Sphinx's HTML of
tables, images, code cells and folds is in `Translator` and `Cells`.
"""

import hashlib
import json
import posixpath
import re
from html import escape
from pathlib import Path
from typing import Any

import imagesize
from docutils import nodes
from myst_nb.sphinx_ import HideCodeCellNode
from sphinx.application import Sphinx
from sphinx.builders.html import StandaloneHTMLBuilder
from sphinx.environment import BuildEnvironment
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.osutil import relative_uri
from sphinx.writers.html5 import HTML5Translator

import site_words

STATIC = Path(__file__).resolve().parents[1] / "_static"
TEMPLATES = Path(__file__).resolve().parents[1] / "_templates"
ASSETS = ["site.css", "site.js", "icon.svg", "card.png", "fonts/latin-modern-math.woff2", "fonts/GUST-FONT-LICENSE.txt"]
COLAB = "https://colab.research.google.com/github"
CHINESE_NOTEBOOKS = "colab-zh"  # the branch that the publish job pushes the generated notebooks to
PIXELS_PER_INCH = 110  # of a figure on the page; one of 6.4 inches then fills the column
DESCRIPTION = {"en": 155, "zh_CN": 78}  # characters that search engines show


class Translator(HTML5Translator):
    def visit_table(self, node: nodes.table) -> None:
        self.body.append('<div class="table-scroll">')  # a wide table scrolls in itself, never the page
        super().visit_table(node)

    def depart_table(self, node: nodes.table) -> None:
        super().depart_table(node)
        self.body.append("</div>\n")

    def visit_entry(self, node: nodes.entry) -> None:
        if len(node.astext()) > 24:
            node["classes"].append("long")  # on a phone its column keeps a width that can be read
        super().visit_entry(node)

    def visit_image(self, node: nodes.image) -> None:
        uri = node["uri"]
        file = Path(self.builder.srcdir, uri)
        dpi = imagesize.getDPI(file)[0] if file.suffix == ".png" else -1
        scale = PIXELS_PER_INCH / dpi if dpi > 0 else 1  # so that text is as large in a small figure as in a wide one
        width, height = (round(length * scale) for length in imagesize.get(file))
        source = posixpath.join(self.builder.imgpath, self.builder.images.get(uri, uri))
        loading = ' loading="lazy" decoding="async"' if getattr(self, "images_seen", 0) else ""
        self.images_seen = 1
        classes = f' class="{" ".join(node["classes"])}"' if node["classes"] else ""
        alt = escape(node.get("alt", ""), quote=True)
        self.body.append(f'<img src="{source}" alt="{alt}" width="{width}" height="{height}"{loading}{classes}>')

    def depart_image(self, node: nodes.image) -> None:
        pass


def visit_fold(self: HTML5Translator, node: HideCodeCellNode) -> None:
    self.body.append(f'<details class="fold {" ".join(node["classes"])}"><summary>{node["prompt_show"]}</summary>\n')


def depart_fold(self: HTML5Translator, node: HideCodeCellNode) -> None:
    self.body.append("</details>\n")


class Cells(SphinxPostTransform):
    """Shows of each code cell what a reader of the page wants to see: a quiz does not show its answers."""

    default_priority = 198  # just before MyST-NB folds
    formats = ("html",)

    def run(self, **kwargs: Any) -> None:
        first = True
        for cell in list(self.document.findall(nodes.container)):
            if cell.get("nb_element") != "cell_code" or not cell.children:
                continue
            source = cell.children[0] if cell.children[0].get("nb_element") == "cell_code_source" else None
            if source is None:
                continue
            code = source.astext()
            solution = cell.get("hide_mode") == "all"
            language = self.config.language
            label = site_words.word("Solution", language) if solution else site_words.word("Show the code", language)
            if first:  # every notebook's first cell installs and starts; a reader of the page need not see it
                cell["hide_mode"], label, first = "input", site_words.word("Set-up", language), False
            elif code.startswith("advantage.quiz("):
                cell.remove(source)
            elif (text := re.search(r'(^|\n)Markdown\(\s*[rf]*"""', code)) and solution:
                if re.fullmatch(r"(\s*from IPython\.display import Markdown\s*|\s*#[^\n]*\n)*", code[: text.start()]):
                    cell.remove(source)  # it only says what its output shows
                else:
                    literal, kept = next(source.findall(nodes.literal_block)), code[: text.start()].rstrip()
                    literal.replace_self(nodes.literal_block(kept, kept, **literal.attributes))
            cell["prompt_show"] = cell["prompt_hide"] = label


class SiteBuilder(StandaloneHTMLBuilder):
    name = "html"
    search = False  # Pagefind's takes its place: Sphinx's finds no word inside a Chinese sentence
    copysource = False
    default_translator_class = Translator

    def get_target_uri(self, docname: str, typ: str | None = None) -> str:
        return "index.html" if docname == self.config.root_doc else super().get_target_uri(docname, typ)

    def get_outfilename(self, pagename: str) -> str:
        return super().get_outfilename("index" if pagename == self.config.root_doc else pagename)

    def copy_static_files(self) -> None:
        """Write our own assets, and none of the theme's and the extensions'."""
        Path(self.outdir, "_static").mkdir(exist_ok=True)  # MyST-NB wants to write there
        if self.config.language != "en":
            return  # both languages use the English site's
        for name in ASSETS:
            target = Path(self.outdir, "_static", name)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(asset(name))

    def gen_additional_pages(self) -> None:
        if self.config.language == "en":
            style = asset("site.css").decode().replace("url(fonts/", f"url({self.config.site_url}_static/fonts/")
            self.handle_page("404", {"style": style}, "404.html")

    def handle_finish(self) -> None:
        pass  # no search index and no inventory

    def update_page_context(self, pagename: str, templatename: str, ctx: dict[str, Any], doctree: Any) -> None:
        language = self.config.language
        uri = self.get_target_uri(pagename)
        site = uri if language == "en" else f"zh/{uri}"  # from the root of the whole site
        pages = {"en": uri.replace("index.html", ""), "zh-CN": "zh/" + uri.replace("index.html", "")}
        other = "zh-CN" if language == "en" else "en"
        versions = {name: hashlib.sha256(asset(name)).hexdigest()[:8] for name in ("site.css", "site.js")}
        ctx.update(
            word=lambda english: site_words.word(english, language),
            asset=lambda name: (
                relative_uri(site, f"_static/{name}") + (f"?v={versions[name]}" if name in versions else "")
            ),
            to_root=relative_uri(site, "") or "./",
            site_url=self.config.site_url,
            repository=self.config.site_repository,
            canonical=self.config.site_url + pages["en" if language == "en" else "zh-CN"],
            alternates={name: self.config.site_url + path for name, path in pages.items()},
            twin=relative_uri(site, uri if other == "en" else f"zh/{uri}"),
            twin_lang=other,
            home=self.get_relative_uri(pagename, self.config.root_doc),
        )
        if doctree is not None:
            docname = pagename
            ctx["body"] = ctx["body"].replace(' class="tex2jax_ignore mathjax_ignore"', "")
            # The id belongs to the heading: search then finds sections, and a link lands on the words.
            ctx["body"] = re.sub(
                r'<section id="([^"]*)">\n((?:<span[^>]*></span>\s*)*)<h(\d)>',
                r'<section>\n\2<h\3 id="\1">',
                ctx["body"],
            )
            ctx["body"] = re.sub(
                "(</strong>|</code>|</a>) -- ", r"\1: ", ctx["body"]
            )  # between a parameter and its text
            # docutils writes a role that WCAG's tools know as deprecated, in a list, which wants items.
            ctx["body"] = ctx["body"].replace('role="doc-biblioentry"', 'role="listitem"')
            # Names, punctuation and spaces of code have no colour of their own: two thirds of a chapter's elements.
            ctx["body"] = re.sub(r'<span class="pre">([^<]*)</span>', r"\1", ctx["body"])
            ctx["body"] = re.sub(r'<span class="(?:n|nn|p|o|w|bp|vm)">([^<]*)</span>|<span></span>', r"\1", ctx["body"])
            ctx.update(
                is_home=docname == self.config.root_doc,
                nav=self.navigation(docname),
                part=next((p["caption"] for p in self.parts() if docname in p["files"]), ""),
                sections=self.sections(doctree),
                description=description(doctree, DESCRIPTION.get(language, 155)),
                notebook=self.notebook(docname),
                has_math="<math" in ctx["body"],
                plain_title=self.env.titles[docname].astext(),
            )

    def parts(self) -> list[dict[str, Any]]:
        """The parts of the table of contents: caption and documents."""
        site_map = self.config.external_site_map
        strip = posixpath.splitext
        return [
            {
                "caption": tree.caption or "",
                "files": [strip(f)[0] if strip(f)[1] in (".md", ".ipynb") else f for f in tree.files()],
            }
            for tree in site_map.root.subtrees
        ]

    def navigation(self, docname: str) -> list[dict[str, Any]]:
        return [
            {
                "caption": part["caption"],
                "pages": [
                    {
                        "uri": self.get_relative_uri(docname, file) or "#",
                        "title": self.render_partial(self.env.titles[file])["title"],
                        "current": file == docname,
                    }
                    for file in part["files"]
                    if file in self.env.titles
                ],
            }
            for part in self.parts()
        ]

    def sections(self, doctree: nodes.document) -> list[dict[str, str]]:
        """The headings of the second level, for "On this page"."""
        top = next(doctree.findall(nodes.section), None)
        if top is None:
            return []
        return [
            {"id": section["ids"][0], "title": self.render_partial(section[0])["title"]}
            for section in top.children
            if isinstance(section, nodes.section)
        ]

    def notebook(self, docname: str) -> dict[str, Any] | None:
        """Of a chapter: its notebook, which is put beside the page, and what its last tested run measured."""
        source = Path(self.env.doc2path(docname))
        if source.suffix != ".ipynb":
            return None
        text = source.read_text(encoding="utf-8")
        target = Path(self.get_outfilename(docname)).with_suffix(".ipynb")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        branch = "main" if self.config.language == "en" else CHINESE_NOTEBOOKS
        repository = self.config.site_repository.removeprefix("https://github.com/")
        return {
            "file": target.name,
            "colab": f"{COLAB}/{repository}/blob/{branch}/{docname}.ipynb",
            "run": json.loads(text)["metadata"].get("advantage", {}),
        }


def asset(name: str) -> bytes:
    """An asset as it is served: the stylesheet without comments and spare space."""
    data = (STATIC / name).read_bytes()
    if name.endswith(".css"):
        css = re.sub(r"/\*.*?\*/", "", data.decode(), flags=re.DOTALL)
        css = re.sub(r"\s+", " ", css)
        css = re.sub(r" ?([{};,>]) ?", r"\1", css).replace(": ", ":").replace(";}", "}")
        data = css.strip().encode()
    return data


def description(doctree: nodes.document, length: int) -> str:
    """The first paragraph as plain text, cut at a sentence's or a word's end."""
    paragraph = next((p for p in doctree.findall(nodes.paragraph) if not isinstance(p.parent, nodes.entry)), None)
    if paragraph is None:
        return ""
    text = " ".join(paragraph.astext().split())
    if len(text) <= length:
        return text
    cut = text[:length]
    if ends := [m.end() for m in re.finditer("[.?!](?= )|[\u3002\uff1f\uff01]", cut)]:
        return cut[: ends[-1]]
    breaks = " ,;:\u3001\uff0c\uff1b\uff1a"  # the last four are Chinese
    return re.split(f"[{breaks}](?=[^{breaks}]*$)", cut)[0] + "…"


def rewrite_all_when_navigation_changed(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Every page shows the table of contents and links to the assets by their hash: if either changes, all pages do."""
    builder = app.builder
    files = [STATIC / name for name in ASSETS] + sorted(TEMPLATES.iterdir())
    words = site_words.catalogue_path(app.config.language)
    digest = hashlib.sha256(b"".join(f.read_bytes() for f in [*files, *([words] if words.exists() else [])]))
    digest.update(
        repr(
            [(p, [env.titles.get(f, "") and env.titles[f].astext() for f in p["files"]]) for p in builder.parts()]
        ).encode()
    )
    if getattr(env, "site_navigation", None) == digest.hexdigest():
        return []
    env.site_navigation = digest.hexdigest()
    return sorted(env.found_docs)


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_builder(SiteBuilder, override=True)
    app.add_config_value("site_repository", "", "html")
    app.add_config_value("site_url", "", "html")
    app.add_post_transform(Cells)
    app.add_node(HideCodeCellNode, override=True, html=(visit_fold, depart_fold))
    app.connect("env-updated", rewrite_all_when_navigation_changed)
    return {"parallel_read_safe": True}
