"""The life of a deletion: asked for, taken back, begun, gone through step by step, done.

Fault points, where a test may kill the process: erasure_begun, erased_<step> after each
registered eraser, erasure_before_last, erasure_before_commit.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.core import signing
from django.db import IntegrityError, connection, transaction
from django.db.models import Q
from django.db.models.functions import Now

from accounts.erasure import steps
from accounts.erasure.models import OPEN_STATUSES, Erasure, ErasureStatus
from accounts.models import User
from gas import audit, clock, logs, outbox, registry
from gas.faults import fault
from gas.sweeping import Turn, turn

logger = logging.getLogger(__name__)

TASK = "accounts.sweep_erasures"
SALT = "accounts.erasure"
BATCH = 20
LONGEST_PAUSE_SECONDS = 600
# What is kept elsewhere and may be out of reach must not hold up the deletion of what is kept here.
INDEPENDENT = frozenset({"billing"})

registry.sweep("erasures", TASK)


def request_erasure(user: User) -> Erasure:
    """The user asked for the deletion; asked again, it is the same one."""
    now = clock.database_now()
    due_at = now + timedelta(seconds=settings.ERASURE_GRACE_SECONDS)
    try:
        with transaction.atomic():
            erasure = Erasure.objects.create(user_id=user.pk, requested_at=now, due_at=due_at)
            audit.record("request erasure", user, f"user:{user.pk}")
            _promise_mail("erasure_requested", erasure)
    except IntegrityError:
        return Erasure.objects.get(user_id=user.pk, status__in=OPEN_STATUSES)
    return erasure


def withdraw(erasure: Erasure) -> bool:
    """Keep the account after all; False when it is too late, or was done already."""
    with transaction.atomic():
        mine = Erasure.objects.filter(pk=erasure.pk, status=ErasureStatus.SCHEDULED, due_at__gt=Now())
        if not mine.update(status=ErasureStatus.WITHDRAWN, ended_at=Now()):
            return False
        audit.record("withdraw erasure", User.objects.get(pk=erasure.user_id), f"user:{erasure.user_id}")
        _promise_mail("erasure_withdrawn", erasure)
        return True


def scheduled_for(user_id: UUID) -> Erasure | None:
    """The deletion a user asked for and may still take back, if there is one."""
    return Erasure.objects.filter(user_id=user_id, status=ErasureStatus.SCHEDULED).first()


def token_of(erasure: Erasure) -> str:
    """The secret part of the link that takes a deletion back; it is stored nowhere."""
    return signing.dumps(str(erasure.pk), salt=SALT)


def find(token: str) -> Erasure | None:
    """The deletion a link belongs to, whatever became of it; None for what is no such link."""
    try:
        return Erasure.objects.filter(pk=signing.loads(token, salt=SALT)).first()
    except signing.BadSignature:
        return None


def _promise_mail(template: str, erasure: Erasure) -> None:
    payload = {"template": template, "user": str(erasure.user_id)}
    outbox.promise("accounts.mail", f"{template}:{erasure.pk}", payload)


def sweep() -> None:
    """One turn: begin what is due, go on with what is under way."""
    with turn("erasures") as mine:
        if mine is None:
            return
        rested = Q(next_try_at__isnull=True) | Q(next_try_at__lte=Now())
        due = Erasure.objects.filter(rested, status__in=OPEN_STATUSES, due_at__lte=Now()).order_by("due_at")
        for erasure in due[:BATCH]:
            if not mine.has_time():
                return
            _proceed(erasure, mine)


def _proceed(erasure: Erasure, mine: Turn) -> None:
    """Begin a deletion or go on with it, until it is done, fails or the turn is over."""
    if erasure.status == ErasureStatus.SCHEDULED and not _begin(erasure):
        return
    fault("erasure_begun")
    user = User.objects.filter(pk=erasure.user_id).first()
    if user is None:
        _finish(erasure, None)
        return
    failed: tuple[str, Exception] | None = None
    for name, erase in registry.erasers():
        if not mine.has_time():
            return
        try:
            erase(user)
        except Exception as error:  # whatever a store or Stripe may raise: it is tried again
            logger.warning("Deleting user %s waits at %s.", user.pk, name, exc_info=error)
            failed = failed or (name, error)
            if name not in INDEPENDENT:
                break
        fault(f"erased_{name}")
    if failed is None:
        fault("erasure_before_last")
        try:
            _finish(erasure, user)
        except IntegrityError as error:
            # Something of theirs was made after its eraser had passed; the next round finds it.
            failed = ("last", error)
    if failed is not None:
        _put_off(erasure, *failed)
    else:
        _wipe_log()


def _begin(erasure: Erasure) -> bool:
    """From here there is no way back: nobody signs in any more, and nothing new is taken."""
    with transaction.atomic():
        mine = Erasure.objects.filter(pk=erasure.pk, status=ErasureStatus.SCHEDULED, due_at__lte=Now())
        if not mine.update(status=ErasureStatus.ERASING):
            return False
        User.objects.filter(pk=erasure.user_id).update(is_active=False)
        return True


@transaction.atomic
def _finish(erasure: Erasure, user: User | None) -> None:
    """The user's row and the end of the deletion, together. Raises IntegrityError where something is left."""
    if user is not None:
        steps.delete_user(user)
    Erasure.objects.filter(pk=erasure.pk, status=ErasureStatus.ERASING).update(
        status=ErasureStatus.DONE, ended_at=Now(), waiting_for="", last_error="", next_try_at=None
    )
    fault("erasure_before_commit")
    transaction.on_commit(lambda: logger.info("User %s is deleted.", erasure.user_id))


def _wipe_log() -> None:
    """SQLite's write-ahead log still holds what was deleted: empty it, unless someone reads at this moment."""
    if connection.vendor == "sqlite" and not connection.in_atomic_block:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _put_off(erasure: Erasure, name: str, error: Exception) -> None:
    tries = erasure.tries + 1
    pause = timedelta(seconds=min(5 * 2 ** min(tries, 10), LONGEST_PAUSE_SECONDS))
    Erasure.objects.filter(pk=erasure.pk).update(
        tries=tries,
        next_try_at=clock.from_now(pause),
        waiting_for=name,
        last_error=logs.without_addresses(f"{type(error).__name__}: {error}")[:300],
    )
