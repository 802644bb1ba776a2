"""Runs in a notebook's kernel before its first cell: each figure is also kept as a small SVG whose text stays text.

The Chinese edition replaces its texts, so that a changed translation needs no new run. The SVG stands beside the PNG
in the same output, under a MIME type of ours that Jupyter, Colab and GitHub pass over. The same figure gives the same
bytes: no date, no random ids. Artists of many points are pictures in it.
"""


def _offer_svg() -> None:
    import io
    import re

    from IPython import get_ipython
    from IPython.core.formatters import BaseFormatter
    from traitlets import Unicode

    many = 2000  # points

    class FigureFormatter(BaseFormatter):
        format_type = Unicode("application/vnd.advantage.figure+svg")

        def __call__(self, shown: object) -> str | None:  # Matplotlib's backend removes what is registered by type
            return svg(shown) if type(shown).__module__ == "matplotlib.figure" else None

    def points(artist) -> int:
        if hasattr(artist, "get_xydata"):
            return len(artist.get_xydata())
        if hasattr(artist, "get_array") and artist.get_array() is not None:
            return artist.get_array().size
        offsets = len(artist.get_offsets()) if hasattr(artist, "get_offsets") else 0
        paths = sum(len(path.vertices) for path in artist.get_paths()) if hasattr(artist, "get_paths") else 0
        return max(offsets, paths)

    def mathematical(text: str) -> bool:
        dollars = len(re.findall(r"(?<!\\)\$", text))
        return dollars > 0 and dollars % 2 == 0

    def has_words(text: str) -> bool:
        return bool(re.search("[A-Za-z]{2}", re.sub(r"\$[^$]*\$", " ", text) if mathematical(text) else text))

    def size(figure, text) -> list[float]:
        """Width in points of each line."""
        renderer, found = figure.canvas.get_renderer(), []
        for line in text.get_text().split("\n"):
            width, _, _ = renderer.get_text_width_height_descent(line, text.get_fontproperties(), mathematical(line))
            found.append(round(width * 72 / figure.dpi, 1))
        return found

    def svg(figure) -> str:
        import matplotlib as mpl
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        if not hasattr(figure.canvas, "get_renderer"):
            FigureCanvasAgg(figure)
        texts = [text for text in figure.findobj(mpl.text.Text) if has_words(text.get_text())]
        heavy = [
            artist
            for axes in figure.axes
            for artist in [*axes.lines, *axes.collections]
            if not artist.get_rasterized() and points(artist) > many
        ]
        old, file = [text.get_gid() for text in texts], io.StringIO()
        try:
            for number, text in enumerate(texts):
                text.set_gid(f"text-{number}-of-figure")
            for artist in heavy:
                artist.set_rasterized(True)
            with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "advantage"}):
                figure.savefig(file, format="svg", bbox_inches="tight", dpi=110, metadata={"Date": None})
        finally:
            for text, gid in zip(texts, old):
                text.set_gid(gid)
            for artist in heavy:
                artist.set_rasterized(False)
        return small(file.getvalue(), [(text, size(figure, text)) for text in texts])

    def small(source: str, texts: list) -> str:
        from html import escape

        def group(match) -> str:
            text, widths = texts[int(match[1])]
            where = f' data-align="{text.get_horizontalalignment()}" data-widths="{" ".join(map(str, widths))}"'
            plain = len(widths) == 1 and not mathematical(text.get_text())
            return f'<g data-text="{escape(text.get_text()).replace(chr(10), "&#10;")}"{"" if plain else where}>'

        def font(match) -> str:
            style, px, family = match.groups()
            kinds = {word: "style" if word in ("italic", "oblique") else "weight" for word in style.split()}
            new = [f"font-{kind}: {word}" for word, kind in kinds.items()] + [f"font-size: {float(px):g}px"]
            return "; ".join(new + ["font-family: monospace"] * ("Mono" in family.split(",")[0]))

        source = source[source.index("<svg") :]
        source = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", source, flags=re.DOTALL)
        source = re.sub(r"font: ([a-z0-9 ]*?)\s*([\d.]+)px ([^;\"]*)", font, source)
        source = re.sub(r'<g id="text-(\d+)-of-figure">', group, source)
        used = set(re.findall(r'(?:href="|url\()#([^")]+)', source))
        source = re.sub(r' id="([^"]*)"', lambda match: match[0] if match[1] in used else "", source)
        rounded = lambda match: f"{round(float(match[0]), 2):g}"  # noqa: E731
        source = re.sub(
            r' (?:d|x|y|transform|width|height|points)="[^"]*"',
            lambda match: re.sub(r"-?\d+\.\d+", rounded, match[0]),
            source,
        )
        source = re.sub(r'transform="rotate\(-?0[^"]*"', "", source)
        return re.sub(r"\s+", " ", re.sub(r"\s*\n\s*(?=<)|(?<=>)\s*\n\s*", "", source)).strip()

    formatter = FigureFormatter()
    get_ipython().display_formatter.formatters[formatter.format_type] = formatter


_offer_svg()
del _offer_svg
