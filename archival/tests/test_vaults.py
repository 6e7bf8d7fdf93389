from __future__ import annotations

import gzip
import hashlib
from datetime import timedelta
from io import BytesIO, StringIO
from pathlib import Path
from threading import Event

import boto3
import pytest
from django.core.management import CommandError, call_command
from django.db.models import F
from django.urls import reverse
from moto import mock_aws
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.glacier.models import glacier_backends

from accounts.models import User
from annotations import heartbeat, sweep
from annotations.areas import StorageAwayError, area
from annotations.models import Job, JobStatus, Result, Upload
from annotations.transitions import JOB_ENDED
from archival import vaults
from archival.models import VaultImport
from archival.tests.conftest import broken, hot_bytes
from gas.clock import from_now
from gas.models import OutboxMessage, OutboxStatus

pytestmark = pytest.mark.django_db

VCF = b"##fileformat=VCFv4.1\n#CHROM\tPOS\tID\tREF\tALT\nchr1\t100\t.\tA\tG\nchr1\t200\t.\tC\tT\n"
REGION = "us-east-1"


@pytest.fixture
def glacier(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        client = boto3.client("glacier", region_name=REGION)
        client.create_vault(accountId="-", vaultName="old")
        yield client


@pytest.fixture
def manifest(glacier, user, tmp_path: Path) -> Path:
    """One archive in the vault and its line."""
    archive_id = glacier.upload_archive(accountId="-", vaultName="old", body=BytesIO(VCF))["archiveId"]
    return write(tmp_path, archive_id, user.email, hashlib.sha256(VCF).hexdigest())


def write(folder: Path, archive_id: str, owner: str, tree_hash: str) -> Path:
    path = folder / "archives.csv"
    path.write_text(
        f"archive_id,owner,file_name,tree_hash\n{archive_id},{owner},../old/patient.annot.vcf,{tree_hash}\n"
    )
    return path


def run(manifest: Path) -> str:
    said = StringIO()
    call_command("import_vault_archive", "old", str(manifest), region=REGION, stdout=said, stderr=said)
    return said.getvalue().strip()


def let_hours_pass() -> None:
    """moto's clock: what was asked of the vault is ready."""
    for job in glacier_backends[DEFAULT_ACCOUNT_ID][REGION].vaults["old"].jobs.values():
        job.et -= timedelta(hours=5)


def test_an_archive_is_asked_for_waited_for_fetched_verified_and_stored(manifest, user, client):
    assert run(manifest) == "1 asked for"
    assert run(manifest) == "1 not ready yet"
    let_hours_pass()
    assert run(manifest) == "1 imported"
    assert run(manifest) == "1 imported before"
    job = Job.objects.get()
    assert (job.owner, job.status, job.name) == (user, JobStatus.COMPLETED, "patient.annot.vcf")
    result = Result.objects.get(job=job)
    assert hot_bytes(result) == {"vcf": VCF}
    assert (result.records_total, result.records_annotated) == (2, 2)
    assert result.archive_due_at is not None
    assert broken() == []
    client.force_login(user)
    assert client.get(reverse("annotations:job", args=[job.pk])).status_code == 200
    found = client.get(reverse("annotations:download", args=[job.pk, "vcf"]))
    assert b"".join(found.streaming_content) == VCF


def test_an_import_sends_no_mail(manifest):
    run(manifest)
    let_hours_pass()
    run(manifest)
    assert OutboxMessage.objects.get(kind=JOB_ENDED).status == OutboxStatus.DONE


def test_an_archive_with_another_tree_hash_is_refused_and_nothing_is_stored(glacier, manifest, user, tmp_path):
    archive_id = glacier.upload_archive(accountId="-", vaultName="old", body=BytesIO(VCF))["archiveId"]
    wrong = write(tmp_path, archive_id, user.email, "0" * 64)
    run(wrong)
    let_hours_pass()
    with pytest.raises(CommandError, match="1 of 1 archives failed"):
        run(wrong)
    assert Job.objects.count() == 0
    assert VaultImport.objects.get(archive_id=archive_id).imported_at is None


def test_an_import_that_broke_off_while_storing_is_done_again_without_a_second_job(manifest, monkeypatch):
    run(manifest)
    let_hours_pass()

    def away(*args):
        raise StorageAwayError("gone")

    with monkeypatch.context() as patch:
        patch.setattr(vaults.storage, "store_output", away)  # type: ignore[attr-defined]
        with pytest.raises(CommandError):
            run(manifest)
    assert Job.objects.get().status == JobStatus.RUNNING
    assert run(manifest) == "1 imported"
    assert Job.objects.get().status == JobStatus.COMPLETED


def test_an_import_that_lost_its_job_while_storing_is_not_taken_for_done(manifest, monkeypatch):
    run(manifest)
    let_hours_pass()

    def slowly(file):
        Job.objects.update(lease_until=from_now(timedelta(seconds=-1)))
        sweep.run()  # takes the import for dead
        return 2

    with monkeypatch.context() as patch:
        patch.setattr(vaults, "count_records", slowly)
        with pytest.raises(CommandError, match="1 of 1 archives failed"):
            run(manifest)
    assert VaultImport.objects.get().imported_at is None
    assert run(manifest) == "1 imported"
    assert Job.objects.get().status == JobStatus.COMPLETED
    assert broken() == []


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_a_large_import_keeps_its_job_while_it_stores(manifest, monkeypatch, settings):
    run(manifest)
    let_hours_pass()
    settings.HEARTBEAT_SECONDS = 0.0
    monkeypatch.setattr(heartbeat, "LOOK_SECONDS", 0.01)
    storing, renewed = Event(), Event()
    leases = []
    true_look, true_store = heartbeat.Heartbeat._look, vaults.storage.store_output  # type: ignore[attr-defined]

    def look(beat):
        if renewed.is_set() or not storing.is_set():
            return None
        before = Job.objects.get().lease_until
        loss = true_look(beat)
        leases.append((before, Job.objects.get().lease_until))
        renewed.set()
        return loss

    def store(*args):
        storing.set()
        assert renewed.wait(10)
        return true_store(*args)

    monkeypatch.setattr(heartbeat.Heartbeat, "_look", look)
    monkeypatch.setattr(vaults.storage, "store_output", store)  # type: ignore[attr-defined]
    assert run(manifest) == "1 imported"
    ((before, after),) = leases
    assert before is not None
    assert after is not None
    assert before < after


def test_what_an_import_had_stored_when_it_was_killed_is_deleted_after_a_day(manifest, monkeypatch):
    class KilledError(BaseException):
        pass

    def killed(*args):
        raise KilledError

    run(manifest)
    let_hours_pass()
    monkeypatch.setattr(vaults, "_open", killed)
    with pytest.raises(KilledError):
        run(manifest)
    assert area("inputs").keys("", 10) == [Upload.objects.get().storage_key]
    Upload.objects.update(expires_at=F("expires_at") - timedelta(hours=25))
    sweep.run()
    assert not Upload.objects.exists()
    assert area("inputs").keys("", 10) == []


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("a,nobody@example.org,f.vcf," + "0" * 64, "nobody here has the address"),
        ("a,someone@example.org,f.vcf,short", "tree hash of 64"),
        (",someone@example.org,f.vcf," + "0" * 64, "archive id"),
    ],
)
def test_a_manifest_with_a_wrong_line_is_refused_before_anything_is_asked(tmp_path, make_user, line, why):
    User.objects.create_user("someone@example.org", name="Someone")
    path = tmp_path / "archives.csv"
    path.write_text(f"archive_id,owner,file_name,tree_hash\n{line}\n")
    with pytest.raises(CommandError, match=why):
        call_command("import_vault_archive", "old", str(path), region=REGION)
    assert VaultImport.objects.count() == 0


def test_a_manifest_without_its_columns_is_refused(tmp_path):
    path = tmp_path / "archives.csv"
    path.write_text("id,owner\n")
    with pytest.raises(CommandError, match="lacks the columns archive_id, file_name, tree_hash"):
        call_command("import_vault_archive", "old", str(path), region=REGION)


def test_records_are_counted_in_plain_and_compressed_files(tmp_path):
    plain, packed = tmp_path / "a", tmp_path / "b"
    plain.write_bytes(VCF + b"\n")
    packed.write_bytes(gzip.compress(VCF))
    assert vaults.count_records(plain) == vaults.count_records(packed) == 2
