"""`manage.py jobs`: what is open, what is stuck, and putting a job back or ending it."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import ngettext

from annotations import transitions
from annotations.models import OPEN_STATUSES, Job
from annotations.stuck import MAX_SHOWN, stuck
from gas import audit


class Command(BaseCommand):
    """List open jobs, or act on one; a list names no owner."""

    help = "List open jobs, oldest first; with --stuck only those that do not get on, and why."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """What to do."""
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--stuck", action="store_true", help="only jobs that wait, run or break for too long")
        what.add_argument("--requeue", metavar="ID", type=UUID, help="put a running job back; its worker is fenced off")
        what.add_argument("--cancel", metavar="ID", type=UUID, help="end an open job")

    def handle(self, *args: Any, **options: Any) -> None:
        """One line a job."""
        if job_id := options["requeue"]:
            self._act("requeue job", job_id, transitions.requeue(job_id), "was put back in the queue", "does not run")
        elif job_id := options["cancel"]:
            is_done = transitions.cancel(job_id, by="staff")
            self._act("cancel job", job_id, is_done, "is cancelled", "is not open")
        elif options["stuck"]:
            found = list(stuck())
            for one in found:
                self.stdout.write(f"{one.job.pk}  {one.job.status:<8} attempt {one.job.attempt}  {one.why}")
            self.stdout.write(f"{len(found)} jobs are stuck." if found else "No job is stuck.")
        else:
            self._list()

    def _list(self) -> None:
        opened = Job.objects.filter(status__in=OPEN_STATUSES).order_by("submitted_at", "id")
        for job in opened[:MAX_SHOWN]:
            since = job.submitted_at.isoformat(timespec="seconds")
            self.stdout.write(f"{job.pk}  {job.status:<8} attempt {job.attempt}  since {since}")
        count = opened.count()
        self.stdout.write(f"{count} {ngettext('job is', 'jobs are', count)} open.")

    def _act(self, action: str, job_id: UUID, is_done: bool, done: str, refused: str) -> None:
        if not is_done:
            raise CommandError(f"The job {job_id} {refused}.")
        audit.record(action, None, f"job:{job_id}")
        self.stdout.write(f"The job {job_id} {done}.")
