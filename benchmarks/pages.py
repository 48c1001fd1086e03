"""How long a page takes to be ready in Chromium, and what it loads for it.

Usage: python benchmarks/pages.py [--times 10] [--shots DIR]

Plays the demo to its warning, with the shipped cards, and opens every page in Debian's Chromium: ready is when the page has
loaded and, where there is one, its picture is drawn, counted from the click on. `cold`: a browser that has never been there;
`again`: one that keeps what it loaded. With --shots the first page and the episode are kept as PNG, as the README shows them.
"""

from __future__ import annotations

import argparse
import pathlib
import statistics
import struct
import zlib
from typing import Any

from playwright.sync_api import sync_playwright

from aiops.web.demo import Show, shown

PAGES = ("/", "/warnings/{id}", "/scorecard", "/cards", "/runbooks", "/sources", "/rules", "/report", "/ledger")
READY = """() => document.readyState === 'complete' && performance.getEntriesByType('navigation')[0].loadEventEnd > 0
  && (!document.querySelector('figure[data-plot]') || document.querySelector('figure[data-drawn] canvas'))"""
MS = """() => Math.max(performance.getEntriesByType('navigation')[0].loadEventEnd,
  ...performance.getEntriesByName('drawn').map(e => e.startTime))"""
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
WIDE, HIGH = 860, 2600


def warned(show: Show) -> str:
    """Let the recording go on until a runbook asks; the warning that it asks about."""
    return next(line.fields["warning"] for line in show.lines if line.event == "response")


def opened(context: Any, url: str) -> tuple[float, int, int]:
    """(ms until ready, bytes of scripts, bytes in all) as they came over the wire; what was kept costs nothing."""
    page, sizes = context.new_page(), []
    page.on("requestfinished", lambda r: sizes.append((r.resource_type, r)))
    page.goto(url)
    page.wait_for_function(READY)
    ms = float(page.evaluate(MS))
    wire = [(kind, 0 if r.response().from_service_worker else r.sizes()["responseBodySize"]) for kind, r in sizes]
    page.close()
    return ms, sum(n for kind, n in wire if kind == "script"), sum(n for _, n in wire)


def measure(browser: Any, url: str, times: int) -> str:
    """One line: cold and again, medians and the slowest."""
    cold, again = [], []
    for _ in range(times):
        context = browser.new_context()
        cold.append(opened(context, url))
        again.append(opened(context, url))
        context.close()
    first, later = [one[0] for one in cold], [one[0] for one in again]
    return (
        f"cold {statistics.median(first):5.0f} ms (slowest {max(first):5.0f}), again {statistics.median(later):5.0f} ms, "
        f"scripts {max(one[1] for one in cold) / 1000:5.1f} kB, in all {max(one[2] for one in cold) / 1000:5.1f} kB"
    )


def shots(browser: Any, show: Show, warning_id: str, folder: pathlib.Path) -> None:
    """The two pictures of the README, as somebody who is logged in sees these pages; of each what stands above a heading."""
    context = browser.new_context(viewport={"width": WIDE, "height": HIGH}, timezone_id="UTC", locale="en-GB")
    page = context.new_page()
    page.goto(show.door)
    page.click("main button")
    page.wait_for_url(f"{show.url}/")
    for name, path, below in (("now", "/", "h2:text-is('Over')"), ("episode", f"/warnings/{warning_id}", "#why")):
        page.goto(show.url + path)
        page.wait_for_function(READY)
        page.wait_for_timeout(300)
        while (box := page.locator(below).bounding_box()) is None:  # the page is just showing itself anew
            page.wait_for_timeout(50)
        high = box["y"] - 8
        shot = page.screenshot(full_page=True, clip={"x": 0, "y": 0, "width": WIDE, "height": high})
        (folder / f"{name}.png").write_bytes(small(shot))
    context.close()


def small(png: bytes) -> bytes:
    """The same picture packed as tightly as zlib can, without anything but its pixels."""
    at, head, data = 8, b"", b""
    while at < len(png):
        length, kind = struct.unpack(">I4s", png[at : at + 8])
        body = png[at + 8 : at + 8 + length]
        head, data = (body, data) if kind == b"IHDR" else (head, data + body) if kind == b"IDAT" else (head, data)
        at += 12 + length
    packed = min((zlib.compress(zlib.decompress(data), 9), data), key=len)
    chunks = ((b"IHDR", head), (b"IDAT", packed), (b"IEND", b""))
    return png[:8] + b"".join(struct.pack(">I", len(b)) + k + b + struct.pack(">I", zlib.crc32(k + b)) for k, b in chunks)


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--shots", type=pathlib.Path)
    asked = parser.parse_args()
    with shown(60, paced=False) as show, sync_playwright() as p:
        warning_id = warned(show)
        browser = p.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        for path in PAGES if asked.times else ():
            url = show.url + path.format(id=warning_id)
            print(f"{path:15} {measure(browser, url, asked.times)}", flush=True)
        if asked.shots:
            asked.shots.mkdir(parents=True, exist_ok=True)
            shots(browser, show, warning_id, asked.shots)
        browser.close()


if __name__ == "__main__":
    main()
