"""What the tests of billing share: the Stripe double, customers of it, webhooks sent to the real view."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import stripe
from django.core.cache import cache
from django.test import Client

from accounts.billing import checkout, client
from accounts.models import BillingAccount, User
from gas import outbox, registry
from gas.models import OutboxMessage, OutboxStatus
from tests_e2e.emulators.loopback import LoopbackServer
from tests_e2e.emulators.stripe.app import API_KEY, WEBHOOK_SECRET, StripeDouble
from tests_e2e.emulators.stripe.control import StripeControl


@pytest.fixture
def double(settings, patience: None, plan_changes_are_heard: list[str]) -> Iterator[StripeControl]:
    """A Stripe of its own for the test, which the service is set up to use; deliveries are held."""
    with LoopbackServer(StripeDouble()) as server:
        settings.STRIPE_SECRET_KEY = API_KEY
        settings.STRIPE_WEBHOOK_SECRET = WEBHOOK_SECRET
        settings.STRIPE_API_BASE = server.url
        cache.clear()
        control = StripeControl(server.url)
        control.hold()
        yield control


@pytest.fixture
def patience(monkeypatch) -> None:
    """The SDK's pauses between tries are not what is tested."""
    monkeypatch.setattr(stripe.RequestsClient, "_sleep_time_seconds", lambda *_, **__: 0.0)


@pytest.fixture
def plan_changes_are_heard(monkeypatch) -> list[str]:
    """Whoever handles plan_changed is not part of these tests; its messages are noted."""
    heard: list[str] = []
    monkeypatch.setitem(registry._outbox_handlers, "plan_changed", lambda message: heard.append(message.dedupe_key))
    return heard


def customer_of(user: User) -> str:
    return checkout.open_account(user).customer_id


def buy(double: StripeControl, user: User, key: str = "monthly") -> dict[str, Any]:
    """The user pays on the checkout page; the subscription at Stripe."""
    page = checkout.start_checkout(user, key, f"form-{len(double.objects('checkout.session'))}")
    double.pay(page.rsplit("/", 1)[1])
    return double.objects("subscription")[0]


def press(double: StripeControl, user: User, action: str, argument: str = "") -> None:
    """The user presses a button of the portal."""
    page = checkout.open_portal(user)
    assert page
    double.portal(page.rsplit("/", 1)[1], action, argument)


def send(told: dict[str, str], web: Client | None = None, **headers: str) -> int:
    """POST a delivery to the webhook; the status of the answer."""
    answer = (web or Client(enforce_csrf_checks=True)).post(
        "/accounts/billing/webhook",
        told["body"],
        content_type="application/json",
        headers={"Stripe-Signature": told["signature"], **headers},
    )
    return answer.status_code


def hear_all(double: StripeControl, **mess: Any) -> None:
    """Deliver what is held, as messed up as told, and do what follows from it."""
    for told in double.take(**mess):
        assert send(told) == 200
    settle()


def settle() -> None:
    """Do all promised effects; none may fail."""
    outbox.sweep()
    left = OutboxMessage.objects.exclude(status=OutboxStatus.DONE).exclude(last_error="")
    assert not list(left.values_list("kind", "last_error"))


def account_of(user: User) -> BillingAccount:
    return BillingAccount.objects.get(pk=user.pk)


def says_stripe(user: User) -> bool:
    """The API's own word on whether the customer pays."""
    found = client.client().v1.subscriptions.list({"customer": customer_of(user), "status": "all"})
    return any(one.status in ("active", "trialing", "past_due") for one in found.data)


def broken() -> list[str]:
    """What the invariants say is wrong."""
    return [sentence for _, check in registry.invariants() for sentence in check(deep=True)]
