"""Build the site: English into _build/html, Chinese into _build/html/zh.

    python tools/book.py              # build what changed, say where to open it
    python tools/book.py --strict     # the same, and a warning is an error (tests)
    python tools/book.py --serve      # build, serve, and build again on every change

Each language is built in a process of its own, into `_build/cache`, from which Sphinx takes what did not change. The
finished site is put together beside the old one and takes its place in one step: an interrupted build leaves the old
site whole.
"""

import argparse
import hashlib
import json
import multiprocessing
import re
import shutil
import subprocess
import sys
import threading
import time
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "_build"
CACHE = BUILD / "cache"
SITE = BUILD / "html"
LANGUAGES = ["en", "zh_CN"]
SOURCES = [
    "_config.yml",
    "_toc.yml",
    "pyproject.toml",
    "book",
    "notebooks",
    "src",
    "benchmarks/gpu.json",
    "tools/chinese",
]
TOOLS = [
    "_config.yml",
    "book/_ext",
    "tools/book.py",
    "requirements.lock",
    "benchmarks/gpu.json",
]  # if one of these changed, nothing cached counts
PORT = 8000


def repository() -> str:
    """The repository's address, from the one place where it stands."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]["Repository"]


def site_url(repository: str) -> str:
    """Where GitHub Pages publishes a repository."""
    owner, name = repository.rstrip("/").split("/")[-2:]
    host = f"https://{owner.lower()}.github.io/"
    return host if f"https://{name.lower()}/" == host else f"{host}{name}/"


def digest(names: list[str]) -> str:
    """Hash of files and folders under the root, by name and content."""
    total = hashlib.sha256()
    for name in names:
        path = ROOT / name
        files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
        for file in files:
            if "__pycache__" in file.parts or file.name.startswith("."):
                continue
            total.update(f"\0{file.relative_to(ROOT).as_posix()}\0".encode())
            total.update(file.read_bytes())
    return total.hexdigest()


# --- one language --------------------------------------------------------------------------------------------------


def translated_sources(folder: Path) -> None:
    """Bring the Chinese pages and notebooks in `folder` up to date; files that would not change are left alone."""
    sys.path.insert(0, str(ROOT / "tools"))
    from chinese.edition import translate

    translate(folder)
    for old in [p for p in folder.rglob("*") if p.is_file() and not (ROOT / p.relative_to(folder)).exists()]:
        old.unlink()


def build_language(language: str, strict: bool) -> None:
    """Build one language into the cache; raises SystemExit(1) after saying what is wrong."""
    from jupyter_book.config import get_final_config
    from sphinx.application import Sphinx
    from sphinx.errors import SphinxError

    folder = CACHE / language
    source = ROOT
    if language != "en":
        source = folder / "source"
        translated_sources(source)
    sys.path.insert(0, str(ROOT / "book" / "_ext"))
    from site_words import word

    config, _ = get_final_config(user_yaml=ROOT / "_config.yml", cli_config={"latex_individualpages": False})
    config.pop("comments_config", None)  # of an extension that we leave out
    config |= {
        "language": language,
        "html_title": word(config["html_title"], language),
        "templates_path": [str(ROOT / "book" / "_templates")],
        "bibtex_bibfiles": [str(ROOT / name) for name in config["bibtex_bibfiles"]],
        "external_toc_path": (source / "_toc.yml").as_posix(),
        "site_repository": repository(),
        "site_url": site_url(repository()),
        "smartquotes": language == "en",
    }
    try:
        app = Sphinx(
            srcdir=source,
            confdir=None,
            outdir=folder / "html",
            doctreedir=folder / "doctrees",
            buildername="html",
            confoverrides=config,
            status=None,
            warningiserror=strict,
            keep_going=True,
        )
        app.build()
    except SphinxError as error:
        print(f"{language}: {error.category}: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    for old in (folder / "html").rglob("*"):  # pages that are no longer in the book
        docname = old.relative_to(folder / "html").with_suffix("").as_posix()
        if old.suffix in {".html", ".ipynb"} and docname not in {*app.env.found_docs, "index", "404"}:
            old.unlink()
    if app._warncount:
        (folder / "warned").touch()
    if app.statuscode:
        raise SystemExit(1)


# --- the whole site ------------------------------------------------------------------------------------------------


def assemble(folder: Path) -> None:
    """Put both languages, search, sitemap and robots.txt together in `folder`."""
    shutil.copytree(CACHE / "en" / "html", folder, ignore=shutil.ignore_patterns(".buildinfo", "mystnb.*"))
    shutil.copytree(CACHE / "zh_CN" / "html", folder / "zh", ignore=shutil.ignore_patterns(".buildinfo", "_static"))
    for language in (folder, folder / "zh"):
        pages = "".join(page.read_text(encoding="utf-8") for page in language.rglob("*.html"))
        for image in (language / "_images").glob("*"):
            if image.name not in pages:
                image.unlink()
    url = site_url(repository())
    paths = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*.html") if p.name != "404.html")
    english = [path for path in paths if not path.startswith("zh/")]
    entries = []
    for path in english:
        path = re.sub(r"(^|/)index\.html$", r"\1", path)
        links = "".join(
            f'<xhtml:link rel="alternate" hreflang="{code}" href="{url}{prefix}{path}"/>'
            for code, prefix in (("en", ""), ("zh-CN", "zh/"), ("x-default", ""))
        )
        entries += [f"<url><loc>{url}{prefix}{path}</loc>{links}</url>" for prefix in ("", "zh/")]
    (folder / "sitemap.xml").write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" '
        'xmlns:xhtml="http://www.w3.org/1999/xhtml">\n' + "\n".join(entries) + "\n</urlset>\n",
        encoding="utf-8",
    )
    (folder / "robots.txt").write_text(f"User-agent: *\nAllow: /\n\nSitemap: {url}sitemap.xml\n")
    (folder / ".nojekyll").touch()  # GitHub Pages would leave out folders that begin with _
    index_for_search(folder)


CHINESE = "\u3400-\u4dbf\u4e00-\u9fff"  # the same characters as in site.js


def index_for_search(folder: Path) -> None:
    """Write `pagefind/`. Each Chinese character is a word: cut into real words, 注意力 would not be found in 注意|力.

    site.js asks for the characters of a query as a phrase, and takes the spaces out of what it shows.
    """
    texts = folder.with_name("html.index")
    shutil.rmtree(texts, ignore_errors=True)
    for page in folder.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        spaced = re.sub(f"(<[^>]*>)|([{CHINESE}])(?=[{CHINESE}])", lambda found: found[1] or f"{found[2]} ", text)
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


def build(strict: bool) -> bool:
    """Build both languages. Returns whether all went well."""
    start = time.perf_counter()
    BUILD.mkdir(exist_ok=True)
    old, new = SITE.with_name("html.old"), SITE.with_name("html.new")
    if old.exists() and not SITE.exists():
        old.rename(SITE)  # an earlier build was interrupted between two renames
    state = {"sources": digest(SOURCES), "tools": digest(TOOLS)}
    done = CACHE / "done.json"  # absent while a build is under way: what one interrupted left behind does not count
    before = json.loads(done.read_text()) if done.exists() else {}
    warned = any((CACHE / language / "warned").exists() for language in LANGUAGES)
    if before == state and SITE.exists() and not (strict and warned):
        print(f"Nothing changed. {where()}")
        return True
    done.unlink(missing_ok=True)
    if before.get("tools") != state["tools"] or (strict and warned):
        shutil.rmtree(CACHE, ignore_errors=True)
    for language in LANGUAGES:
        (CACHE / language).mkdir(parents=True, exist_ok=True)
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=build_language, args=(language, strict)) for language in LANGUAGES]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if any(worker.exitcode for worker in workers):
        print("The site was not built; what was there before is unchanged.", file=sys.stderr)
        return False
    shutil.rmtree(new, ignore_errors=True)
    assemble(new)
    shutil.rmtree(old, ignore_errors=True)
    if SITE.exists():
        SITE.rename(old)
    new.rename(SITE)
    shutil.rmtree(old, ignore_errors=True)
    done.write_text(json.dumps(state))
    print(f"Built in {time.perf_counter() - start:.0f} s. {where()}")
    return True


def where() -> str:
    pages = f"  {SITE / 'index.html'}\n  {SITE / 'zh' / 'index.html'}"
    return f"Open\n{pages}\nor run `make serve`: search works only on a served page."


# --- serving -------------------------------------------------------------------------------------------------------


def serve() -> None:
    from watchfiles import watch

    import serving

    if not SITE.exists():
        raise SystemExit(1)
    rebuilt = threading.Condition()
    address = serving.start(SITE, PORT, rebuilt)
    print(f"Serving {address} and {address}zh/ (Ctrl-C ends it)", flush=True)
    try:
        for _ in watch(*(ROOT / name for name in [*SOURCES, *TOOLS] if (ROOT / name).exists()), debounce=400):
            if subprocess.run([sys.executable, __file__]).returncode == 0:
                with rebuilt:
                    rebuilt.notify_all()
    except KeyboardInterrupt:
        pass


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--strict", action="store_true", help="a warning is an error")
    parser.add_argument("--serve", action="store_true", help="serve the site, and build it again on every change")
    arguments = parser.parse_args()
    well = build(arguments.strict)
    if arguments.serve:
        serve()
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
