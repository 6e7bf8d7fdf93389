"""A look at pages in a process of its own: axe-core, sideways scrolling, jumps, too much script.

python -m tests_e2e.browser.look < orders.jsonl > faults.jsonl

Playwright keeps an event loop in its thread, in which Django's connections are others than those of the test.
"""

from __future__ import annotations

import json
import subprocess
import sys
import traceback
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from tests_e2e.browser import chromium
from tests_e2e.conftest import skip_or_fail

AXE = Path(__file__).parent / "vendor" / "axe-core-4.14.1.min.js"
SERIOUS = ("serious", "critical")
MAX_SCRIPT = 300_000
MAX_SHIFT = 0.1  # cumulative layout shift that still counts as good
# What the browser has noted since the page began; htmx has put in what it asked for.
SHIFT = """() => new Promise(done => {
  let sum = 0;
  const moved = new Set();
  const watch = new PerformanceObserver(list => {
    for (const shift of list.getEntries()) {
      if (shift.hadRecentInput) continue;
      sum += shift.value;
      for (const { node } of shift.sources) moved.add(node?.className || node?.nodeName);
    }
  });
  watch.observe({ type: "layout-shift", buffered: true });
  requestAnimationFrame(() => requestAnimationFrame(() => done([sum, [...moved]])));
})"""
# igv.js draws its own buttons and menus; ours end at the frame around it.
RUN = """async () => (await axe.run(
  { exclude: [["[data-igv]"]] },
  { resultTypes: ["violations"], runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }
)).violations"""


@dataclass(frozen=True)
class Order:
    """Which pages to look at, by name, and how: a light or dark scheme, a width, signed in by cookies."""

    url: str
    paths: dict[str, str]
    scheme: str
    width: int
    cookies: dict[str, str] = field(default_factory=dict)
    has_genome: bool = False
    """igv.js is on the pages: wait until it has drawn; the bound on script does not hold for it."""


def look(order: Order) -> list[str]:
    """What is wrong with the pages; skips where there is no browser."""
    if chromium.program() is None:
        skip_or_fail("Chromium is not installed")
    process = _started()
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(asdict(order)) + "\n")
    process.stdin.flush()
    answer = process.stdout.readline()
    if not answer:
        _started.cache_clear()
        raise RuntimeError("the browser's process has ended")
    found = json.loads(answer)
    assert "broke" not in found, found["broke"]
    faults: list[str] = found["wrong"]
    return faults


@cache
def _started() -> subprocess.Popen[str]:
    """One browser for all looks of a test run: it ends with its standard input, and so with the run."""
    command = [sys.executable, "-m", "tests_e2e.browser.look"]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def main() -> None:
    """Carry out the orders on standard input, one a line; an answer to each."""
    with sync_playwright() as playwright:
        browser = chromium.launch(playwright)
        for line in sys.stdin:
            try:
                answer: dict[str, Any] = {"wrong": _look(browser, Order(**json.loads(line)))}
            except Exception:  # the test that ordered it says so
                answer = {"broke": traceback.format_exc()}
            print(json.dumps(answer), flush=True)
        browser.close()


def _look(browser: Browser, order: Order) -> list[str]:
    """What is wrong with the pages of an order, in a window of its own."""
    wrong: list[str] = []
    scheme: Any = order.scheme
    with browser.new_context(viewport={"width": order.width, "height": 900}, color_scheme=scheme) as context:
        for name, value in order.cookies.items():
            context.add_cookies([{"name": name, "value": value, "url": order.url}])
        page = context.new_page()
        ours = (order.url, "data:", "blob:")
        page.on("request", lambda asked: None if asked.url.startswith(ours) else wrong.append(f"asked {asked.url}"))
        for name, path in order.paths.items():
            wrong += [f"{name}: {fault}" for fault in _faults(page, path, order)]
    return wrong


def _faults(page: Page, path: str, order: Order) -> list[str]:
    sizes: list[int] = []

    def measure(response: Any) -> None:
        if response.request.resource_type == "script":
            sizes.append(len(response.body()))

    page.on("response", measure)
    page.goto(order.url + path)
    if order.has_genome:
        page.locator("[data-igv] canvas").first.wait_for()
    page.wait_for_function("() => !document.querySelector('.htmx-request')")
    page.remove_listener("response", measure)
    shift, moved = page.evaluate(SHIFT)
    found = _ask_axe(page)
    if page.evaluate("() => document.documentElement.scrollWidth") > order.width:
        found.append(f"scrolls sideways at {order.width} px")
    if shift > MAX_SHIFT:
        found.append(f"jumps as it loads: a layout shift of {shift:.2f} ({', '.join(map(str, moved))})")
    if sum(sizes) > MAX_SCRIPT and not order.has_genome:
        found.append(f"{sum(sizes):,} bytes of script")
    return found


def _ask_axe(page: Page) -> list[str]:
    """What axe calls serious or critical: rule, what it says, where."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    faults: list[dict[str, Any]] = page.evaluate(RUN)
    return [
        f"{fault['id']}: {fault['help']}: {node['target']} {node['failureSummary'].splitlines()[-1].strip()}"
        for fault in faults
        if fault["impact"] in SERIOUS
        for node in fault["nodes"][:3]
    ]


if __name__ == "__main__":
    main()
