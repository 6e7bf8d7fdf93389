"""Download of my data: packed by a worker, told by mail, for the owner only, and gone after a while."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import timedelta

import boto3
import pytest
from django.core.files.storage import storages
from django.test import Client
from django_otp.plugins.otp_totp.models import TOTPDevice
from django_otp_webauthn.models import WebAuthnCredential
from social_django.models import UserSocialAuth

from accounts import sweep
from accounts.models import TakeOut, User
from accounts.security import tokens
from accounts.takeout import work
from accounts.tests.conftest import link_in, sent_mails
from gas import outbox, registry
from gas.clock import from_now
from gas.models import AuditEntry, OutboxMessage
from tests_e2e.emulators.aws import CREDENTIALS, REGION
from tests_e2e.emulators.loopback import run_module

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own_folder(settings, tmp_path):
    options = {"location": tmp_path / "takeouts"}
    backend = "django.core.files.storage.FileSystemStorage"
    settings.STORAGES = {**settings.STORAGES, "takeouts": {"BACKEND": backend, "OPTIONS": options}}
    storages.__dict__["_storages"].clear()
    yield tmp_path / "takeouts"
    storages.__dict__["_storages"].clear()


@pytest.fixture
def web(user: User) -> Client:
    signed_in = Client()
    signed_in.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return signed_in


def unpacked(answer) -> dict[str, list]:
    with zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content))) as pack:
        assert pack.testzip() is None
        return {
            name: [json.loads(line) for line in pack.read(name).splitlines()]
            for name in pack.namelist()
            if name.endswith(".jsonl")
        }


def test_the_whole_way_from_the_button_to_the_zip(web, user, monkeypatch):
    assert web.post("/accounts/data/").status_code == 302
    assert "Being packed" in web.get("/accounts/data/").content.decode()
    message = sent_mails()[-1]
    assert message.to == [user.email]
    page = web.get(link_in(message)).content.decode()
    one = TakeOut.objects.get()
    assert f"/accounts/data/{one.pk}/" in page
    answer = web.get(f"/accounts/data/{one.pk}/")
    assert answer["Content-Disposition"].startswith('attachment; filename="gas-data-')
    found = unpacked(answer)
    assert set(found) == {f"{name}.jsonl" for name, _ in registry.exporters()}
    assert found["profile.jsonl"][0]["email"] == user.email
    assert AuditEntry.objects.filter(action="download takeout").exists()


def test_records_of_the_exporters_are_in_it_and_nobody_else_s(web, user, make_user, monkeypatch):
    monkeypatch.setitem(registry._exporters, "numbers", lambda person: ({"n": n, "of": person.pk} for n in range(3)))
    make_user(name="A stranger")
    work.request_takeout(user)
    sent_mails()
    found = unpacked(web.get(f"/accounts/data/{TakeOut.objects.get().pk}/"))
    assert [record["n"] for record in found["numbers.jsonl"]] == [0, 1, 2]
    assert len(found["profile.jsonl"]) == 1


def test_every_way_in_is_told_of_and_no_secret_of_it(web, user):
    UserSocialAuth.objects.create(user=user, provider="oidc", uid="person-1", extra_data={})
    TOTPDevice.objects.create(user=user, name="app", key="ab" * 20)
    WebAuthnCredential.objects.create(user=user, name="Key", credential_id=b"1", public_key=b"2")
    _, text = tokens.make(user, "pipeline", ["jobs:read"], 30)
    web.get("/jobs/")
    work.request_takeout(user)
    sent_mails()
    found = unpacked(web.get(f"/accounts/data/{TakeOut.objects.get().pk}/"))
    assert [(one["kind"], one["name"]) for one in found["ways_in.jsonl"]] == [
        ("identity", "oidc"),
        ("app", "app"),
        ("passkey", "Key"),
    ]
    assert found["tokens.jsonl"][0]["scopes"] == ["jobs:read"]
    assert len(found["sign_ins.jsonl"]) == 1
    everything = json.dumps(found)
    assert text not in everything
    assert "ab" * 20 not in everything


def test_asked_twice_while_packing_it_is_one_pack(user):
    assert work.request_takeout(user).pk == work.request_takeout(user).pk
    assert OutboxMessage.objects.filter(kind="accounts.takeout").count() == 1


def test_packing_again_after_a_crash_leaves_one_file(user, own_folder):
    one = work.request_takeout(user)
    message = OutboxMessage.objects.get(kind="accounts.takeout")
    work.pack(message)
    TakeOut.objects.update(status="requested", ready_at=None, size_bytes=None)
    work.pack(message)
    assert work.stored_names(user.pk) == [f"{one.pk}.zip"]
    size = (own_folder / str(user.pk) / f"{one.pk}.zip").stat().st_size
    assert TakeOut.objects.get().size_bytes == size


def test_in_a_bucket_that_keeps_versions_no_version_of_a_pack_is_left(user, make_user, settings, monkeypatch):
    with run_module("tests_e2e.emulators.aws") as address:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", CREDENTIALS.access_key)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", CREDENTIALS.secret_key)
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        s3 = boto3.client("s3", region_name=REGION)
        s3.create_bucket(Bucket="packs")
        s3.put_bucket_versioning(Bucket="packs", VersioningConfiguration={"Status": "Enabled"})
        options = {"bucket_name": "packs", "region_name": REGION, "location": "takeouts"}
        backend = {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options}
        settings.STORAGES = {**settings.STORAGES, "takeouts": backend}
        storages.__dict__["_storages"].clear()

        def versions() -> list[str]:
            listed = s3.list_object_versions(Bucket="packs")
            return [entry["Key"] for entry in (*listed.get("Versions", ()), *listed.get("DeleteMarkers", ()))]

        other = work.request_takeout(make_user())
        old = work.request_takeout(user)
        outbox.sweep()
        assert len(versions()) == 2
        TakeOut.objects.filter(pk=old.pk).update(expires_at=from_now(timedelta(seconds=-1)))
        work.expire()
        assert versions() == [f"takeouts/{other.storage_key}"]
        latest = work.request_takeout(user)
        outbox.sweep()
        s3.delete_object(Bucket="packs", Key=f"takeouts/{latest.storage_key}")  # a marker, as another program leaves
        work.erase(user)
        assert versions() == [f"takeouts/{other.storage_key}"]


def test_a_stranger_and_a_pack_that_is_not_ready_are_404(web, user, make_user):
    one = work.request_takeout(user)
    assert web.get(f"/accounts/data/{one.pk}/").status_code == 404
    sent_mails()
    assert web.get(f"/accounts/data/{one.pk}/").status_code == 200
    stranger = Client()
    stranger.force_login(make_user(), backend="django.contrib.auth.backends.ModelBackend")
    assert stranger.get(f"/accounts/data/{one.pk}/").status_code == 404
    assert Client().get(f"/accounts/data/{one.pk}/").status_code == 302


def test_when_its_time_is_up_the_file_and_its_row_go(web, user):
    one = work.request_takeout(user)
    sent_mails()
    TakeOut.objects.update(expires_at=from_now(timedelta(seconds=-1)))
    assert web.get(f"/accounts/data/{one.pk}/").status_code == 404
    sweep.sweep()
    assert work.stored_names(user.pk) == []
    assert not TakeOut.objects.exists()
