"""What billing does by the clock: grace that ends, mails before it, everyone read again once a day."""

from __future__ import annotations

import logging
from datetime import timedelta

import stripe
from django.conf import settings
from django.db import transaction
from django.db.models import F, Q

from accounts import plans
from accounts.billing import client
from accounts.billing.models import BillingAccount, Standing, StripeEvent
from accounts.billing.sync import ContendedError, promise_mail, sync
from accounts.models import PlanCode
from gas import registry
from gas.clock import database_now, from_now
from gas.sweeping import Turn, turn

logger = logging.getLogger(__name__)

TASK = "accounts.sweep_billing"
BATCH = 100
RECONCILE_AFTER = timedelta(hours=24)
FAILED_PAUSE = timedelta(hours=1)
REMIND_BEFORE = timedelta(days=2)
EVENTS_KEPT = timedelta(days=60)

registry.sweep("billing", TASK)


def sweep() -> None:
    """One turn. What needs no network comes first, so that a slow Stripe delays nobody's plan."""
    with turn("billing") as mine:
        if mine is None:
            return
        _remind()
        _end_grace()
        old = StripeEvent.objects.filter(received_at__lt=from_now(-EVENTS_KEPT)).values_list("pk", flat=True)[:BATCH]
        StripeEvent.objects.filter(pk__in=list(old)).delete()
        if client.is_enabled():
            _reconcile(mine)


def _past_due_longer_than(span: timedelta) -> list[BillingAccount]:
    late = BillingAccount.objects.filter(standing=Standing.PAST_DUE, past_due_since__lte=from_now(-span))
    return list(late.filter(user__plan_code=PlanCode.PREMIUM).select_related("user")[:BATCH])


def _remind() -> None:
    """A second mail before the grace ends; its key makes it one.

    None after it, though an admin's decision may keep the plan: the key is remembered for a while only.
    """
    now = database_now()
    for account in _past_due_longer_than(max(timedelta(), timedelta(days=settings.PAST_DUE_DAYS) - REMIND_BEFORE)):
        if account.past_due_since is not None and account.grants_premium(now):
            promise_mail(account, "payment_reminder", account.past_due_since)


def _end_grace() -> None:
    """Whose payment failed too long ago goes back to what is left: Free, or an admin's decision."""
    for account in _past_due_longer_than(timedelta(days=settings.PAST_DUE_DAYS)):
        with transaction.atomic():
            if plans.refresh(account.pk) and account.past_due_since is not None:
                promise_mail(account, "premium_ended", account.past_due_since)


def _reconcile(mine: Turn) -> None:
    """Read again whoever was not read for a day, oldest first, until the turn is over or Stripe is away."""
    stale = Q(synced_at__isnull=True) | Q(synced_at__lt=from_now(-RECONCILE_AFTER))
    rested = Q(sync_failed_at__isnull=True) | Q(sync_failed_at__lt=from_now(-FAILED_PAUSE))
    due = BillingAccount.objects.filter(stale, rested).exclude(customer_id="")
    for user_id in list(due.order_by(F("synced_at").asc(nulls_first=True)).values_list("pk", flat=True)[:BATCH]):
        if not mine.has_time():
            return
        try:
            sync(user_id)
        except (stripe.APIConnectionError, stripe.RateLimitError, stripe.AuthenticationError) as error:
            logger.warning("Stripe does not answer (%s); everyone keeps the plan they have.", type(error).__name__)
            return
        except (stripe.StripeError, ContendedError) as error:
            logger.warning("Billing of user %s could not be read: %s", user_id, type(error).__name__)
