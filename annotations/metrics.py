"""What Prometheus learns of jobs: how many wait, how long the oldest has, how the last day ended."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db.models import Count, Min
from django.db.models.functions import Now
from prometheus_client.core import GaugeMetricFamily

from annotations.models import FINAL_STATUSES, OPEN_STATUSES, Job, JobStatus
from gas import registry
from gas.clock import database_now, from_now

if TYPE_CHECKING:
    from prometheus_client.core import Metric

DAY = timedelta(days=1)
DURATIONS = 500  # the latest jobs of the last day that the mean duration is made of


@registry.collector("annotations")
def collect() -> Iterable[Metric]:
    """Each family asks one partial index; nothing here grows with the number of jobs ever run."""
    yield _open_jobs()
    yield _ended_jobs()
    yield _oldest_waiting()
    yield _mean_duration()


def _open_jobs() -> Metric:
    family = GaugeMetricFamily("gas_jobs_open", "Jobs that wait or run.", labels=["status"])
    found = dict(Job.objects.filter(status__in=OPEN_STATUSES).values_list("status").annotate(jobs=Count("pk")))
    for status in OPEN_STATUSES:
        family.add_metric([status], found.get(status, 0))
    return family


def _ended_jobs() -> Metric:
    family = GaugeMetricFamily("gas_jobs_ended_last_day", "Jobs that ended in the last 24 hours.", labels=["status"])
    ended = Job.objects.filter(finished_at__gt=from_now(-DAY))
    found = dict(ended.values_list("status").annotate(jobs=Count("pk")))
    for status in FINAL_STATUSES:
        family.add_metric([status], found.get(status, 0))
    return family


def _oldest_waiting() -> Metric:
    due = Job.objects.filter(status=JobStatus.PENDING, due_at__lte=Now())
    oldest = due.aggregate(at=Min("submitted_at"))["at"]
    age = 0.0 if oldest is None else (database_now() - oldest).total_seconds()
    return GaugeMetricFamily(
        "gas_jobs_oldest_waiting_seconds", "Age of the oldest job that waits.", value=max(age, 0.0)
    )


def _mean_duration() -> Metric:
    done = Job.objects.filter(status=JobStatus.COMPLETED, finished_at__gt=from_now(-DAY))
    moments = list(done.order_by("-finished_at").values_list("started_at", "finished_at")[:DURATIONS])
    seconds = [(finished - started).total_seconds() for started, finished in moments if started and finished]
    mean = sum(seconds) / len(seconds) if seconds else 0.0
    text = "Mean time from claim to end of the latest completed jobs of the last 24 hours."
    return GaugeMetricFamily("gas_job_duration_seconds_mean", text, value=mean)
