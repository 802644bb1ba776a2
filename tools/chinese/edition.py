"""The Chinese edition: the same pages, executed notebooks and pictures with their messages replaced.

The site is built from this tree, and Colab opens its notebooks. The code is the English one; of what it put out, the
texts of quizzes, solutions and figures are replaced. What has no translation stays English, unless `strict`. Links to
headings lead to the heading of the Chinese page.
"""

import ast
import json
import re
import shutil
from functools import cache, partial
from pathlib import Path

import yaml

from advantage.quizzes import render
from chinese import figures
from chinese.catalogues import forget, translations, write
from chinese.messages import PICTURES, ROOT, TOC, VERDICTS, catalogue_of, flat, notebook_files, pages, strings
from chinese.text import Lookup, replaced
from markdown import slugs, text_of, titles


@cache
def _anchors(page: Path, strict: bool) -> dict[str, str]:
    """English anchors of a page to the Chinese ones."""
    english, lookup = titles(text_of(page)), translations(catalogue_of(page), strict)
    return dict(zip(slugs(english), slugs([lookup(title) for title in english])))


def _with_anchors(text: str, page: Path, strict: bool) -> str:
    """Markdown whose links to headings lead to the translated heading."""

    def link(found: re.Match) -> str:
        target = (page.parent / found[1]).resolve() if found[1] else page
        if ":" in found[1] or not target.exists() or not target.is_relative_to(ROOT):
            return found[0]
        return f"]({found[1]}#{_anchors(target, strict).get(found[2], found[2])})"

    return re.sub(r"\]\(([^()\s#]*)#([^()\s]+)\)", link, text)


def _quiz_cell(source: str, lookup: Lookup) -> tuple[str, str]:
    """A quiz in Chinese: the cell's source, and the HTML that it shows."""
    nodes, call, _ = strings(source)
    verdicts = dict(zip(("right", "wrong"), map(translations("site", False), VERDICTS)))
    for node in reversed(nodes):
        if (new := lookup(node.value)) != node.value:
            source = _put(source, node, json.dumps(new, ensure_ascii=False))
    call = strings(source)[1]
    end = _offset(source, call.end_lineno, call.end_col_offset) - 1
    arguments = "".join(f"    {name}={json.dumps(word, ensure_ascii=False)},\n" for name, word in verdicts.items())
    gap = "" if source[:end].endswith("\n") else "\n" if source[:end].rstrip().endswith(",") else ",\n"
    new = source[:end] + gap + arguments + source[end:]
    return new, render(ast.literal_eval(ast.Tuple(call.args, ast.Load())), **verdicts)


def _offset(source: str, line: int, column: int) -> int:
    """Place in a string of a line and a column in UTF-8 bytes, as `ast` counts."""
    lines = source.split("\n")
    return sum(len(text) + 1 for text in lines[: line - 1]) + len(lines[line - 1].encode()[:column].decode())


def _put(source: str, node: ast.expr, text: str) -> str:
    start, end = _offset(source, node.lineno, node.col_offset), _offset(source, node.end_lineno, node.end_col_offset)
    return source[:start] + text + source[end:]


def translated_notebook(notebook: dict, lookup: Lookup, finish: Lookup = str) -> dict:
    """A notebook with its messages looked up, in sources, outputs and metadata. `finish` is applied to all Markdown."""
    notebook = json.loads(json.dumps(notebook))
    for name in ("code_sha256", "text_sha256"):  # of the English pair
        notebook["metadata"].get("advantage", {}).pop(name, None)
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            cell["source"] = _lines(finish(replaced(source, lookup)))
        elif cell["cell_type"] == "code":
            shown = cell["metadata"].get("mystnb", {})
            for group, name in (("figure", "caption"), ("image", "alt")):
                if text := shown.get(group, {}).get(name):
                    shown[group][name] = lookup(flat(text))
            _, quiz, solution = strings(source)
            mime = ""
            if quiz:
                source, new = _quiz_cell(source, lookup)
                mime = "text/html"
            elif solution:
                old, new = solution.value, finish(replaced(solution.value, lookup))
                mime = "text/markdown"
                if new != old:
                    source = _put(source, solution, f'r"""{new}"""')
            cell["source"] = _lines(source)
            for output in cell["outputs"]:
                data = output.get("data", {})
                if mime in data and output["output_type"] == "execute_result":
                    data[mime] = _lines(new)
                if svg := "".join(data.pop(figures.MIME, "")):
                    _show_figure(data, svg, lookup)
    return notebook


def _show_figure(data: dict, svg: str, lookup: Lookup) -> None:
    """Put a figure that has Chinese texts in place of its picture; one without words stays a picture."""
    new = figures.replaced(svg, lookup)
    if new != svg:
        data.pop("image/png", None)
        data["image/svg+xml"] = [figures.page_size(new)]


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def translate(out: Path, strict: bool = False) -> list[Path]:
    """Write the Chinese pages, notebooks, contents and pictures below `out`. Returns the files that changed."""
    forget()
    _anchors.cache_clear()
    changed = []

    def keep(path: Path, text: str) -> None:
        if write(path, text):
            changed.append(path)

    toc = (ROOT / "_toc.yml").read_text(encoding="utf-8")
    keep(out / "_toc.yml", _contents(toc, translations("toc", strict)))
    for page in [*pages(), *notebook_files()]:
        lookup = translations(catalogue_of(page), strict)
        text = page.read_text(encoding="utf-8")
        try:
            if page.suffix == ".md":
                text = _with_anchors(replaced(text, lookup), page, strict)
            else:
                finish = partial(_with_anchors, page=page, strict=strict)
                notebook = translated_notebook(json.loads(text), lookup, finish)
                text = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
        except (ValueError, SyntaxError) as error:
            raise ValueError(f"{page.relative_to(ROOT)}: {error}") from error
        keep(out / page.relative_to(ROOT), text)
    for pattern in ("book/*.bib", "book/_static/*.svg", "book/_static/*.png"):
        for file in ROOT.glob(pattern):
            target = out / file.relative_to(ROOT)
            if file.name in PICTURES:
                keep(target, figures.replaced(file.read_text(encoding="utf-8"), translations("site", strict)))
            elif not target.exists() or target.read_bytes() != file.read_bytes():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, target)
                changed.append(target)
    return changed


def _contents(toc: str, lookup: Lookup) -> str:
    def quoted(match: re.Match) -> str:
        return match[1] + json.dumps(lookup(yaml.safe_load(match[2])), ensure_ascii=False)

    return TOC.sub(quoted, toc)
