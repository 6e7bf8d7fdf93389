"""/metrics, in Prometheus's text format, from the collectors that the apps registered.

Figures are read from the database at each scrape, so they are the same whichever process answers.
"""

from __future__ import annotations

import hmac
import logging
import shutil
from collections.abc import Iterable, Iterator
from ipaddress import ip_address

from django.conf import settings
from django.db.models import Min
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse, HttpResponseForbidden
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from gas import beacon, incidents, pausing, queues, registry
from gas.clock import database_now
from gas.health import sweep_ages
from gas.models import OutboxMessage, OutboxStatus

logger = logging.getLogger(__name__)

FORWARDED = ("X-Forwarded-For", "Forwarded", "X-Real-IP")


class _Collected(Collector):
    """One registered collector as prometheus_client wants it."""

    def __init__(self, collect: registry.Collector) -> None:
        self._collect = collect

    def collect(self) -> Iterable[Metric]:
        return self._collect()

    def describe(self) -> Iterable[Metric]:
        return ()  # naming the metrics beforehand would mean asking the database twice


def metrics(request: HttpRequest) -> HttpResponse:
    """All metrics; for this machine, or with the token."""
    if not _may_read(request):
        return HttpResponseForbidden("Metrics are for this machine, or with the token.\n", content_type="text/plain")
    return HttpResponse(exposition(), content_type=CONTENT_TYPE_LATEST)


def exposition() -> bytes:
    """The text of /metrics."""
    collected = CollectorRegistry(auto_describe=False)
    for _, collect_one in registry.collectors():
        collected.register(_Collected(collect_one))
    return generate_latest(collected)


def _may_read(request: HttpRequest) -> bool:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if settings.METRICS_TOKEN and scheme.lower() == "bearer":
        return hmac.compare_digest(token.strip().encode(), settings.METRICS_TOKEN.encode())
    # A request that a proxy on this machine passed on comes from loopback too, but says so.
    is_forwarded = any(name in request.headers for name in FORWARDED)
    return not is_forwarded and _is_loopback(request.META.get("REMOTE_ADDR", ""))


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:  # a socket file has no address
        return False


def collect() -> Iterator[Metric]:
    """What belongs to no app: version, sweeps, outbox, disk."""
    yield InfoMetricFamily("gas_build", "The running version.", value={"version": settings.SITE_VERSION})
    ages = GaugeMetricFamily("gas_sweep_age_seconds", "Since a sweep last finished.", labels=["sweep"])
    for name, age in sweep_ages().items():
        ages.add_metric([name], float("inf") if age is None else age)
    yield ages
    yield from _outbox()
    yield from _queues()
    yield from beacon.collect()
    yield _paused()
    yield GaugeMetricFamily(
        "gas_incidents_last_day", "What broke in the last 24 hours; 0 is good.", value=incidents.of_last_day().count()
    )
    disk = shutil.disk_usage(settings.VAR_DIR)
    free = disk.free / disk.total
    yield GaugeMetricFamily("gas_disk_free_ratio", "Free part of the state folder's disk, 0 to 1.", value=free)


def _queues() -> Iterator[Metric]:
    try:
        counts, dead = queues.waiting(), queues.dead_letters()
    except Exception as error:  # the other figures are wanted all the more when the broker is away
        logger.warning("The queues cannot be counted (%s).", type(error).__name__)
        return
    by_queue = GaugeMetricFamily("gas_queue_messages", "Doorbells that wait.", labels=["queue"])
    for name, count in counts.items():
        by_queue.add_metric([name], count)
    yield by_queue
    yield GaugeMetricFamily("gas_dead_letters", "Messages that no worker could use.", value=dead)


def _paused() -> Metric:
    since = pausing.state().paused_since
    age = (database_now() - since).total_seconds() if since else 0.0
    return GaugeMetricFamily("gas_paused_seconds", "For how long submissions are paused.", value=max(0.0, age))


def _outbox() -> Iterator[Metric]:
    # A query for each figure, so that each is answered by an index of open messages: the done ones are many.
    pending = OutboxMessage.objects.filter(status=OutboxStatus.PENDING)
    failed = OutboxMessage.objects.filter(status=OutboxStatus.FAILED)
    oldest = pending.filter(due_at__lte=Now()).aggregate(at=Min("due_at"))["at"]
    by_status = GaugeMetricFamily("gas_outbox_messages", "Promised effects by status.", labels=["status"])
    by_status.add_metric(["pending"], pending.count())
    by_status.add_metric(["failed"], failed.count())
    yield by_status
    lag = (database_now() - oldest).total_seconds() if oldest else 0.0
    yield GaugeMetricFamily("gas_outbox_lag_seconds", "How long the oldest due effect waits.", value=max(0.0, lag))
