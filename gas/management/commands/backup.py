"""`manage.py backup FOLDER`: a copy of all that cannot be made again, while the service runs."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from gas import backup


class Command(BaseCommand):
    """Write a backup into a new folder."""

    help = "Back up database, stored objects and secret into a new folder. Keep it as you keep the genomes themselves."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The folder."""
        parser.add_argument("folder", type=Path, help="a folder that does not exist yet")

    def handle(self, *args: Any, **options: Any) -> None:
        """Say what was kept."""
        try:
            kept = backup.back_up(options["folder"])
        except backup.BackupError as error:
            raise CommandError(str(error)) from None
        size_mb = sum(one.size_bytes for one in kept) / 1_000_000
        self.stdout.write(f"{len(kept):,} files, {size_mb:,.1f} MB, in {options['folder']}.")
