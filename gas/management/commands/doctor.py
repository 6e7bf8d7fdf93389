"""`manage.py doctor`: is everything there that the service stands on?"""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand

from gas import doctor


class Command(BaseCommand):
    """One line an examination; exit status 1 when one finds a fault."""

    help = "Examine settings, database, clock, broker, storage, mail, reference, disk and sweeps."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        """Show each finding as it comes."""
        faults = 0
        for finding in doctor.examine():
            if finding.is_well:
                self.stdout.write(f"well    {finding.name}: {finding.sentence}")
            else:
                faults += 1
                self.stdout.write(f"FAULT   {finding.name}: {finding.sentence}\n        {finding.remedy}")
        if faults:
            self.stderr.write(f"{faults} of {len(doctor.EXAMINATIONS)} examinations found a fault.")
            sys.exit(1)
        self.stdout.write("All is well.")
