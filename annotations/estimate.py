"""How far a job is, and how long it may still take."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import F, Q
from django.db.models.functions import Now

from annotations.models import Job, JobStatus
from gas.clock import database_now

MAX_COUNTED = 1000  # waiting jobs in front that are worth counting
LEAST_FRACTION = 0.02  # of the file, before an estimate means anything
START_SECONDS = 2.0  # of any job: fetching, opening the reference, storing the result
RECORDS_PER_SECOND = 25_000  # where no job of this service has shown another speed yet
MEASURED_JOBS = 20  # of the latest that the speed is taken from
LEAST_MEASURED = 20_000  # records of a job, before its speed means anything


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


def expected_seconds(records: int) -> float:
    """How long a file of so many records may take here once it runs, by what the latest large jobs took."""
    return START_SECONDS + records / _records_per_second()


def _records_per_second() -> float:
    ended = Job.objects.filter(status=JobStatus.COMPLETED, finished_at__gt=F("started_at"), finished_at__isnull=False)
    large = ended.filter(records_done__gte=LEAST_MEASURED).order_by("-finished_at")
    runs = list(large.values_list("records_done", F("finished_at") - F("started_at"))[:MEASURED_JOBS])
    seconds = sum(took.total_seconds() for _, took in runs)
    return sum(records for records, _ in runs) / seconds if seconds > 0 else RECORDS_PER_SECOND


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
