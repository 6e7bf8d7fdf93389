"""Taking results that are on their way, one worker at a time, and putting them off when it fails.

The lease only saves double work: every step may be done twice, at once or later, without harm. But work
twice is bytes moved and paid for twice, so the lease is renewed for as long as a step takes.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Event, Thread
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from annotations.models import StorageState
from archival.models import Custody
from gas.clock import database_now, from_now

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=settings.LEASE_SECONDS)
FIRST_PAUSE_SECONDS = 5
LONGEST_PAUSE_SECONDS = 3600


@dataclass
class Lease:
    """Until when results that were claimed together are this worker's; `renew` moves it on."""

    until: datetime


@dataclass(frozen=True)
class HeldResult:
    """A result whose storage this worker moves until the lease ends."""

    result_id: UUID
    lease: Lease
    tries: int


def claim(state: StorageState, limit: int) -> list[HeldResult]:
    """Take up to `limit` due results in a state, the longest due first."""
    free = Q(lease_until__isnull=True) | Q(lease_until__lt=Now())
    due = Custody.objects.filter(free, due_at__lte=Now(), result__storage=state)
    lease = Lease(database_now() + LEASE)
    taken = []
    for result_id, tries in list(due.order_by("due_at").values_list("pk", "tries")[:limit]):
        if Custody.objects.filter(free, pk=result_id, due_at__lte=Now()).update(lease_until=lease.until):
            taken.append(HeldResult(result_id, lease, tries))
    return taken


@contextmanager
def renewing(claimed: Sequence[HeldResult]) -> Iterator[None]:
    """Around all that moves bytes: a thread of its own renews the lease of what was claimed together."""
    ended = Event()
    thread = Thread(target=_renew_until, args=(claimed, ended), name="archive-lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _renew_until(claimed: Sequence[HeldResult], ended: Event) -> None:
    try:
        while not ended.wait(settings.HEARTBEAT_SECONDS):
            try:
                if not renew(claimed):
                    return  # called off, deleted, or another's: what is under way does no harm
            except (DatabaseError, InterfaceError) as error:
                connection.close()  # the next try opens a new one
                logger.warning("A lease of the archive could not be renewed (%s).", type(error).__name__)
    finally:
        connection.close()


def renew(claimed: Sequence[HeldResult]) -> bool:
    """Own what was claimed together for another lease; False: nothing of it is ours any more."""
    lease, until = claimed[0].lease, database_now() + LEASE
    ids = [held.result_id for held in claimed]
    if not Custody.objects.filter(pk__in=ids, lease_until=lease.until, due_at__isnull=False).update(lease_until=until):
        return False
    lease.until = until
    return True


@contextmanager
def settling(held: HeldResult) -> Iterator[None]:
    """Keep the lease meanwhile and give it back afterwards; on an error put the result off, longer each time."""
    try:
        with renewing([held]):
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
    return Custody.objects.filter(pk=held.result_id, lease_until=held.lease.until, due_at__isnull=False)
