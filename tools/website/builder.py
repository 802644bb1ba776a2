"""The HTML builder: Jupyter Book's pages through one template, one stylesheet and one small script of our own.

What a page needs beyond its body is gathered in `SiteBuilder.update_page_context`.
"""

import hashlib
import json
import posixpath
import re
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.builders.html import StandaloneHTMLBuilder
from sphinx.environment import BuildEnvironment
from sphinx.util.osutil import relative_uri

from website.calculators import served
from website.calculators.page import calculators_on, page_words, word_of
from website.places import CHINESE, STATIC, TEMPLATES, volumes
from website.translator import Formatter, Translator
from website.words import catalogue_path, speaker

ASSETS = [
    "site.css",
    "site.js",
    "calculators.js",
    "icon.svg",
    "card.png",
    "card-zh.png",
    "fonts/latin-modern-math.woff2",
    "fonts/GUST-FONT-LICENSE.txt",
]
VERSIONED = ["site.css", "site.js", "calculators.js"]  # their addresses change with their content
COLAB = "https://colab.research.google.com/github"
CHINESE_NOTEBOOKS = "colab-zh"  # the branch that the publish job pushes the generated notebooks to
DESCRIPTION = {"en": 155, "zh_CN": 78}  # characters that search engines show


class SiteBuilder(StandaloneHTMLBuilder):
    name = "html"
    search = False  # Pagefind's takes its place: Sphinx's finds no word inside a Chinese sentence
    copysource = False
    default_translator_class = Translator

    def init_highlighter(self) -> None:
        super().init_highlighter()
        self.highlighter.formatter = Formatter

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
        for name, data in served.files().items():
            target = Path(self.outdir, "_static", name)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)

    def gen_additional_pages(self) -> None:
        if self.config.language == "en":
            style = asset("site.css").decode().replace("url(fonts/", f"url({self.config.site_url}_static/fonts/")
            self.handle_page("404", {"style": style, "chinese": {"word": speaker(CHINESE)}}, "404.html")

    def handle_finish(self) -> None:
        pass  # no search index and no inventory

    def update_page_context(self, pagename: str, templatename: str, ctx: dict[str, Any], doctree: Any) -> None:
        language = self.config.language
        uri = self.get_target_uri(pagename)
        site = uri if language == "en" else f"zh/{uri}"  # from the root of the whole site
        pages = {"en": uri.replace("index.html", ""), "zh-CN": "zh/" + uri.replace("index.html", "")}
        other = "zh-CN" if language == "en" else "en"
        versions = {name: hashlib.sha256(asset(name)).hexdigest()[:8] for name in VERSIONED}
        versions |= {name: hashlib.sha256(data).hexdigest()[:8] for name, data in served.files().items()}
        ctx.update(
            word=speaker(language),
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
            volumes=self.volumes(uri),
            home=self.get_relative_uri(pagename, self.config.root_doc),
        )
        if doctree is not None:
            docname = pagename
            ctx.update(
                is_home=docname == self.config.root_doc,
                nav=self.navigation(docname),
                part=next((p["caption"] for p in self.parts() if docname in p["files"]), ""),
                sections=self.sections(doctree),
                description=description(doctree, DESCRIPTION.get(language, 155)),
                has_math="<math" in ctx["body"],
                calculators=page_words(names, word_of(language)) if (names := calculators_on(doctree)) else "",
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

    def below_title(self, docname: str) -> str:
        """Of a chapter: links to its notebook, which is put beside the page, and what its last tested run measured."""
        source, word = Path(self.env.doc2path(docname)), speaker(self.config.language)
        if docname == self.config.root_doc:
            return self.templates.render("volumes.html", {"word": word, "volumes": self.volumes("")})
        if source.suffix != ".ipynb":
            return ""
        text = source.read_text(encoding="utf-8")
        target = Path(self.get_outfilename(docname)).with_suffix(".ipynb")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        branch = "main" if self.config.language == "en" else CHINESE_NOTEBOOKS
        repository = self.config.site_repository.removeprefix("https://github.com/")
        run = json.loads(text)["metadata"].get("advantage", {})
        if cores := re.fullmatch(r"CPU, (\d+) cores", run.get("device", "")):
            run["device"] = word("CPU, %s cores") % cores[1]
        context = {
            "word": word,
            "file": target.name,
            "colab": f"{COLAB}/{repository}/blob/{branch}/{docname}.ipynb",
            "run": run,
        }
        return self.templates.render("chapter.html", context)

    def volumes(self, uri: str) -> list[dict[str, str]]:
        """The whole book, where it has been printed: a name and a link from a page at `uri`."""
        return [
            {"name": file.suffix[1:].upper(), "uri": relative_uri(uri, file.name)}
            for file in volumes(self.config.language)
        ]


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
    words = catalogue_path(app.config.language)
    digest = hashlib.sha256(b"".join(f.read_bytes() for f in [*files, *([words] if words.exists() else [])]))
    digest.update(
        repr(
            [volumes(app.config.language)]
            + [(p, [env.titles.get(f, "") and env.titles[f].astext() for f in p["files"]]) for p in builder.parts()]
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
    app.connect("env-updated", rewrite_all_when_navigation_changed)
    return {"parallel_read_safe": True}
