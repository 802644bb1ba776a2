"""The built site in Debian's Chromium (CHROMIUM names another). Without one they are skipped, in CI they fail."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from website import server

SITE = Path(__file__).resolve().parents[2] / "_build" / "html"
PAGES = sorted(p.relative_to(SITE).as_posix() for p in SITE.rglob("*.html") if p.name != "404.html")
SIZES = {"desktop": (1280, 800), "phone": (390, 844)}
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-background-networking --disable-component-update "
    "--disable-sync --no-first-run"
)


def chromium() -> str | None:
    if named := os.environ.get("CHROMIUM"):
        return named
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`path` is every page of both languages; `chapter` those made from a notebook."""
    if "path" in metafunc.fixturenames:
        metafunc.parametrize("path", PAGES or ["index.html"])
    if "chapter" in metafunc.fixturenames:
        metafunc.parametrize("chapter", [page for page in PAGES if "notebooks/" in page] or ["index.html"])


@pytest.fixture(scope="session")
def address() -> str:
    if not PAGES:
        pytest.fail("there is no site: run `make book`")
    return server.start(SITE)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    program = chromium()
    if program is None:
        message = "NOT RUN: the browser tests need Chromium (apt install chromium, or CHROMIUM=path)"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(message)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS.split())
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser, address: str) -> Iterator[Callable[..., Page]]:
    """open_page("index.html", "phone", "dark"): a page. A word on its console or a request elsewhere is a failure."""
    contexts, complaints = [], []

    def open_page(path: str, size: str = "desktop", scheme: str = "light", **options: object) -> Page:
        width, height = SIZES[size]
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, has_touch=size == "phone", **options
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.on("console", lambda m: m.type in ("error", "warning") and complaints.append(f"console: {m.text}"))
        page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        page.on(
            "request", lambda r: r.url.startswith((address, "data:", "blob:")) or complaints.append(f"outside: {r.url}")
        )
        page.on("response", lambda r: r.status >= 400 and complaints.append(f"{r.status}: {r.url}"))
        page.goto(address + path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not complaints, "\n".join(complaints)


COSTLY = ["pre", "math", "dt"]  # elements by the thousand, in few colours: `everywhere` looks at their contrast too


@pytest.fixture(scope="session")
def axe() -> Callable[..., list[str]]:
    """axe(page): what axe finds wrong, one line for each element; axe(page, everywhere=True): low contrast alone."""

    def axe(page: Page, everywhere: bool = False) -> list[str]:
        others = {"resultTypes": ["violations"], "rules": {"color-contrast": {"enabled": False}}}
        found = [] if everywhere else Axe().run(page, options=others).response["violations"]
        contrast = {"resultTypes": ["violations"], "runOnly": ["color-contrast"]}
        context = None if everywhere else {"exclude": [[name] for name in COSTLY]}
        found += Axe().run(page, context=context, options=contrast).response["violations"]
        return [f"{rule['id']}: {node['target']} {node['html'][:120]}" for rule in found for node in rule["nodes"]]

    return axe


# No promise of the browser's is waited for without an end: an image or a frame that never comes would hang the run.
SHOW_ALL = """async () => {
  const wait = (ms) => new Promise((done) => setTimeout(done, ms));
  for (const fold of document.querySelectorAll("article details")) fold.open = true;
  for (const image of document.images) image.loading = "eager";
  const shown = [...document.images].map((image) => image.decode().catch(() => {}));
  await Promise.race([Promise.all([...shown, document.fonts.ready]), wait(60_000)]);
  for (const box of document.querySelectorAll("pre, .table-scroll, .equation, .text_html")) {
    if (box.scrollWidth <= box.clientWidth + 1) continue;
    box.scrollIntoView({ behavior: "instant", block: "center" }); // near: it is made reachable by keyboard
    for (let frame = 0; frame < 1000 && box.tabIndex !== 0; frame++) {
      await Promise.race([new Promise(requestAnimationFrame), wait(50)]);
    }
  }
  await wait(50);
  scrollTo({ top: 0, behavior: "instant" });
}"""

PROBLEMS = r"""() => {
  const problems = [];
  const say = (...words) => problems.push(words.join(" "));
  const root = document.documentElement;
  if (root.scrollWidth > innerWidth) {
    const all = [...document.querySelectorAll("body *")];
    const wide = all.filter((e) => e.getBoundingClientRect().right > innerWidth + 1);
    say("scrolls sideways:", wide.slice(0, 3).map((e) => e.outerHTML.slice(0, 100)).join(" | "));
  }
  for (const image of document.images) {
    if (!image.alt.trim()) say("no alternative text:", image.src);
    if (!image.hasAttribute("width") || !image.hasAttribute("height")) say("no size:", image.src);
    if (!image.naturalWidth) say("not shown:", image.src);
  }
  for (const formula of document.querySelectorAll("math")) {
    const box = formula.getBoundingClientRect();
    if (box.width > 2 && box.height > 2 && !formula.querySelector("merror")) continue;
    say("formula not drawn:", formula.outerHTML.slice(0, 200));
  }
  const text = document.querySelector("article").cloneNode(true);
  for (const code of text.querySelectorAll("pre, code")) code.remove();
  const left = text.textContent.match(/\$\$|\\(frac|mathrm|sqrt|sum|begin|text)\b.{0,40}/);
  if (left) say("LaTeX left as text:", left[0]);
  return problems;
}"""


@pytest.fixture(scope="session")
def check_page(axe: Callable[[Page], list[str]]) -> Callable[[Page], list[str]]:
    """check_page(page): everything that is wrong with a page once all of it is shown and every fold is open."""

    def check_page(page: Page) -> list[str]:
        page.evaluate(SHOW_ALL)
        return page.evaluate(PROBLEMS) + axe(page)

    return check_page
