"""Ten thousand archived results of one user."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts import plans
from accounts.models import PlanCode
from annotations.models import Job, JobStatus, Output, OutputKind, Result, StorageState
from archival import sweep
from archival.models import ColdCopy, Custody, Recall, Tier
from archival.tests.conftest import archive_area, deliver_plan_changes
from gas.clock import database_now

pytestmark = pytest.mark.django_db

MANY = 10_000
EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.fixture
def archived(user, make_job):
    """The rows of 10,000 cold results, with one empty object each."""
    now = database_now()
    upload = make_job(user).upload
    jobs = [
        Job(
            owner=user,
            upload=upload,
            submission_key=str(number),
            name=f"job {number}",
            reference_name="demo",
            status=JobStatus.COMPLETED,
            attempt=1,
            submitted_at=now - timedelta(seconds=number),
            due_at=now,
            finished_at=now,
        )
        for number in range(MANY)
    ]
    Job.objects.bulk_create(jobs)
    results = [Result(job=job, attempt=1, storage=StorageState.COLD, archived_at=now, created_at=now) for job in jobs]
    Result.objects.bulk_create(results)
    outputs = [
        Output(
            result=result,
            kind=OutputKind.VCF,
            storage_key=f"{user.pk}/{result.pk}/1/vcf.1",
            file_name="patient.vcf.gz",
            size_bytes=0,
            sha256=EMPTY,
        )
        for result in results
    ]
    Output.objects.bulk_create(outputs)
    Custody.objects.bulk_create(Custody(result=result, rounds=1) for result in results)
    copies = [
        ColdCopy(
            output=output,
            owner_id=user.pk,
            storage_key=f"{user.pk}/{number}",
            storage_class="LOCAL",
            size_bytes=0,
            sha256=EMPTY,
            stored_at=now,
            verified_at=now,
        )
        for number, output in enumerate(outputs)
    ]
    ColdCopy.objects.bulk_create(copies)
    folder = archive_area().root / str(user.pk)
    folder.mkdir(parents=True)
    for number in range(MANY):
        (folder / str(number)).touch()
    return user


def test_the_upgrade_answers_in_under_a_second_and_the_results_are_asked_back_in_lots(archived, client):
    begins = time.process_time()
    plans.override(archived.pk, PlanCode.PREMIUM, "paid", by=archived)
    assert time.process_time() - begins < 1
    assert Result.objects.filter(storage=StorageState.COLD).count() == MANY

    begins = time.process_time()
    with CaptureQueriesContext(connection) as asked:
        deliver_plan_changes()
    assert time.process_time() - begins < 30  # of the lease of 60 s that the outbox gives a handler
    assert len(asked) < 600  # in lots of 500: a few queries for each lot, none for each result
    assert Result.objects.filter(storage=StorageState.RESTORING).count() == MANY
    assert Recall.objects.get().tier == Tier.STANDARD

    sweep.sweep()
    asked_for = ColdCopy.objects.filter(asked_at__isnull=False).count()
    assert asked_for > 0
    assert asked_for == MANY or asked_for % 50 == 0  # whole lots, as many as the turn's time allows

    client.force_login(archived)
    begins = time.process_time()
    with CaptureQueriesContext(connection) as listed:
        page = client.get(reverse("annotations:jobs"))
    assert page.content.decode().count("Being restored") >= 20
    assert len(listed) <= 18  # fewer than rows: none of them is asked for by itself
    assert time.process_time() - begins < 1
