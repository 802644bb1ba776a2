"""The directive `{run-times}`: a table of every notebook's last run, from its metadata and benchmarks/gpu.json."""

import json
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from website.places import ROOT
from website.words import speaker


def title(notebook: dict) -> str:
    """The text of the notebook's first heading."""
    for cell in notebook["cells"]:
        for line in "".join(cell["source"]).splitlines():
            if line.startswith("# "):
                return line[2:].strip()
    raise ValueError("the notebook has no heading of the first level")


class RunTimes(SphinxDirective):
    def run(self) -> list[nodes.Node]:
        source = Path(self.env.srcdir)
        gpu_file = ROOT / "benchmarks" / "gpu.json"
        gpu = json.loads(gpu_file.read_text()) if gpu_file.exists() else {}
        if gpu_file.exists():  # Sphinx reads a page that depends on a missing file every time
            self.env.note_dependency(str(gpu_file))
        word = speaker(self.config.language)
        heads = [word("Chapter"), word("CPU time"), word("Memory"), word("GPU"), word("Last run")]
        rows = []
        chapters = [
            Path(file).with_suffix("").as_posix()
            for tree in self.config.external_site_map.root.subtrees
            for file in tree.files()
        ]
        for docname in chapters:  # in the book's order
            path = source / f"{docname}.ipynb"
            if not path.exists():
                continue
            self.env.note_dependency(str(path))
            notebook = json.loads(path.read_text(encoding="utf-8"))
            run = notebook["metadata"].get("advantage", {})
            link = nodes.reference("", title(notebook), internal=True, refuri=f"../{docname}.html")
            rows.append(
                [
                    link,
                    f"{run['seconds']:.0f} s" if "seconds" in run else "–",
                    f"{run['peak_memory_mb']:.0f} MB" if "peak_memory_mb" in run else "–",
                    f"{gpu[docname]['seconds']:.0f} s, {gpu[docname]['device']}" if docname in gpu else "–",
                    run.get("date", "–"),
                ]
            )
        return [_table(heads, rows)]


def _table(heads: list[str], rows: list[list[nodes.Node | str]]) -> nodes.table:
    group = nodes.tgroup(cols=len(heads))
    group += [nodes.colspec(colwidth=1) for _ in heads]
    group += nodes.thead("", _row(heads))
    group += nodes.tbody("", *[_row(row) for row in rows])
    return nodes.table("", group)


def _row(cells: list[nodes.Node | str]) -> nodes.row:
    return nodes.row(
        "",
        *[
            nodes.entry("", nodes.paragraph("", "", cell if isinstance(cell, nodes.Node) else nodes.Text(cell)))
            for cell in cells
        ],
    )


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("run-times", RunTimes)
    return {"parallel_read_safe": True}
