from __future__ import annotations

from datetime import timedelta
from threading import Barrier, Thread
from uuid import UUID

import pytest
from django.db import IntegrityError, connection, transaction

from accounts import plans
from accounts.models import PlanCode, User
from annotations import transitions
from annotations.claims import Progress
from annotations.models import Job, JobStatus, Output, Result, Upload, UploadStatus
from annotations.tests.conftest import finished, put_upload, take
from gas.clock import database_now, from_now
from gas.models import OutboxMessage

pytestmark = pytest.mark.django_db


def expire_lease(job: Job) -> None:
    Job.objects.filter(pk=job.pk).update(lease_until=from_now(timedelta(seconds=-1)))


def make_due(job: Job) -> None:
    Job.objects.filter(pk=job.pk).update(due_at=from_now(timedelta(seconds=-1)))


def kinds(job: Job) -> list[str]:
    return list(job.events.order_by("id").values_list("kind", flat=True))


def mails(job: Job) -> int:
    return OutboxMessage.objects.filter(kind=transitions.JOB_ENDED, payload__job=str(job.pk)).count()


def claimed() -> UUID:
    claim = transitions.claim_next("worker")
    assert claim is not None
    return claim.job_id


def in_parallel(count: int, work) -> None:
    """Run `work(n)` in threads that start at the same moment."""
    barrier = Barrier(count)
    errors: list[BaseException] = []

    def run(number: int) -> None:
        try:
            barrier.wait()
            work(number)
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


# --- Claiming ----------------------------------------------------------------------------------
def test_a_claim_starts_a_lease_by_the_database_clock(job):
    before = database_now()
    claim = transitions.claim_next("worker")
    job.refresh_from_db()
    assert claim is not None
    assert (claim.job_id, claim.attempt) == (job.pk, 1)
    assert (job.status, job.attempt, job.worker) == (JobStatus.RUNNING, 1, "worker")
    assert before + transitions.LEASE <= job.lease_until <= database_now() + transitions.LEASE
    assert kinds(job) == ["submitted", "claimed"]


def test_a_running_job_is_not_claimed_again(claim):
    assert transitions.claim_job(claim.job_id, "another") is None
    assert transitions.claim_next("another") is None


def test_a_job_is_not_claimed_before_it_is_due(job):
    Job.objects.filter(pk=job.pk).update(due_at=from_now(timedelta(seconds=60)))
    assert transitions.claim_next("worker") is None
    assert transitions.claim_job(job.pk, "worker") is None


def test_the_oldest_waiting_job_of_a_user_comes_first(user, make_job):
    older, newer = make_job(user), make_job(user)
    Job.objects.filter(pk=older.pk).update(submitted_at=from_now(timedelta(hours=-1)))
    assert [claimed() for _ in range(2)] == [older.pk, newer.pk]


def test_the_user_with_the_fewest_running_jobs_is_served_first(make_user, make_job):
    greedy, modest = make_user(), make_user()
    first = [make_job(greedy) for _ in range(4)]
    later = [make_job(modest) for _ in range(2)]
    order = [claimed() for _ in range(6)]
    assert order == [first[0].pk, later[0].pk, first[1].pk, later[1].pk, first[2].pk, first[3].pk]


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_of_many_workers_at_once_each_takes_another_job(make_user, make_job):
    owner = make_user()
    jobs = [make_job(owner) for _ in range(5)]
    claims = []
    in_parallel(8, lambda number: claims.append(transitions.claim_next(f"w{number}")))
    taken = [claim.job_id for claim in claims if claim is not None]
    assert sorted(taken) == sorted(job.pk for job in jobs)
    assert set(Job.objects.values_list("attempt", flat=True)) == {1}


# --- The lease ---------------------------------------------------------------------------------
def test_a_heartbeat_extends_the_lease_and_stores_the_progress(claim, job):
    expire_lease(job)
    assert transitions.renew(claim, Progress(7, 100, 200))
    job.refresh_from_db()
    assert job.lease_until > database_now()
    assert (job.records_done, job.bytes_done, job.bytes_total) == (7, 100, 200)


def test_a_lost_lease_counts_as_a_crash_and_waits_before_the_next_attempt(claim, job):
    expire_lease(job)
    assert transitions.lose_lease(job.pk)
    job.refresh_from_db()
    assert (job.status, job.attempt, job.crashes, job.lease_until) == (JobStatus.PENDING, 1, 1, None)
    assert job.due_at > database_now()
    assert kinds(job)[-1] == "lease_lost"


def test_a_living_lease_is_not_lost(claim, job):
    assert not transitions.lose_lease(job.pk)


def test_the_third_crash_fails_the_job_with_one_mail(job):
    for attempt in (1, 2, 3):
        make_due(job)
        claim = take(job)
        assert claim.attempt == attempt
        expire_lease(job)
        assert transitions.lose_lease(job.pk)
    job.refresh_from_db()
    assert (job.status, job.crashes, job.failure_code) == (JobStatus.FAILED, 3, "worker_lost")
    assert job.failure_detail["attempts"] == 3
    assert mails(job) == 1
    assert kinds(job)[-2:] == ["lease_lost", "failed"]


def test_pauses_double_up_to_a_bound():
    pauses = [transitions.pause_before_next(attempt) for attempt in (1, 2, 3, 40)]
    assert pauses == [timedelta(seconds=10), timedelta(seconds=20), timedelta(seconds=40), transitions.LONGEST_PAUSE]


def test_a_worker_that_lost_its_lease_cannot_finish(claim, job):
    expire_lease(job)
    transitions.lose_lease(job.pk)
    assert not transitions.complete(claim, finished(claim))
    assert not transitions.fail(claim, "out_of_memory", {})
    assert not transitions.crash(claim, "out_of_memory", {})
    assert not transitions.renew(claim, Progress())
    assert not transitions.is_mine(claim)
    assert Result.objects.count() == 0
    assert mails(job) == 0


def test_a_zombie_cannot_touch_the_attempt_after_its_own(claim, job):
    expire_lease(job)
    transitions.lose_lease(job.pk)
    make_due(job)
    second = take(job)
    assert not transitions.complete(claim, finished(claim))
    assert not transitions.give_back(claim, "stopping")
    assert not transitions.renew(claim, Progress())
    assert transitions.complete(second, finished(second))
    assert Result.objects.get().attempt == 2
    assert mails(job) == 1


def test_a_lost_lease_is_forgiven_when_the_worker_lived(claim, job):
    expire_lease(job)
    transitions.lose_lease(job.pk)
    assert transitions.forgive_lost_lease(claim)
    job.refresh_from_db()
    assert (job.status, job.crashes) == (JobStatus.PENDING, 0)
    assert not transitions.forgive_lost_lease(claim)


def test_a_crash_that_the_worker_reported_itself_is_not_forgiven(claim, job):
    transitions.crash(claim, "out_of_memory", {})
    assert not transitions.forgive_lost_lease(claim)
    job.refresh_from_db()
    assert job.crashes == 1


# --- Giving back -------------------------------------------------------------------------------
def test_a_stop_gives_the_job_back_at_once_and_counts_nothing(claim, job):
    assert transitions.give_back(claim, "stopping")
    job.refresh_from_db()
    assert (job.status, job.crashes, job.attempt) == (JobStatus.PENDING, 0, 1)
    assert take(job).attempt == 2


def test_what_does_not_count_as_a_crash_is_bounded_all_the_same(job):
    Job.objects.filter(pk=job.pk).update(attempt=transitions.MAX_ATTEMPTS - 1)
    claim = take(job)
    transitions.give_back(claim, "disk_full")
    job.refresh_from_db()
    assert (job.status, job.failure_code, job.crashes) == (JobStatus.FAILED, "gave_up", 0)


def test_stops_may_be_as_many_as_there_are_deploys(job):
    Job.objects.filter(pk=job.pk).update(attempt=transitions.MAX_ATTEMPTS + 5)
    claim = take(job)
    transitions.give_back(claim, "stopping")
    job.refresh_from_db()
    assert job.status == JobStatus.PENDING


def test_an_admin_ends_the_lease_of_a_running_job_only(job):
    assert not transitions.requeue(job.pk)
    claim = take(job)
    assert transitions.requeue(job.pk)
    assert not transitions.renew(claim, Progress())
    job.refresh_from_db()
    assert (job.status, job.crashes) == (JobStatus.PENDING, 0)


# --- Ending ------------------------------------------------------------------------------------
def test_completing_leaves_result_outputs_timeline_and_one_mail_together(claim, job):
    assert transitions.complete(claim, finished(claim))
    job.refresh_from_db()
    assert (job.status, job.lease_until) == (JobStatus.COMPLETED, None)
    assert job.finished_at is not None
    assert (job.result.attempt, job.result.records_total, job.result.records_skipped) == (1, 3, 1)
    assert job.result.outputs.get().size_bytes == len(b"result")
    assert kinds(job)[-1] == "completed"
    assert mails(job) == 1


def test_completing_twice_is_completing_once(claim, job):
    result = finished(claim)
    assert transitions.complete(claim, result)
    assert transitions.complete(claim, result), "the answer of the first call may have been lost"
    assert Result.objects.count() == 1
    assert mails(job) == 1


def test_a_result_that_cannot_be_written_leaves_the_job_running(claim, job):
    wrong = finished(claim)
    object.__setattr__(wrong, "records_skipped", 5)  # the receipt does not add up: the database refuses it
    with pytest.raises(IntegrityError), transaction.atomic():
        transitions.complete(claim, wrong)
    job.refresh_from_db()
    assert job.status == JobStatus.RUNNING
    assert Output.objects.count() == 0
    assert mails(job) == 0


def test_the_plan_at_the_end_decides_when_a_result_is_archived(make_user, make_job):
    free, premium = make_user(), make_user()
    User.objects.filter(pk=premium.pk).update(plan_code=PlanCode.PREMIUM)
    due = {}
    for owner in (free, premium):
        claim = take(make_job(owner))
        transitions.complete(claim, finished(claim))
        due[owner.pk] = Result.objects.get(job=claim.job_id).archive_due_at
    retention, at = plans.limits(free).hot_retention, due[free.pk]
    assert retention is not None
    assert at is not None
    assert abs(at - database_now() - retention) < timedelta(seconds=30)
    assert due[premium.pk] is None


@pytest.mark.parametrize("end", ["complete", "fail", "cancel"])
def test_final_states_stay(claim, job, end):
    ends = {
        "complete": lambda: transitions.complete(claim, finished(claim)),
        "fail": lambda: transitions.fail(claim, "wall_limit", {}),
        "cancel": lambda: transitions.cancel(job.pk, by="owner"),
    }
    assert ends.pop(end)()
    job.refresh_from_db()
    before = (job.status, job.finished_at)
    assert not any(other() for other in ends.values())
    assert not transitions.crash(claim, "killed", {})
    assert not transitions.give_back(claim, "stopping")
    assert not transitions.requeue(job.pk)
    assert transitions.claim_job(job.pk, "w") is None
    job.refresh_from_db()
    assert (job.status, job.finished_at) == before


def test_a_waiting_job_is_cancelled_and_never_claimed(job):
    assert transitions.cancel(job.pk, by="owner")
    job.refresh_from_db()
    assert job.status == JobStatus.CANCELLED
    assert transitions.claim_next("w") is None
    assert mails(job) == 0


def test_a_cancelled_running_job_is_lost_to_its_worker_at_once(claim, job):
    assert transitions.cancel(job.pk, by="staff")
    assert not transitions.is_mine(claim)
    assert not transitions.complete(claim, finished(claim))
    assert job.events.order_by("-id").first().detail == {"by": "staff"}


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_a_cancel_and_an_end_at_the_same_moment_leave_one_end(make_user, make_job):
    for _ in range(5):
        race_cancel_and_complete(make_job(make_user()))


def race_cancel_and_complete(job: Job) -> None:
    claim = take(job)
    result = finished(claim)
    moves = [lambda: transitions.cancel(job.pk, by="owner"), lambda: transitions.complete(claim, result)]
    outcomes: list[bool] = []
    in_parallel(2, lambda number: outcomes.append(moves[number]()))
    job.refresh_from_db()
    assert sorted(outcomes) == [False, True]
    assert len([kind for kind in kinds(job) if kind in ("completed", "cancelled")]) == 1
    assert Result.objects.filter(job=job).exists() == (job.status == JobStatus.COMPLETED)


def test_a_move_that_is_not_allowed_is_an_error_of_ours():
    from django.db.models import Q

    with pytest.raises(ValueError, match="does not go"):
        transitions._move(Q(), JobStatus.COMPLETED, JobStatus.PENDING)
    with pytest.raises(ValueError, match="does not go"):
        transitions._move_upload(Q(), (UploadStatus.EXPIRED,), UploadStatus.RECEIVED)


@pytest.mark.parametrize(
    "wrong",
    [
        {"status": "lost"},
        {"status": JobStatus.RUNNING},
        {"status": JobStatus.COMPLETED},
        {"lease_until": database_now},
        {"finished_at": database_now},
    ],
)
def test_the_database_refuses_a_job_that_contradicts_itself(job, wrong):
    values = {name: value() if callable(value) else value for name, value in wrong.items()}
    with pytest.raises(IntegrityError), transaction.atomic():
        Job.objects.filter(pk=job.pk).update(**values)


# --- Uploads -----------------------------------------------------------------------------------
def test_an_upload_is_consumed_once(user):
    upload = put_upload(user)
    assert transitions.consume(upload.pk)
    assert not transitions.consume(upload.pk)
    upload.refresh_from_db()
    assert (upload.status, upload.expires_at) == (UploadStatus.CONSUMED, None)


def test_an_upload_that_a_job_uses_is_not_released(job):
    assert not transitions.release(job.upload_id)
    upload = job.upload
    job.delete()
    assert transitions.release(upload.pk)
    assert Upload.objects.get().status == UploadStatus.EXPIRED


def test_uploads_expire_when_their_time_is_up_and_not_before(user):
    late, early = put_upload(user), put_upload(user)
    Upload.objects.filter(pk=late.pk).update(expires_at=from_now(timedelta(seconds=-1)))
    assert transitions.expire_due_uploads() == 1
    assert dict(Upload.objects.values_list("pk", "status")) == {late.pk: "expired", early.pk: "received"}
    assert not transitions.consume(late.pk)
