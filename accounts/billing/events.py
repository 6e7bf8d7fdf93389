"""Events from Stripe: stored once by their id, then answered by reading the customer's state again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import stripe
from django.db import transaction
from django.db.models.functions import Now

from accounts.billing import client
from accounts.billing.models import BillingAccount, StripeEvent
from accounts.billing.sync import sync
from gas import outbox, registry
from gas.faults import fault
from gas.models import OutboxMessage

KIND = "billing.event"


class ForeignEventError(Exception):
    """A signed body that is no event of the API we know."""


def receive(event: dict[str, Any]) -> bool:
    """Store an event and promise its processing, in one transaction; False when it was known already.

    Raises ForeignEventError. The caller has verified the signature.
    """
    try:
        about = event["data"]["object"]
        customer = about["id"] if about["object"] == "customer" else about.get("customer")
        row = StripeEvent(
            id=event["id"],
            type=event["type"],
            customer_id=customer if isinstance(customer, str) else "",
            happened_at=datetime.fromtimestamp(event["created"], UTC),
            received_at=Now(),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ForeignEventError(repr(error)) from error
    with transaction.atomic():
        if StripeEvent.objects.filter(pk=row.pk).exists():
            return False
        StripeEvent.objects.bulk_create([row], ignore_conflicts=True)
        outbox.promise(KIND, f"{KIND}:{row.pk}", {"event": row.pk})
    fault("billing_event_stored")
    return True


@registry.outbox_handler(KIND)
def process(message: OutboxMessage) -> None:
    """Read the state of the event's customer. A customer that is nobody's is no error."""
    event = StripeEvent.objects.filter(pk=message.payload["event"], processed_at=None).first()
    if event is None or not client.is_enabled():
        return
    account = BillingAccount.objects.filter(customer_id=event.customer_id).exclude(customer_id="").first()
    if account is not None:
        try:
            sync(account.pk)
        except stripe.StripeError as error:
            StripeEvent.objects.filter(pk=event.pk).update(error=f"{type(error).__name__}: {error}"[:300])
            raise
    StripeEvent.objects.filter(pk=event.pk).update(processed_at=Now(), error="")


@registry.outbox_handler("billing.sync")
def sync_later(message: OutboxMessage) -> None:
    """Read a user's state again: asked for by the page after the checkout, and by admins."""
    if client.is_enabled():
        sync(UUID(message.payload["user"]))
