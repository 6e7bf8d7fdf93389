"""Taking results that are on their way, one worker at a time, and putting them off when it fails.

The lease only saves double work. Every step may be done twice, at once or later, without harm.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from annotations.models import StorageState
from archival.models import Custody
from gas.clock import database_now, from_now

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=settings.LEASE_SECONDS)
FIRST_PAUSE_SECONDS = 5
LONGEST_PAUSE_SECONDS = 3600


@dataclass(frozen=True)
class HeldResult:
    """A result whose storage this worker moves until the lease ends."""

    result_id: UUID
    lease_until: datetime
    tries: int


def claim(state: StorageState, limit: int) -> list[HeldResult]:
    """Take up to `limit` due results in a state, the longest due first."""
    free = Q(lease_until__isnull=True) | Q(lease_until__lt=Now())
    due = Custody.objects.filter(free, due_at__lte=Now(), result__storage=state)
    lease_until = database_now() + LEASE
    taken = []
    for result_id, tries in list(due.order_by("due_at").values_list("pk", "tries")[:limit]):
        if Custody.objects.filter(free, pk=result_id, due_at__lte=Now()).update(lease_until=lease_until):
            taken.append(HeldResult(result_id, lease_until, tries))
    return taken


@contextmanager
def settling(held: HeldResult) -> Iterator[None]:
    """Give the lease back afterwards; on an error put the result off, longer each time."""
    try:
        yield
    except Exception as error:
        put_off(held, error)
    else:
        _own(held).update(lease_until=None)


def put_off(held: HeldResult, error: Exception) -> None:
    """The step failed: the result stays where it is, and is tried again after a pause."""
    pause = timedelta(seconds=min(FIRST_PAUSE_SECONDS * 2 ** min(held.tries, 20), LONGEST_PAUSE_SECONDS))
    _own(held).update(
        lease_until=None,
        due_at=from_now(pause),
        tries=F("tries") + 1,
        last_error=f"{type(error).__name__}: {error}"[:500],
    )
    logger.warning("Moving the result of job %s failed at try %d.", held.result_id, held.tries + 1, exc_info=error)


def look_again(held: HeldResult, pause: timedelta) -> None:
    """Nothing failed and nothing is ready: come back after the pause."""
    _own(held).update(lease_until=None, due_at=from_now(pause), tries=0, last_error="")


def _own(held: HeldResult) -> QuerySet[Custody]:
    """The row as long as nobody claimed it after us, and it is still on its way."""
    return Custody.objects.filter(pk=held.result_id, lease_until=held.lease_until, due_at__isnull=False)
