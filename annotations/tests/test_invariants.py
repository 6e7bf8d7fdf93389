from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta

import pytest

from annotations import invariants, storage, submission, sweep, transitions
from annotations.areas import FileArea, area
from annotations.claims import Claim
from annotations.models import Job, JobEvent, Output, OutputKind, Result, Upload
from annotations.tests.conftest import finished, put_upload, take
from gas import registry
from gas.clock import from_now
from gas.models import OutboxMessage

pytestmark = pytest.mark.django_db

OURS = (
    invariants.each_job_ends_once,
    invariants.one_result_of_one_attempt,
    invariants.one_mail_at_the_end,
    invariants.results_are_as_recorded,
    invariants.objects_and_rows_match,
    invariants.records_add_up,
)


def broken(check: Callable[..., Iterable[str]], *, deep: bool = False) -> list[str]:
    return list(check(deep=deep))


@pytest.fixture
def done(claim: Claim, job: Job) -> Job:
    transitions.complete(claim, finished(claim))
    job.refresh_from_db()
    return job


def result_file(job: Job):
    hot = area("results")
    assert isinstance(hot, FileArea)
    return hot.root / job.result.outputs.get().storage_key


def test_all_are_registered():
    registered = [check for _, check in registry.invariants()]
    assert all(check in registered for check in OURS)


def test_all_hold_for_jobs_in_every_state(user, make_job, done):
    make_job(user)
    take(make_job(user))
    transitions.fail(take(make_job(user)), "wall_limit", {})
    transitions.cancel(make_job(user).pk, by="owner")
    put_upload(user)
    submission.expect_upload(user, "x.vcf", 5)
    assert [broken(check) for check in OURS] == [[]] * len(OURS)


def test_an_end_without_its_line_is_found(done):
    JobEvent.objects.filter(kind="completed").delete()
    assert len(broken(invariants.each_job_ends_once)) == 1


def test_a_second_end_is_found(done):
    JobEvent.objects.create(job=done, at=done.finished_at, kind="failed")
    assert len(broken(invariants.each_job_ends_once)) == 1


def test_a_lease_that_everybody_forgot_is_found(claim, job):
    Job.objects.update(lease_until=from_now(timedelta(hours=-1)))
    assert len(broken(invariants.each_job_ends_once)) == 1


def test_a_failure_without_a_reason_is_found(claim, job):
    transitions.fail(claim, "", {})
    assert len(broken(invariants.each_job_ends_once)) == 1


def test_a_completed_job_without_a_result_is_found(done):
    Result.objects.all().delete()
    assert len(broken(invariants.one_result_of_one_attempt)) == 1


def test_a_result_of_another_attempt_is_found(done):
    Result.objects.update(attempt=7)
    assert len(broken(invariants.one_result_of_one_attempt)) == 2


def test_a_mail_too_many_or_too_few_is_found(done):
    OutboxMessage.objects.filter(kind=transitions.JOB_ENDED).update(dedupe_key="other")
    transitions._promise_news(done.pk)
    assert len(broken(invariants.one_mail_at_the_end)) == 1
    OutboxMessage.objects.all().delete()
    assert len(broken(invariants.one_mail_at_the_end)) == 1


def test_an_output_that_is_gone_or_cut_is_found(done):
    path = result_file(done)
    path.write_bytes(b"resul")
    assert len(broken(invariants.results_are_as_recorded)) == 1
    path.unlink()
    assert len(broken(invariants.results_are_as_recorded)) == 1


def test_an_output_that_changed_is_found_by_reading_it(done):
    result_file(done).write_bytes(b"resulT")
    assert broken(invariants.results_are_as_recorded) == []
    assert len(broken(invariants.results_are_as_recorded, deep=True)) == 1


def test_a_result_without_its_vcf_is_found(done):
    Output.objects.all().delete()
    assert len(broken(invariants.results_are_as_recorded)) == 1


def test_an_object_without_a_row_is_found_until_the_sweep(user):
    put = area("results")
    assert isinstance(put, FileArea)
    put.receive("no/such/job", [b"x"])
    assert len(broken(invariants.objects_and_rows_match)) == 1
    sweep.run()
    assert broken(invariants.objects_and_rows_match) == []


def test_an_upload_without_its_object_is_found(job):
    storage.delete_input(job.upload)
    assert len(broken(invariants.objects_and_rows_match)) == 1


def test_an_input_in_use_by_nobody_is_found(job):
    Job.objects.all().delete()
    assert len(broken(invariants.objects_and_rows_match)) == 1


def test_an_upload_that_should_be_gone_is_found(user):
    put_upload(user)
    Upload.objects.update(expires_at=from_now(timedelta(hours=-1)))
    assert len(broken(invariants.objects_and_rows_match)) == 1


def test_a_receipt_that_lists_other_records_than_the_row_counts_is_found(done):
    key = done.result.outputs.get().storage_key + "-receipt"
    hot = area("results")
    assert isinstance(hot, FileArea)
    hot.receive(key, [b"#line\tcontig\n3\tchr1\n9\tchr1\n"])
    digest = "0" * 64
    Output.objects.create(
        result=done.result, kind=OutputKind.RECEIPT, storage_key=key, file_name="s", size_bytes=9, sha256=digest
    )
    assert len(broken(invariants.records_add_up, deep=True)) == 1, "two lines, one skipped record"
    hot.receive(key, [b"#line\tcontig\n3\tchr1\n"])
    assert broken(invariants.records_add_up, deep=True) == []
