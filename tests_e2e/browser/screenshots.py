"""Pictures of every page and state, light and dark, at 1280 and 390 pixels, some at 2560.

python -m tests_e2e.browser.screenshots FOLDER [--only WORD]... [--keep VAR]

Starts a service of its own with a job in each state (see scene.py; minutes), takes the pictures and stops it. A page
that can be scrolled sideways, that the browser complains of, or that answers with another status than it should, is
named, and makes the exit code 1.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin

from playwright.sync_api import Browser, BrowserContext, Page, Response, sync_playwright

from tests_e2e.browser import chromium
from tests_e2e.browser.scene import ADA, BEN, MANY, STAFF, Scene, stage
from tests_e2e.emulators.loopback import free_port
from tests_e2e.inputs import SAMPLE, small_vcf
from tests_e2e.service import Deployment

WIDTHS = (1280, 390)
ALSO_WIDE = (1280, 390, 2560)
NOBODY = ""


@dataclass(frozen=True)
class Shot:
    """One picture: where, as whom, and what is done there before it is taken."""

    path: str
    who: str = ADA
    act: Callable[[Page], object] | None = None
    widths: tuple[int, ...] = WIDTHS
    status: int = 200


# --- What is done before a picture ----------------------------------------------------------------
def _menu(page: Page) -> None:
    page.locator("header details.menu summary").click()


def _tab(page: Page) -> None:
    page.keyboard.press("Tab")


def _expand(page: Page) -> None:
    page.locator(".expand").nth(2).click()
    page.locator("tr.detail").first.wait_for()


def _open(name: str) -> Callable[[Page], None]:
    """Open what folds away, by how the text that is clicked begins."""
    return lambda page: page.locator("main summary", has_text=re.compile(rf"^\s*{name}")).first.click()


def _choose(name: str, content: bytes) -> Callable[[Page], None]:
    def act(page: Page) -> None:
        page.locator("#file").set_input_files({"name": name, "mimeType": "text/plain", "buffer": content})
        page.wait_for_function("() => document.getElementById('file-facts').textContent.includes(',')"
                               " || !document.getElementById('upload-error').hidden")  # fmt: skip

    return act


def _upload(name: str, content: bytes) -> Callable[[Page], None]:
    def act(page: Page) -> None:
        _choose(name, content)(page)
        page.locator("#go").click()
        page.wait_for_url("**/uploads/**")
        page.locator("#verdict").wait_for()

    return act


def _submit(**fields: str) -> Callable[[Page], None]:
    """Fill the page's form and send it, its fields checked by the service alone."""

    def act(page: Page) -> None:
        for name, value in fields.items():
            page.locator(f"main [name={name}]").fill(value)
        page.locator("main form button:not([name])").first.click()
        page.wait_for_load_state()

    return act


def _without_token(page: Page) -> None:
    page.context.clear_cookies()
    _submit(username="ada@example.org", password="wrong")(page)


def _too_large(page: Page) -> None:
    page.evaluate("() => { document.querySelector('main [name=username]').value = 'x'.repeat(3e6); }")
    page.locator("main form button").first.click()
    page.wait_for_load_state()


def _too_often(page: Page) -> None:
    for _ in range(7):
        page.goto(page.url)
        if page.locator("main [name=password]").count() == 0:
            return
        _submit(username="locked@example.org", password="wrong")(page)


def _genome(page: Page) -> None:
    page.locator("[data-igv] canvas").first.wait_for()
    page.wait_for_load_state("networkidle")


def _read(path: str) -> Callable[[Page], None]:
    """Show a page that is a file to keep, which the browser would download; the service's own policy is not on it."""

    def act(page: Page) -> None:
        text = page.request.get(urljoin(page.url, path)).text()
        page.goto("about:blank")
        page.set_content(text)

    return act


def shots(scene: Scene) -> dict[str, Shot]:
    """Every picture by name, in the order of a walk through the pages."""
    at = scene.paths
    found = {**_outside(at), **_jobs(at), **_results(at), **_account(at), **_staff(at), **_wrong(at)}
    return {name: shot for name, shot in found.items() if shot.path}


def _outside(at: dict[str, str]) -> dict[str, Shot]:
    return {
        "home": Shot("/", NOBODY),
        "home-skip": Shot("/", NOBODY, _tab),
        "sign-in": Shot("/accounts/sign-in/", NOBODY),
        "sign-in-wrong": Shot("/accounts/sign-in/", NOBODY, _submit(username=BEN, password="wrong")),
        "sign-up": Shot("/accounts/sign-up/", NOBODY),
        "sign-up-wrong": Shot("/accounts/sign-up/", NOBODY, _submit(name="Ben", email="ben@", password="short")),
        "sign-up-done": Shot("/accounts/sign-up/done/", NOBODY),
        "password-reset": Shot("/accounts/password/reset/", NOBODY),
        "password-reset-done": Shot("/accounts/password/reset/done/", NOBODY),
        "confirm-gone": Shot("/accounts/confirm/nothing/", NOBODY, status=404),
        "terms": Shot("/accounts/terms/", NOBODY),
        "privacy": Shot("/accounts/privacy/", NOBODY),
        "status": Shot("/readyz", NOBODY),
        "link-reader": Shot(at["link"], NOBODY),
        "link-ended": Shot(at["link-ended"], NOBODY, status=404),
    }


def _jobs(at: dict[str, str]) -> dict[str, Shot]:
    states = (
        "waiting",
        "running",
        "failed",
        "crashed",
        "cancelled",
        "none",
        "one",
        "archived",
        "archiving",
        "restoring",
    )
    return {
        "submit": Shot("/jobs/new"),
        "submit-chosen": Shot("/jobs/new", act=_choose("patient.vcf", small_vcf(300))),
        "submit-refused": Shot("/jobs/new", act=_choose("scan.vcf.gz", b"PK\x03\x04xxx")),
        "submit-checked": Shot("/jobs/new", act=_upload("HCC1395.chr19.vcf.gz", SAMPLE.read_bytes())),
        "submit-refused-by-check": Shot("/jobs/new", act=_upload("notes.vcf", b"These are my notes.\n" * 10)),
        "jobs": Shot("/jobs/", widths=ALSO_WIDE),
        "jobs-first-day": Shot("/jobs/", BEN),
        "jobs-10000": Shot("/jobs/", MANY),
        "jobs-none-fits": Shot("/jobs/?search=nothing+is+called+this"),
        "jobs-shared": Shot("/jobs/shared", BEN),
        "jobs-shared-none": Shot("/jobs/shared"),
        **{f"job-{state}": Shot(at[state]) for state in (*states, "restoring")},
        "job-done": Shot(at["done"], widths=ALSO_WIDE),
        "job-cohort": Shot(at.get("cohort", "")),
        "job-reader": Shot(at["done"], BEN),
        "job-delete": Shot(at["one"], act=_open("Delete")),
    }


def _results(at: dict[str, str]) -> dict[str, Shot]:
    done, table = at["done"], f"{at['done']}explore/"
    trio = f"{at['cohort']}explore/" if "cohort" in at else ""
    return {
        "explorer": Shot(table, widths=ALSO_WIDE),
        "explorer-narrowed": Shot(f"{table}?impact=HIGH&impact=MODERATE&af_below=0.01&sort=-qual"),
        "explorer-none-fits": Shot(f"{table}?gene=NOSUCH"),
        "explorer-wrong": Shot(f"{table}?region=nowhere"),
        "explorer-genes": Shot(f"{table}?gene=MUC16%20RYR1%20NOTCH3"),
        "explorer-expanded": Shot(table, act=_expand),
        "explorer-filters": Shot(table, act=_open("Filters"), widths=(390,)),
        "explorer-kept": Shot(f"{table}?impact=HIGH", act=_open("Filter$")),
        "explorer-columns": Shot(table, act=_open("Columns")),
        "explorer-download": Shot(table, act=_open("Download")),
        "explorer-starred": Shot(f"{table}?starred=on"),
        "explorer-empty": Shot(f"{at['none']}explore/"),
        "explorer-archived": Shot(f"{at['archived']}explore/"),
        "explorer-reader": Shot(table, BEN),
        "explorer-long": Shot(f"{at['long']}explore/"),
        "explorer-cohort": Shot(trio, act=_open("Genotypes"), widths=(1280,)),
        **{f"export-{name}": Shot(at[f"export-{name}"]) for name in ("requested", "ready", "failed")},
        "variant": Shot(at["noted"], widths=ALSO_WIDE),
        "variant-starred": Shot(at["starred"]),
        "variant-long": Shot(f"{at['long']}variants/2/"),
        "variant-long-insertion": Shot(f"{at['long']}variants/3/"),
        "variant-reader": Shot(at["noted"], BEN),
        "genome": Shot(f"{done}genome/", act=_genome),
        "report": Shot(done, act=_read(f"{done}report")),
        "report-none": Shot(at["none"], act=_read(f"{at['none']}report")),
        "compare-choose": Shot(f"{done}compare/"),
        "compare": Shot(f"{done}compare/?with={at['other'].strip('/').rpartition('/')[2]}"),
    }


def _account(at: dict[str, str]) -> dict[str, Shot]:
    return {
        "menu": Shot("/jobs/", act=_menu),
        "profile": Shot("/accounts/profile/"),
        "plan": Shot("/accounts/plan/"),
        "plan-free": Shot("/accounts/plan/", BEN),
        "security": Shot("/accounts/security/"),
        "security-new-token": Shot("/accounts/security/", act=_open("New token")),
        "security-staff": Shot("/accounts/security/", STAFF),
        "second-factor-set-up": Shot("/accounts/security/second-factor/set-up/"),
        "prove": Shot("/accounts/security/prove/"),
        "notifications": Shot("/accounts/notifications/"),
        "address": Shot("/accounts/email/"),
        "password-change": Shot("/accounts/password/change/"),
        "my-data": Shot("/accounts/data/"),
        "delete-account": Shot("/accounts/delete/"),
        "news": Shot("/news/"),
        "news-none": Shot("/news/", MANY),
        "webhooks": Shot("/webhooks/"),
        "webhooks-none": Shot("/webhooks/", BEN),
        "sources": Shot("/sources/"),
        "sources-free": Shot("/sources/", BEN),
    }


LISTS = {
    "jobs": "annotations/job",
    "uploads": "annotations/upload",
    "results": "archival/storedresult",
    "recalls": "archival/recall",
    "users": "accounts/user",
    "plans": "accounts/plan",
    "registrations": "accounts/registration",
    "invitations": "accounts/invitation",
    "consents": "accounts/consent",
    "erasures": "accounts/erasure",
    "billing": "accounts/billingaccount",
    "incidents": "gas/incident",
    "outbox": "gas/outboxmessage",
    "sweeps": "gas/sweeprun",
    "audit": "gas/auditentry",
}


def _first_row(page: Page) -> None:
    page.goto(
        page.url.partition("/admin")[0] + str(page.locator("#result_list tbody th a").first.get_attribute("href"))
    )


def _staff(at: dict[str, str]) -> dict[str, Shot]:
    def story(name: str) -> str:
        return f"/admin/annotations/job/{at[name].strip('/').rpartition('/')[2]}/change/"

    return {
        "admin-start": Shot("/admin/", STAFF),
        **{f"admin-{name}": Shot(f"/admin/{path}/", STAFF) for name, path in LISTS.items()},
        "admin-references": Shot("/admin/annotations/job/references/", STAFF),
        "admin-costs": Shot("/admin/archival/storedresult/costs/", STAFF),
        "admin-pause": Shot("/admin/gas/servicestate/1/change/", STAFF),
        "admin-job-done": Shot(story("done"), STAFF),
        "admin-job-crashed": Shot(story("crashed"), STAFF),
        "admin-job-running": Shot(story("running"), STAFF),
        **{
            f"admin-{name}-first": Shot(f"/admin/{LISTS[name]}/", STAFF, _first_row)
            for name in ("users", "plans", "incidents", "outbox", "results")
        },
    }


def _wrong(at: dict[str, str]) -> dict[str, Shot]:
    return {
        "error-403": Shot("/accounts/sign-in/", NOBODY, _without_token),
        "error-404": Shot("/jobs/00000000-0000-0000-0000-000000000000/", status=404),
        "error-409": Shot(f"{at['waiting']}report", status=404),
        "error-413": Shot("/accounts/sign-in/", NOBODY, _too_large),
        "error-429": Shot("/accounts/sign-in/", NOBODY, _too_often),
    }


# --- Taking them ----------------------------------------------------------------------------------
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
    """A second web server, whose database does not answer."""
    settings = {"GAS_PORT": str(free_port()), "GAS_DATABASE_URL": "postgresql://gas:gas@127.0.0.1:1/gas"}
    away = Deployment(scene.site.folder, {**scene.site.environment, **settings})
    try:
        away.start("web")
        there = Camera(camera.browser, away.url, camera.sessions, camera.folder, camera.only)
        return there.take_all({"error-503": Shot("/jobs/", status=503)})
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
        _read(path)(page)
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
