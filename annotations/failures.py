"""One sentence for each way in which a job can fail: what happened, and what to do.

Two kinds. The file's fault: the annotator wrote the sentence itself, for it knows the line and the
value. Ours: the words are here, neutral, and the traceback is in the log.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from annotations.models import Job, JobStatus

MAX_TEXT = 500  # of the annotator's sentence and of the value it shows

OURS: dict[str, str] = {
    "worker_lost": (
        "The annotation was interrupted {attempts} times and was given up. "
        "Run it again; if it fails again, tell us the job's number."
    ),
    "gave_up": (
        "The service could not finish this job in {attempts} attempts. "
        "Run it again later; if it fails again, tell us the job's number."
    ),
    "out_of_memory": (
        "This file needs more memory than a job may use ({memory_mb} MB). Split it by chromosome and submit the parts."
    ),
    "killed": (
        "The annotation was stopped by the system {attempts} times, most likely for want of memory. "
        "Split the file by chromosome and submit the parts."
    ),
    "disk_full": (
        "The service ran out of disk space {attempts} times while it annotated this file. "
        "Split it by chromosome and submit the parts, or run it again later."
    ),
    "cpu_limit": (
        "The annotation used more computing time than a job may. Split the file by chromosome and submit the parts."
    ),
    "wall_limit": "The annotation took longer than a job may. Split the file by chromosome and submit the parts.",
    "output_too_large": (
        "The annotated file would be larger than a job may write. Split the file by chromosome and submit the parts."
    ),
    "annotator_crashed": (
        "The annotator stopped unexpectedly {attempts} times on this file. "
        "Nothing is wrong on your side that we know of; tell us the job's number."
    ),
    "own_source_gone": "A source of your own that this job quotes was deleted. Run it again without that source.",
    "input_changed": (
        "The uploaded file is gone or is not the one that was uploaded. Upload it again and submit a new job."
    ),
    "receipt_differs": (
        "The service's own check failed: the records of the result were not those of the file, in {attempts} attempts. "
        "Nothing was kept. Tell us the job's number."
    ),
    "checksum_differs": (
        "The result could not be stored without damage in {attempts} attempts. "
        "Run it again later; if it fails again, tell us the job's number."
    ),
}


def sentence(job: Job) -> str:
    """What a user reads about a failed job; empty for any other."""
    if job.status != JobStatus.FAILED:
        return ""
    return _compose(job.failure_code, job.failure_detail)


def about(code: str) -> str:
    """What a reason means, for the staff: of a file's fault only that it is one, for its sentence is each job's own."""
    return OURS[code].format_map(_Known()) if code in OURS else "A fault of the file: each job has the sentence."


def _compose(code: str, detail: Mapping[str, Any]) -> str:
    if code in OURS:
        return OURS[code].format_map(_Known(detail))
    return str(detail.get("sentence") or OURS["annotator_crashed"].format_map(_Known(detail)))


class _Known(dict[str, Any]):
    """What is missing in an old row reads as "several", so that the sentence stays one."""

    def __missing__(self, name: str) -> str:
        return "several"


def of_the_file(report: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """(code, detail) of a job from the annotator's failure report."""
    detail: dict[str, Any] = {"sentence": str(report["sentence"])[:MAX_TEXT]}
    for name in ("line", "field", "value"):
        if report.get(name) is not None:
            detail[name] = report[name] if name == "line" else str(report[name])[:MAX_TEXT]
    return str(report["code"])[:64], detail
