"""The admin's first sight: the figures of /metrics in words, trouble marked, and what each app adds.

The same collectors feed both, so that what alerts and what is shown cannot differ.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from django.template.defaultfilters import floatformat
from django.urls import reverse
from django.utils.html import format_html

from gas import beacon, incidents, registry
from gas.clock import database_now
from gas.models import OutboxMessage, OutboxStatus, WorkerSeen
from gas.registry import OverviewTable

# When a figure is trouble, by the metric's name; deploy/alerts.yml says the same to Prometheus.
LIMITS: dict[str, Callable[[float], bool]] = {
    "gas_jobs_oldest_waiting_seconds": lambda seconds: seconds > 1800,
    "gas_sweep_age_seconds": lambda seconds: seconds > 300,
    "gas_outbox_lag_seconds": lambda seconds: seconds > 600,
    "gas_outbox_messages{failed}": lambda count: count > 0,
    "gas_disk_free_ratio": lambda ratio: ratio < 0.15,
    "gas_dead_letters": lambda count: count > 0,
    "gas_archive_failing": lambda count: count > 0,
    "gas_incidents_last_day": lambda count: count > 0,
    "gas_workers": lambda count: count < 1,
    "gas_paused_seconds": lambda seconds: seconds > 14400,
}


MAX_ROWS = 20  # of a table


@dataclass(frozen=True)
class Figure:
    """One figure: what it is, of what, how much, and whether it calls for somebody."""

    meaning: str
    label: str
    value: str
    is_trouble: bool


def figures() -> list[Figure]:
    """All figures, those that are trouble first."""
    found = []
    for _, collect in registry.collectors():
        for family in collect():
            for sample in family.samples:
                label = ", ".join(sample.labels.values())
                trouble = is_trouble(sample.name, label, sample.value)
                found.append(Figure(family.documentation, label, shown(sample.name, sample.value), trouble))
    return sorted(found, key=lambda figure: not figure.is_trouble)


def is_trouble(name: str, label: str, value: float) -> bool:
    """The figure is beyond its limit, if it has one."""
    limit = LIMITS.get(f"{name}{{{label}}}") or LIMITS.get(name)
    return limit is not None and limit(value)


def shown(name: str, value: float) -> str:
    """A figure as a person reads it; the unit is in the metric's name."""
    if math.isinf(value):
        return "never"
    if name.endswith("_ratio"):
        return f"{value:.0%}"
    if "_seconds" in name:
        return str(timedelta(seconds=round(value)))
    if name.endswith("_bytes"):
        return f"{value / 1_000_000:,.1f} MB"
    return floatformat(value, "-2g")


def ago(seconds: float) -> str:
    """How long ago, in words short enough for a table."""
    return f"{timedelta(seconds=round(max(seconds, 0)))} ago"


@registry.overview_table("workers", order=40)
def workers() -> OverviewTable:
    """Who was heard of within the last day."""
    now = database_now()
    rows = []
    for worker in WorkerSeen.objects.order_by("kind", "-seen_at")[:MAX_ROWS]:
        silent = (now - worker.seen_at).total_seconds()
        is_there = "yes" if silent <= beacon.GONE_SECONDS else "gone"
        rows.append(
            (worker.name, is_there, ago(silent), ago((now - worker.started_at).total_seconds()), worker.version)
        )
    headings = ("Worker", "There", "Last heard of", "Started", "Version")
    return OverviewTable(
        "Workers of the last day", headings, rows, "No worker was ever heard of: start annotate and control."
    )


@registry.overview_table("outbox", order=50)
def failed_promises() -> OverviewTable:
    """Effects that failed for good, with the way to try them again."""
    failed = OutboxMessage.objects.filter(status=OutboxStatus.FAILED).order_by("-created_at")
    address = reverse("admin:gas_outboxmessage_changelist") + "?status__exact=failed"
    rows = [
        (format_html('<a href="{}">{}</a>', address, message.kind), str(message.tries), message.last_error)
        for message in failed[:MAX_ROWS]
    ]
    return OverviewTable(
        "Outbox: failed for good", ("Choose and try again", "Tries", "Last error"), rows, "Nothing failed for good."
    )


@registry.overview_table("incidents", order=60)
def broken() -> OverviewTable:
    """The newest incidents of the last day: where, what, and the way to the traceback."""
    now = database_now()
    address = reverse("admin:gas_incident_changelist")
    rows = [
        (
            format_html('<a href="{}?q={}">{}</a>', address, one.code, one.place),
            one.error,
            ago((now - one.at).total_seconds()),
        )
        for one in incidents.of_last_day().order_by("-at")[:MAX_ROWS]
    ]
    return OverviewTable("Broken in the last 24 hours", ("Where", "Error", "When"), rows, "Nothing broke.")
