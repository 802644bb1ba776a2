"""Put both languages together into one site: images that are used, sitemap, robots.txt and the index for search."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from website.places import CACHE, CHINESE, repository, site_url, volumes


def assemble(folder: Path) -> None:
    """Write the whole site into `folder`, which is new."""
    shutil.copytree(CACHE / "en" / "html", folder, ignore=shutil.ignore_patterns(".buildinfo", "mystnb.*"))
    chinese = CACHE / CHINESE / "html"
    shutil.copytree(chinese, folder / "zh", ignore=shutil.ignore_patterns(".buildinfo", "mystnb.*", "_static"))
    for language in (folder, folder / "zh"):
        pages = "".join(page.read_text(encoding="utf-8") for page in language.rglob("*.html"))
        for image in (language / "_images").glob("*"):
            if image.name not in pages:
                image.unlink()
    for language, target in (("en", folder), (CHINESE, folder / "zh")):
        for file in volumes(language):
            shutil.copyfile(file, target / file.name)
    url = site_url(repository())
    (folder / "sitemap.xml").write_text(sitemap(folder, url), encoding="utf-8")
    (folder / "robots.txt").write_text(f"User-agent: *\nAllow: /\n\nSitemap: {url}sitemap.xml\n")
    (folder / ".nojekyll").touch()  # GitHub Pages would leave out folders that begin with _
    index_for_search(folder)


def sitemap(folder: Path, url: str) -> str:
    """Every page, and with each the page in the other language."""
    entries = []
    for page in sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*.html") if p.name != "404.html"):
        if page.startswith("zh/"):
            continue
        page = re.sub(r"(^|/)index\.html$", r"\1", page)
        links = "".join(
            f'<xhtml:link rel="alternate" hreflang="{code}" href="{url}{prefix}{page}"/>'
            for code, prefix in (("en", ""), ("zh-CN", "zh/"), ("x-default", ""))
        )
        entries += [f"<url><loc>{url}{prefix}{page}</loc>{links}</url>" for prefix in ("", "zh/")]
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" '
        'xmlns:xhtml="http://www.w3.org/1999/xhtml">\n' + "\n".join(entries) + "\n</urlset>\n"
    )


HAN = "\u3400-\u4dbf\u4e00-\u9fff"  # Chinese characters, the same ones as in site.js


def index_for_search(folder: Path) -> None:
    """Write `pagefind/`. Each Chinese character is a word: cut into real words, 注意力 would not be found in 注意|力.

    site.js asks for the characters of a query as a phrase, and takes the spaces out of what it shows.
    """
    texts = folder.with_name("html.index")
    shutil.rmtree(texts, ignore_errors=True)
    for page in folder.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        spaced = re.sub(f"(<[^>]*>)|([{HAN}])(?=[{HAN}])", lambda found: found[1] or f"{found[2]} ", text)
        target = texts / page.relative_to(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(spaced, encoding="utf-8")
    command = [sys.executable, "-m", "pagefind", "--site", str(texts), "--output-path", str(folder / "pagefind")]
    command += ["--exclude-selectors", ".headerlink, .cell_input, .stream"]
    done = subprocess.run(command, capture_output=True, text=True)
    shutil.rmtree(texts)
    if done.returncode:
        raise SystemExit(f"pagefind failed:\n{done.stdout}{done.stderr}")
    for unused in (folder / "pagefind").glob("pagefind-*"):  # its user interfaces; the site has its own
        if unused.name != "pagefind-worker.js" and unused.suffix in {".js", ".css"}:
            unused.unlink()
