"""Finished results to send to the cold store and back, in folders of each test's own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from django.core.files.storage import storages

from accounts import plans
from accounts.models import PlanCode, User
from annotations import storage
from annotations import transitions as jobs
from annotations.areas import FileArea, area, digest_of
from annotations.claims import Finished, StoredOutput
from annotations.models import OutputKind, Result, StorageState

# Fixtures of the app below, by the names under which pytest finds them.
from annotations.tests.conftest import _own_storage, make_job, make_user  # noqa: F401
from annotations.tests.conftest import user as user
from archival import follow_plan, stores, sweep
from archival.models import ColdCopy, Custody, Tier
from gas import registry
from gas.clock import database_now, from_now
from gas.models import OutboxMessage

WEEK = timedelta(days=7)
CONTENTS = {
    OutputKind.VCF: b"annotated variants\n" * 1000,
    OutputKind.VCF_INDEX: b"index",
    OutputKind.PARQUET: b"columns" * 500,
    OutputKind.SUMMARY: b"{}",
    OutputKind.LOG: b"log\n",
}

MakeResult = Callable[..., Result]


@pytest.fixture(autouse=True)
def _fresh_store(settings, _own_storage) -> Iterator[None]:  # noqa: F811
    """A cold store in the test's own folders, with an hour's delay."""
    settings.RESTORE_DELAY_SECONDS = 3600
    storages.__dict__["_storages"].clear()
    stores.cold_store.cache_clear()
    yield
    stores.cold_store.cache_clear()


@pytest.fixture
def make_result(make_job) -> MakeResult:  # noqa: F811
    def make(owner: User, contents: dict[OutputKind, bytes] | None = None) -> Result:
        job = make_job(owner)
        claim = jobs.claim_job(job.pk, "worker")
        assert claim is not None
        outputs = []
        for kind, content in (contents or CONTENTS).items():
            key = storage.output_key(claim, kind)
            put(key, content)
            outputs.append(
                StoredOutput(kind, key, f"patient.{kind}", len(content), hashlib.sha256(content).hexdigest())
            )
        assert jobs.complete(claim, Finished(outputs, {}, 3, 2, 1, "digest"))
        return Result.objects.get(pk=job.pk)

    return make


@pytest.fixture
def result(user: User, make_result: MakeResult) -> Result:
    return make_result(user)


def results() -> FileArea:
    found = area("results")
    assert isinstance(found, FileArea)
    return found


def archive_area() -> FileArea:
    found = area("archive")
    assert isinstance(found, FileArea)
    return found


def put(key: str, content: bytes) -> None:
    results().receive(key, [content])


def state(result: Result) -> str:
    return Result.objects.values_list("storage", flat=True).get(pk=result.pk)


def count_asks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The keys for which the cold store is asked from now on."""
    asked: list[str] = []
    true_ask = stores.LocalStore.ask

    def ask(store: stores.LocalStore, key: str, tier: Tier) -> stores.Stage:
        asked.append(key)
        return true_ask(store, key, tier)

    monkeypatch.setattr(stores.LocalStore, "ask", ask)
    return asked


def due_in(result: Result) -> timedelta:
    """How long the result stays in hot storage."""
    moment = Result.objects.values_list("archive_due_at", flat=True).get(pk=result.pk)
    assert moment is not None
    return moment - database_now()


def make_due(result: Result) -> None:
    """The time in hot storage is up."""
    Result.objects.filter(pk=result.pk).update(archive_due_at=from_now(timedelta(seconds=-1)))


def be_impatient() -> None:
    """What waits for its next moment is due now, and no dead worker holds it."""
    Custody.objects.filter(due_at__isnull=False).update(due_at=from_now(timedelta(seconds=-1)), lease_until=None)


def let_time_pass(hours: float) -> None:
    """The cold store's clock goes on: what was asked back comes nearer, what is there ends."""
    for key in archive_area().keys("", 1_000_000):
        if key.endswith(stores.ASKED):
            with archive_area().open(key) as file:
                asked = json.load(file)
            moved = {name: _earlier(moment, hours) for name, moment in asked.items()}
            archive_area().receive(key, [json.dumps(moved).encode()])


def _earlier(moment: str, hours: float) -> str:
    return (datetime.fromisoformat(moment) - timedelta(hours=hours)).isoformat()


def set_plan(owner: User, code: PlanCode, deliver: bool = True) -> User:
    """An admin sets the plan; the archive hears of it as the outbox tells."""
    User.objects.filter(pk=owner.pk).update(plan_override=code, plan_override_reason="for the test")
    plans.refresh(owner.pk)
    if deliver:
        deliver_plan_changes()
    return User.objects.get(pk=owner.pk)


def deliver_plan_changes() -> None:
    for message in OutboxMessage.objects.filter(kind="plan_changed", status="pending").order_by("created_at"):
        follow_plan.plan_changed(message)
        OutboxMessage.objects.filter(pk=message.pk).update(status="done", done_at=database_now())


def go_cold(result: Result) -> Result:
    """The timer ends and the sweep archives."""
    make_due(result)
    sweep.sweep()
    assert state(result) == StorageState.COLD
    return Result.objects.get(pk=result.pk)


def broken() -> list[str]:
    """What the archive's and the jobs' invariants complain of, checksums included."""
    return [
        sentence
        for name, check in registry.invariants()
        if name.split()[0] in ("archive", "4", "7")
        for sentence in check(deep=True)
    ]


def hot_bytes(result: Result) -> dict[str, bytes]:
    """The content of each output as hot storage has it now."""
    found = {}
    for output in Result.objects.get(pk=result.pk).outputs.all():
        with results().open(output.storage_key) as stream:
            found[output.kind] = stream.read()
    return found


def digests_match(result: Result) -> bool:
    for output in Result.objects.get(pk=result.pk).outputs.all():
        with results().open(output.storage_key) as stream:
            if digest_of(stream) != (output.size_bytes, output.sha256):
                return False
    return True


def copies_of(result: Result) -> dict[str, ColdCopy]:
    return {copy.source.kind: copy for copy in ColdCopy.objects.filter(output__result=result).select_related("output")}


def mails_promised(kind: str) -> list[OutboxMessage]:
    return list(OutboxMessage.objects.filter(kind=kind).order_by("created_at"))


def ids(*found: Result) -> list[UUID]:
    return [result.pk for result in found]
