"""What the admin's start page says of storage: how much is hot and how much is cold."""

from __future__ import annotations

from time import monotonic

from django.db.models import Count, Sum

from accounts.templatetags.amounts import in_bytes
from annotations.models import COLD_KINDS, Output, Result, StorageState
from gas import registry
from gas.registry import OverviewTable

MEASURED_SECONDS = 300.0  # summing up every output takes a while where there are millions

_measured: list[tuple[float, list[tuple[str, ...]]]] = []  # when by time.monotonic(), and the rows


@registry.overview_table("archival.storage", order=60)
def storage() -> OverviewTable:
    """Results and bytes by storage state, at most five minutes old."""
    if not _measured or monotonic() - _measured[0][0] > MEASURED_SECONDS:
        _measured[:] = [(monotonic(), _measure())]
    headings = ("Results", "Number", "Large files", "Small files")
    return OverviewTable("Storage (measured every five minutes)", headings, _measured[0][1], "There is no result yet.")


def _measure() -> list[tuple[str, ...]]:
    counted = dict(Result.objects.values_list("storage").annotate(results=Count("pk")))
    outputs = Output.objects.order_by().values_list("result__storage")
    large = dict(outputs.filter(kind__in=COLD_KINDS).annotate(size=Sum("size_bytes")))
    small = dict(outputs.exclude(kind__in=COLD_KINDS).annotate(size=Sum("size_bytes")))
    return [
        (
            str(state.label),
            f"{counted[state]:,}",
            in_bytes(large.get(state, 0)),
            in_bytes(small.get(state, 0)),
        )
        for state in StorageState
        if counted.get(state)
    ]
