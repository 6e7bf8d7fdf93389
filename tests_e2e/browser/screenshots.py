"""Pictures of every page of a running service, light and dark, at 1280 and 390 pixels.

python -m tests_e2e.browser.screenshots http://localhost:8000 E-MAIL PASSWORD FOLDER

The account should have a job in each state. A page that can be scrolled sideways, or that the
browser complains of, is named, and makes the exit code 1. With --staff-session, the cookie of a member of
the staff who has passed the second factor, the admin's pages too.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tests_e2e.browser import chromium

WIDTHS = (1280, 390)
SIGNED_OUT = {
    "home": "/",
    "sign-in": "/accounts/sign-in/",
    "sign-up": "/accounts/sign-up/",
    "password-reset": "/accounts/password/reset/",
    "terms": "/accounts/terms/",
    "privacy": "/accounts/privacy/",
    "status": "/readyz",
}
SIGNED_IN = {
    "jobs": "/jobs/",
    "jobs-none-fits": "/jobs/?search=nothing+is+called+this",
    "shared-with-you": "/jobs/shared",
    "news": "/news/",
    "webhooks": "/webhooks/",
    "submit": "/jobs/new",
    "sources": "/sources/",
    "profile": "/accounts/profile/",
    "plan": "/accounts/plan/",
    "security": "/accounts/security/",
    "second-factor": "/accounts/security/second-factor/set-up/",
    "notifications": "/accounts/notifications/",
    "address": "/accounts/email/",
    "my-data": "/accounts/data/",
    "delete-account": "/accounts/delete/",
}
STAFF = {
    "admin-start": "/admin/",
    "admin-jobs": "/admin/annotations/job/",
    "admin-uploads": "/admin/annotations/upload/",
    "admin-references": "/admin/annotations/job/references/",
    "admin-results": "/admin/archival/storedresult/",
    "admin-costs": "/admin/archival/storedresult/costs/",
    "admin-recalls": "/admin/archival/recall/",
    "admin-users": "/admin/accounts/user/",
    "admin-erasures": "/admin/accounts/erasure/",
    "admin-billing": "/admin/accounts/billingaccount/",
    "admin-pause": "/admin/gas/servicestate/1/change/",
    "admin-incidents": "/admin/gas/incident/",
    "admin-outbox": "/admin/gas/outboxmessage/",
    "admin-sweeps": "/admin/gas/sweeprun/",
    "admin-audit": "/admin/gas/auditentry/",
}
STAFF_FIRST = {  # the page behind the first row of a list
    "admin-job": "/admin/annotations/job/",
    "admin-user": "/admin/accounts/user/",
    "admin-incident": "/admin/gas/incident/",
}
STATES = ("pending", "running", "completed", "failed", "cancelled")


def main() -> int:
    """Take all pictures; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("url")
    parser.add_argument("email")
    parser.add_argument("password")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--staff-session", default="")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    complaints: list[str] = []
    with sync_playwright() as playwright:
        browser = chromium.launch(playwright)
        for scheme in ("light", "dark"):
            for width in WIDTHS:
                complaints += _walk(browser, given, width, scheme)
        browser.close()
    for complaint in complaints:
        print(complaint)
    return 1 if complaints else 0


def _walk(browser: Browser, given: argparse.Namespace, width: int, scheme: str) -> list[str]:
    """All pages at one width; what is wrong with them."""
    context = browser.new_context(
        viewport={"width": width, "height": 800}, color_scheme="dark" if scheme == "dark" else "light"
    )
    page, said = context.new_page(), []
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(str(error)))

    def take(name: str, path: str) -> None:
        page.goto(given.url + path)
        page.screenshot(path=given.folder / f"{name}-{width}-{scheme}.png", full_page=True)
        if page.evaluate("() => document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            said.append(f"{path} scrolls sideways at {width} px")

    for name, path in SIGNED_OUT.items():
        take(name, path)
    page.goto(f"{given.url}/accounts/sign-in/")
    page.fill("[name=username]", given.email)
    page.fill("[name=password]", given.password)
    page.click("form[novalidate] button")
    for name, path in {**SIGNED_IN, **_jobs(page, given.url)}.items():
        take(name, path)
    if given.staff_session:
        context.clear_cookies()
        context.add_cookies([{"name": "sessionid", "value": given.staff_session, "url": given.url}])
        for name, path in {**STAFF, **_first_rows(page, given.url)}.items():
            take(name, path)
    context.close()
    return said


def _jobs(page: Page, url: str) -> dict[str, str]:
    """The newest job in each state, where there is one."""
    found = {}
    for state in STATES:
        page.goto(f"{url}/jobs/?status={state}")
        link = page.query_selector("a.cover")
        if link is not None:
            found[f"job-{state}"] = str(link.get_attribute("href"))
    return found


def _first_rows(page: Page, url: str) -> dict[str, str]:
    """The page of each list's first row, where it has one."""
    found = {}
    for name, path in STAFF_FIRST.items():
        page.goto(url + path)
        link = page.query_selector("#result_list tbody th a")
        if link is not None:
            found[name] = str(link.get_attribute("href"))
    return found


if __name__ == "__main__":
    sys.exit(main())
