"""From what Stripe says to the plan: read everything again, store it if nobody was quicker."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import stripe
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from accounts import plans
from accounts.billing.client import subscriptions_of
from accounts.billing.models import BillingAccount, Standing
from gas import clock, outbox
from gas.faults import fault

ROUNDS = 3
STANDINGS = {"active": Standing.ACTIVE, "trialing": Standing.TRIALING, "past_due": Standing.PAST_DUE}
# Which subscription counts where there are several: the one that gives most.
RANK = {Standing.NONE: 0, Standing.PAST_DUE: 1, Standing.TRIALING: 2, Standing.ACTIVE: 3}


class ContendedError(Exception):
    """Others stored what they read all the time; it will be tried again later."""


@dataclass(frozen=True)
class Reading:
    """What a customer's subscriptions say together."""

    standing: Standing = Standing.NONE
    subscription_id: str = ""
    stripe_status: str = ""
    price_key: str = ""
    live_subscriptions: int = 0
    period_ends_at: datetime | None = None
    ends_at: datetime | None = None


def sync(user_id: UUID) -> bool:
    """Read the user's subscriptions and bring the plan up to date; True when the plan changed.

    Raises stripe.StripeError, and then nothing has changed: an error is never a downgrade.
    """
    for _ in range(ROUNDS):
        account = BillingAccount.objects.filter(pk=user_id).exclude(customer_id="").first()
        if account is None:
            return False
        try:
            reading = read(subscriptions_of(account.customer_id))
        except stripe.StripeError as error:
            words = f"{type(error).__name__}: {error.user_message or error}"[:300]
            BillingAccount.objects.filter(pk=user_id).update(sync_failed_at=Now(), sync_error=words)
            raise
        fault("billing_read")
        stored, changed = _store(account, reading)
        if stored:
            return changed
    raise ContendedError(f"the subscriptions of user {user_id} were read {ROUNDS} times and each time outrun")


def read(subscriptions: Iterable[Any]) -> Reading:
    """What subscriptions, as the SDK returns them, say together."""
    readings = [_read_one(subscription) for subscription in subscriptions]
    live = sum(reading.standing != Standing.NONE for reading in readings)
    # Among equals the one that lasts longest; among ended ones the latest.
    best = max(readings, key=lambda one: (RANK[one.standing], one.period_ends_at or EPOCH), default=Reading())
    return Reading(**{**best.__dict__, "live_subscriptions": live})


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _read_one(subscription: Any) -> Reading:
    # The period belongs to the item, not to the subscription, in the API of today.
    item = subscription["items"]["data"][0]
    standing = STANDINGS.get(subscription["status"], Standing.NONE)
    period_ends_at = datetime.fromtimestamp(item["current_period_end"], UTC)
    cancel_at = subscription["cancel_at"]
    ends_at = None
    if standing != Standing.NONE and cancel_at:
        ends_at = datetime.fromtimestamp(cancel_at, UTC)
    elif standing != Standing.NONE and subscription["cancel_at_period_end"]:
        ends_at = period_ends_at
    return Reading(
        standing=standing,
        subscription_id=subscription["id"],
        stripe_status=subscription["status"],
        price_key=item["price"]["lookup_key"] or "",
        period_ends_at=period_ends_at,
        ends_at=ends_at,
    )


@transaction.atomic
def _store(account: BillingAccount, reading: Reading) -> tuple[bool, bool]:
    """Store a reading if the account is as it was before reading: (stored, the plan changed).

    The plan, its outbox message and the mails about a failed payment are in the same transaction.
    """
    since = None
    if reading.standing == Standing.PAST_DUE:
        since = account.past_due_since or clock.database_now()
    stored = BillingAccount.objects.filter(pk=account.pk, sync_version=account.sync_version).update(
        **reading.__dict__,
        past_due_since=since,
        sync_version=F("sync_version") + 1,
        synced_at=Now(),
        sync_failed_at=None,
        sync_error="",
    )
    if not stored:
        return False, False
    if since is not None and account.past_due_since is None:
        promise_mail(account, "payment_failed", since)
    changed = plans.refresh(account.pk)
    if changed and reading.standing == Standing.NONE and account.past_due_since is not None:
        promise_mail(account, "premium_ended", account.past_due_since)  # Stripe gave up before the grace was over
    fault("billing_before_commit")
    return True, changed


def promise_mail(account: BillingAccount, template: str, about: datetime) -> None:
    """Promise a mail about the failed payment of this moment, once."""
    key = f"{template}:{account.pk}:{about:%Y%m%d%H%M%S}"
    outbox.promise("accounts.mail", key, {"template": template, "user": str(account.pk)})
