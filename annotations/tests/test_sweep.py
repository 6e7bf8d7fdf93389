from __future__ import annotations

from datetime import timedelta

import pytest

from annotations import storage, submission, sweep, transitions
from annotations.areas import AreaName, FileArea, StorageAwayError, area
from annotations.models import Job, JobStatus, OrphanScan, OutputKind, Upload, UploadStatus
from annotations.tests.conftest import VCF, finished, put_upload, take
from annotations.tests.test_transitions import expire_lease, kinds, make_due
from gas import doorbell, queues
from gas.clock import from_now
from gas.models import SweepRun

pytestmark = pytest.mark.django_db


@pytest.fixture
def rings(monkeypatch, settings, tmp_path) -> list[str]:
    """The doorbells that were rung, beside a queue of the test's own: what is tested is how many, not the broker."""
    settings.CELERY_BROKER_DIR = tmp_path / "broker"
    heard: list[str] = []
    monkeypatch.setattr(doorbell, "ring", lambda task, queue: heard.append(task))
    return heard


def put(name: AreaName, key: str, content: bytes = b"x") -> None:
    objects = area(name)
    assert isinstance(objects, FileArea)
    objects.receive(key, [content])


def keys(name: AreaName) -> list[str]:
    return area(name).keys("", 100)


def test_leases_that_ran_out_are_put_back_and_living_ones_stay(user, make_job, rings):
    dead, living = make_job(user), make_job(user)
    take(dead), take(living)
    expire_lease(dead)
    sweep.run()
    assert dict(Job.objects.values_list("pk", "status")) == {dead.pk: "pending", living.pk: "running"}
    assert kinds(dead)[-1] == "lease_lost"


def test_a_job_whose_doorbell_was_lost_is_rung_for_when_it_is_due(user, make_job, rings):
    now, later = make_job(user), make_job(user)
    Job.objects.filter(pk=later.pk).update(due_at=from_now(timedelta(minutes=1)))
    sweep.run()
    assert rings == [transitions.ANNOTATE_TASK]
    make_due(later)
    sweep.run()
    assert len(rings) == 1 + 2
    take(now)
    sweep.run()
    assert len(rings) == 3 + 1


def test_a_long_queue_is_rung_for_up_to_a_bound(user, make_job, rings, monkeypatch):
    monkeypatch.setattr(sweep, "MAX_DOORBELLS", 3)
    for _ in range(5):
        make_job(user)
    sweep.run()
    assert len(rings) == 3


def test_doorbells_that_wait_in_the_queue_are_not_rung_again(user, make_job, rings):
    for _ in range(3):
        make_job(user)
    for number in range(2):
        (queues.messages_folder() / f"{number}_x.annotate.msg").touch()
    sweep.run()
    assert len(rings) == 3 - 2
    (queues.messages_folder() / "2_x.annotate.msg").touch()
    sweep.run()
    assert len(rings) == 1


def test_every_waiting_job_is_rung_for_where_the_queue_cannot_be_counted(user, make_job, rings, monkeypatch):
    def away() -> dict[str, int]:
        raise ConnectionError("away")

    monkeypatch.setattr(queues, "waiting", away)
    make_job(user), make_job(user)
    sweep.run()
    assert len(rings) == 2


def test_a_sweep_waits_for_its_turn(job, rings):
    SweepRun.objects.create(name="annotations", running_until=from_now(timedelta(seconds=10)))
    sweep.run()
    assert rings == []


def test_expired_uploads_go_with_their_objects_and_unfinished_parts(user):
    received = put_upload(user)
    announced = submission.expect_upload(user, "x.vcf", 5).upload
    put("inputs", announced.storage_key + ".part-1")
    kept = put_upload(user)
    Upload.objects.exclude(pk=kept.pk).update(expires_at=from_now(timedelta(seconds=-1)))
    sweep.run()
    assert list(Upload.objects.values_list("pk", flat=True)) == [kept.pk]
    assert keys("inputs") == [kept.storage_key]
    assert received.storage_key != kept.storage_key


def test_an_input_in_use_is_never_swept(job):
    Upload.objects.update(expires_at=from_now(timedelta(seconds=-1)))
    sweep.run()
    assert keys("inputs") == [job.upload.storage_key]


def test_objects_of_earlier_attempts_go_and_those_of_the_running_one_stay(user, make_job):
    job = make_job(user)
    first = take(job)
    put("results", storage.output_key(first, OutputKind.VCF))
    sweep.run()
    assert len(keys("results")) == 1, "the attempt is running"
    expire_lease(job)
    sweep.run()
    assert keys("results") == []
    make_due(job)
    second = take(job)
    put("results", storage.output_key(first, OutputKind.TSV))  # a zombie writes on
    put("results", storage.output_key(second, OutputKind.VCF) + ".part-1")
    sweep.run()
    assert keys("results") == [storage.output_key(second, OutputKind.VCF) + ".part-1"]


def test_a_result_stays_and_what_lies_beside_it_goes(claim):
    transitions.complete(claim, finished(claim))
    put("results", storage.output_key(claim, OutputKind.TSV))
    put("results", "not/a/key of ours")
    sweep.run()
    assert keys("results") == [storage.output_key(claim, OutputKind.VCF)]


@pytest.mark.parametrize("end", ["cancel", "fail"])
def test_objects_of_a_job_without_a_result_go(claim, end):
    put("results", storage.output_key(claim, OutputKind.VCF))
    if end == "cancel":
        transitions.cancel(claim.job_id, by="owner")
    else:
        transitions.fail(claim, "wall_limit", {})
    sweep.run()
    assert keys("results") == []


def test_inputs_without_a_row_go(user):
    kept = put_upload(user)
    put("inputs", f"{user.pk}/unknown")
    put("inputs", kept.storage_key + ".part-1")
    sweep.run()
    assert keys("inputs") == [kept.storage_key]


def test_an_upload_that_is_still_arriving_is_left_alone(user):
    upload = submission.expect_upload(user, "x.vcf", 5).upload
    put("inputs", upload.storage_key + ".part-1")
    sweep.run()
    assert len(keys("inputs")) == 1


def test_the_walk_over_the_objects_goes_on_where_it_was(user, monkeypatch):
    monkeypatch.setattr(sweep, "MAX_OBJECTS", 2)
    for number in range(5):
        put("results", f"{number}/orphan")
    left = []
    for _ in range(3):
        sweep.run()
        left.append(len(keys("results")))
    assert left == [3, 1, 0]
    assert OrphanScan.objects.get(area="results").after_key == ""


def test_orphans_behind_many_needed_objects_are_reached(user, monkeypatch):
    monkeypatch.setattr(sweep, "MAX_OBJECTS", 2)
    kept = sorted(put_upload(user).storage_key for _ in range(3))
    put("inputs", "~/last of all")
    sweep.run()
    assert len(keys("inputs")) == 4
    sweep.run()
    assert keys("inputs") == kept


def test_storage_that_is_away_stops_no_lease_from_ending(user, make_job, monkeypatch):
    job = make_job(user)
    take(job)
    expire_lease(job)

    def away(*_):
        raise StorageAwayError("503")

    monkeypatch.setattr(FileArea, "keys", away)
    sweep.run()
    job.refresh_from_db()
    assert job.status == JobStatus.PENDING
    assert SweepRun.objects.get(name="annotations").finished_at is not None


def test_an_upload_is_not_submitted_after_the_sweep_took_it(user):
    upload = put_upload(user, VCF, UploadStatus.EXPIRED)
    sweep.run()
    with pytest.raises(submission.RefusedError) as caught:
        submission.submit_job(user, upload_id=upload.pk, reference_name="virus", submission_key="k", options={})
    assert caught.value.code == "upload_unknown"
