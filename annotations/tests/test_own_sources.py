"""A user's own sources: added, checked by the real annotator, quoted by a job, deleted with the account."""

from __future__ import annotations

import gzip
import os
import time
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import PlanCode, User
from annotations import erasure, execution, exports, invariants, storage, submission, sweep
from annotations.areas import StorageAwayError, area
from annotations.models import Job, JobStatus, OutputKind, OwnSource, OwnSourceStatus, Upload, UploadStatus
from annotations.own_sources import checking, folders, keeping
from annotations.tests.conftest import put_upload
from annotations.tests.test_views import bytes_of
from gas import outbox, registry
from gas.models import AuditEntry, OutboxMessage

pytestmark = [
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.usefixtures("virus_reference"),
]

BED = b"NC_045512.2\t200\t300\tleader end\n"
LAB = (
    b"##fileformat=VCFv4.2\n"
    b'##INFO=<ID=CLASS,Number=1,Type=String,Description="Our class">\n'
    b"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\nNC_045512.2\t241\tv7\tC\tT\t.\t.\tCLASS=5\n"
)


@pytest.fixture
def premium(make_user) -> User:
    user: User = make_user(email_confirmed_at=timezone.now())
    User.objects.filter(pk=user.pk).update(plan_code=PlanCode.PREMIUM)
    user.refresh_from_db()
    return user


def add(user: User, content: bytes = BED, key: str = "LAB") -> OwnSource:
    upload = put_upload(user, content)
    return keeping.add(user, upload_id=upload.pk, key=key, reference_name="virus")


def checked(source: OwnSource) -> OwnSource:
    """The source after its message was delivered."""
    message = OutboxMessage.objects.get(dedupe_key=f"{keeping.CHECK_SOURCE}:{source.pk}")
    assert outbox.deliver(message.pk)
    source.refresh_from_db()
    return source


def submit(user: User, **options) -> Job:
    upload = put_upload(user)
    return submission.submit_job(
        user, upload_id=upload.pk, reference_name="virus", submission_key=uuid4().hex, options=options
    )


def refusal(call, *arguments, **named) -> str:
    with pytest.raises(submission.RefusedError) as caught:
        call(*arguments, **named)
    return caught.value.code


def violations() -> list[str]:
    return list(invariants.objects_and_rows_match(deep=False))


def test_a_job_quotes_the_sources_of_its_owner_and_says_so(premium):
    bed, lab = checked(add(premium)), checked(add(premium, LAB, "CLASSES"))
    assert [source.status for source in (bed, lab)] == [OwnSourceStatus.READY] * 2
    assert bed.detail["counts"]["regions"] == 1
    assert lab.detail["keys"] == ["CLASSES_ID", "CLASSES_CLASS"]
    job = submit(premium, own_sources=[str(bed.pk), str(lab.pk)])
    assert execution.run_next()
    job.refresh_from_db()
    assert job.status == JobStatus.COMPLETED, job.failure_detail
    told = {source["key"]: source["alleles"] for source in job.result.summary["sources"]}
    assert told == {"LAB": 1, "CLASSES": 1}
    with storage.open_output(job.result.outputs.get(kind=OutputKind.TSV)) as stream, gzip.open(stream, "rt") as text:
        heading, row = (line.rstrip("\n").split("\t") for line in list(text)[:2])
    assert (row[heading.index("lab")], row[heading.index("classes_class")]) == ("leader%20end", "5")
    browser = Client()
    browser.force_login(premium)
    assert "LAB, a source of the user" in browser.get(f"/jobs/{job.pk}/").content.decode()
    variant = browser.get(f"/jobs/{job.pk}/variants/0/").content.decode()
    for value in ("leader%20end", "v7", "5"):
        assert f"<dd>{value}</dd>" in variant
    assert violations() == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"not a source\n", "Line 1 is neither"),
        (b"chr1\t1\t5\tx\n", "Nothing in the file lies on"),
        (b"\x00\x01", "no text"),
    ],
)
def test_a_file_of_no_use_is_refused_with_a_sentence_and_quoted_by_no_job(premium, content, words):
    source = checked(add(premium, content))
    assert source.status == OwnSourceStatus.REFUSED
    assert words in source.detail["sentence"]
    assert refusal(submit, premium, own_sources=[str(source.pk)]) == "own_source_unknown"


def test_a_check_that_takes_too_long_is_ended_and_said(premium, monkeypatch):
    monkeypatch.setattr(checking, "CHECK_SECONDS", 0.0)
    source = checked(add(premium))
    assert (source.status, source.detail) == (OwnSourceStatus.REFUSED, {"sentence": checking.TOO_MUCH})


def test_what_a_killed_check_left_on_the_disk_is_deleted_by_the_sweep(settings):
    settings.WORK_DIR.mkdir(parents=True, exist_ok=True)
    left, busy = (settings.WORK_DIR / f"{folders.PREFIX}{name}" for name in ("left", "busy"))
    for folder in (left, busy):
        folder.mkdir()
        (folder / "input").write_bytes(LAB)
    long_ago = time.time() - folders.LEFTOVER_SECONDS - 60
    os.utime(left, (long_ago, long_ago))
    sweep.run()
    assert (left.exists(), busy.exists()) == (False, True)


def test_a_check_waits_while_storage_is_away(premium, monkeypatch):
    source = add(premium)
    message = OutboxMessage.objects.get(dedupe_key=f"{keeping.CHECK_SOURCE}:{source.pk}")

    def away(*_):
        raise StorageAwayError("away")

    monkeypatch.setattr(storage, "fetch_upload", away)
    assert not outbox.deliver(message.pk)
    source.refresh_from_db()
    assert source.status == OwnSourceStatus.CHECKING


def test_a_source_of_somebody_else_is_no_choice(premium, make_user):
    stranger = make_user()
    User.objects.filter(pk=stranger.pk).update(plan_code=PlanCode.PREMIUM)
    theirs = checked(add(User.objects.get(pk=stranger.pk)))
    assert refusal(submit, premium, own_sources=[str(theirs.pk)]) == "own_source_unknown"


def test_a_free_user_adds_none_and_quotes_none_any_more_after_a_downgrade(premium, user):
    assert refusal(add, user) == "own_sources_not_in_plan"
    assert Upload.objects.get(owner=user).status == UploadStatus.EXPIRED
    source = checked(add(premium))
    User.objects.filter(pk=premium.pk).update(plan_code=PlanCode.FREE)
    premium.refresh_from_db()
    assert refusal(submit, premium, own_sources=[str(source.pk)]) == "own_sources_not_in_plan"


def test_names_are_checked_and_used_once(premium):
    add(premium)
    assert refusal(add, premium) == "source_key_twice"
    assert refusal(add, premium, key="lab") == "source_key"
    assert refusal(keeping.add, premium, upload_id=uuid4(), key="OTHER", reference_name="virus") == "upload_unknown"


def test_a_source_that_is_deleted_goes_from_storage_and_fails_the_job_that_waits_for_it(premium):
    source = checked(add(premium))
    before = submission.stored_bytes(premium)
    job = submit(premium, own_sources=[str(source.pk)])
    keeping.remove(premium, source)
    assert not OwnSource.objects.exists()
    assert Upload.objects.get(pk=source.upload_id).status == UploadStatus.EXPIRED
    assert submission.stored_bytes(premium) == before - len(BED) + job.upload.max_bytes
    assert execution.run_next()
    job.refresh_from_db()
    assert (job.status, job.failure_code) == (JobStatus.FAILED, "own_source_gone")
    assert violations() == []


def test_sources_go_with_the_account_and_are_in_its_download(premium, make_user):
    checked(add(premium))
    other = make_user()
    User.objects.filter(pk=other.pk).update(plan_code=PlanCode.PREMIUM)
    add(User.objects.get(pk=other.pk))
    assert [row["key"] for row in exports.own_sources(premium)] == ["LAB"]
    assert "own_sources" in dict(registry.exporters())
    erasure.erase(premium)
    assert [source.owner_id for source in OwnSource.objects.all()] == [other.pk]
    assert {key.partition("/")[0] for key in area("inputs").keys("", 100)} == {str(other.pk)}
    assert violations() == []


def test_the_page_adds_lists_and_deletes_and_is_ones_own(premium):
    browser = Client()
    browser.force_login(premium)
    upload = put_upload(premium, BED)
    answer = browser.post("/sources/", {"upload_id": upload.pk, "key": "LAB", "reference": "virus"})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/sources/")
    source = OwnSource.objects.get()
    assert "Being checked" in browser.get("/sources/").content.decode()
    checked(source)
    page = browser.get("/sources/").content.decode()
    assert "1 region" in page
    assert bytes_of(browser.get(f"/sources/{source.pk}/file")) == BED
    assert AuditEntry.objects.filter(action="download source", target=f"source:{source.pk}").count() == 1
    assert "LAB (patient.vcf)" in browser.get(f"/uploads/{put_upload(premium).pk}/").content.decode()
    assert browser.post(f"/sources/{source.pk}/delete").status_code == 302
    assert not OwnSource.objects.exists()


def test_a_refused_addition_is_said_on_the_page(premium):
    browser = Client()
    browser.force_login(premium)
    upload = put_upload(premium, BED)
    answer = browser.post("/sources/", {"upload_id": upload.pk, "key": "x", "reference": "virus"})
    assert answer.status_code == 422
    assert "three to twelve capitals" in answer.content.decode()
