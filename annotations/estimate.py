"""How far a job is, and how long it may still take."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Q
from django.db.models.functions import Now

from annotations.models import Job, JobStatus
from gas.clock import database_now

MAX_COUNTED = 1000  # waiting jobs in front that are worth counting
LEAST_FRACTION = 0.02  # of the file, before an estimate means anything


@dataclass(frozen=True)
class Estimate:
    """`queue_position`: 1 is next, None when not waiting; `fraction`: 0 to 1 of the file, None when unknown."""

    queue_position: int | None = None
    fraction: float | None = None
    seconds_left: float | None = None


def for_job(job: Job) -> Estimate:
    """From the queue while the job waits, from the annotator's own counts while it runs."""
    if job.status == JobStatus.PENDING:
        return Estimate(queue_position=_position(job))
    if job.status == JobStatus.RUNNING and job.bytes_total > 0:
        fraction = min(job.bytes_done / job.bytes_total, 1.0)
        return Estimate(fraction=fraction, seconds_left=_seconds_left(job, fraction))
    return Estimate()


def _position(job: Job) -> int:
    """By age among those that are due; the fair share between users may let a younger one pass."""
    older = Q(submitted_at__lt=job.submitted_at) | Q(submitted_at=job.submitted_at, pk__lt=job.pk)
    in_front = Job.objects.filter(older, status=JobStatus.PENDING, due_at__lte=Now())
    return 1 + in_front.values("pk")[:MAX_COUNTED].count()


def _seconds_left(job: Job, fraction: float) -> float | None:
    if fraction < LEAST_FRACTION or job.started_at is None:
        return None
    elapsed = (database_now() - job.started_at).total_seconds()
    return max(elapsed, 0.0) * (1.0 - fraction) / fraction
