"""What must always hold for deleted accounts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from accounts.erasure.models import OPEN_STATUSES, Erasure, ErasureStatus
from accounts.erasure.steps import messages_about
from accounts.models import User
from accounts.takeout.work import stored_names
from gas import registry
from gas.clock import from_now
from gas.models import AuditSalt

BOUND = timedelta(minutes=10)


@registry.invariant("accounts.nothing_of_a_deleted_user_remains")
def nothing_remains(*, deep: bool) -> Iterator[str]:
    """After the deletion neither the user's row nor what named them is left."""
    for user_id in Erasure.objects.filter(status=ErasureStatus.DONE).values_list("user_id", flat=True).iterator():
        if User.objects.filter(pk=user_id).exists():
            yield f"User {user_id} was deleted, but is there."
        if AuditSalt.objects.filter(person_id=user_id).exists():
            yield f"User {user_id} was deleted, but the audit log can still name them."
        if messages_about(user_id).exists():
            yield f"User {user_id} was deleted, but messages about them are kept."
        if deep and stored_names(user_id):
            yield f"User {user_id} was deleted, but packed data of theirs is kept."


@registry.invariant("accounts.erasures_end_in_time")
def erasures_end_in_time(*, deep: bool) -> Iterator[str]:
    """Ten minutes after the grace ended an account is gone."""
    late = Erasure.objects.filter(status__in=OPEN_STATUSES, due_at__lt=from_now(-BOUND))
    for erasure in late.iterator():
        yield f"The deletion of user {erasure.user_id} is late; it waits for {erasure.waiting_for or 'its turn'}."
