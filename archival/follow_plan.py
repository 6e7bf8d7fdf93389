"""What a change of plan means for a user's results: all come back and stay, or all get the timer.

The message says only that the plan changed; the plan of now is read under the lock of the owner's
row. Work of many rows goes in lots, and each lot looks whether the plan has changed again: then
the rest belongs to the newer message.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from accounts import plans
from accounts.models import User
from annotations.models import Result, StorageState
from archival import recalls, transitions
from archival.models import RecallCause
from gas import doorbell, outbox, registry
from gas.models import OutboxMessage

TIMERS_STARTED = "archival.timers_started"  # the outbox's kind
SWEEP_TASK = "archival.sweep"


@registry.outbox_handler("plan_changed")
def plan_changed(message: OutboxMessage) -> None:
    """Bring a user's results in line with the plan of now."""
    user = User.objects.filter(pk=message.payload["user"]).first()
    if user is not None:
        follow(user)


def follow(user: User) -> None:
    """Do what the plan of now asks for; may be repeated, and stops when the plan changes again."""
    if plans.limits(user).hot_retention is None:
        if _stop_archiving(user):
            _ask_back(user)
    else:
        _start_timers(user)
    doorbell.ring(SWEEP_TASK, queue="control")


def _stop_archiving(user: User) -> bool:
    """Nothing more goes cold. False: the plan has changed again."""
    with _while_unchanged(user) as unchanged:
        if unchanged:
            transitions.stop_timers(user)
    for batch in recalls.batches(_ids(user, StorageState.ARCHIVING)):
        with _while_unchanged(user) as unchanged:
            if unchanged:
                transitions.call_off_archiving(batch)
    return unchanged


def _ask_back(user: User) -> None:
    cold = _ids(user, StorageState.COLD)
    cause_key = f"plan:{user.pk}:{user.plan_version}"
    if not cold:
        recalls.close_by_key(cause_key)  # an earlier try may have died before it
        return
    recall = recalls.open_recall(user, RecallCause.UPGRADE, cause_key, cold)
    for batch in recalls.batches(cold):
        with _while_unchanged(user) as unchanged:
            if unchanged:
                transitions.begin_restoring(batch, recall)
    recalls.close(recall)


def _start_timers(user: User) -> None:
    with _while_unchanged(user) as unchanged:
        retention = plans.limits(user).hot_retention
        if unchanged and retention is not None and transitions.start_timers(user, retention):
            key = f"{TIMERS_STARTED}:{user.pk}:{user.plan_version}"
            outbox.promise(TIMERS_STARTED, key, {"user": str(user.pk), "plan_version": user.plan_version})


def _ids(user: User, state: StorageState) -> list[UUID]:
    """The user's results in a state, without those sent there by hand since the plan changed."""
    found = Result.objects.filter(job__owner=user, storage=state)
    if user.plan_changed_at is not None:
        by_plan = Q(custody__by_hand_at__isnull=True) | Q(custody__by_hand_at__lt=user.plan_changed_at)
        found = found.filter(by_plan)
    return list(found.order_by("created_at").values_list("pk", flat=True))


@contextmanager
def _while_unchanged(user: User) -> Iterator[bool]:
    """A transaction that holds the user's row; True if the plan is still the one that was read."""
    with transaction.atomic():
        now = User.objects.select_for_update(no_key=True).filter(pk=user.pk).first()
        yield now is not None and now.plan_version == user.plan_version
