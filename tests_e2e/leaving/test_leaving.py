"""Leaving without a trace, whatever is under way and wherever the process dies.

A user is furnished with everything the service keeps: sessions, mails, an upload, a running job,
results that are at hand, going cold, cold and on their way back, a subscription and an open
checkout. All of it carries a word that occurs nowhere else. The deletion is killed by SIGKILL at
each of its fault points in turn and goes on in another process; then the word is looked for in
every table, every file, and in the bytes of the database itself.
"""

from __future__ import annotations

import multiprocessing
import signal
import sqlite3
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings as live_settings
from django.core.files.storage import storages
from django.core.mail import EmailMessage
from django.db import connection, connections
from django.test import Client
from django_otp.plugins.otp_totp.models import TOTPDevice
from django_otp_webauthn.models import WebAuthnCredential
from social_django.models import UserSocialAuth

from accounts.addresses import work as addresses
from accounts.billing import checkout, client
from accounts.erasure import work
from accounts.models import Consent, Erasure, User
from accounts.security import second_factor, tokens
from accounts.takeout import work as takeouts
from accounts.tests.billing import broken
from annotations import submission, transitions
from annotations.models import Job, JobEvent, OutputKind, Result, Upload
from annotations.tests.conftest import put_upload, take
from archival import by_hand
from archival import sweep as archive_sweep
from archival import transitions as cold
from archival.tests.conftest import MakeResult, go_cold, make_due
from gas import audit, outbox, registry
from gas.clock import database_now, from_now
from gas.mail import FileBackend
from gas.models import SweepRun

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True, serialized_rollback=True)]

FAULTS = [
    "erasure_begun",
    "erasure_customer_deleted",
    *(f"erased_{name}" for name, _ in registry.erasers()),
    "erasure_before_last",
    "erasure_before_commit",
]


@pytest.fixture
def word() -> str:
    return f"marker{uuid.uuid4().hex}"


@pytest.fixture(autouse=True)
def own_folders(settings, tmp_path: Path, _fresh_store: None) -> Iterator[None]:
    settings.MAIL_DIR = tmp_path / "mail"
    settings.EMAIL_BACKEND = "gas.mail.FileBackend"
    options = {"location": tmp_path / "storage" / "takeouts"}
    backend = "django.core.files.storage.FileSystemStorage"
    settings.STORAGES = {**settings.STORAGES, "takeouts": {"BACKEND": backend, "OPTIONS": options}}
    storages.__dict__["_storages"].clear()
    yield
    storages.__dict__["_storages"].clear()


@pytest.fixture
def leaver(word: str, double, make_job, make_result: MakeResult) -> User:
    """A user of whom everything the service can keep is kept, each with the word in it."""
    user = User.objects.create_user(
        f"{word}@example.org", "correct horse battery", name=word, institution=word, email_confirmed_at=database_now()
    )
    Consent.objects.create(user=user, terms_version="1", agreed_at=database_now())
    Client(headers={"user-agent": word}).force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    Client().post("/accounts/sign-in/", {"username": user.email, "password": "wrong"})
    FileBackend().send_messages([EmailMessage("hello", word, to=[user.email])])
    audit.record("look at job", user, "job:1")
    _open_ways_in(user, word)
    takeouts.request_takeout(user)
    put_upload(user, word.encode())
    take(make_job(user, word.encode()))
    contents = {OutputKind.VCF: word.encode(), OutputKind.SUMMARY: word.encode()}
    go_cold(make_result(user, contents))
    assert by_hand.ask_back(go_cold(make_result(user, contents)), user)
    archive_sweep.sweep()
    going = make_result(user, contents)
    make_due(going)
    assert cold.begin_archiving_due(going.pk, "LOCAL")
    make_result(user, contents)
    submission.delete_job(user, make_job(user))
    Upload.objects.update(file_name=f"{word}.vcf")
    Job.objects.update(name=word, failure_detail={"line": word}, options={"note": word})
    JobEvent.objects.update(detail={"file": word})
    Result.objects.update(summary={"sample": word})
    checkout.start_checkout(user, "monthly", "form")
    price = client.prices()[0]
    customer = checkout.open_account(user).customer_id
    client.client().v1.subscriptions.create({"customer": customer, "items": [{"price": price.price_id}]})
    outbox.sweep()
    return user


def _open_ways_in(user: User, word: str) -> None:
    """An identity, a token, a passkey, an app, recovery codes, and another address on its way."""
    UserSocialAuth.objects.create(user=user, provider="oidc", uid=word, extra_data={})
    tokens.make(user, word, ["jobs:read"], 30)
    WebAuthnCredential.objects.create(user=user, name=word, credential_id=word.encode(), public_key=word.encode())
    TOTPDevice.objects.create(user=user, name=word)
    second_factor.new_codes(user)
    addresses.request_change(user, f"new-{word}@example.org")


def traces(word: str, folder: Path) -> list[str]:
    """Where the word still is: in rows, in the database's own bytes, in names or contents of files."""
    found = []
    database = Path(str(connection.settings_dict["NAME"]))
    connections.close_all()
    with sqlite3.connect(database) as plain:
        found += [line for line in plain.iterdump() if word in line]
    for file in (database, Path(f"{database}-wal")):
        if file.exists() and word.encode() in file.read_bytes():
            found.append(f"bytes of {file.name}")
    for file in folder.rglob("*"):
        if word in file.name or (file.is_file() and word.encode() in file.read_bytes()):
            found.append(str(file))
    return found


def in_another_process(fault: str) -> int | None:
    """One sweep of deletions in a process of its own, which dies at the fault point; its exit code."""
    connections.close_all()

    def run() -> None:
        live_settings.FAULT = fault
        work.sweep()

    process = multiprocessing.get_context("fork").Process(target=run)
    process.start()
    process.join(60)
    return process.exitcode


def go_on(user_id: uuid.UUID) -> None:
    """The sweeps of the next ten minutes, in no time."""
    for _ in range(6):
        Erasure.objects.filter(user_id=user_id).update(next_try_at=None)
        SweepRun.objects.update(running_until=None)  # the turn of the dead ends by itself after 20 s
        assert in_another_process("") == 0
        if Erasure.objects.get(user_id=user_id).status == "done":
            return
    left = Erasure.objects.get(user_id=user_id)
    pytest.fail(f"the deletion waits for {left.waiting_for}: {left.last_error}")


@pytest.mark.skipif("sqlite" not in live_settings.DATABASES["default"]["ENGINE"], reason="reads SQLite's bytes")
@pytest.mark.parametrize("fault", FAULTS)
def test_killed_at_any_step_the_deletion_goes_on_and_leaves_nothing(
    fault: str,
    leaver: User,
    word: str,
    double,
    tmp_path: Path,
) -> None:
    assert len(traces(word, tmp_path)) > 15, "the word is everywhere at first, or looking for it proves nothing"
    states = set(Result.objects.values_list("storage", flat=True))
    assert states == {"hot", "archiving", "cold", "restoring"}
    work.request_erasure(leaver)
    outbox.sweep()
    Erasure.objects.update(due_at=from_now(timedelta(seconds=-1)))

    assert in_another_process(fault) == -signal.SIGKILL
    go_on(leaver.pk)

    assert traces(word, tmp_path) == []
    assert [one["status"] for one in double.objects("subscription")] == ["canceled"]
    assert double.objects("customer") == []
    assert not any(one["status"] == "open" for one in double.objects("checkout.session"))
    assert not broken()
    assert transitions.claim_next("worker") is None
