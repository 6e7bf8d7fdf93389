"""The documentation's pages can be found, and what they point to is there."""

from __future__ import annotations

import re
from pathlib import Path

from gas.env import DECLARED

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def linked(page: Path) -> set[Path]:
    """The files that a page points to."""
    links = re.findall(r"\]\(([^)#]+)", page.read_text())
    return {(page.parent / link).resolve() for link in links if "://" not in link}


def test_every_link_leads_somewhere():
    missing = [f"{page.name}: {target}" for page in PAGES for target in linked(page) if not target.exists()]
    assert missing == []


def test_flags_are_written_as_the_settings_read_them():
    flags = {name for name, declared in DECLARED.items() if declared.kind == "true or false"}
    written = [
        (page.name, name, value)
        for page in [*PAGES, ROOT / "CHANGELOG.md"]
        for name, value in re.findall(r"\b(GAS_[A-Z_]+)=(\w+)", page.read_text())
        if name in flags
    ]
    assert written
    assert [entry for entry in written if entry[2] not in ("true", "false")] == []


def test_every_page_can_be_reached_from_the_readme():
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page not in reached and page.suffix == ".md" and page.exists():
            reached.add(page)
            waiting += linked(page)
    assert [page.name for page in PAGES if page not in reached] == []
