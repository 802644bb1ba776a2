"""Build the site: English into _build/html, Chinese into _build/html/zh.

    python tools/website              # build what changed, say where to open it
    python tools/website --strict     # the same, and a warning is an error (tests)
    python tools/website --serve      # build, serve, and build again on every change
    python tools/website --print      # build, write the book as PDF and EPUB, and build again with links to them

Each language is built in a process of its own, into `_build/cache`, from which Sphinx takes what did not change. The
finished site is put together beside the old one and takes its place in one step: an interrupted build leaves the old
site whole.
"""

import argparse
import hashlib
import json
import multiprocessing
import shutil
import sys
import time
from pathlib import Path

from website.assemble import assemble
from website.places import BUILD, CACHE, LANGUAGES, ROOT, SITE, TEMPLATES, repository, site_url
from website.words import speaker

TOOLS = ["_config.yml", "tools/website", "requirements.lock"]  # if one of these changed, nothing cached counts
SOURCES = ["_toc.yml", "pyproject.toml", "book", "notebooks", "src", "benchmarks/gpu.json", "tools/chinese"]
PRINTED = "_build/print"


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


def translated_sources(folder: Path) -> None:
    """Bring the Chinese pages and notebooks in `folder` up to date; files that would not change are left alone."""
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
    config, _ = get_final_config(user_yaml=ROOT / "_config.yml", cli_config={"latex_individualpages": False})
    config.pop("comments_config", None)  # of an extension that we leave out
    config |= {
        "language": language,
        "html_title": speaker(language)(config["html_title"]),
        "templates_path": [str(TEMPLATES)],
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


def build(strict: bool) -> bool:
    """Build both languages. Returns whether all went well."""
    start = time.perf_counter()
    BUILD.mkdir(exist_ok=True)
    old, new = SITE.with_name("html.old"), SITE.with_name("html.new")
    if old.exists() and not SITE.exists():
        old.rename(SITE)  # an earlier build was interrupted between two renames
    state = {"sources": digest([*SOURCES, PRINTED]), "tools": digest(TOOLS)}
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


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--strict", action="store_true", help="a warning is an error")
    parser.add_argument("--serve", action="store_true", help="serve the site, and build it again on every change")
    parser.add_argument("--print", action="store_true", help="write the whole book as PDF and EPUB, too")
    arguments = parser.parse_args()
    if arguments.serve:
        from website.serve import serve

        return serve([*SOURCES, *TOOLS])
    if arguments.print:
        from website.printed import print_book

        return 0 if build(arguments.strict) and print_book() and build(arguments.strict) else 1
    return 0 if build(arguments.strict) else 1
