"""Bring archives from an old Glacier vault into the lists of their owners."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from annotations.areas import StorageAwayError
from annotations.heartbeat import LostError
from archival import vaults
from archival.vaults import Step


class Command(BaseCommand):
    help = (
        "Ask a Glacier vault for the archives of a CSV file, fetch those that are ready, verify and store them. "
        "Run it again until it says that all are imported; docs/migrate-from-vault.md has the steps."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("vault", help="The vault's name.")
        parser.add_argument("manifest", type=Path, help=f"CSV with the columns {', '.join(vaults.COLUMNS)}.")
        parser.add_argument("--region", required=True, help="The vault's region.")
        parser.add_argument("--tier", choices=("Expedited", "Standard", "Bulk"), default="Bulk")
        parser.add_argument("--wait", type=float, help="Look again after so many seconds until all are imported.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            entries = vaults.read_manifest(options["manifest"])
        except (OSError, vaults.ManifestError) as error:
            raise CommandError(str(error)) from error
        glacier = boto3.client("glacier", region_name=options["region"])
        while True:
            steps, failures = self._round(glacier, options["vault"], entries, options["tier"])
            left = len(entries) - steps[Step.IMPORTED] - steps[Step.DONE_BEFORE]
            self.stdout.write(", ".join(f"{count} {step.value}" for step, count in steps.items()) or "nothing to do")
            if failures:
                raise CommandError(f"{failures} of {len(entries)} archives failed; run this again")
            if not left or options["wait"] is None:
                return
            time.sleep(options["wait"])

    def _round(self, glacier: Any, vault: str, entries: list[vaults.Entry], tier: str) -> tuple[Counter[Step], int]:
        steps: Counter[Step] = Counter()
        failures = 0
        for entry in entries:
            try:
                steps[vaults.advance(glacier, vault, entry, tier)] += 1
            except (vaults.TreeHashError, StorageAwayError, LostError, ClientError, BotoCoreError) as error:
                failures += 1
                self.stderr.write(f"{entry.archive_id}: {error}")
        return steps, failures
