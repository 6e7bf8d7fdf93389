"""axe-core in a page: what somebody without a mouse, without sight or with weak eyes would stumble over."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

SOURCE = Path(__file__).parent / "vendor" / "axe-core-4.14.1.min.js"
SERIOUS = ("serious", "critical")
# igv.js draws its own buttons and menus; ours end at the frame around it.
RUN = """async () => (await axe.run(
  { exclude: [["[data-igv]"]] },
  { resultTypes: ["violations"], runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }
)).violations"""


@cache
def _source() -> str:
    return SOURCE.read_text(encoding="utf-8")


def faults_of(page: Page) -> list[str]:
    """What axe calls serious or critical: rule, what it says, where."""
    page.evaluate(_source())
    found: list[dict[str, Any]] = page.evaluate(RUN)
    return [
        f"{fault['id']}: {fault['help']}: {node['target']} {node['failureSummary'].splitlines()[-1].strip()}"
        for fault in found
        if fault["impact"] in SERIOUS
        for node in fault["nodes"][:3]
    ]
