"""What the admin's start page says of jobs: what runs and how far it is, what failed and why, what is stuck."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Count
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from annotations import estimate, failures
from annotations.models import Job, JobStatus
from annotations.stuck import stuck
from gas import registry
from gas.clock import database_now, from_now
from gas.overview import MAX_ROWS, ago
from gas.registry import OverviewTable

DAY = timedelta(days=1)
OLDEST = 3


@registry.overview_table("annotations.waiting", order=5)
def waiting() -> OverviewTable:
    """The jobs that have waited longest."""
    now = database_now()
    oldest = Job.objects.filter(status=JobStatus.PENDING).order_by("submitted_at")[:OLDEST]
    rows = [(_link(job), ago((now - job.submitted_at).total_seconds()), str(job.attempt)) for job in oldest]
    return OverviewTable("Waiting longest", ("Job", "Submitted", "Attempts so far"), rows, "No job waits.")


@registry.overview_table("annotations.running", order=10)
def running() -> OverviewTable:
    """The jobs that run, the longest first."""
    now = database_now()
    rows = []
    for job in Job.objects.filter(status=JobStatus.RUNNING).order_by("started_at")[:MAX_ROWS]:
        fraction = estimate.for_job(job).fraction
        progress = "" if fraction is None else f"{fraction:.0%}, {job.records_done:,} records"
        since = ago((now - job.started_at).total_seconds()) if job.started_at else ""
        rows.append((_link(job), progress, since, job.worker, str(job.attempt)))
    headings = ("Job", "Progress", "Started", "Worker", "Attempt")
    return OverviewTable("Running now", headings, rows, "No job runs.")


@registry.overview_table("annotations.stuck", order=20)
def stuck_jobs() -> OverviewTable:
    """The jobs that do not get on."""
    rows = [(_link(one.job), one.job.get_status_display(), one.why) for one in list(stuck())[:MAX_ROWS]]
    return OverviewTable("Stuck", ("Job", "State", "Why"), rows, "No job is stuck.")


@registry.overview_table("annotations.failures", order=30)
def failures_of_the_day() -> OverviewTable:
    """How many jobs failed in 24 hours, by reason, the most frequent first."""
    failed = Job.objects.filter(status=JobStatus.FAILED, finished_at__gt=from_now(-DAY))
    counted = failed.values_list("failure_code").annotate(jobs=Count("pk")).order_by("-jobs", "failure_code")
    address = reverse("admin:annotations_job_changelist")
    rows = [
        (
            format_html(
                '<a href="{}?status__exact=failed&failure_code__exact={}">{}</a><br>{}',
                *(address, code, code, failures.about(code)),
            ),
            f"{jobs:,}",
        )
        for code, jobs in counted[:MAX_ROWS]
    ]
    return OverviewTable("Failed in the last 24 hours", ("Reason", "Jobs"), rows, "No job failed.")


def _link(job: Job) -> SafeString:
    return format_html('<a href="{}">{}</a>', reverse("admin:annotations_job_change", args=[job.pk]), str(job.pk)[:8])
