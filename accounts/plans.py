"""What a user may do, and the only writer of a user's plan.

The plan of now is a function of what an admin decided (while that holds) and of billing; `derive`
is that function. `refresh` stores its value and promises `plan_changed` in the same transaction,
so that whoever keeps results or counts days hears of each change once.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from accounts.models import BillingAccount, Plan, PlanCode, User
from gas import audit, clock, outbox


@dataclass(frozen=True)
class Limits:
    """A plan's figures for one user; bytes are bytes, retention None means as long as the job lives."""

    plan_name: str
    max_file_bytes: int
    max_open_jobs: int
    max_jobs_per_day: int
    max_storage_bytes: int
    hot_retention: timedelta | None
    input_retention: timedelta
    own_sources: bool


def overridden(plan: Plan) -> dict[str, tuple[str, int]]:
    """Figures of a plan that the environment sets: column -> (variable, value). None in the aws profile."""
    if settings.IS_AWS:
        return {}
    figures: dict[str, tuple[str, int]] = settings.PLANS[plan.code]
    return {column: figure for column, figure in figures.items() if os.environ.get(figure[0])}


def limits_of_plan(plan: Plan) -> Limits:
    """The figures that hold for everyone on a plan."""
    figures = {
        column: getattr(plan, column)
        for column in (
            "max_file_bytes",
            "max_open_jobs",
            "max_jobs_per_day",
            "max_storage_bytes",
            "hot_retention_seconds",
            "input_retention_seconds",
        )
    }
    figures |= {column: value for column, (_, value) in overridden(plan).items()}
    hot = figures.pop("hot_retention_seconds")
    return Limits(
        plan_name=plan.get_code_display(),
        hot_retention=None if hot is None else timedelta(seconds=hot),
        input_retention=timedelta(seconds=figures.pop("input_retention_seconds")),
        own_sources=plan.own_sources,
        **figures,
    )


def limits(user: User) -> Limits:
    """What this user may do now."""
    return limits_of_plan(Plan.objects.get(code=user.plan_code))


def derive(user: User, now: datetime) -> PlanCode:
    """The plan that follows from what is recorded about the user at the moment `now`."""
    holds = user.plan_override_until is None or user.plan_override_until > now
    if user.plan_override and holds:
        return PlanCode(user.plan_override)
    account = BillingAccount.objects.filter(pk=user.pk).first()
    return PlanCode.PREMIUM if account is not None and account.grants_premium(now) else PlanCode.FREE


def refresh(user_id: UUID) -> bool:
    """Store the derived plan; True when it changed. The row stays locked until the transaction ends."""
    with transaction.atomic():
        user = User.objects.select_for_update().get(pk=user_id)
        code = derive(user, clock.database_now())
        if code == user.plan_code:
            return False
        version = user.plan_version + 1
        User.objects.filter(pk=user_id).update(
            plan_code=code, plan_changed_at=Now(), plan_version=F("plan_version") + 1
        )
        outbox.promise("plan_changed", f"plan_changed:{user_id}:{version}", {"user": str(user_id)})
        return True


def override(user_id: UUID, code: str, reason: str, *, by: User, until: datetime | None = None) -> bool:
    """An admin sets the plan (`code` empty: takes the decision back); True when the plan changed.

    Raises ValueError without a reason. The decision is in the audit log.
    """
    if not reason.strip():
        raise ValueError("A plan is set with a reason.")
    with transaction.atomic():
        User.objects.filter(pk=user_id).update(
            plan_override=code, plan_override_until=until if code else None, plan_override_reason=reason.strip()[:300]
        )
        audit.record("plan.set", by, f"user:{user_id}", plan=code or "by billing", reason=reason.strip()[:300])
        return refresh(user_id)
