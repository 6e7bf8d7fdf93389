"""Pictures of every page and state, light and dark, at 1280 and 390 pixels, some at 2560.

python -m tests_e2e.browser.screenshots FOLDER [--only WORD]... [--keep VAR]

Starts a service of its own with a job in each state (see scene.py; minutes), takes the pictures and stops it. A page
that can be scrolled sideways, that the browser complains of, or that answers with another status than it should, is
named, and makes the exit code 1.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, Response, sync_playwright

from tests_e2e.browser import chromium
from tests_e2e.browser.scene import ADA, BEN, STAFF, Scene, stage
from tests_e2e.browser.shots import ALSO_WIDE, NOBODY, Shot, preparing, read, shots
from tests_e2e.emulators.loopback import free_port
from tests_e2e.service import Deployment

PAUSE = """
from gas import pausing
pausing.pause("The disk is being replaced; back at 14:00 UTC", None)
pausing.show_banner("Tonight from 22:00 to 23:00 UTC the service is away for an upgrade.", None)
"""
RESUME = """
from gas import pausing
pausing.resume(None)
pausing.show_banner("", None)
"""
BREAK = """
from annotations.models import Result
Result.objects.filter(pk={job!r}).update(summary={{"impacts": "broken on purpose"}})
"""


def main() -> int:
    """Take all pictures; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", action="append", default=[], metavar="WORD", help="pictures whose name has this")
    parser.add_argument("--keep", type=Path, help="make the service in this folder, and leave it there")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    complaints: list[str] = []
    with ExitStack() as stack:
        folder = given.keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gas-scene-")))
        scene = stack.enter_context(stage(folder))
        playwright = stack.enter_context(sync_playwright())
        browser = chromium.launch(playwright)
        camera = Camera(browser, scene.site.url, scene.sessions, given.folder, tuple(given.only))
        complaints += camera.take_all(shots(scene))
        complaints += camera.take_all(preparing(scene))
        complaints += _without_stripe(scene, camera)
        camera.print_report(f"{scene.paths['done']}report")
        scene.site.run_code(PAUSE)
        complaints += camera.take_all({"paused-submit": Shot("/jobs/new"), "paused-home": Shot("/", NOBODY)})
        complaints += camera.take_all({"paused-admin": Shot("/admin/", STAFF)})
        scene.site.run_code(RESUME)
        scene.site.run_code(BREAK.format(job=scene.paths["long"].strip("/").rpartition("/")[2]))
        complaints += camera.take_all({"error-500": Shot(scene.paths["long"], status=500)})
        complaints += _without_database(scene, camera)
    for complaint in complaints:
        print(complaint)
    return 1 if complaints else 0


def _without_database(scene: Scene, camera: Camera) -> list[str]:
    """A database that does not answer."""
    settings = {"GAS_DATABASE_URL": "postgresql://gas:gas@127.0.0.1:1/gas"}
    return _of_second_server(scene, camera, settings, {"error-503": Shot("/jobs/", status=503)})


def _without_stripe(scene: Scene, camera: Camera) -> list[str]:
    """A payment service that does not answer, asked by a web server that knows no prices yet."""
    settings = {"GAS_STRIPE_API_BASE": "http://127.0.0.1:1"}
    return _of_second_server(scene, camera, settings, {"plan-no-prices": Shot("/accounts/plan/", BEN)})


def _of_second_server(scene: Scene, camera: Camera, settings: dict[str, str], shots: dict[str, Shot]) -> list[str]:
    """Pictures of a web server beside the scene's, with other settings."""
    away = Deployment(scene.site.folder, {**scene.site.environment, "GAS_PORT": str(free_port()), **settings})
    try:
        away.start("web")
        return Camera(camera.browser, away.url, camera.sessions, camera.folder, camera.only).take_all(shots)
    finally:
        away.kill_all()


@dataclass(frozen=True)
class Camera:
    """A browser before a service; pictures go to `folder`."""

    browser: Browser
    url: str
    sessions: dict[str, str]
    folder: Path
    only: tuple[str, ...] = ()

    def take_all(self, wanted: dict[str, Shot]) -> list[str]:
        """Take these pictures at each width and in both schemes; what is wrong with the pages."""
        chosen = {name: shot for name, shot in wanted.items() if not self.only or any(w in name for w in self.only)}
        wrong: list[str] = []
        for scheme in ("light", "dark"):
            for width in ALSO_WIDE:
                for name, shot in chosen.items():
                    if width in shot.widths:
                        wrong += [
                            f"{name} {width} {scheme}: {fault}" for fault in self._take(name, shot, width, scheme)
                        ]
        return wrong

    def _context(self, who: str, width: int, scheme: str) -> BrowserContext:
        context = self.browser.new_context(
            viewport={"width": width, "height": 800 if width < 2000 else 1300},
            color_scheme="dark" if scheme == "dark" else "light",
            locale="en-GB",
        )
        if who:
            context.add_cookies([{"name": "sessionid", "value": self.sessions[who], "url": self.url}])
        return context

    def _take(self, name: str, shot: Shot, width: int, scheme: str) -> list[str]:
        wrong: list[str] = []
        context = self._context(shot.who, width, scheme)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        try:
            response = page.goto(self.url + shot.path)
            if response is not None and response.status == HTTPStatus.ACCEPTED != shot.status:
                page.locator("#preparing").wait_for(state="detached", timeout=60_000)  # a table at its first look
                response = page.reload()
            _settle(page)
            if shot.act is not None:
                shot.act(page)
                _settle(page)
            wrong += _faults(page, response, shot)
        except Exception as error:  # the other pictures are wanted all the same
            wrong.append(str(error).splitlines()[0])
        page.screenshot(path=self.folder / f"{name}-{width}-{scheme}.png", full_page=True)
        context.close()
        return wrong

    def print_report(self, path: str) -> None:
        """The report as a printer gets it."""
        context = self._context(ADA, 1280, "light")
        page = context.new_page()
        page.goto(self.url)
        read(path)(page)
        page.pdf(path=self.folder / "report.pdf", format="A4")
        context.close()


def _settle(page: Page) -> None:
    page.wait_for_function("() => !document.querySelector('.htmx-request')")


def _faults(page: Page, response: Response | None, shot: Shot) -> list[str]:
    found = []
    if response is not None and response.status != shot.status:
        found.append(f"answered {response.status}, not {shot.status}")
    if page.evaluate("() => document.documentElement.scrollWidth > document.documentElement.clientWidth"):
        found.append("scrolls sideways")
    return found


if __name__ == "__main__":
    sys.exit(main())
