"""`manage.py pause REASON`: no new jobs from now on."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from gas import pausing


class Command(BaseCommand):
    """Pause submissions; waiting and running jobs go on."""

    help = "Refuse new jobs, with a reason that every page shows. `drain` stops the workers too, `resume` ends both."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The reason."""
        parser.add_argument("reason", help="what users read, for example: Maintenance until noon.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Say what users read now."""
        try:
            pausing.pause(options["reason"], by=None)
        except ValueError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"New jobs are paused: {pausing.state().pause_reason}")
