"""Measure every chapter page of both languages with Lighthouse: its phone profile, compressed as a host would.

    python tools/lighthouse.py [PAGE ...]    # pages by their address in the site; all chapters by default

Needs node and Chromium: `npx` fetches Lighthouse unless LIGHTHOUSE names its program. CHROME_PATH names another
Chromium.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import serving

SITE = Path(__file__).resolve().parents[1] / "_build" / "html"
TARGETS = {"performance": 97, "accessibility": 100, "best-practices": 100, "seo": 100}
FLAGS = "--headless=new --no-sandbox --disable-gpu --disable-background-networking --disable-component-update"


def measure(url: str) -> dict:
    command = [os.environ["LIGHTHOUSE"]] if "LIGHTHOUSE" in os.environ else ["npx", "--yes", "lighthouse"]
    command += [url, "--quiet", "--output=json", f"--chrome-flags={FLAGS}", f"--only-categories={','.join(TARGETS)}"]
    environment = {"CHROME_PATH": shutil.which("chromium") or shutil.which("google-chrome") or "", **os.environ}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout)


def performance(report: dict) -> float:
    return report["categories"]["performance"]["score"]


def main(pages: list[str]) -> int:
    if not pages:
        pages = sorted(p.relative_to(SITE).as_posix() for p in SITE.rglob("notebooks/**/*.html"))
        pages = ["index.html", "zh/index.html", *pages]
    address = serving.start(SITE)
    short = 0
    print(
        f"{'page':<46}"
        + "".join(f"{name:>16}" for name in TARGETS)
        + f"{'largest paint':>16}{'shift':>8}{'weight':>10}"
    )
    for page in pages:
        report = measure(address + page)
        if performance(report) * 100 < TARGETS["performance"]:  # on a busy machine: the median of three
            report = sorted([report, measure(address + page), measure(address + page)], key=performance)[1]
        scores = {name: round(report["categories"][name]["score"] * 100) for name in TARGETS}
        audits = report["audits"]
        print(
            f"{page:<46}"
            + "".join(f"{scores[name]:>16}" for name in TARGETS)
            + f"{audits['largest-contentful-paint']['numericValue'] / 1000:>14.2f} s"
            + f"{audits['cumulative-layout-shift']['numericValue']:>8.3f}"
            + f"{audits['total-byte-weight']['numericValue'] / 1024:>6.0f} KiB",
            flush=True,
        )
        for name, target in TARGETS.items():
            if scores[name] < target:
                short += 1
                for part in report["categories"][name]["auditRefs"]:
                    audit = audits[part["id"]]
                    if part["weight"] and audit["score"] is not None and audit["score"] < 0.9:
                        print(f"    {name}: {audit['title']} {audit.get('displayValue', '')}")
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
