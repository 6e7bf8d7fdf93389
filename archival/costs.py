"""What the stores hold and were asked for, by user and in all, and an estimate of it in money.

Prices are those of settings.PRICES, a month has 30 days, a GB is 10^9 bytes. The minimum age of the
cold classes is billed by AWS as an early deletion; the ledger has the bytes and days that were missing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet, Sum

from accounts.models import User
from annotations.models import COLD_KINDS, Output, StorageState, Upload, UploadStatus
from archival.models import ColdCopy, LedgerLine, Operation

GB = 1_000_000_000
DAYS_OF_MONTH = 30


@dataclass
class Costs:
    """One user's share, or all: bytes now, requests of one month, dollars for a month like this."""

    hot_bytes: int = 0
    cold_bytes: dict[str, int] = field(default_factory=dict)  # by storage class
    requests: dict[str, int] = field(default_factory=dict)  # by operation
    early_deletion: float = 0.0
    dollars: float = 0.0

    @property
    def cold_bytes_in_all(self) -> int:
        """Over all storage classes."""
        return sum(self.cold_bytes.values())

    @property
    def requests_in_all(self) -> int:
        """Over all operations."""
        return sum(self.requests.values())


def of_month(month: date, owner_ids: Iterable[UUID] | None = None) -> Costs:
    """Costs of these owners, or of all, with the requests of the month that begins at `month`."""
    outputs, inputs, copies, lines = (
        Output.objects.all(),
        Upload.objects.filter(status__in=(UploadStatus.RECEIVED, UploadStatus.CONSUMED)),
        ColdCopy.objects.filter(stored_at__isnull=False),
        LedgerLine.objects.all(),
    )
    if owner_ids is not None:
        owners = list(owner_ids)
        outputs, inputs = outputs.filter(result__job__owner__in=owners), inputs.filter(owner__in=owners)
        copies, lines = copies.filter(owner_id__in=owners), lines.filter(owner_id__in=owners)
    away = outputs.filter(kind__in=COLD_KINDS, result__storage__in=(StorageState.COLD, StorageState.RESTORING))
    costs = Costs(hot_bytes=_size(inputs) + _size(outputs) - _size(away))
    for storage_class, size in copies.values_list("storage_class").annotate(size=Sum("size_bytes")):
        costs.cold_bytes[storage_class] = size
    summed = lines.filter(month=month).values_list("operation", "storage_class")
    for operation, storage_class, requests, size, byte_days in summed.annotate(
        Sum("requests"), Sum("size_bytes"), Sum("byte_days")
    ):
        costs.requests[operation] = costs.requests.get(operation, 0) + requests
        price = _price_of(Operation(operation), storage_class, requests, size, byte_days)
        costs.dollars += price
        if operation == Operation.EARLY_DELETION:
            costs.early_deletion += price
    costs.dollars += costs.hot_bytes / GB * settings.PRICES["hot_gb_month"]
    costs.dollars += sum(size / GB * _gb_month(name) for name, size in costs.cold_bytes.items())
    return costs


def largest_owners(limit: int) -> list[User]:
    """Those with the most bytes in the cold store, most first."""
    found = ColdCopy.objects.values_list("owner_id").annotate(size=Sum("size_bytes")).order_by("-size")
    sizes = dict(found[:limit])
    users = User.objects.filter(pk__in=sizes)
    return sorted(users, key=lambda user: -sizes[user.pk])


def _size(files: QuerySet[Output] | QuerySet[Upload]) -> int:
    return files.aggregate(size=Sum("size_bytes"))["size"] or 0


def _gb_month(storage_class: str) -> float:
    """Dollars for a GB in a month; the local cold store costs nothing."""
    price: float = settings.PRICES.get(f"{storage_class.lower()}_gb_month", 0.0)
    return price


def _price_of(operation: Operation, storage_class: str, requests: int, size_bytes: int, byte_days: int) -> float:
    if storage_class not in ("GLACIER", "DEEP_ARCHIVE"):
        return 0.0
    if operation == Operation.EARLY_DELETION:
        return byte_days / GB / DAYS_OF_MONTH * _gb_month(storage_class)
    name = operation.lower()
    per_gb: float = settings.PRICES.get(f"{name}_gb", 0.0)
    per_1000: float = settings.PRICES[f"{name}_1000"]
    return requests / 1000 * per_1000 + size_bytes / GB * per_gb
