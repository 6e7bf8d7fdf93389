"""What is known of a user's subscription, and which events told of it."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.db.models import CheckConstraint, Q, UniqueConstraint


class Standing(models.TextChoices):
    """How a customer stands, in the words the plan depends on; all Stripe's other states are NONE."""

    NONE = "none", "No subscription"
    TRIALING = "trialing", "On trial"
    ACTIVE = "active", "Paid"
    PAST_DUE = "past_due", "Payment failed"


class BillingAccount(models.Model):
    """A user's account at Stripe, as it was read last: by accounts.billing.sync, which alone writes that.

    The row is made before the customer at Stripe is, with an idempotency key made of the user's
    id: whoever finds a row without `customer_id` can ask again and gets the same customer.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, primary_key=True, on_delete=models.PROTECT, related_name="billing"
    )
    customer_id = models.CharField(max_length=64, blank=True, default="")
    sync_version = models.PositiveIntegerField(default=0)  # the fence: who read at an older version reads again
    synced_at = models.DateTimeField(null=True, blank=True)
    sync_failed_at = models.DateTimeField(null=True, blank=True)
    sync_error = models.CharField(max_length=300, blank=True, default="")

    standing = models.CharField(max_length=16, choices=Standing.choices, default=Standing.NONE)
    past_due_since = models.DateTimeField(null=True, blank=True)  # when we first saw it
    subscription_id = models.CharField(max_length=64, blank=True, default="")
    stripe_status = models.CharField(max_length=32, blank=True, default="")  # Stripe's own word
    price_key = models.CharField(max_length=64, blank=True, default="")  # the price's lookup key
    live_subscriptions = models.PositiveSmallIntegerField(default=0)  # more than one: somebody pays twice
    period_ends_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)  # set where it was cancelled and still runs

    class Meta:
        constraints = [
            CheckConstraint(name="billing_standing_known", condition=Q(standing__in=Standing.values)),
            CheckConstraint(
                name="billing_past_due_since_iff_past_due",
                condition=Q(standing=Standing.PAST_DUE, past_due_since__isnull=False)
                | (~Q(standing=Standing.PAST_DUE) & Q(past_due_since__isnull=True)),
            ),
            UniqueConstraint(fields=["customer_id"], name="billing_customer_unique", condition=~Q(customer_id="")),
        ]
        indexes = [
            # The nightly reconcile: who was read longest ago.
            models.Index(fields=["synced_at"], name="billing_synced", condition=~Q(customer_id="")),
            # The sweep: whose time to mend a failed payment is up.
            models.Index(fields=["past_due_since"], name="billing_past_due", condition=Q(standing=Standing.PAST_DUE)),
        ]

    def __str__(self) -> str:
        return f"billing of {self.user_id}"

    @property
    def grace_ends_at(self) -> datetime | None:
        """Until when Premium goes on although a payment failed."""
        if self.past_due_since is None:
            return None
        grace: datetime = self.past_due_since + timedelta(days=settings.PAST_DUE_DAYS)
        return grace

    def grants_premium(self, now: datetime) -> bool:
        """Paid or on trial, or a payment failed not too long ago."""
        if self.standing == Standing.PAST_DUE:
            return self.grace_ends_at is not None and now < self.grace_ends_at
        return self.standing in (Standing.ACTIVE, Standing.TRIALING)


class StripeEvent(models.Model):
    """An event Stripe told of; its id makes a repeated one nothing new. Its content is not kept."""

    id = models.CharField(primary_key=True, max_length=64)
    type = models.CharField(max_length=64)
    customer_id = models.CharField(max_length=64, blank=True, default="")
    happened_at = models.DateTimeField()
    received_at = models.DateTimeField()
    processed_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=300, blank=True, default="")  # why it is not processed yet

    class Meta:
        indexes = [
            # The admin's list, and the sweep that forgets old events.
            models.Index(fields=["received_at"], name="stripe_event_received"),
            models.Index(fields=["customer_id"], name="stripe_event_customer"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.id}"
