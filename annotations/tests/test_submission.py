from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from accounts import plans
from accounts.models import Plan, PlanCode
from annotations import storage, submission, sweep, transitions
from annotations.allowance import allowance_of
from annotations.areas import area
from annotations.models import DeletedJob, Job, JobEvent, JobStatus, Upload, UploadStatus
from annotations.submission import RefusedError
from annotations.tests.conftest import VCF, finished, put_upload
from annotations.tests.test_transitions import in_parallel
from gas import outbox
from gas.clock import database_now, from_now
from gas.models import OutboxMessage

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("virus_reference")]


def submit(user, upload, key: str | None = None, **changes) -> Job:
    choices = {"reference_name": "virus", "options": {}} | changes
    return submission.submit_job(user, upload_id=upload.pk, submission_key=key or uuid4().hex, **choices)


def refusal(call, *arguments, **named) -> str:
    with pytest.raises(RefusedError) as caught:
        call(*arguments, **named)
    assert caught.value.sentence.endswith(".")
    return caught.value.code


def limit(**figures: int) -> None:
    Plan.objects.filter(code=PlanCode.FREE).update(**figures)


def stored_keys() -> list[str]:
    return area("inputs").keys("", 100)


# --- Uploads -----------------------------------------------------------------------------------
def test_an_upload_is_announced_received_and_read_back(user):
    ticket = submission.expect_upload(user, "patient.vcf", len(VCF))
    assert (ticket.method, ticket.max_bytes) == ("PUT", len(VCF))
    assert ticket.url == f"/uploads/{ticket.upload.pk}/content"
    upload = submission.receive_content(ticket.upload, [VCF[:10], VCF[10:]])
    assert (upload.status, upload.size_bytes) == (UploadStatus.RECEIVED, len(VCF))
    with storage.open_input(upload) as stream:
        assert stream.read() == VCF


def test_the_key_is_ours_whatever_the_file_is_called(user):
    for name in ("../../etc/passwd", "-o", "C:\\data\\x.vcf", "a\x00b\n.vcf", "http://127.0.0.1/", ""):
        upload = submission.expect_upload(user, name, 5).upload
        assert upload.storage_key == f"{user.pk}/{upload.pk}"
        assert "/" not in upload.file_name
        assert upload.file_name.isprintable()
        assert upload.file_name


@pytest.mark.parametrize(
    ("chunks", "code"), [([VCF, b"more"], "file_differs"), ([VCF[:20]], "upload_incomplete"), ([], "upload_incomplete")]
)
def test_a_file_that_is_not_the_announced_one_leaves_nothing(user, chunks, code):
    upload = submission.expect_upload(user, "x.vcf", len(VCF)).upload
    assert refusal(submission.receive_content, upload, chunks) == code
    assert stored_keys() == []
    upload.refresh_from_db()
    assert upload.status == UploadStatus.CREATED
    assert submission.receive_content(upload, [VCF]).status == UploadStatus.RECEIVED


def test_an_endless_body_is_not_read_to_its_end(user):
    upload = submission.expect_upload(user, "x.vcf", 1000).upload
    read = 0

    def endless():
        nonlocal read
        while True:
            read += 400
            yield b"x" * 400

    assert refusal(submission.receive_content, upload, endless()) == "file_differs"
    assert read == 1200


def test_a_connection_that_breaks_leaves_nothing(user):
    upload = submission.expect_upload(user, "x.vcf", 1000).upload

    def breaking():
        yield b"x" * 400
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        submission.receive_content(upload, breaking())
    assert stored_keys() == []


def test_an_upload_is_not_received_twice(user):
    upload = submission.expect_upload(user, "x.vcf", len(VCF)).upload
    stale = Upload.objects.get(pk=upload.pk)
    submission.receive_content(upload, [VCF])
    other = b"y" * len(VCF)
    assert refusal(submission.receive_content, upload, [other]) == "already_received"
    assert refusal(submission.receive_content, stale, [other]) == "already_received"
    assert stored_keys() == [upload.storage_key]
    with storage.open_input(upload) as stream:
        assert stream.read() == VCF


def test_what_a_plan_allows_is_said_before_the_upload(user):
    limit(max_file_bytes=1_000_000, max_storage_bytes=1_500_000)
    assert refusal(submission.expect_upload, user, "x.vcf", 0) == "file_empty"
    assert refusal(submission.expect_upload, user, "x.vcf", 1_000_001) == "file_too_large"
    submission.expect_upload(user, "x.vcf", 1_000_000)
    assert refusal(submission.expect_upload, user, "x.vcf", 500_001) == "storage_full", "what is announced is reserved"


def test_results_count_in_the_storage(user, claim):
    before = submission.stored_bytes(user)
    transitions.complete(claim, finished(claim, b"x" * 5000))
    assert submission.stored_bytes(user) == before + 5000


def test_uploads_without_a_job_are_bounded(user, monkeypatch):
    monkeypatch.setattr(submission, "MAX_OPEN_UPLOADS", 2)
    for _ in range(2):
        submission.expect_upload(user, "x.vcf", 5)
    assert refusal(submission.expect_upload, user, "x.vcf", 5) == "too_many_uploads"


# --- Jobs --------------------------------------------------------------------------------------
def test_a_submission_makes_a_waiting_job_and_takes_the_upload(user):
    upload = put_upload(user)
    job = submit(user, upload, name="My run")
    upload.refresh_from_db()
    assert (job.status, job.name, job.owner_id, job.attempt) == (JobStatus.PENDING, "My run", user.pk, 0)
    assert (upload.status, upload.expires_at) == (UploadStatus.CONSUMED, None)


def test_one_click_is_one_job(user):
    upload = put_upload(user)
    first = submit(user, upload, "key")
    assert submit(user, upload, "key") == first
    assert Job.objects.count() == 1


def test_the_same_key_of_two_users_is_two_jobs(make_user):
    one, two = make_user(), make_user()
    assert submit(one, put_upload(one), "key") != submit(two, put_upload(two), "key")


def test_an_upload_belongs_to_one_user_and_one_submission(make_user):
    one, two = make_user(), make_user()
    upload = put_upload(one)
    assert refusal(submit, two, upload) == "upload_unknown"
    submit(one, upload)
    assert refusal(submit, one, upload) == "upload_used"


def test_a_file_that_did_not_arrive_or_expired_is_not_submitted(user):
    expected = submission.expect_upload(user, "x.vcf", 5).upload
    assert refusal(submit, user, expected) == "not_received"
    late = put_upload(user)
    Upload.objects.filter(pk=late.pk).update(expires_at=from_now(timedelta(seconds=-1)))
    transitions.expire_due_uploads()
    assert refusal(submit, user, late) == "upload_used"
    assert Job.objects.count() == 0


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"reference_name": "GRCh99"}, "reference_unknown"),
        ({"reference_name": "../virus"}, "reference_unknown"),
        ({"options": {"output": True}}, "option_unknown"),
        ({"options": {"overwrite": "yes; rm"}}, "option_unknown"),
    ],
)
def test_a_choice_that_was_not_offered_is_refused(user, changes, code):
    upload = put_upload(user)
    assert refusal(submit, user, upload, **changes) == code
    upload.refresh_from_db()
    assert upload.status == UploadStatus.RECEIVED


def test_the_open_jobs_of_a_plan_are_enforced(user, make_job):
    limit(max_open_jobs=2)
    first = make_job(user)
    make_job(user)
    upload = put_upload(user)
    assert refusal(submit, user, upload) == "too_many_open_jobs"
    transitions.cancel(first.pk, by="owner")
    assert submit(user, upload).status == JobStatus.PENDING


def test_the_jobs_of_a_day_are_enforced(user, make_job):
    limit(max_jobs_per_day=1)
    yesterday = make_job(user)
    Job.objects.filter(pk=yesterday.pk).update(submitted_at=from_now(timedelta(hours=-25)))
    submit(user, put_upload(user))
    assert refusal(submit, user, put_upload(user)) == "too_many_jobs_today"


def test_deleting_a_job_gives_nothing_of_the_day_back(user):
    limit(max_jobs_per_day=1)
    submission.delete_job(user, submit(user, put_upload(user)))
    assert allowance_of(user).jobs_today == 1
    assert refusal(submit, user, put_upload(user)) == "too_many_jobs_today"
    DeletedJob.objects.update(submitted_at=from_now(timedelta(hours=-25)))
    assert submit(user, put_upload(user)).status == JobStatus.PENDING
    sweep.run()
    assert not DeletedJob.objects.exists()


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_of_twenty_submissions_at_quota_minus_one_one_passes(make_user, make_job):
    user = make_user()
    limit(max_open_jobs=3)
    for _ in range(2):
        make_job(user)
    uploads = [put_upload(user) for _ in range(20)]
    outcomes = []

    def click(number: int) -> None:
        try:
            outcomes.append(submit(user, uploads[number]).status)
        except RefusedError as error:
            outcomes.append(error.code)

    in_parallel(20, click)
    assert sorted(outcomes) == ["pending", *["too_many_open_jobs"] * 19]
    assert Job.objects.filter(owner=user).count() == 3


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_fifty_users_submit_at_the_same_moment(make_user):
    users = [make_user() for _ in range(50)]
    uploads = [put_upload(user) for user in users]
    in_parallel(50, lambda number: submit(users[number], uploads[number]))
    assert Job.objects.filter(status=JobStatus.PENDING).count() == 50
    assert JobEvent.objects.filter(kind="submitted").count() == 50


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_ten_clicks_at_the_same_moment_are_one_job(make_user):
    user = make_user()
    upload = put_upload(user)
    jobs = []
    in_parallel(10, lambda _: jobs.append(submit(user, upload, "key").pk))
    assert len(jobs) == 10
    assert len(set(jobs)) == 1


# --- Samples, again, delete --------------------------------------------------------------------
@pytest.fixture
def _samples_use_the_virus(monkeypatch):
    samples = tuple(
        submission.Sample(sample.key, sample.title, sample.file_name, "virus") for sample in submission.SAMPLES
    )
    monkeypatch.setattr(submission, "SAMPLES", samples)


def test_the_samples_are_there():
    assert [sample.key for sample in submission.SAMPLES] == ["HCC1395", "COLO829"]
    assert all(sample.path.stat().st_size > 1000 for sample in submission.SAMPLES)


@pytest.mark.usefixtures("_samples_use_the_virus")
def test_a_sample_is_submitted_like_an_upload_and_once(user):
    job = submission.submit_sample(user, "HCC1395", "key")
    assert submission.submit_sample(user, "HCC1395", "key") == job
    assert (job.upload.is_sample, job.upload.status) == (True, UploadStatus.CONSUMED)
    assert stored_keys() == [job.upload.storage_key]
    assert refusal(submission.submit_sample, user, "../secret", "other") == "sample_unknown"


@pytest.mark.usefixtures("_samples_use_the_virus")
def test_a_refused_sample_leaves_nothing(user):
    limit(max_open_jobs=0)
    assert refusal(submission.submit_sample, user, "HCC1395", "key") == "too_many_open_jobs"
    sweep.run()
    assert stored_keys() == []
    assert Upload.objects.count() == 0


def test_running_again_uses_the_same_upload_and_the_same_choices(user, make_job):
    first = make_job(user, options={"overwrite": True})
    again = submission.run_again(user, first, "again")
    assert (again.upload_id, again.rerun_of_id, again.options) == (first.upload_id, first.pk, {"overwrite": True})
    assert submission.run_again(user, first, "again") == again
    assert refusal(submission.run_again, user, first, "else", reference_name="GRCh99") == "reference_unknown"


def test_deleting_a_job_deletes_its_results_and_its_input(user, claim, job):
    transitions.complete(claim, finished(claim))
    submission.delete_job(user, job)
    assert not Job.objects.exists()
    outbox.sweep()
    sweep.run()
    assert (stored_keys(), area("results").keys("", 10)) == ([], [])
    assert not Upload.objects.exists()


def test_the_input_stays_while_another_job_uses_it(user, job):
    again = submission.run_again(user, job, "again")
    submission.delete_job(user, job)
    sweep.run()
    again.refresh_from_db()
    assert (again.rerun_of_id, again.upload.status) == (None, UploadStatus.CONSUMED)
    assert stored_keys() == [again.upload.storage_key]
    submission.delete_job(user, again)
    sweep.run()
    assert stored_keys() == []


def test_deleting_a_running_job_fences_its_worker(user, claim, job):
    late = finished(claim)
    submission.delete_job(user, job)
    assert not transitions.is_mine(claim)
    assert not transitions.complete(claim, late)
    sweep.run()
    assert area("results").keys("", 10) == []


def test_a_second_click_on_delete_changes_nothing(user, job):
    submission.delete_job(user, job)
    sweep.run()
    submission.delete_job(user, job)
    assert not Upload.objects.exists()


def test_a_job_that_was_deleted_is_not_run_again(user, job):
    submission.run_again(user, job, "again")
    submission.delete_job(user, job)
    assert refusal(submission.run_again, user, job, "once more") == "upload_unknown"


def test_a_stranger_deletes_nothing(make_user, job):
    submission.delete_job(make_user(), job)
    assert Job.objects.filter(pk=job.pk, status=JobStatus.PENDING).exists()
    assert not OutboxMessage.objects.filter(kind=submission.DELETE_RESULTS).exists()


def test_an_upload_without_a_job_is_kept_as_long_as_the_plan_says(user):
    upload = submission.expect_upload(user, "x.vcf", len(VCF)).upload
    until = submission.receive_content(upload, [VCF]).expires_at
    assert until is not None
    assert abs(until - database_now() - plans.limits(user).input_retention) < timedelta(minutes=1)
