"""Storage in a bucket, against a double that refuses what AWS refuses."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import boto3
import pytest
import requests
from botocore.config import Config
from django.core.files.storage import storages

from annotations import execution, preflights, s3_area, storage, submission, sweep, transitions
from annotations.areas import ObjectChangedError, StorageAwayError, Stored, area
from annotations.heartbeat import Loss, LostError
from annotations.models import Job, JobStatus, OutputKind, Upload
from annotations.s3_area import S3Area
from annotations.tests.conftest import VCF, take
from annotations.tests.test_submission import refusal
from annotations.tests.test_transitions import kinds, make_due
from gas.clock import from_now
from tests_e2e.emulators.aws import CREDENTIALS, REGION
from tests_e2e.emulators.control import AwsControl
from tests_e2e.emulators.loopback import run_module

pytestmark = [
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.usefixtures("virus_reference"),
]


@pytest.fixture(scope="module")
def aws_address() -> Iterator[str]:
    with run_module("tests_e2e.emulators.aws") as address:
        yield address


@pytest.fixture
def aws(aws_address: str) -> AwsControl:
    control = AwsControl(aws_address)
    control.reset()
    return control


@pytest.fixture(autouse=True)
def bucket(aws: AwsControl, settings, monkeypatch, _own_storage: None) -> str:
    """A new private bucket that the settings name, with the options of the real ones."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", CREDENTIALS.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", CREDENTIALS.secret_key)
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.url)
    monkeypatch.setattr(s3_area, "PAUSES_SECONDS", (0, 0, 0))
    name = f"bucket-{uuid.uuid4().hex[:12]}"
    boto3.client("s3", region_name=REGION).create_bucket(Bucket=name)
    once = Config(signature_version="s3v4", s3={"addressing_style": "path"}, retries={"total_max_attempts": 1})
    options = {
        "bucket_name": name,
        "region_name": REGION,
        "default_acl": None,
        "file_overwrite": True,
        "client_config": once,
        "object_parameters": {"ServerSideEncryption": "AES256"},
    }
    backend = "storages.backends.s3.S3Storage"
    settings.STORAGES = settings.STORAGES | {
        folder: {"BACKEND": backend, "OPTIONS": options | {"location": folder}}
        for folder in ("inputs", "results", "archive")
    }
    storages.__dict__["_storages"].clear()
    return name


def go_on() -> None:
    pass


def put(name: Any, key: str, content: bytes, tmp_path: Path) -> Stored:
    source = tmp_path / "source"
    source.write_bytes(content)
    return area(name).store(source, key, go_on)


def send(
    ticket: submission.UploadTicket, content: bytes = VCF, changes: dict[str, str] | None = None
) -> requests.Response:
    """What the browser does with a ticket."""
    fields = {name: value for name, value in (ticket.fields | (changes or {})).items() if value}
    return requests.post(ticket.url, data=fields, files={"file": ("x.vcf", content)}, timeout=30)


def submit(user, ticket: submission.UploadTicket) -> Job:
    return submission.submit_job(
        user, upload_id=ticket.upload.pk, reference_name="virus", submission_key=uuid.uuid4().hex, options={}
    )


def s3() -> Any:
    return boto3.client("s3", region_name=REGION)


def test_a_part_of_the_pinned_object_is_read_and_of_no_other(tmp_path):
    stored = put("inputs", "a/b", b"0123456789", tmp_path)
    inputs = area("inputs")
    assert inputs.read_part("a/b", 3, 7, stored) == b"3456"
    assert inputs.read_part("a/b", 8, 100, stored) == b"89"
    put("inputs", "a/b", b"another one", tmp_path)
    for key in ("a/b", "a/c"):
        with pytest.raises(ObjectChangedError):
            inputs.read_part(key, 0, 4, stored)


@pytest.mark.usefixtures("compiled_look")
def test_a_file_in_the_bucket_is_looked_at_by_its_parts(user, aws):
    ticket = submission.expect_upload(user, "x.vcf", len(VCF))
    assert send(ticket).status_code == 204
    submission.confirm_received(ticket.upload)
    look = preflights.look_at(ticket.upload)
    assert look is not None
    assert (look.verdict, look.facts["estimated_records"], look.facts["reference"]) == ("ok", 1, "virus")
    aws.fail_next("^GET .*/inputs/", times=2, status=503, code="SlowDown")
    assert preflights.look_at(ticket.upload, "virus") is None


# --- Uploads -----------------------------------------------------------------------------------
def test_a_browser_sends_the_announced_file_and_nothing_else(user, bucket):
    ticket = submission.expect_upload(user, "x.vcf", len(VCF))
    assert ticket.method == "POST"
    assert send(ticket, VCF + b"x").status_code == 400
    assert send(ticket, VCF[:-1]).status_code == 400
    assert send(ticket, changes={"key": f"inputs/{user.pk}/other"}).status_code == 403
    assert send(ticket, changes={"Content-Type": "text/html"}).status_code == 403
    assert send(ticket, changes={"x-amz-server-side-encryption": ""}).status_code == 403
    assert area("inputs").keys("", 10) == []
    assert send(ticket).status_code == 204
    head = s3().head_object(Bucket=bucket, Key=f"inputs/{ticket.upload.storage_key}")
    assert head["ServerSideEncryption"] == "AES256"


def test_a_form_is_good_for_its_time_only(user, aws, settings):
    ticket = submission.expect_upload(user, "x.vcf", len(VCF))
    aws.advance(settings.UPLOAD_LINK_SECONDS + 1)
    assert send(ticket).status_code == 403


def test_a_job_runs_from_bucket_to_bucket(user, bucket):
    ticket = submission.expect_upload(user, "x.vcf", len(VCF))
    assert refusal(submit, user, ticket) == "not_received"
    send(ticket)
    job = submit(user, ticket)
    upload = Upload.objects.get()
    assert (upload.size_bytes, upload.etag) == (
        len(VCF),
        s3().head_object(Bucket=bucket, Key=f"inputs/{upload.storage_key}")["ETag"],
    )
    assert execution.run_next()
    job.refresh_from_db()
    assert job.status == JobStatus.COMPLETED
    output = job.result.outputs.get(kind=OutputKind.VCF)
    answer = requests.get(storage.download_url(output) or "", timeout=30)
    assert (answer.status_code, len(answer.content)) == (200, output.size_bytes)
    assert answer.headers["Content-Disposition"] == 'attachment; filename="x.annotated.vcf.gz"'
    head = s3().head_object(Bucket=bucket, Key=f"results/{output.storage_key}")
    assert head["ServerSideEncryption"] == "AES256"


def test_a_download_link_is_short_lived_and_the_bucket_private(user, aws, tmp_path, settings):
    put("results", "a/b", b"x", tmp_path)
    link = area("results").link("a/b", "x.vcf") or ""
    assert requests.get(link, timeout=10).status_code == 200
    assert requests.get(link.partition("?")[0], timeout=10).status_code == 403
    aws.advance(settings.S3_LINK_SECONDS + 1)
    assert requests.get(link, timeout=10).status_code == 403


def test_storage_that_is_away_at_the_submission_is_said_so(user, aws):
    ticket = submission.expect_upload(user, "x.vcf", len(VCF))
    send(ticket)
    aws.fail_next("HEAD", times=1)
    assert refusal(submit, user, ticket) == "storage_away"
    assert submit(user, ticket).status == JobStatus.PENDING


# --- The worker --------------------------------------------------------------------------------
@pytest.fixture
def sent_job(user) -> Job:
    ticket = submission.expect_upload(user, "x.vcf", len(VCF))
    send(ticket)
    return submit(user, ticket)


def run(job: Job) -> Job:
    make_due(job)
    assert execution.run_next()
    job.refresh_from_db()
    return job


def test_an_object_that_was_replaced_after_the_submission_is_refused(sent_job, bucket):
    key = f"inputs/{sent_job.upload.storage_key}"
    s3().put_object(Bucket=bucket, Key=key, Body=VCF.replace(b"241", b"242"))
    for _ in range(3):
        run(sent_job)
    assert (sent_job.status, sent_job.failure_code) == (JobStatus.FAILED, "input_changed")


def test_errors_of_s3_are_tried_again(sent_job, aws):
    aws.fail_next("GET .*inputs", times=2)
    aws.fail_next("PUT .*results", times=2, status=500, code="InternalError")
    assert run(sent_job).status == JobStatus.COMPLETED


def test_a_longer_outage_gives_the_job_back_without_a_crash(sent_job, aws):
    aws.fail_next("PUT .*results", times=100)
    run(sent_job)
    assert (sent_job.status, sent_job.crashes, kinds(sent_job)[-1]) == (JobStatus.PENDING, 0, "storage_away")
    aws.reset()
    assert run(sent_job).status == JobStatus.COMPLETED


# --- The sweep and the area --------------------------------------------------------------------
def test_the_sweep_deletes_what_no_row_needs_and_aborts_what_nobody_completes(sent_job, aws, bucket, tmp_path):
    claim = take(sent_job)
    put("results", storage.output_key(claim, OutputKind.VCF), b"x", tmp_path)
    key = "results/" + storage.output_key(claim, OutputKind.PARQUET)
    s3().create_multipart_upload(Bucket=bucket, Key=key)
    sweep.run()
    assert (len(area("results").keys("", 10)), len(list(area("results").unfinished()))) == (1, 1)
    transitions.cancel(sent_job.pk, by="owner")
    sweep.run()
    assert (area("results").keys("", 10), list(area("results").unfinished())) == ([], [])
    assert area("inputs").keys("", 10) == [sent_job.upload.storage_key]


def test_an_expired_upload_goes_with_its_object(user):
    ticket = submission.expect_upload(user, "x.vcf", len(VCF))
    send(ticket)
    Upload.objects.update(expires_at=from_now(timedelta(seconds=-1)))
    sweep.run()
    assert (area("inputs").keys("", 10), Upload.objects.count()) == ([], 0)


def test_a_large_file_goes_in_parts_and_comes_back_whole(tmp_path, monkeypatch, aws):
    from boto3.s3.transfer import TransferConfig

    small = TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20, use_threads=False)
    monkeypatch.setattr(s3_area, "_TRANSFER", small)
    content = bytes(range(256)) * 50_000
    stored = put("results", "a/b", content, tmp_path)
    assert stored.etag.endswith('-3"')
    area("results").fetch("a/b", stored, tmp_path / "copy", go_on)
    assert (tmp_path / "copy").read_bytes() == content
    assert aws.incomplete_uploads() == []


def test_a_transfer_that_is_stopped_leaves_nothing(tmp_path):
    (tmp_path / "source").write_bytes(b"x" * 2_000_000)

    def stop() -> None:
        raise LostError(Loss.FENCED)

    with pytest.raises(LostError):
        area("results").store(tmp_path / "source", "a/b", stop)
    assert area("results").keys("", 10) == []


def test_keys_come_in_pages_and_by_prefix(tmp_path):
    for key in ("u/1/x", "u/1/y", "u/10/x"):
        put("results", key, b"x", tmp_path)
    results = area("results")
    assert isinstance(results, S3Area)
    assert results.keys("", 2) == ["u/1/x", "u/1/y"]
    assert results.keys("u/1/y", 2) == ["u/10/x"]
    assert results.keys_below("u/1/") == ["u/1/x", "u/1/y"]
    results.delete(["u/1/x", "never"])
    assert results.keys_below("u/1/") == ["u/1/y"]


def test_an_expired_upload_goes_without_a_look_at_its_owners_other_files(aws, tmp_path):
    owner, mine = uuid.uuid4(), uuid.uuid4()
    upload = Upload(pk=mine, owner_id=owner, storage_key=storage.input_key(owner, mine))
    kept = storage.input_key(owner, uuid.uuid4())
    for key in (kept, upload.storage_key, f"{upload.storage_key}.part-1"):
        put("inputs", key, b"x", tmp_path)
    aws.reset()

    storage.delete_input(upload)

    listed = [unquote(seen["label"]) for seen in aws.requests_seen("^GET .*prefix=")]
    assert listed
    assert all(f"prefix=inputs/{upload.storage_key}" in label for label in listed), listed
    assert area("inputs").keys("", 10) == [kept]


def test_a_deleted_object_leaves_no_version_behind(bucket, tmp_path):
    s3().put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    put("inputs", "a/one", b"first", tmp_path)
    put("inputs", "a/one", b"second", tmp_path)
    put("inputs", "a/one-more", b"stays", tmp_path)
    s3().delete_object(Bucket=bucket, Key="inputs/a/one")  # a delete marker, as another program would leave
    area("inputs").delete(["a/one"])
    left = s3().list_object_versions(Bucket=bucket)
    assert [entry["Key"] for entry in left["Versions"]] == ["inputs/a/one-more"]
    assert "DeleteMarkers" not in left


def test_what_is_not_there_is_said_so(tmp_path):
    results = area("results")
    assert results.head("a/b") is None
    assert results.size("a/b") is None
    with pytest.raises(ObjectChangedError):
        results.open("a/b")


def test_a_dead_endpoint_is_storage_that_is_away(aws):
    aws.fail_next("GET", times=10, status=500, code="InternalError")
    with pytest.raises(StorageAwayError):
        area("results").keys("", 1)
