"""Every page and every state of a job: nothing serious for axe, light and dark, from a phone to a wide screen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser, Page

from accounts.models import User
from annotations import transitions
from annotations.models import Job, Result, StorageState
from annotations.tests.conftest import MakeJob, _own_storage, make_job, make_user, take, virus_reference  # noqa: F401
from annotations.tests.people import MakeDone, browser, make_done, person, virus_files, virus_job  # noqa: F401
from tests_e2e.browser.axe import faults_of

# ruff: noqa: F811 - fixtures are named as the arguments they fill
pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.xdist_group("browser"),
]

LOOKS = [("light", 1280), ("dark", 390), ("dark", 2560)]
MAX_SCRIPT = 300_000
LONG = "a-sample-with-a-name-that-nobody-could-ever-want-to-read-on-a-telephone" * 3 + ".vcf.gz"
SIGNED_OUT = {
    "home": "/",
    "sign in": "/accounts/sign-in/",
    "sign up": "/accounts/sign-up/",
    "password": "/accounts/password/reset/",
    "terms": "/accounts/terms/",
    "privacy": "/accounts/privacy/",
}
SIGNED_IN = {
    "jobs": "/jobs/",
    "no job fits": "/jobs/?search=nothing",
    "submit": "/jobs/new",
    "profile": "/accounts/profile/",
    "plan": "/accounts/plan/",
    "security": "/accounts/security/",
    "no such page": "/jobs/00000000-0000-0000-0000-000000000000/",
}


@pytest.fixture
def url(chromium: Browser, live_server: Any) -> str:
    return str(live_server.url)


@pytest.fixture
def open_page(chromium: Browser, url: str) -> Iterator[Callable[..., Page]]:
    """A window of a look, signed in as the client is; at the end no page may have asked anybody else for anything."""
    contexts, foreign = [], []

    def open_window(look: tuple[str, int], client: Client | None = None) -> Page:
        scheme, width = look
        context = chromium.new_context(
            viewport={"width": width, "height": 900}, color_scheme="dark" if scheme == "dark" else "light"
        )
        contexts.append(context)
        for name, morsel in client.cookies.items() if client else ():
            context.add_cookies([{"name": name, "value": morsel.value, "url": url}])
        page = context.new_page()
        page.on("request", lambda request: foreign.append(request.url) if not request.url.startswith(url) else None)
        return page

    yield open_window
    for context in contexts:
        context.close()
    assert [address for address in foreign if not address.startswith(("data:", "blob:"))] == []


def _look_at(page: Page, address: str, name: str) -> list[str]:
    """Load a page; what is wrong with it."""
    sizes: list[int] = []

    def measure(response: Any) -> None:
        if response.request.resource_type == "script":
            sizes.append(len(response.body()))

    page.on("response", measure)
    page.goto(address)
    page.remove_listener("response", measure)
    wrong = [f"{name}: {fault}" for fault in faults_of(page)]
    width = page.viewport_size["width"] if page.viewport_size else 0
    if page.evaluate("() => document.documentElement.scrollWidth") > width:
        wrong.append(f"{name}: scrolls sideways at {width} px")
    if sum(sizes) > MAX_SCRIPT:
        wrong.append(f"{name}: {sum(sizes):,} bytes of script")
    return wrong


@pytest.mark.parametrize("look", LOOKS[:2])
def test_pages_without_a_job(look: tuple[str, int], open_page: Callable[..., Page], url: str, browser: Client) -> None:
    page = open_page(look)
    wrong = [fault for name, path in SIGNED_OUT.items() for fault in _look_at(page, url + path, name)]
    page = open_page(look, browser)
    wrong += [fault for name, path in SIGNED_IN.items() for fault in _look_at(page, url + path, name)]
    assert not wrong, "\n".join(wrong)


@pytest.fixture
def states(person: User, make_job: MakeJob, make_done: MakeDone, virus_job: Job) -> dict[str, Job]:
    """A job in each state, with the result in each state."""
    now = timezone.now()
    failed, running = make_job(person, name=LONG), make_job(person)
    claim = take(failed)
    transitions.fail(claim, "field", {"line": 12, "field": "POS", "value": "x" * 300, "sentence": "POS is no number."})
    take(running)
    cancelled = make_job(person)
    transitions.cancel(cancelled.pk, by="owner")
    found = {
        "waiting": make_job(person, name=LONG),
        "running": running,
        "failed": failed,
        "cancelled": cancelled,
        "done": virus_job,
        "one variant": make_done({"impacts": {"HIGH": 1}, "consequences": {"stop_gained": 1}, "classes": {"SNV": 1}}),
        "no variants": make_done({}),
        "archived": make_done({}),
        "coming back": make_done({}),
    }
    moved = Result.objects.filter(job=found["archived"])
    moved.update(storage=StorageState.COLD, archived_at=now)
    moved = Result.objects.filter(job=found["coming back"])
    moved.update(storage=StorageState.RESTORING, restore_requested_at=now, restore_expected_at=now + timedelta(hours=5))
    return found


@pytest.mark.parametrize("look", LOOKS)
def test_every_state_of_a_job_and_of_its_result(
    look: tuple[str, int], open_page: Callable[..., Page], url: str, browser: Client, states: dict[str, Job]
) -> None:
    page = open_page(look, browser)
    addresses = {name: f"/jobs/{job.pk}/" for name, job in states.items()}
    done = addresses["done"]
    addresses |= {
        "list": "/jobs/",
        "table": f"{done}explore/",
        "table without variants": f"{done}explore/?gene=NOSUCH",
        "variant": f"{done}variants/1/",
        "symbolic variant": f"{done}variants/2/",
        "variant of an archived result": f"{addresses['archived']}variants/0/",
    }
    wrong = [fault for name, path in addresses.items() for fault in _look_at(page, url + path, name)]
    assert not wrong, "\n".join(wrong)


def test_a_report_is_readable_by_everybody(
    open_page: Callable[..., Page], browser: Client, virus_job: Job, tmp_path: Path
) -> None:
    file = tmp_path / "report.html"
    file.write_bytes(browser.get(f"/jobs/{virus_job.pk}/report").content)
    page = open_page(("light", 390))
    page.set_content(file.read_text().replace("http-equiv=", "data-not="))
    assert faults_of(page) == []
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
