"""Jobs that do not get on, each with what keeps it: for `manage.py jobs --stuck` and the admin's start page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q
from django.db.models.functions import Now

from annotations.models import Job, JobStatus
from gas.clock import database_now, from_now

WAITS_LONG = timedelta(minutes=30)  # as deploy/alerts.yml has it
RUNS_LONG = timedelta(hours=2)
MAX_SHOWN = 200


@dataclass(frozen=True)
class Stuck:
    """A job and, in words, why it is on this list."""

    job: Job
    why: str


def stuck() -> Iterator[Stuck]:
    """Open jobs whose lease ran out, that crashed before, that wait or run for long; oldest first."""
    now = database_now()
    lost = Q(status=JobStatus.RUNNING, lease_until__lt=Now())
    slow = Q(status=JobStatus.RUNNING, started_at__lt=from_now(-RUNS_LONG))
    waits = Q(status=JobStatus.PENDING, submitted_at__lt=from_now(-WAITS_LONG))
    crashed = Q(status__in=(JobStatus.PENDING, JobStatus.RUNNING), crashes__gt=0)
    found = Job.objects.filter(lost | slow | waits | crashed).order_by("submitted_at", "id")
    for job in found[:MAX_SHOWN]:
        yield Stuck(job, _why(job, now))


def _why(job: Job, now: datetime) -> str:
    reasons = []
    if job.lease_until is not None and job.lease_until < now:
        reasons.append(f"its worker {job.worker} gave no sign for {_minutes(now - job.lease_until)} after its lease")
    if job.status == JobStatus.RUNNING and job.started_at is not None and now - job.started_at > RUNS_LONG:
        reasons.append(f"runs for {_minutes(now - job.started_at)}")
    if job.crashes:
        reasons.append(f"broke {job.crashes} of {job.attempt} times")
    if job.status == JobStatus.PENDING and job.due_at > now:
        reasons.append(f"pauses for {_minutes(job.due_at - now)} before its next try")
    elif job.status == JobStatus.PENDING and now - job.submitted_at > WAITS_LONG:
        reasons.append(f"waits for {_minutes(now - job.submitted_at)}")
    return "; ".join(reasons)


def _minutes(time: timedelta) -> str:
    seconds = round(time.total_seconds())
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min"
