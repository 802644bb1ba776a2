"""What the page of calculators weighs, when its sliders are ready, what a change takes, how far it is from CPython.

    python benchmarks/calculators.py      # after `make book`; needs Chromium

Seconds are wall time; beside them stands the processor's time of the page's thread, which other programs do not
lengthen.
"""

import gzip
import random
import statistics
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tools")]

from playwright.sync_api import CDPSession, Page, sync_playwright  # noqa: E402

from website import pdf, server  # noqa: E402
from website.calculators.answer import Answer, answer, numbers, position  # noqa: E402
from website.calculators.declared import NAMES, calculator  # noqa: E402
from website.places import SITE  # noqa: E402

ROUNDS = 5
MOVE = """async ([name, steps]) => {
  const form = document.getElementById("calculator-" + name), sliders = form.querySelectorAll("input[type=range]");
  const walls = [];
  for (let n = 0; n < steps; n++) {
    const slider = sliders[n % sliders.length], before = Number(form.dataset.answers || 0), begin = performance.now();
    slider.value = Number(slider.value) + (n % 2 ? 3 : -3);
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    while (Number(form.dataset.answers || 0) <= before) await new Promise((done) => setTimeout(done, 0));
    walls.push(performance.now() - begin);
  }
  return walls;
}"""


def busy(session: CDPSession) -> float:
    """Seconds of the processor that the page's thread has used."""
    metrics = {m["name"]: m["value"] for m in session.send("Performance.getMetrics")["metrics"]}
    return metrics["TaskDuration"]


def measured(page: Page, session: CDPSession, address: str) -> dict[str, float]:
    """One visit: bytes (packed) before and after the first touch, and seconds until the answer to it."""
    asked: list = []
    page.on("response", lambda response: asked.append(response))
    page.goto(address, wait_until="networkidle")
    before = sum(len(gzip.compress(response.body())) for response in asked)
    count, begin, work = len(asked), time.perf_counter(), busy(session)
    page.locator("#unit-economics-batch").fill("65")
    page.locator("#calculator-unit-economics[data-answers]").wait_for()
    ready, work = time.perf_counter() - begin, busy(session) - work
    after = sum(len(gzip.compress(response.body())) for response in asked[count:])
    return {"before": before / 1024, "after": after / 1024, "ready": ready, "ready_processor": work}


def largest_difference(page: Page, name: str, points: int = 200) -> float:
    """The largest relative difference between the page's numbers and CPython's, over settings at random."""
    draw, worst = random.Random(3), 0.0
    arguments = calculator(name).arguments
    for _ in range(points):
        values = [position(argument, draw.random()) for argument in arguments]
        if isinstance(answer(name, values), Answer):
            said = page.evaluate("([name, values]) => calculators.compute(name, ...values)", [name, values])
            for there, here in zip(map(float, said.split()), numbers(name, values)):
                if there != here:
                    worst = max(worst, abs(there - here) / max(abs(here), 1e-12))
    return worst


def main() -> None:
    address = server.start(SITE) + "book/calculators.html"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=pdf.chromium(), args=["--headless", "--no-sandbox"])
        visits = []
        for _ in range(ROUNDS):
            page = browser.new_context().new_page()
            session = page.context.new_cdp_session(page)
            session.send("Performance.enable", {"timeDomain": "threadTicks"})
            visits.append(measured(page, session, address))
        middle = {what: statistics.median(visit[what] for visit in visits) for what in visits[0]}
        print(f"KiB packed: {middle['before']:.0f} before the first touch, {middle['after']:.0f} at it")
        print(f"ready: {middle['ready']:.2f} s, {middle['ready_processor']:.2f} s of the processor ({ROUNDS} visits)")
        print("calculator        ms a change    of the processor    largest difference from CPython")
        for name in NAMES:
            page.evaluate(MOVE, [name, 20])
            work = busy(session)
            walls = page.evaluate(MOVE, [name, 40])
            work = (busy(session) - work) / 40
            difference = largest_difference(page, name)
            print(f"{name:<18}{statistics.median(walls):>11.0f}{1e3 * work:>20.1f}{difference:>35.1e}")
        browser.close()


if __name__ == "__main__":
    main()
