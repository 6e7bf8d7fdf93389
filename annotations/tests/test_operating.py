"""What an operator does from a shell and reads in the admin: pause, drain, stuck jobs, a job's story."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.models import User
from accounts.tests.people import sign_in_staff
from annotations import execution, story, stuck, submission, transitions
from annotations.child import ChildCrashedError
from annotations.models import Job, JobStatus
from annotations.tests.conftest import finished, put_upload, take
from gas import overview, pausing, registry
from gas.clock import database_now
from gas.models import Incident

pytestmark = pytest.mark.django_db


def test_nothing_new_is_taken_while_paused_and_a_repeated_click_still_finds_its_job(user, make_job):
    job = make_job(user, submission_key="a" * 32, reference_name="virus")
    pausing.pause("Upgrade", None)
    with pytest.raises(submission.RefusedError, match=r"New jobs are paused: Upgrade\. Try again later"):
        submission.expect_upload(user, "a.vcf", 10)
    upload = put_upload(user)

    def submit(key: str) -> Job:
        return submission.submit_job(
            user, upload_id=upload.pk, reference_name="virus", options={}, submission_key=key * 32
        )

    with pytest.raises(submission.RefusedError, match="New jobs are paused"):
        submit("b")
    assert submit("a") == job


def test_running_again_is_refused_while_paused(user, make_job, virus_reference):
    job = make_job(user)
    pausing.pause("Upgrade", None)
    with pytest.raises(submission.RefusedError) as refused:
        submission.run_again(user, job, "c" * 32)
    assert refused.value.code == "submissions_paused"


def test_workers_claim_nothing_while_they_drain_and_go_on_afterwards(job):
    pausing.drain(None)
    assert transitions.claim_next("worker") is None
    pausing.resume(None)
    claim = transitions.claim_next("worker")
    assert claim is not None
    assert claim.job_id == job.pk


def test_drain_waits_for_no_job_where_none_runs_and_says_what_waits(job, capsys, monkeypatch):
    monkeypatch.setattr("annotations.management.commands.drain.LOOK_SECONDS", 0)
    call_command("drain")
    assert "No job runs; 1 wait" in capsys.readouterr().out
    assert pausing.state().draining_since is not None


def test_drain_gives_up_when_its_time_is_over_and_keeps_draining(claim, capsys, monkeypatch):
    monkeypatch.setattr("annotations.management.commands.drain.LOOK_SECONDS", 0)
    with pytest.raises(SystemExit):
        call_command("drain", "--timeout=0")
    said = capsys.readouterr()
    assert "1 job still runs." in said.out
    assert "Time is up" in said.err
    assert pausing.state().draining_since is not None


def test_each_stuck_job_says_what_keeps_it(user, make_job, capsys):
    fresh, old, silent, broken = (make_job(user) for _ in range(4))
    now = database_now()
    transitions.crash(take(broken), "killed", {})
    take(silent)
    Job.objects.filter(pk=silent.pk).update(lease_until=now - timedelta(minutes=5), started_at=now - timedelta(hours=3))
    Job.objects.filter(pk=old.pk).update(submitted_at=now - timedelta(hours=1))

    call_command("jobs", "--stuck")

    said = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert "waits for 60 min" in said[str(old.pk)]
    assert "its worker worker gave no sign for 5 min after its lease; runs for 180 min" in said[str(silent.pk)]
    assert "broke 1 of 1 times; pauses for" in said[str(broken.pk)]
    assert str(fresh.pk) not in said
    assert next(one.job for one in stuck.stuck()) == old


def test_a_job_is_put_back_and_ended_from_a_shell(user, make_job):
    running, waiting = make_job(user), make_job(user)
    take(running)
    call_command("jobs", f"--requeue={running.pk}")
    call_command("jobs", f"--cancel={waiting.pk}")
    assert dict(Job.objects.values_list("pk", "status")) == {running.pk: "pending", waiting.pk: "cancelled"}
    with pytest.raises(CommandError, match="does not run"):
        call_command("jobs", f"--requeue={running.pk}")


def test_a_list_from_a_shell_names_no_owner(job, capsys):
    call_command("jobs")
    said = capsys.readouterr().out
    assert str(job.pk) in said
    assert "1 job is open." in said
    assert job.owner.email not in said


def test_a_jobs_story_tells_each_attempt_with_its_exit_limit_and_traceback(client: Client, job, caplog):
    first = take(job)
    caplog.set_level(logging.CRITICAL)
    execution._settle(first, ChildCrashedError("out_of_memory", "SIGABRT, after 3.2 s of CPU and 2,999 MB at most"))
    Job.objects.update(due_at=database_now() - timedelta(seconds=1))
    second = take(job)
    transitions.complete(second, finished(second))

    one, two = story.attempts(Job.objects.get())
    assert (one.how, one.code, one.limit) == ("This try broke off", "out_of_memory", "memory: 3,000 MB")
    assert one.exit == "SIGABRT, after 3.2 s of CPU and 2,999 MB at most"
    assert one.incident == f"{job.pk}/1"
    assert (two.how, two.exit, two.incident, two.worker) == ("Done", "", "", "worker")
    assert "ChildCrashedError" in Incident.objects.get().traceback

    sign_in_staff(client, User.objects.create_superuser("boss@example.org", "a long password"))
    page = client.get(f"/admin/annotations/job/{job.pk}/change/").content.decode()
    assert "SIGABRT, after 3.2 s of CPU" in page
    assert "memory: 3,000 MB" in page
    assert f"?q={job.pk}/1" in page


def test_the_worker_logs_under_the_request_that_submitted_and_its_user(client: Client, user, make_job, rf):
    from gas import logs

    request = rf.post("/jobs/new")
    request.request_id = "abcdef123456"
    token = logs.current_request.set(request)
    job = make_job(user)
    logs.current_request.reset(token)
    assert take(job).request_id == "abcdef123456"


def test_the_start_page_tells_what_runs_what_failed_and_what_is_stuck(user, make_job, client: Client):
    running, failed, old = (make_job(user) for _ in range(3))
    take(running)
    transitions.fail(take(failed), "wall_limit", {})
    Job.objects.filter(pk=old.pk).update(submitted_at=database_now() - timedelta(hours=1))
    Job.objects.filter(pk=running.pk).update(bytes_done=50, bytes_total=100, records_done=1234)

    tables = {table.title: table for table in (source() for source in registry.overview_tables())}
    (row,) = tables["Running now"].rows
    assert str(running.pk)[:8] in row[0]
    assert row[1] == "50%, 1,234 records"
    assert [("wall_limit" in reason, jobs) for reason, jobs in tables["Failed in the last 24 hours"].rows] == [
        (True, "1")
    ]
    assert [str(old.pk)[:8] in stuck_row[0] for stuck_row in tables["Stuck"].rows] == [True]
    assert tables["Outbox: failed for good"].rows == []

    sign_in_staff(client, User.objects.create_superuser("boss@example.org", "a long password"))
    page = client.get("/admin/").content.decode()
    assert "50%, 1,234 records" in page
    assert overview.figures()
    assert Job.objects.filter(status=JobStatus.RUNNING).count() == 1
