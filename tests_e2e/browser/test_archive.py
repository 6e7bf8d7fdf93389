"""The life of a result in front of a browser: at hand, archived, asked back by an upgrade, at hand again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests_e2e import deployments
from tests_e2e.emulators.control import AwsControl
from tests_e2e.emulators.smtp import SmtpSink
from tests_e2e.inputs import small_vcf
from tests_e2e.processes import wait_until
from tests_e2e.service import Deployment
from tests_e2e.visitor import PASSWORD, Visitor, make_users

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

# Longer than a slow machine needs to look at a page, shorter than a download link lives.
RETRIEVAL = timedelta(minutes=2)
QUICK = {"GAS_RESTORE_DELAY": "120", "GAS_RESTORE_POLL": "1"}
UPGRADE = """
from accounts import plans
from accounts.models import User
user = User.objects.get(email={email!r})
plans.override(user.pk, "premium", "for the test", by=user)
"""
KINDS = ("vcf", "vcf_index", "tsv", "parquet")


@pytest.fixture(params=["local", pytest.param("emulated", marks=pytest.mark.postgres)])
def service(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Deployment]:
    with ExitStack() as stack:
        if request.param == "local":
            templates = request.getfixturevalue("templates")
            found = stack.enter_context(deployments.local(templates, tmp_path / "var", **QUICK))
        else:
            sink = stack.enter_context(SmtpSink())
            aws: AwsControl = request.getfixturevalue("aws")
            aws.set_retrieval_seconds(Expedited=RETRIEVAL.total_seconds())
            doors = deployments.Doors(aws.url, request.getfixturevalue("postgres"), sink.port)
            templates = request.getfixturevalue("postgres_templates")
            quick = {**QUICK, "GAS_SMTP_TLS": "false"}
            found = stack.enter_context(deployments.emulated(templates, doors, tmp_path / "var", **quick))
        found.start("web", "annotate", "control", "beat")
        yield found


@pytest.fixture
def page(chromium: Browser, service: Deployment) -> Iterator[Page]:
    window = chromium.new_context(viewport={"width": 1280, "height": 900})
    opened = window.new_page()
    complaints: list[str] = []
    opened.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    yield opened
    window.close()
    assert complaints == []


def sign_in(page: Page, service: Deployment, email: str) -> None:
    page.goto(f"{service.url}/accounts/sign-in/")
    page.fill("input[name=username]", email)
    page.fill("input[name=password]", PASSWORD)
    page.click("main button[type=submit], main form button.main")
    page.wait_for_url("**/jobs/")


def assert_fits(page: Page) -> None:
    """Nothing scrolls sideways, wide and narrow, light and dark."""
    for width in (1280, 390):
        for scheme in ("light", "dark"):
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme=scheme)
            assert page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")
    page.set_viewport_size({"width": 1280, "height": 900})


def digests(visitor: Visitor, job: str, folder: Path) -> dict[str, str]:
    """SHA-256 of each large file as a user downloads it."""
    found = {}
    for kind in KINDS:
        file = visitor.download(job, kind, folder / kind)
        found[kind] = hashlib.sha256(file.read_bytes()).hexdigest()
    return found


def let_the_retrieval_end(service: Deployment, request: pytest.FixtureRequest) -> None:
    """The clock by which what was asked back comes nearer: the double's, or what the folder's files say."""
    if service.environment["GAS_PROFILE"] == "emulated":
        request.getfixturevalue("aws").advance(RETRIEVAL.total_seconds())
    for asked in (service.folder / "storage" / "archive").rglob("*.asked"):
        moments = {
            name: datetime.fromisoformat(moment) - RETRIEVAL for name, moment in json.loads(asked.read_text()).items()
        }
        beside = asked.with_name(f".{asked.name}")
        beside.write_text(json.dumps({name: moment.isoformat() for name, moment in moments.items()}))
        beside.replace(asked)


def test_a_free_users_result_goes_cold_and_an_upgrade_brings_it_back_byte_for_byte(service, page, request, tmp_path):
    email = make_users(service)[0]
    visitor = Visitor(service.url)
    visitor.sign_in(email)
    sign_in(page, service, email)
    job = visitor.annotate(small_vcf(), name="Tumour 12")
    service.wait_for_jobs(1, timeout=200)  # the kernels may have to be compiled first
    before = digests(visitor, job, tmp_path)
    page.goto(service.url + job)
    expect(page.locator("#files")).to_contain_text("At hand until")
    service.end_hot_storage()

    def is_now(state: str) -> bool:
        ((storage,),) = service.rows("SELECT storage FROM annotations_result")
        return bool(storage == state)

    wait_until(lambda: is_now("cold"), "the result is archived", 60)
    page.reload()
    expect(page.locator("#files-title")).to_have_text("Archived")
    expect(page.locator("#files")).to_contain_text("kept, not deleted")
    expect(page.locator("#files a[href$='/download/vcf']")).to_have_count(0)
    assert_fits(page)
    assert visitor.get(f"{job}download/vcf").status_code == 409
    page.goto(f"{service.url}/jobs/")
    expect(page.locator("#jobs-rows")).to_contain_text("Archived")

    service.run_code(UPGRADE.format(email=email))
    wait_until(lambda: is_now("restoring"), "the result is asked back", 30)
    page.goto(service.url + job)
    expect(page.locator("#files-title")).to_have_text("Coming back from the archive")
    expect(page.locator("#files")).to_contain_text("Expected within", timeout=30_000)
    assert_fits(page)
    # No reload from here on: the open page finds out by itself.
    let_the_retrieval_end(service, request)
    expect(page.locator("#files-title")).to_have_text("Downloads", timeout=60_000)
    assert_fits(page)
    assert digests(visitor, job, tmp_path) == before
    expect(page.locator("#files")).to_contain_text("Archive these files")
    told = "The files are back from the archive"
    assert told in visitor.get(job).text
    service.check_invariants()
