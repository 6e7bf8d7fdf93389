"""`manage.py resume`: submissions and workers go on."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from gas import pausing


class Command(BaseCommand):
    """End a pause and a drain."""

    help = "Take new jobs again and let workers claim what waits."

    def handle(self, *args: Any, **options: Any) -> None:
        """Jobs that wait are rung for by the next sweep."""
        pausing.resume(by=None)
        self.stdout.write("New jobs are taken; what waits starts with the next sweep.")
