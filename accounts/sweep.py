"""What happens to accounts by the clock: registrations expire, an admin's decisions end, old sessions go."""

from __future__ import annotations

from django.contrib.sessions.models import Session
from django.db.models import F
from django.db.models.functions import Now

from accounts import plans, registration
from accounts.addresses import work as addresses
from accounts.models import User
from accounts.security import sessions
from accounts.takeout import work as takeout
from gas import registry
from gas.sweeping import turn

TASK = "accounts.sweep"
BATCH = 200

registry.sweep("accounts", TASK)


def sweep() -> None:
    """One turn; each step is bounded and safe to repeat. What needs storage comes last: it may be away."""
    with turn("accounts") as mine:
        if mine is None:
            return
        registration.expire()
        addresses.expire()
        _end_overrides()
        old = Session.objects.filter(expire_date__lt=Now()).values_list("pk", flat=True)[:BATCH]
        Session.objects.filter(pk__in=list(old)).delete()
        sessions.forget_over()
        takeout.expire()


def _end_overrides() -> None:
    """Users whose set plan ran out go back to what billing says."""
    over = User.objects.filter(plan_override_until__lte=Now(), plan_code=F("plan_override")).exclude(plan_override="")
    for user_id in list(over.values_list("pk", flat=True)[:BATCH]):
        plans.refresh(user_id)
