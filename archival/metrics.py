"""What Prometheus learns of the archive: what is on its way, what waits too long, what fails."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.db.models import Count, Min
from prometheus_client.core import GaugeMetricFamily

from annotations.models import Result, StorageState
from archival.models import ColdCopy, Custody, Removal
from gas import registry
from gas.clock import database_now

if TYPE_CHECKING:
    from prometheus_client.core import Metric

ON_THE_WAY = (StorageState.ARCHIVING, StorageState.RESTORING)


@registry.collector("archival")
def collect() -> Iterable[Metric]:
    """Each family asks one partial index; nothing here grows with the number of archived results."""
    moving = GaugeMetricFamily(
        "gas_results_moving", "Results on their way to or from the cold store.", labels=["state"]
    )
    found = Result.objects.filter(storage__in=ON_THE_WAY).values_list("storage").annotate(results=Count("pk"))
    counted = dict(found)
    for state in ON_THE_WAY:
        moving.add_metric([state], counted.get(state, 0))
    yield moving
    due = Custody.objects.filter(due_at__isnull=False)
    oldest = due.aggregate(at=Min("due_at"))["at"]
    late = max(0.0, (database_now() - oldest).total_seconds()) if oldest else 0.0
    yield GaugeMetricFamily("gas_archive_lag_seconds", "How long the oldest due work on a result waits.", value=late)
    failing = due.filter(tries__gt=0).count()
    yield GaugeMetricFamily("gas_archive_failing", "Results whose move failed at its last try.", value=failing)
    waiting = Removal.objects.count() + ColdCopy.objects.filter(output__isnull=True).count()
    yield GaugeMetricFamily("gas_archive_removals", "Objects that must still be deleted.", value=waiting)
