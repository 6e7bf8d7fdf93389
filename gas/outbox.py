"""Effects outside the database, promised inside a transaction and done after it.

A message is claimed by one conditional UPDATE that raises `tries`; that number is the fence:
only the sweeper that saw it may settle the message.

What was done is kept for KEPT: as a history for staff, and so that its key is not promised again. No
key recurs for longer than a few days: those that repeat name an hour, a day or a moment, all others a
row that allows its effect once. One that did recur would have its effect again after KEPT.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from gas import doorbell, logs, registry
from gas.clock import from_now
from gas.models import OutboxMessage, OutboxStatus
from gas.sweeping import turn

logger = logging.getLogger(__name__)

SWEEP_TASK = "gas.sweep_outbox"
BATCH = 32
SWEEP_SECONDS = 20.0
FIRST_PAUSE_SECONDS = 5
LONGEST_PAUSE_SECONDS = 3600
MAX_TRIES = 30  # with the pauses above: about a day
KEPT = timedelta(days=30)  # after it was done; what failed for good is kept until somebody decides
FORGOTTEN_AT_ONCE = 1000  # in one short DELETE for each turn: some millions a day


def promise(kind: str, dedupe_key: str, payload: dict[str, Any], due_at: datetime | None = None) -> None:
    """Promise an effect in the caller's transaction; a `dedupe_key` promised before changes nothing (see KEPT).

    `payload` holds ids, never an address or a name: the handler reads the truth of its moment.
    """
    row = OutboxMessage(kind=kind, dedupe_key=dedupe_key, payload=payload, due_at=due_at or Now())
    OutboxMessage.objects.bulk_create([row], ignore_conflicts=True)
    if due_at is None:
        transaction.on_commit(lambda: doorbell.ring(SWEEP_TASK, queue="control"), robust=True)


def sweep() -> None:
    """Do what is due, for a bounded time.

    Two at once do no harm, for each message has its own lease. The turn is taken only to record
    that sweeping works: waiting for it could leave a message behind that came at its very end.
    """
    ends = monotonic() + SWEEP_SECONDS
    with turn("outbox", SWEEP_SECONDS) as mine:
        if mine is not None:
            forget_old()
        while message_ids := list(_due().order_by("due_at").values_list("pk", flat=True)[:BATCH]):
            for message_id in message_ids:
                if monotonic() > ends:
                    return
                deliver(message_id)


def deliver(message_id: Any) -> bool:
    """Claim one due message and do it. False: another has it, or its handler failed."""
    if not _due().filter(pk=message_id).update(lease_until=from_now(_lease()), tries=F("tries") + 1):
        return False
    message = OutboxMessage.objects.get(pk=message_id)
    handler = registry.handler_of(message.kind)
    try:
        if handler is None:
            # During a rolling deploy the newer code's kinds arrive here too: try again later.
            raise LookupError(f"nothing handles the kind {message.kind!r}")
        handler(message)
    except Exception as error:
        _put_off(message, error)
        return False
    _own(message).update(status=OutboxStatus.DONE, done_at=Now(), lease_until=None, last_error="")
    return True


def forget_old() -> None:
    """Delete some of what was done long ago, the oldest first."""
    done = OutboxMessage.objects.filter(status=OutboxStatus.DONE, done_at__lt=from_now(-KEPT))
    old = list(done.order_by("done_at").values_list("pk", flat=True)[:FORGOTTEN_AT_ONCE])
    if old:
        OutboxMessage.objects.filter(pk__in=old).delete()


def _lease() -> timedelta:
    """As long as a job's, but longer than a handler may take: mail and calls end by their timeout."""
    return timedelta(seconds=max(settings.LEASE_SECONDS, settings.EMAIL_TIMEOUT + 5))


def _due() -> Any:
    free = Q(lease_until__isnull=True) | Q(lease_until__lt=Now())
    return OutboxMessage.objects.filter(free, status=OutboxStatus.PENDING, due_at__lte=Now())


def _own(message: OutboxMessage) -> Any:
    """The message as long as nobody claimed it after us."""
    return OutboxMessage.objects.filter(pk=message.pk, status=OutboxStatus.PENDING, tries=message.tries)


def pause_after(tries: int) -> timedelta:
    """How long a message waits after its `tries`-th failure."""
    return timedelta(seconds=min(FIRST_PAUSE_SECONDS * 2 ** min(tries - 1, 20), LONGEST_PAUSE_SECONDS))


def _put_off(message: OutboxMessage, error: Exception) -> None:
    final = message.tries >= MAX_TRIES
    _own(message).update(
        status=OutboxStatus.FAILED if final else OutboxStatus.PENDING,
        due_at=from_now(pause_after(message.tries)),
        lease_until=None,
        # A mail server names the address that it refuses, and the row may outlive its owner.
        last_error=logs.without_addresses(f"{type(error).__name__}: {error}")[:500],
    )
    logger.log(
        logging.ERROR if final else logging.WARNING,
        "Outbox message %s (%s) failed at try %d%s.",
        message.pk,
        message.kind,
        message.tries,
        ", for good" if final else "",
        exc_info=error,
    )
