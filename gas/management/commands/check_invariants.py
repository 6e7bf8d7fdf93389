"""`manage.py check_invariants`: is anything as it must never be?"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from gas import registry


class Command(BaseCommand):
    """Ask every registered invariant; exit status 1 and a list when one is broken."""

    help = "Prove the invariants of the service. Changes nothing; may run while the service does."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """`--deep`."""
        parser.add_argument("--deep", action="store_true", help="also read the stored bytes and compare checksums")

    def handle(self, *args: Any, **options: Any) -> None:
        """One line for each thing that is broken."""
        found = 0
        for name, check in registry.invariants():
            for sentence in check(deep=options["deep"]):
                found += 1
                self.stdout.write(f"{name}: {sentence}")
        if found:
            self.stderr.write(f"{found} broken.")
            sys.exit(1)
        self.stdout.write(f"All {len(registry.invariants())} invariants hold.")
