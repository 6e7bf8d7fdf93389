"""What must always hold for billing."""

from __future__ import annotations

from collections.abc import Iterator

from accounts import plans
from accounts.billing.models import BillingAccount, Standing
from gas import clock, registry


@registry.invariant("accounts.who_pays_has_premium")
def who_pays_has_premium(*, deep: bool) -> Iterator[str]:
    """The plan stored follows from the subscription stored with it; both are written in one transaction."""
    now = clock.database_now()
    paying = BillingAccount.objects.filter(standing__in=(Standing.ACTIVE, Standing.TRIALING)).select_related("user")
    for account in paying.iterator(chunk_size=1000):
        if plans.derive(account.user, now) != account.user.plan_code:
            yield f"User {account.user_id} is {account.standing} at Stripe, but has the plan {account.user.plan_code}."
