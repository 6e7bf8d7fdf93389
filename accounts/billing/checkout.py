"""The ways to Stripe's pages: pay for Premium, and look after cards, invoices and the subscription.

Nothing here changes a plan; that is for `sync` alone.
"""

from __future__ import annotations

import stripe
from django.conf import settings
from django.urls import reverse

from accounts.billing import client
from accounts.billing.customers import create_customer, end_business
from accounts.billing.models import BillingAccount, Standing
from accounts.billing.sync import sync
from accounts.models import User
from gas.faults import fault


class AlreadySubscribedError(Exception):
    """There is a subscription; it is changed in the portal, not bought again."""


class LeavingError(Exception):
    """The account is being deleted, or was meanwhile."""


def open_account(user: User) -> BillingAccount:
    """The user's account with its customer at Stripe, made when it is needed first.

    The row comes first: deleting an account finds it even if this process dies in between.
    """
    account, _ = BillingAccount.objects.get_or_create(user=user)
    if account.customer_id:
        return account
    customer_id = create_customer(user.pk)
    fault("billing_customer_made")
    BillingAccount.objects.filter(pk=user.pk, customer_id="").update(customer_id=customer_id)
    stored = BillingAccount.objects.filter(pk=user.pk).first()
    if stored is None:
        # The account was deleted while Stripe was asked: take back what nobody would find any more.
        end_business(customer_id)
        raise LeavingError
    return stored


def start_checkout(user: User, price_key: str, form_key: str) -> str:
    """The address of a page at Stripe where the user can pay for Premium.

    A click repeated gives the same page. Raises stripe.StripeError, AlreadySubscribedError when
    there is a subscription, LookupError when there is no such price, LeavingError.
    """
    account = open_account(user)
    sync(user.pk)
    account.refresh_from_db()
    if account.standing != Standing.NONE:
        raise AlreadySubscribedError
    price = {price.key: price for price in client.prices()}[price_key]
    api = client.client().v1
    api.customers.update(account.customer_id, {"email": user.email, "name": user.name})
    # Two open pages could be paid both; an older one is closed before another is made.
    for session in api.checkout.sessions.list({"customer": account.customer_id, "status": "open"}).data:
        if session.metadata and session.metadata["form_key"] == form_key and session.url:
            return session.url
        api.checkout.sessions.expire(session.id)
    made = api.checkout.sessions.create(
        {
            "mode": "subscription",
            "customer": account.customer_id,
            "client_reference_id": str(user.pk),
            "line_items": [{"price": price.price_id, "quantity": 1}],
            "success_url": settings.BASE_URL + reverse("accounts:billing_paid") + "?session={CHECKOUT_SESSION_ID}",
            "cancel_url": settings.BASE_URL + reverse("accounts:plan"),
            "metadata": {"form_key": form_key},
            "subscription_data": {"metadata": {"user": str(user.pk)}},
        },
        {"idempotency_key": f"checkout:{user.pk}:{form_key}"},
    )
    if not made.url:
        raise stripe.APIError("Stripe made a checkout session without a page")
    return made.url


def open_portal(user: User) -> str | None:
    """The address of the user's page at Stripe; None when there is no customer yet. Raises stripe.StripeError."""
    account = BillingAccount.objects.filter(pk=user.pk).exclude(customer_id="").first()
    if account is None:
        return None
    made = client.client().v1.billing_portal.sessions.create(
        {"customer": account.customer_id, "return_url": settings.BASE_URL + reverse("accounts:billing_returned")}
    )
    return made.url
