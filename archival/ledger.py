"""What was asked of the stores, by user and month; the costs page multiplies it with prices."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import F

from archival.models import LedgerLine, Operation
from gas.clock import database_now

MINIMUM_DAYS = {"GLACIER": 90, "DEEP_ARCHIVE": 180}  # AWS bills these even if the object goes earlier


@dataclass(frozen=True)
class Entry:
    """Requests of one kind for one user, with the bytes they concerned."""

    owner_id: UUID
    operation: Operation
    storage_class: str
    requests: int = 1
    size_bytes: int = 0
    byte_days: int = 0


def record(entries: Iterable[Entry]) -> None:
    """Add to this month's lines. Costs are an estimate: what a killed process did not record is not missed."""
    sums: dict[tuple[UUID, Operation, str], list[int]] = {}
    for entry in entries:
        line = sums.setdefault((entry.owner_id, entry.operation, entry.storage_class), [0, 0, 0])
        line[0] += entry.requests
        line[1] += entry.size_bytes
        line[2] += entry.byte_days
    if not sums:
        return
    month = database_now().date().replace(day=1)
    keys = [{"owner_id": o, "month": month, "operation": op, "storage_class": c} for o, op, c in sums]
    with transaction.atomic():
        LedgerLine.objects.bulk_create([LedgerLine(**key) for key in keys], ignore_conflicts=True)
        for key, (requests, size_bytes, byte_days) in zip(keys, sums.values(), strict=True):
            LedgerLine.objects.filter(**key).update(
                requests=F("requests") + requests,
                size_bytes=F("size_bytes") + size_bytes,
                byte_days=F("byte_days") + byte_days,
            )


def missing_byte_days(storage_class: str, size_bytes: int, stored_at: datetime, now: datetime) -> int:
    """Bytes times the days by which a deletion comes too early; 0 where the class has no minimum."""
    missing = MINIMUM_DAYS.get(storage_class, 0) - (now - stored_at).days
    return size_bytes * max(0, missing)
