"""The Chromium that is installed here, for tests, pictures and benchmarks."""

from __future__ import annotations

import os
import shutil

from playwright.sync_api import Browser, Playwright


def program() -> str | None:
    """Where it is; None where there is none."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


def launch(playwright: Playwright) -> Browser:
    """Start it."""
    # Chromium's sandbox refuses root, and root only.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    return playwright.chromium.launch(executable_path=program(), args=arguments)
