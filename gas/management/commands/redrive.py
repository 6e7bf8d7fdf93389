"""`manage.py redrive`: messages from the dead-letter queues back to where they came from."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from gas import queues


class Command(BaseCommand):
    """Give dead letters another ten deliveries; harmless, for every message is only a doorbell."""

    help = "Move the messages of the dead-letter queues back to their queues, once what killed them is mended."

    def handle(self, *args: Any, **options: Any) -> None:
        """One line a queue."""
        if settings.BROKER != "sqs":
            self.stdout.write("The file broker keeps no dead letters.")
            return
        for name, count in queues.redrive().items():
            self.stdout.write(f"{name}: {count} message{'' if count == 1 else 's'} moved back.")
