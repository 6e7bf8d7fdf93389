"""The pictures by name: where, as whom, and what is done there before each is taken."""

from __future__ import annotations

import re
from base64 import b32decode
from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle
from urllib.parse import urljoin

from django_otp.oath import totp
from playwright.sync_api import Page

from tests_e2e.browser.scene import ADA, BEN, CUSTOMERS, MANY, NEWCOMERS, STAFF, Scene
from tests_e2e.inputs import SAMPLE, small_vcf
from tests_e2e.visitor import PASSWORD

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


def read(path: str) -> Callable[[Page], None]:
    """Show a page that is a file to keep, which the browser would download; the service's own policy is not on it."""

    def act(page: Page) -> None:
        text = page.request.get(urljoin(page.url, path)).text()
        page.goto("about:blank")
        page.set_content(text)

    return act


def _sign_in(page: Page, email: str) -> None:
    page.goto(urljoin(page.url, "/accounts/sign-in/"))
    _submit(username=email, password=PASSWORD)(page)


def _prove(page: Page) -> None:
    """Say the password again where the last time is long ago."""
    if page.locator("main [name=password]").count():
        _submit(password=PASSWORD)(page)


def _enrol(page: Page) -> str:
    """Sign in as somebody new and set up an app as the second factor; the codes are shown. Who it was."""
    email = next(_newcomers)
    _sign_in(page, email)
    page.goto(urljoin(page.url, "/accounts/security/second-factor/set-up/"))
    key = page.locator("main code").inner_text().replace(" ", "")
    _submit(code=f"{totp(b32decode(key)):06}")(page)
    page.locator(".codes").wait_for()
    return email


def _enrol_and_come_back(page: Page) -> None:
    email = _enrol(page)
    page.context.clear_cookies()
    _sign_in(page, email)


_newcomers = cycle(NEWCOMERS)


def _share(kind: str) -> Callable[[Page], None]:
    """Fill nothing in and share by a link, or with nobody."""

    def act(page: Page) -> None:
        _open(f"Share {kind}")(page)
        page.locator("#sharing details[open] form button").click()
        page.wait_for_load_state()

    return act


def _genotypes(page: Page) -> None:
    if not page.locator("details.filters[open]").count():
        _open("Filters")(page)
    _open("Genotypes")(page)


def _token(page: Page) -> None:
    _open("New token")(page)
    page.locator("main details[open] [name=name]").fill("Night run")
    page.locator("main details[open] [type=checkbox]").first.check()
    page.locator("main details[open] form button").click()
    page.wait_for_load_state()


def _half_prepared(page: Page) -> None:
    page.wait_for_function("() => document.querySelector('#preparing progress')?.value > 10")


def shots(scene: Scene) -> dict[str, Shot]:
    """Every picture by name, in the order of a walk through the pages."""
    at = scene.paths
    found = {**_outside(at), **_jobs(at), **_results(at), **_account(at), **_staff(at), **_wrong(at)}
    return {name: shot for name, shot in found.items() if shot.path}


def preparing(scene: Scene) -> dict[str, Shot]:
    """A large table while it is prepared, which it is once: at the end, for it takes the cores from the others."""
    path = f"{scene.paths['large']}explore/"
    return {"explorer-preparing": Shot(path, act=_half_prepared, status=202)}


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
        "help": Shot("/help/", NOBODY),
        "help-sources": Shot("/help/sources.md", NOBODY),
        "help-api": Shot("/help/api.md", NOBODY),
        "status": Shot("/readyz", NOBODY),
        "link-reader": Shot(at["link"], NOBODY),
        "link-sign-in": Shot(at["link-sign-in"], NOBODY),
        "link-ended": Shot(at["link-ended"], NOBODY, status=404),
        "link-expired": Shot(at["link-expired"], NOBODY, status=404),
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
        "jobs-10000-found": Shot("/jobs/?search=family-03&status=failed", MANY),
        "jobs-none-fits": Shot("/jobs/?search=nothing+is+called+this"),
        "jobs-shared": Shot("/jobs/shared", BEN),
        "jobs-shared-none": Shot("/jobs/shared"),
        **{f"job-{state}": Shot(at[state]) for state in (*states, "restoring")},
        "job-done": Shot(at["done"], widths=ALSO_WIDE),
        "job-cohort": Shot(at.get("cohort", "")),
        "job-reader": Shot(at["done"], BEN),
        "job-long": Shot(at["long"]),
        "job-link-made": Shot(at["other"], act=_share("by a link")),
        "job-share-wrong": Shot(at["other"], act=_share("with a person")),
        "job-delete": Shot(at["one"], act=_open("Delete")),
    }


def _results(at: dict[str, str]) -> dict[str, Shot]:
    done, table = at["done"], f"{at['done']}explore/"
    trio = f"{at['cohort']}explore/" if "cohort" in at else ""
    return {
        "explorer": Shot(table, widths=ALSO_WIDE),
        "explorer-narrowed": Shot(f"{table}?impact=HIGH&impact=MODERATE&af_below=0.01&sort=-qual"),
        "explorer-none-fits": Shot(f"{table}?gene=NOSUCH"),
        "explorer-wrong": Shot(f"{table}?region=chr19:many&af_below=2", status=422),
        "explorer-genes": Shot(f"{table}?gene=MUC16%20RYR1%20NOTCH3"),
        "explorer-expanded": Shot(table, act=_expand),
        "explorer-filters": Shot(table, act=_open("Filters"), widths=(390,)),
        "explorer-kept": Shot(f"{table}?impact=HIGH", act=_open("Kept filters")),
        "explorer-columns": Shot(table, act=_open("Columns")),
        "explorer-download": Shot(table, act=_open("Download")),
        "explorer-starred": Shot(f"{table}?starred=on"),
        "explorer-empty": Shot(f"{at['none']}explore/"),
        "explorer-archived": Shot(f"{at['archived']}explore/"),
        "explorer-restoring": Shot(f"{at['restoring']}explore/"),
        "explorer-broken": Shot(f"{at['broken']}explore/", status=500),
        "explorer-genotypes": Shot(f"{table}?sample=HCC1395_T1&genotype=het"),
        "explorer-long-genotypes": Shot(f"{at['long']}explore/", act=_genotypes),
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
        "report": Shot(done, act=read(f"{done}report")),
        "report-none": Shot(at["none"], act=read(f"{at['none']}report")),
        "compare-choose": Shot(f"{done}compare/"),
        "compare": Shot(f"{done}compare/?with={_id(at['other'])}"),
        "compare-genotypes": Shot(f"{done}compare/?with={_id(at['again'])}&kind=called"),
        "compare-changed": Shot(f"{done}compare/?with={_id(at['again'])}&kind=changed"),
        "compare-samples": Shot(f"{done}compare/?with={_id(done)}"),
        "compare-long": Shot(f"{done}compare/?with={_id(at['long'])}"),
        "compare-broken": Shot(f"{done}compare/?with={_id(at['broken'])}", status=500),
    }


def _id(path: str) -> str:
    return path.strip("/").rpartition("/")[2]


def _account(at: dict[str, str]) -> dict[str, Shot]:
    return {
        "menu": Shot("/jobs/", act=_menu),
        "profile": Shot("/accounts/profile/"),
        "plan": Shot("/accounts/plan/"),
        "plan-free": Shot("/accounts/plan/", BEN),
        **{f"plan-{name}": Shot("/accounts/plan/", email) for name, email in CUSTOMERS.items()},
        "paid-waiting": Shot("/accounts/billing/paid/", BEN),
        "security": Shot("/accounts/security/"),
        "security-new-token": Shot("/accounts/security/", act=_open("New token")),
        "security-staff": Shot("/accounts/security/", STAFF),
        "security-token-made": Shot("/accounts/security/", act=_token),
        "second-factor-set-up": Shot("/accounts/security/second-factor/set-up/", act=_prove),
        "second-factor-codes": Shot("/", NOBODY, _enrol),
        "second-factor-ask": Shot("/", NOBODY, _enrol_and_come_back),
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
        return f"/admin/annotations/job/{_id(at[name])}/change/"

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
