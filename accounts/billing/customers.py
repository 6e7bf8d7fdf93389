"""Customers at Stripe: made once for a user, and everything ended with them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from uuid import UUID

import stripe

from accounts.billing import client

ENDED = ("canceled", "incomplete_expired")


def create_customer(user_id: UUID) -> str:
    """Make a customer that holds nothing but our id of the user; asked again, Stripe answers the same one."""
    made = client.client().v1.customers.create(
        {"metadata": {"user": str(user_id)}}, {"idempotency_key": f"customer:{user_id}"}
    )
    return made.id


def end_business(customer_id: str) -> None:
    """End everything at Stripe. Safe to repeat; raises stripe.StripeError."""
    if client.is_deleted(customer_id):
        return
    api = client.client().v1
    for subscription in client.subscriptions_of(customer_id):
        if subscription["status"] not in ENDED:
            _unless_gone(partial(api.subscriptions.cancel, subscription["id"]))
    for session in api.checkout.sessions.list({"customer": customer_id, "status": "open", "limit": 100}).data:
        _unless_gone(partial(api.checkout.sessions.expire, session.id))
    api.customers.delete(customer_id)


def _unless_gone(deed: Callable[[], object]) -> None:
    try:
        deed()
    except stripe.InvalidRequestError as error:
        if error.code != "resource_missing":
            raise
