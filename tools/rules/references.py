"""References: the bibliography, what cites it, and links that lead nowhere."""

import re
from collections.abc import Iterator
from pathlib import Path

import markdown
from rules.chapter import ROOT, Chapter, Fault, rule


def source_of(url: str) -> str:
    """What a link cites: doi:…, arxiv:… without version, or the address itself."""
    url = url.split("#")[0].rstrip("/")
    if found := re.match(r"https?://(?:dx\.)?doi\.org/(.+)$", url):
        doi = found[1].lower()
        arxiv = re.match(r"10\.48550/arxiv\.(.+)$", doi)
        return f"arxiv:{arxiv[1]}" if arxiv else f"doi:{doi}"
    if found := re.match(r"https?://arxiv\.org/(?:abs|pdf)/([^v?]+|[a-z-]+/\d+)", url):
        return f"arxiv:{found[1].removesuffix('.pdf')}"
    return re.sub(r"^https?://(www\.)?", "", url)


def bibliography(root: Path = ROOT) -> dict[str, set[str]]:
    """Key of each entry of references.bib with what it may be cited by."""
    from pybtex.database import parse_file

    file = root / "book" / "references.bib"
    found = {}
    for key, entry in parse_file(str(file), "bibtex").entries.items() if file.exists() else ():
        fields = {name.lower(): value.strip() for name, value in entry.fields.items()}
        found[key] = {source_of(f"https://doi.org/{fields['doi']}")} if "doi" in fields else set()
        found[key] |= {f"arxiv:{fields['eprint'].split('v')[0]}"} if "eprint" in fields else set()
        found[key] |= {source_of(fields["url"])} if "url" in fields else set()
    return found


def uncited(root: Path = ROOT) -> list[str]:
    """Entries of the bibliography that no page cites, by a link or a {cite} role."""
    cited = set()
    for page in [*(root / "notebooks").rglob("*.md"), *(root / "book").glob("*.md")]:
        text = page.read_text(encoding="utf-8")
        cited |= {source_of(url) for url, _ in markdown.links(markdown.parse(text)) if url.startswith("http")}
        for role in re.findall(r"\{cite[^}]*\}`([^`]+)`", text):
            cited |= {key.strip() for key in role.split(",")}
    return [f"{key}: no page cites it" for key, names in bibliography(root).items() if not ({key} | names) & cited]


def is_outside(url: str) -> bool:
    return re.match(r"[a-z][a-z0-9+.-]*:", url) is not None


def broken_links(page: Path, tokens: list, text: str, root: Path = ROOT) -> Iterator[Fault]:
    """Links of a page that lead nowhere, to an anchor that is not there, or out by something else than https."""
    for url, line in markdown.links(tokens):
        path, _, anchor = url.partition("#")
        target = (page.parent / path).resolve() if path else page
        if is_outside(url):
            if not url.startswith(("https://", "mailto:")):
                yield line, f"{url}: links leave the course by https only"
        elif path and not target.is_relative_to(root.resolve()):
            yield line, f"{url}: leads out of the repository"
        elif path and not target.exists():
            yield line, f"{url}: there is no such file"
        elif anchor and anchor not in markdown.anchors(text if target == page else markdown.text_of(target)):
            yield line, f"{url}: {target.name} has no heading with that anchor"


@rule("contents")
def citations(chapter: Chapter) -> Iterator[Fault]:
    """Every DOI and arXiv link, and every link under References, is in the bibliography."""
    known = set().union(*bibliography(chapter.root).values())
    references = {url for url, _ in markdown.links(chapter.section("References"))}
    if "course" in chapter.scopes and not references:
        yield chapter.line_of("References"), "no link under References"
    for url, line in dict(markdown.links(chapter.blocks)).items():
        source = source_of(url)
        if (source.startswith(("doi:", "arxiv:")) or url in references) and source not in known:
            yield line, f"{url} is not in book/references.bib (doi, eprint or url)"


@rule("contents")
def relative_links(chapter: Chapter) -> Iterator[Fault]:
    """Links inside the course resolve, anchors too; to chapters they end in .ipynb, to pages of book/ in .md."""
    text = "\n\n".join(source for _, source in chapter.prose)
    yield from broken_links(chapter.md, chapter.blocks, text, chapter.root)
    for url, line in markdown.links(chapter.blocks):
        path = url.partition("#")[0]
        target = (chapter.md.parent / path).resolve()
        for folder, ending, what in (("notebooks", ".ipynb", "a chapter"), ("book", ".md", "a page of book/")):
            inside = target.is_relative_to((chapter.root / folder).resolve())
            if path and not is_outside(url) and inside and target.suffix != ending:
                yield line, f"{url}: a link to {what} ends in {ending}"
