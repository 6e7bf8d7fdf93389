from __future__ import annotations

from datetime import timedelta

import pytest

from annotations import metrics, transitions
from annotations.models import Job
from annotations.tests.conftest import finished, take
from gas.clock import from_now

pytestmark = pytest.mark.django_db


def values() -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in metrics.collect()
        for sample in family.samples
    }


def test_jobs_are_counted_by_what_they_are(user, make_job):
    waiting, running, done = make_job(user), make_job(user), make_job(user)
    take(running)
    claim = take(done)
    transitions.complete(claim, finished(claim))
    Job.objects.filter(pk=waiting.pk).update(submitted_at=from_now(timedelta(seconds=-100)))
    Job.objects.filter(pk=done.pk).update(started_at=from_now(timedelta(seconds=-20)))
    found = values()
    assert found["gas_jobs_open", "pending"] == 1
    assert found["gas_jobs_open", "running"] == 1
    assert found["gas_jobs_ended_last_day", "completed"] == 1
    assert found["gas_jobs_ended_last_day", "failed"] == 0
    assert found["gas_jobs_oldest_waiting_seconds",] == pytest.approx(100, abs=5)
    assert found["gas_job_duration_seconds_mean",] == pytest.approx(20, abs=5)


def test_an_empty_service_has_figures_too(db):
    assert set(values().values()) == {0.0}


def test_what_ended_before_yesterday_is_not_counted(claim, job):
    transitions.fail(claim, "wall_limit", {})
    Job.objects.update(finished_at=from_now(timedelta(hours=-25)))
    assert values()["gas_jobs_ended_last_day", "failed"] == 0
