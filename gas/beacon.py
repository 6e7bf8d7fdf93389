"""Which workers are there: each worker process says so in a row of its own, every few seconds.

Nothing is decided by it (leases decide): it is for the admin's start page, and for the alert that
no worker of a kind is left.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator
from datetime import timedelta
from threading import Event, Thread

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.db.models import QuerySet
from django.db.models.functions import Now
from prometheus_client.core import GaugeMetricFamily, Metric

from gas.clock import from_now
from gas.models import WorkerSeen

logger = logging.getLogger(__name__)

SAY_SECONDS = 15.0
GONE_SECONDS = 60.0  # who was not heard for so long is not there
FORGOTTEN = timedelta(days=1)
KINDS = ("annotate", "control")


def begin(kind: str) -> Event:
    """Say so from now on, in a thread, until the returned event is set."""
    ended = Event()
    name = f"{kind}@{socket.gethostname()[:80]}:{os.getpid()}"
    Thread(target=_say_on, args=(name, kind, ended), name="beacon", daemon=True).start()
    return ended


def _say_on(name: str, kind: str, ended: Event) -> None:
    while True:
        try:
            say(name, kind)
        except (DatabaseError, InterfaceError) as error:
            logger.debug("The database did not hear of this worker (%s).", type(error).__name__)
        finally:
            connection.close()  # nothing open that a new pool process could inherit
        if ended.wait(SAY_SECONDS):
            return


def say(name: str, kind: str) -> None:
    """This worker is there now; who has not been for a day is forgotten."""
    values = {"kind": kind, "version": settings.SITE_VERSION, "seen_at": Now()}
    WorkerSeen.objects.update_or_create(name=name, defaults=values, create_defaults=values | {"started_at": Now()})
    WorkerSeen.objects.filter(seen_at__lt=from_now(-FORGOTTEN)).delete()


def present() -> QuerySet[WorkerSeen]:
    """The workers that are there."""
    return WorkerSeen.objects.filter(seen_at__gt=from_now(-timedelta(seconds=GONE_SECONDS)))


def collect() -> Iterator[Metric]:
    """How many workers of each kind are there."""
    family = GaugeMetricFamily("gas_workers", "Workers heard of within a minute.", labels=["kind"])
    kinds = list(present().values_list("kind", flat=True))
    for kind in KINDS:
        family.add_metric([kind], kinds.count(kind))
    yield family
