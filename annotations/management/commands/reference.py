"""`manage.py reference`: the annotator's own command with the service's references."""

import argparse
import os
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from annotations.genomics.command import add_reference_arguments, run_command


class Command(BaseCommand):
    help = "Builds and lists references."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        add_reference_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        os.environ["GAS_REFERENCES_DIR"] = str(settings.REFERENCES_DIR)
        code = run_command(argparse.Namespace(**(options | {"command": "reference"})))
        if code:
            sys.exit(code)
