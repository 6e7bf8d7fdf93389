"""A job's whole story for the staff: each attempt with its worker, its end, the limit it hit, its incident."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from annotations import storage, timeline
from annotations.areas import StorageAwayError
from annotations.models import Job, JobEvent, Output, OutputKind
from gas.models import Incident

MAX_LOG = 20_000  # bytes of the annotator's log that the page shows
ENDS = ("completed", "failed", "cancelled", *timeline.ATTEMPT_ENDS)


@dataclass
class Attempt:
    """One try; what is not known is empty."""

    number: int
    worker: str
    began: datetime
    ended: datetime | None = None
    how: str = ""
    code: str = ""
    exit: str = ""
    limit: str = ""
    incident: str = ""


def attempts(job: Job) -> list[Attempt]:
    """The job's attempts, the first one first."""
    found: dict[int, Attempt] = {}
    for event in job.events.order_by("id")[: timeline.MAX_LINES]:
        if event.kind == "claimed":
            found[event.attempt] = Attempt(event.attempt, str(event.detail.get("worker", "")), event.at)
        elif event.kind in ENDS and event.attempt in found:
            _end(found[event.attempt], event)
    _find_incidents(job, found.values())
    return list(found.values())


def _end(attempt: Attempt, event: JobEvent) -> None:
    """The last word is how it ended; what an earlier one said of the child stays."""
    attempt.ended, attempt.how = event.at, timeline.WORDS[event.kind]
    attempt.code = str(event.detail.get("code", attempt.code))
    attempt.exit = str(event.detail.get("exit", attempt.exit))
    attempt.limit = str(event.detail.get("limit", attempt.limit))


def _find_incidents(job: Job, tries: Iterable[Attempt]) -> None:
    codes = {f"{job.pk}/{attempt.number}": attempt for attempt in tries}
    for code in Incident.objects.filter(pk__in=codes).values_list("pk", flat=True):
        codes[code].incident = code


def log_text(job: Job) -> str:
    """The annotator's log of a finished job, shortened; "" where there is none."""
    output = Output.objects.filter(result__job=job, kind=OutputKind.LOG).first()
    if output is None:
        return ""
    try:
        with storage.open_output(output) as file:
            return str(file.read(MAX_LOG).decode(errors="replace"))
    except (OSError, StorageAwayError) as error:
        return f"The log cannot be read ({type(error).__name__})."
