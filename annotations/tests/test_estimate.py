from __future__ import annotations

from datetime import timedelta

import pytest

from annotations import estimate, transitions
from annotations.claims import Progress
from annotations.estimate import Estimate
from annotations.models import Job
from annotations.tests.conftest import take
from gas.clock import from_now

pytestmark = pytest.mark.django_db


def test_the_position_counts_older_waiting_jobs_of_everybody(make_user, make_job):
    oldest, middle, newest = make_job(make_user()), make_job(make_user()), make_job(make_user())
    for job, minutes in ((oldest, 3), (middle, 2), (newest, 1)):
        Job.objects.filter(pk=job.pk).update(submitted_at=from_now(timedelta(minutes=-minutes)))
        job.refresh_from_db()
    positions = [estimate.for_job(job).queue_position for job in (oldest, middle, newest)]
    assert positions == [1, 2, 3]
    take(oldest)
    assert estimate.for_job(newest).queue_position == 2


def test_time_left_follows_from_what_was_read_so_far(claim, job):
    transitions.renew(claim, Progress(10, 250, 1000))
    Job.objects.filter(pk=job.pk).update(started_at=from_now(timedelta(seconds=-30)))
    job.refresh_from_db()
    found = estimate.for_job(job)
    assert found.fraction == 0.25
    assert found.seconds_left == pytest.approx(90, abs=2)


def test_nothing_is_guessed_from_nothing(claim, job):
    job.refresh_from_db()
    assert estimate.for_job(job) == Estimate()
    transitions.renew(claim, Progress(0, 1, 1000))
    job.refresh_from_db()
    assert estimate.for_job(job).seconds_left is None
    transitions.fail(claim, "wall_limit", {})
    job.refresh_from_db()
    assert estimate.for_job(job) == Estimate()
