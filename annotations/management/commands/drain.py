"""`manage.py drain`: let the workers finish, and wait until none has a job."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from threading import Event
from time import monotonic
from typing import Any

from django.core.management.base import BaseCommand

from annotations.models import Job, JobStatus
from gas import pausing

LOOK_SECONDS = 1.0


class Command(BaseCommand):
    """Workers claim nothing more until `resume`; exit status 1 when jobs still run at the end of the time."""

    help = "Let running jobs end and start no other; jobs that wait keep waiting. `resume` ends it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """How long to wait."""
        parser.add_argument("--timeout", type=float, default=3600, help="seconds to wait (default: an hour)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Wait for two looks in a row without a running job: a claim may have been under way at the first."""
        pausing.drain(by=None)
        ends, quiet, said = monotonic() + options["timeout"], 0, -1
        while quiet < 2:
            running = Job.objects.filter(status=JobStatus.RUNNING).count()
            quiet = 0 if running else quiet + 1
            if running and running != said:
                self.stdout.write(f"{running} {'job still runs' if running == 1 else 'jobs still run'}.")
                said = running
            if running and monotonic() > ends:
                self.stderr.write("Time is up. Stop the workers: each gives its job back, and that costs no try.")
                sys.exit(1)
            if quiet < 2:
                Event().wait(LOOK_SECONDS)
        waiting = Job.objects.filter(status=JobStatus.PENDING).count()
        self.stdout.write(f"No job runs; {waiting} {'waits' if waiting == 1 else 'wait'} for `resume`.")
