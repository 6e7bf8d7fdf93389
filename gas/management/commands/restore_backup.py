"""`manage.py restore_backup FOLDER`: a backup's way back onto an empty machine."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from gas import backup, startup


class Command(BaseCommand):
    """Restore a backup into an empty database and empty storage."""

    help = "Restore a backup onto an empty machine; refuses where anything could be overwritten."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The folder."""
        parser.add_argument("folder", type=Path, help="a folder that manage.py backup wrote")

    def handle(self, *args: Any, **options: Any) -> None:
        """The service must not run meanwhile."""
        try:
            with startup.lock_state_folder():
                kept = backup.restore(options["folder"])
        except (backup.BackupError, startup.StartupError) as error:
            raise CommandError(str(error)) from None
        self.stdout.write(
            f"{len(kept):,} files restored. Now run manage.py check_invariants --deep, then manage.py run."
        )
