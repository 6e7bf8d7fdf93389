"""`manage.py doctor`: is everything there that the service stands on?"""

from __future__ import annotations

import logging
import sys
from argparse import ArgumentParser
from threading import Event
from time import monotonic
from typing import Any

from django.core.management.base import BaseCommand

from gas import doctor

LOOK_SECONDS = 2.0


class Command(BaseCommand):
    """One line an examination; exit status 1 when one finds a fault."""

    help = "Examine settings, database, clock, broker, storage, mail, compiler, disk, sweeps, reference and sandbox."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """How long a service that has just been started may take."""
        parser.add_argument("--wait", type=float, default=0, help="seconds to look again while something is not well")

    def handle(self, *args: Any, **options: Any) -> None:
        """Show what was found, the last time that it was looked at."""
        logging.disable(logging.INFO)  # the report is what there is to read, not the log of each look
        try:
            self._show(self._look(options["wait"]))
        finally:
            logging.disable(logging.NOTSET)

    def _look(self, seconds: float) -> list[doctor.Finding]:
        ends = monotonic() + seconds
        findings = list(doctor.examine())
        while monotonic() < ends and not all(finding.is_well for finding in findings):
            Event().wait(LOOK_SECONDS)
            findings = list(doctor.examine())
        return findings

    def _show(self, findings: list[doctor.Finding]) -> None:
        faults = [finding for finding in findings if not finding.is_well]
        for finding in findings:
            match finding.is_well:
                case True:
                    self.stdout.write(f"well    {finding.name}: {finding.sentence}")
                case None:
                    self.stdout.write(f"unseen  {finding.name}: the database must be well first.")
                case False:
                    self.stdout.write(f"FAULT   {finding.name}: {finding.sentence}\n        {finding.remedy}")
        if faults:
            self.stderr.write(f"{len(faults)} of {len(findings)} examinations did not end well.")
            sys.exit(1)
        self.stdout.write("All is well.")
