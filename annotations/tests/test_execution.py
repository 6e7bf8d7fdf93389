from __future__ import annotations

import errno
import json
import os
import signal
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import OperationalError

from annotations import child, execution, failures, heartbeat, storage, transitions
from annotations.areas import FileArea, StorageAwayError, area
from annotations.models import Job, JobStatus, OutputKind, Result
from annotations.tests.conftest import VCF, take
from annotations.tests.test_transitions import kinds, mails, make_due
from gas import stopping

pytestmark = [
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.usefixtures("virus_reference"),
]


@pytest.fixture(autouse=True)
def _heartbeat_is_quick(monkeypatch):
    monkeypatch.setattr(heartbeat, "LOOK_SECONDS", 0.05)


@pytest.fixture
def stand_in(monkeypatch, tmp_path: Path):
    """A program in the annotator's place, for ends that the real one reaches only by accident."""

    def replace(source: str) -> None:
        command = [sys.executable, "-c", textwrap.dedent(source)]
        monkeypatch.setattr(child, "_launcher", lambda: command)

    return replace


def run(job: Job) -> Job:
    assert execution.run_next()
    job.refresh_from_db()
    return job


def three_times(job: Job) -> Job:
    for _ in range(3):
        make_due(job)
        run(job)
    return job


def stored_file(job: Job) -> Path:
    inputs = area("inputs")
    assert isinstance(inputs, FileArea)
    return inputs.root / job.upload.storage_key


def objects() -> list[str]:
    return area("results").keys("", 100)


# --- The way to a result -----------------------------------------------------------------------
def test_a_job_runs_to_a_result_that_reads_back(job, settings):
    run(job)
    assert (job.status, job.attempt, job.failure_code) == (JobStatus.COMPLETED, 1, "")
    result = job.result
    assert (result.records_total, result.records_annotated, result.records_skipped) == (1, 1, 0)
    assert len(job.reference_digest) == 64
    outputs = {output.kind: output for output in result.outputs.all()}
    assert set(outputs) == set(OutputKind)
    assert outputs["vcf"].file_name == "patient.annotated.vcf.gz"
    for output in outputs.values():
        with storage.open_output(output) as stream:
            assert len(stream.read()) == output.size_bytes
    assert sorted(objects()) == sorted(output.storage_key for output in outputs.values())
    assert os.listdir(settings.WORK_DIR) == []
    assert mails(job) == 1


def test_nothing_waits_nothing_happens(db):
    assert not execution.run_next()


def test_a_file_that_cannot_be_annotated_fails_with_the_annotators_sentence(user, make_job):
    job = run(make_job(user, b"This is not a VCF at all.\n"))
    assert (job.status, job.attempt, job.crashes) == (JobStatus.FAILED, 1, 0)
    assert failures.sentence(job).endswith(".")
    assert failures.sentence(job) == job.failure_detail["sentence"]
    assert (objects(), mails(job)) == ([], 1)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda space: space.path("skipped.tsv").write_bytes(b"#line\n7\tlost\n"),
        lambda space: space.path("summary.json").write_text(
            space.path("summary.json").read_text().replace('"annotated": 1', '"annotated": 0', 1)
        ),
    ],
    ids=["list", "sum"],
)
def test_a_receipt_that_does_not_add_up_is_never_stored(job, monkeypatch, spoil):
    annotate = child.annotate

    def spoiled(space, *arguments):
        annotate(space, *arguments)
        spoil(space)

    monkeypatch.setattr(child, "annotate", spoiled)
    Job.objects.filter(pk=job.pk).update(crashes=2)  # the third ends it
    run(job)
    assert (job.status, job.failure_code) == (JobStatus.FAILED, "receipt_differs")
    assert "own check failed" in failures.sentence(job)
    assert objects() == []


# --- Stopped on purpose ------------------------------------------------------------------------
SLEEPER = """
    import os, time
    os.symlink(str(os.getpid()), os.path.join(os.path.dirname(os.getcwd()), "pid"))
    time.sleep(600)
"""


def when_it_sleeps(settings, monkeypatch, act: Callable[[], object]) -> Callable[[], int]:
    """Do something once, as soon as the stand-in runs; returns how to learn its process id."""
    link = settings.WORK_DIR / "pid"
    tick = execution._Attempt._tick
    done: list[object] = []

    def spy(self, progress):
        if link.is_symlink() and not done:
            done.append(act())
        tick(self, progress)

    monkeypatch.setattr(execution._Attempt, "_tick", spy)
    return lambda: int(os.readlink(link))


def is_gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


def test_a_cancel_ends_the_annotator_within_seconds(job, stand_in, settings, monkeypatch):
    stand_in(SLEEPER)
    pid = when_it_sleeps(settings, monkeypatch, lambda: transitions.cancel(job.pk, by="owner"))
    run(job)
    assert job.status == JobStatus.CANCELLED
    assert is_gone(pid())
    assert kinds(job)[-1] == "cancelled"


def test_a_deleted_job_ends_the_annotator_too(job, stand_in, settings, monkeypatch):
    stand_in(SLEEPER)
    pid = when_it_sleeps(settings, monkeypatch, job.delete)
    assert execution.run_next()
    assert is_gone(pid())
    assert not Job.objects.exists()


def test_a_stop_gives_the_job_back_when_the_grace_is_over(job, stand_in, settings, monkeypatch):
    stand_in(SLEEPER)
    asked: list[object] = []
    monkeypatch.setattr(stopping, "seconds", lambda: settings.GRACE_SECONDS + 1 if asked else None)
    pid = when_it_sleeps(settings, monkeypatch, lambda: asked.append(True))
    run(job)
    assert (job.status, job.crashes, kinds(job)[-1]) == (JobStatus.PENDING, 0, "stopping")
    assert is_gone(pid())


def test_a_stop_lets_a_short_job_finish_within_the_grace(job, settings, monkeypatch):
    asked: list[object] = []
    monkeypatch.setattr(stopping, "seconds", lambda: settings.GRACE_SECONDS / 2 if asked else None)

    def claim_and_ask(worker: str):
        asked.append(worker)
        return take(job)

    monkeypatch.setattr(transitions, "claim_next", claim_and_ask)
    assert run(job).status == JobStatus.COMPLETED


def test_a_sigterm_to_the_pool_process_gives_the_job_back_before_it_has_its_effect(
    job, stand_in, settings, monkeypatch
):
    stand_in(SLEEPER)
    settings.GRACE_SECONDS = 0.0
    ended: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: ended.append(number))
    monkeypatch.setattr(execution, "_signalled_at", [])
    try:
        pid = when_it_sleeps(settings, monkeypatch, lambda: os.kill(os.getpid(), signal.SIGTERM))
        run(job)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert (job.status, job.crashes, kinds(job)[-1]) == (JobStatus.PENDING, 0, "stopping")
    assert is_gone(pid())
    assert ended == [signal.SIGTERM]


def test_a_worker_that_stops_claims_nothing(job, monkeypatch):
    monkeypatch.setattr(stopping, "seconds", lambda: 0.1)
    assert not execution.run_next()
    job.refresh_from_db()
    assert job.status == JobStatus.PENDING


# --- Limits and crashes ------------------------------------------------------------------------
def test_the_wall_limit_ends_the_job_with_its_reason(job, stand_in, settings):
    settings.CHILD_WALL_SECONDS = 0.1
    stand_in("import time; time.sleep(600)")
    run(job)
    assert (job.status, job.failure_code, job.attempt) == (JobStatus.FAILED, "wall_limit", 1)


def test_a_job_that_wants_too_much_memory_fails_after_three_attempts(job, settings):
    settings.CHILD_MEMORY_MB = 80  # less than numpy and numba need to start
    three_times(job)
    assert (job.status, job.attempt, job.crashes) == (JobStatus.FAILED, 3, 3)
    assert objects() == []
    assert mails(job) == 1
    assert "attempts" in job.failure_detail


def test_what_needs_memory_says_so_to_its_owner(job, stand_in, settings):
    stand_in("raise MemoryError")
    three_times(job)
    assert job.failure_code == "out_of_memory"
    assert f"{settings.CHILD_MEMORY_MB} MB" in failures.sentence(job)


def test_an_input_that_changed_is_never_annotated(job):
    stored_file(job).write_bytes(VCF.replace(b"241", b"242"))
    three_times(job)
    assert (job.status, job.failure_code) == (JobStatus.FAILED, "input_changed")
    assert not Result.objects.exists()


def test_an_input_that_was_cut_is_never_annotated(job):
    stored_file(job).write_bytes(VCF[:-10])
    run(job)
    assert (job.status, job.crashes) == (JobStatus.PENDING, 1)


def test_an_output_that_reads_back_different_is_no_result(job, monkeypatch):
    store = FileArea.store

    def damage(self, source, key, check):
        stored = store(self, source, key, check)
        path = self.root / key
        path.write_bytes(path.read_bytes()[:-1] + b"\0")
        return stored

    monkeypatch.setattr(FileArea, "store", damage)
    run(job)
    assert (job.status, job.crashes) == (JobStatus.PENDING, 1)
    assert not Result.objects.exists()
    monkeypatch.setattr(FileArea, "store", store)
    make_due(job)
    assert run(job).status == JobStatus.COMPLETED
    assert job.result.attempt == 2


@pytest.mark.parametrize(
    ("error", "kind"),
    [(OSError(errno.ENOSPC, "No space left on device"), "disk_full"), (StorageAwayError("503"), "storage_away")],
)
def test_what_is_nobodys_fault_does_not_count(job, monkeypatch, error, kind):
    def fail(*_):
        raise error

    monkeypatch.setattr(FileArea, "store", fail)
    run(job)
    assert (job.status, job.crashes, kinds(job)[-1]) == (JobStatus.PENDING, 0, kind)


def test_a_full_disk_claims_nothing(job, settings):
    settings.MIN_FREE_PERCENT = 101
    assert not execution.run_next()
    job.refresh_from_db()
    assert (job.status, job.attempt) == (JobStatus.PENDING, 0)


def test_an_error_of_ours_is_a_crash_and_not_an_end_of_the_worker(job, monkeypatch):
    def bug(*_):
        raise KeyError("a bug")

    monkeypatch.setattr(storage, "fetch_input", bug)
    run(job)
    assert (job.status, job.crashes) == (JobStatus.PENDING, 1)


# --- The database ------------------------------------------------------------------------------
def test_a_connection_cut_after_the_commit_leaves_one_result_and_no_crash(job, monkeypatch):
    complete = transitions.complete
    calls = []

    def cut(claim, finished):
        calls.append(complete(claim, finished))
        if len(calls) == 1:
            raise OperationalError("the connection was cut after COMMIT")
        return calls[-1]

    monkeypatch.setattr(transitions, "complete", cut)
    run(job)
    assert calls == [True, True]
    assert (job.status, job.crashes, mails(job)) == (JobStatus.COMPLETED, 0, 1)
    assert Result.objects.count() == 1


def test_a_database_that_was_away_longer_than_the_lease_costs_no_crash(job, stand_in, settings, monkeypatch):
    stand_in(SLEEPER)

    def lose() -> None:
        def away(*_):
            Job.objects.filter(pk=job.pk).update(lease_until="2000-01-01T00:00:00Z")
            transitions.lose_lease(job.pk)
            raise OperationalError("away")

        settings.LEASE_SECONDS = 0
        monkeypatch.setattr(transitions, "renew", away)
        monkeypatch.setattr(transitions, "is_mine", away)

    pid = when_it_sleeps(settings, monkeypatch, lose)
    run(job)
    assert (job.status, job.crashes) == (JobStatus.PENDING, 0)
    assert kinds(job)[-2:] == ["lease_lost", "lease_forgiven"]
    assert is_gone(pid())


# --- The worker's disk -------------------------------------------------------------------------
def test_what_a_killed_worker_left_on_the_disk_goes(user, job, make_job, settings):
    claim = take(job)
    running, dead = (settings.WORK_DIR / f"{claim.job_id}-{attempt}" for attempt in (claim.attempt, 9))
    for folder in (running, dead, settings.WORK_DIR / "not ours"):
        folder.mkdir(parents=True)
    (dead / "input").write_bytes(VCF)
    assert not execution.run_next()
    assert sorted(path.name for path in settings.WORK_DIR.iterdir()) == sorted([running.name, "not ours"])


def test_the_summary_is_kept_with_the_result_and_the_version_that_made_it(job, settings):
    run(job)
    output = job.result.outputs.get(kind=OutputKind.SUMMARY)
    with storage.open_output(output) as stream:
        assert json.load(stream) | {"software": f"GAS {settings.SITE_VERSION}"} == job.result.summary


def test_what_a_killed_download_left_on_the_disk_is_deleted_by_the_worker(settings):
    settings.WORK_DIR.mkdir(parents=True, exist_ok=True)
    left, busy = (settings.WORK_DIR / f"export-{name}" for name in ("left", "busy"))
    for folder in (left, busy):
        folder.mkdir()
        (folder / "file").write_bytes(b"half")
    long_ago = time.time() - execution.LEFTOVER_SECONDS - 60
    os.utime(left, (long_ago, long_ago))
    execution.run_next()
    assert (left.exists(), busy.exists()) == (False, True)
