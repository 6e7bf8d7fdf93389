"""Every page and every state of a job: nothing serious for axe, light and dark, from a phone to a wide screen."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from accounts.tests.people import BACKEND
from annotations import transitions
from annotations.areas import area
from annotations.explorer.tests.conftest import MakeResult, _own_explorer, make_result  # noqa: F401
from annotations.explorer.tests.test_genotypes import COMPOUND, GENES, table_of, vcf_of
from annotations.models import DeliveryStatus, Job, NoticeKind, Output, OutputKind, Result, StorageState, Webhook
from annotations.notes import keeping
from annotations.notices.telling import tell
from annotations.sharing import granting
from annotations.tests.conftest import MakeJob, MakeUser, _own_storage, make_job, make_user, take, virus_reference  # noqa: F401
from annotations.tests.people import MakeDone, browser, make_done, person, virus_files, virus_job  # noqa: F401
from annotations.webhooks import deliveries
from tests_e2e.browser.look import Order, look

# ruff: noqa: F811 - fixtures are named as the arguments they fill
pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.xdist_group("browser"),
]

LOOKS = [("light", 1280), ("dark", 390), ("dark", 2560)]
LONG = "a-sample-with-a-name-that-nobody-could-ever-want-to-read-on-a-telephone" * 3 + ".vcf.gz"
SIGNED_OUT = {
    "home": "/",
    "sign in": "/accounts/sign-in/",
    "sign up": "/accounts/sign-up/",
    "password": "/accounts/password/reset/",
    "terms": "/accounts/terms/",
    "privacy": "/accounts/privacy/",
    "help": "/help/",
    "a page of help": "/help/sources.md",
}
SIGNED_IN = {
    "jobs": "/jobs/",
    "no job fits": "/jobs/?search=nothing",
    "submit": "/jobs/new",
    "profile": "/accounts/profile/",
    "plan": "/accounts/plan/",
    "security": "/accounts/security/",
    "shared with nobody": "/jobs/shared",
    "no news": "/news/",
    "no webhook": "/webhooks/",
    "no such page": "/jobs/00000000-0000-0000-0000-000000000000/",
}


@pytest.mark.parametrize(("scheme", "width"), LOOKS[:2])
def test_pages_without_a_job(live_server: Any, browser: Client, scheme: str, width: int) -> None:
    wrong = look(Order(live_server.url, SIGNED_OUT, scheme, width))
    wrong += look(Order(live_server.url, SIGNED_IN, scheme, width, _cookies(browser)))
    assert not wrong, "\n".join(wrong)


def _cookies(client: Client) -> dict[str, str]:
    return {name: morsel.value for name, morsel in client.cookies.items()}


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


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_every_state_of_a_job_and_of_its_result(
    live_server: Any, browser: Client, states: dict[str, Job], scheme: str, width: int
) -> None:
    addresses = {name: f"/jobs/{job.pk}/" for name, job in states.items()}
    done = addresses["done"]
    addresses |= {
        "list": "/jobs/",
        "table": f"{done}explore/",
        "table without variants": f"{done}explore/?gene=NOSUCH",
        "variant": f"{done}variants/1/",
        "symbolic variant": f"{done}variants/2/",
        "starred variants": f"{done}explore/?starred=on",
        "variant of an archived result": f"{addresses['archived']}variants/0/",
    }
    wrong = look(Order(live_server.url, addresses, scheme, width, _cookies(browser)))
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(("scheme", "width"), LOOKS[:2])
def test_genotypes_of_a_trio_and_two_results_compared(
    live_server: Any, browser: Client, person: User, make_result: MakeResult, scheme: str, width: int
) -> None:
    trio = make_result(person, table_of(COMPOUND, GENES.__getitem__), vcf_of(COMPOUND)).job
    other = make_result(person, table_of(COMPOUND[2:], GENES.__getitem__), vcf_of(COMPOUND[2:])).job
    people = "sample=child&child=child&mother=mother&father=father"
    addresses = {
        "trio": f"/jobs/{trio.pk}/explore/?{people}&pattern=compound",
        "nobody": f"/jobs/{trio.pk}/explore/?sample=nobody&genotype=het",
        "choose": f"/jobs/{trio.pk}/compare/",
        "compared": f"/jobs/{trio.pk}/compare/?with={other.pk}",
        "compared under filters": f"/jobs/{trio.pk}/compare/?with={other.pk}&impact=HIGH&gene=NOSUCH",
        "compared with itself": f"/jobs/{trio.pk}/compare/?with={trio.pk}",
    }
    wrong = look(Order(live_server.url, addresses, scheme, width, _cookies(browser)))
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(("scheme", "width"), LOOKS[:2])
def test_a_result_on_the_genome(
    live_server: Any, browser: Client, virus_job: Job, virus_files: Path, scheme: str, width: int
) -> None:
    for kind, ending in ((OutputKind.VCF, ".vcf.gz"), (OutputKind.VCF_INDEX, ".vcf.gz.tbi")):
        file = virus_files / f"annotated{ending}"
        key = f"genome/{virus_job.pk}{ending}"
        area("results").store(file, key, lambda: None)
        facts = {"file_name": file.name, "size_bytes": file.stat().st_size, "sha256": "0" * 64}
        Output.objects.create(result=virus_job.result, kind=kind, storage_key=key, **facts)
    addresses = {"genome": f"/jobs/{virus_job.pk}/genome/"}
    wrong = look(Order(live_server.url, addresses, scheme, width, _cookies(browser), has_genome=True))
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(("scheme", "width"), LOOKS[:2])
def test_news_and_a_result_that_is_shared_as_its_owner_and_as_its_readers_see_it(
    live_server: Any, browser: Client, virus_job: Job, person: User, make_user: MakeUser, scheme: str, width: int
) -> None:
    reader, nobody, at = Client(), Client(), f"/jobs/{virus_job.pk}/"
    known = make_user(email_confirmed_at=timezone.now())
    reader.force_login(known, backend=BACKEND)
    link = granting.make_link(person, virus_job, granting.Terms(needs_sign_in=False))[1]
    granting.invite(person, virus_job, known.email, granting.Terms(allows_downloads=True))
    granting.invite(person, virus_job, f"{'long' * 15}@{'example' * 8}.org", granting.Terms())
    nobody.get(f"/shared/{link}/")
    reader.get(at)
    _tell(person, virus_job)
    star = keeping.Allele("NC_045512.2", 23403, "A", "G")
    keeping.set_star(person, virus_job, star, is_starred=True)
    keeping.write_text(person, virus_job, star, "Seen before")
    pages = {"job": at, "table": f"{at}explore/", "variant": f"{at}variants/1/"}
    news = {"news": "/news/", "webhooks": "/webhooks/"}
    wrong = look(Order(live_server.url, {**pages, **news}, scheme, width, _cookies(browser)))
    wrong += look(Order(live_server.url, {**pages, "ended": "/shared/x/"}, scheme, width, _cookies(nobody)))
    wrong += look(Order(live_server.url, {"list": "/jobs/shared", "job": at}, scheme, width, _cookies(reader)))
    assert not wrong, "\n".join(wrong)


def _tell(person: User, job: Job) -> None:
    """News of each kind, and a webhook whose events went each way."""
    webhook = deliveries.make(person, f"https://lab.example.org/{'long' * 40}")
    off = deliveries.make(person, "https://lab.example.org/")
    for number, kind in enumerate(NoticeKind):
        tell(person.pk, kind, f"some {number}", job.pk, results=number, day="2026-11-25")
    for kind, status in zip(NoticeKind, DeliveryStatus, strict=False):
        webhook.deliveries.filter(kind=kind).update(status=status, answer="answered 200", tries=1)
    Webhook.objects.filter(pk=off.pk).update(disabled_at=off.created_at)


def test_a_report_is_readable_by_everybody(browser: Client, virus_job: Job, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    # Its own policy lets no script in, axe's neither.
    file.write_bytes(browser.get(f"/jobs/{virus_job.pk}/report").content.replace(b"http-equiv=", b"data-not="))
    wrong = look(Order("file://", {"report": str(file)}, "light", 390))
    assert not wrong, "\n".join(wrong)
