"""Ending all business with a customer whose account is deleted."""

from __future__ import annotations

from django.contrib.auth.base_user import AbstractBaseUser

from accounts.billing import client
from accounts.billing.customers import create_customer, end_business
from accounts.billing.models import BillingAccount, StripeEvent
from gas import registry
from gas.faults import fault


class NoKeyError(Exception):
    """There may be a subscription to end, and no key to end it with."""


@registry.eraser("billing", order=20)
def erase(user: AbstractBaseUser) -> None:
    """Cancel subscriptions at once, close open checkouts, delete the customer, then what we know of them."""
    account = BillingAccount.objects.filter(pk=user.pk).first()
    if account is None:
        return
    if not client.is_enabled():
        raise NoKeyError("Set GAS_STRIPE_SECRET_KEY: this account may have a subscription that must be ended.")
    # Without an id the process that asked for the customer may have died before it could store the answer.
    customer_id = account.customer_id or create_customer(user.pk)
    end_business(customer_id)
    fault("erasure_customer_deleted")
    StripeEvent.objects.filter(customer_id=customer_id).delete()
    account.delete()
