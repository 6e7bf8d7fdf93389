"""What happened to a job, line by line, in words for its owner and for the staff."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from annotations.models import Job, JobEvent

MAX_LINES = 200  # a job has a dozen attempts at most, and a few lines for each
WORDS: dict[str, str] = {
    "submitted": "Submitted",
    "claimed": "Started",
    "completed": "Done",
    "failed": "Failed",
    "cancelled": "Cancelled",
    "lease_lost": "The worker fell silent; the job waits for another try",
    "lease_forgiven": "The worker was cut off from the database; this try does not count",
    "crashed": "This try broke off",
    "stopping": "The worker was stopped for maintenance; the job waits for the next one",
    "requeued": "Put back in the queue by the staff",
    "disk_full": "The worker's disk was full; the job waits for another try",
    "storage_away": "Storage did not answer; the job waits for another try",
    "database_away": "The database was away; the job waits for another try",
    "archiving": "The files are on their way to the archive",
    "archiving_called_off": "The files stay: the archive was called off",
    "archived": "The files are archived",
    "restoring": "The files were asked back from the archive",
    "restored": "The files are back from the archive",
}

# How an attempt may end without ending its job.
ATTEMPT_ENDS = (
    "lease_lost",
    "lease_forgiven",
    "crashed",
    "stopping",
    "requeued",
    "disk_full",
    "storage_away",
    "database_away",
)


@dataclass(frozen=True)
class Line:
    """One line of the timeline; `attempt` is 0 before the first."""

    at: datetime
    text: str
    attempt: int


def lines(job: Job) -> list[Line]:
    """The job's timeline, oldest first."""
    return [_line(event) for event in job.events.order_by("id")[:MAX_LINES]]


def _line(event: JobEvent) -> Line:
    # A kind written by newer code during a deploy is shown as it is.
    text = WORDS.get(event.kind, event.kind.replace("_", " ").capitalize())
    return Line(event.at, text + _addition(event.kind, event.detail), event.attempt)


def _addition(kind: str, detail: Mapping[str, Any]) -> str:
    if kind == "cancelled" and detail.get("by") == "staff":
        return " by the staff"
    if kind == "completed":
        records = int(detail.get("records", 0))
        return f": {records:,} record{'' if records == 1 else 's'}"
    return ""
