"""`manage.py settings_docs`: docs/settings.md, made from the declarations in gas.settings."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from gas.env import DECLARED, Declared

INTRODUCTION = """\
# Settings

Every setting is an environment variable. An unknown `GAS_` variable and a value that does not fit
are refused at the start, in one sentence. Defaults are those of the `local` profile; `aws` has no
default for a secret. This page is made by `manage.py settings_docs`.

Where S3 or SQS are used, credentials and addresses are those of the AWS SDK: `AWS_ACCESS_KEY_ID`,
`AWS_SECRET_ACCESS_KEY`, `AWS_ENDPOINT_URL` and so on, or the role of the machine.

| variable | is | default | meaning |
| --- | --- | --- | --- |
"""


class Command(BaseCommand):
    """Write the page, or tell that it is not as it would be written."""

    help = "Write docs/settings.md from the settings' declarations."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """`--check`."""
        parser.add_argument(
            "--check", action="store_true", help="write nothing; exit status 1 if the page is out of date"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Write or compare."""
        file = settings.BASE_DIR / "docs" / "settings.md"
        wanted = page()
        if not options["check"]:
            file.write_text(wanted)
        elif not file.exists() or file.read_text() != wanted:
            self.stderr.write("docs/settings.md is out of date: run manage.py settings_docs.")
            sys.exit(1)


def page() -> str:
    """The whole page."""
    return INTRODUCTION + "".join(_row(declared) for declared in DECLARED.values())


def _row(declared: Declared) -> str:
    default = f"`{declared.default}`" if declared.default else "(none)"
    return f"| `{declared.name}` | {declared.kind} | {default} | {declared.meaning} |\n"
