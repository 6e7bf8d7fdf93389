"""What must always hold for accounts."""

from __future__ import annotations

from collections.abc import Iterable

from accounts import plans
from accounts.models import PlanCode, User
from gas import clock, registry

# Between the end of an admin's decision and the sweep that acts on it, the two may differ.
GRACE_SECONDS = 120


@registry.invariant("accounts.plan_follows_from_what_is_recorded")
def plan_follows(*, deep: bool) -> Iterable[str]:
    """The plan is a function of the admin's override, with its expiry, and of billing."""
    now = clock.database_now()
    suspects = User.objects.exclude(plan_override="", plan_code=PlanCode.FREE)
    for user in suspects.iterator(chunk_size=1000):
        ended = user.plan_override_until
        if ended is not None and 0 <= (now - ended).total_seconds() < GRACE_SECONDS:
            continue
        if plans.derive(user, now) != user.plan_code:
            yield f"User {user.pk} has the plan {user.plan_code}, but {plans.derive(user, now)} follows."
