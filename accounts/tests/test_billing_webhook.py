"""The webhook believes only Stripe, only recent words, and each event once."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
import stripe
from django.test import Client

from accounts.billing.webhook import MAX_BODY_BYTES
from accounts.models import StripeEvent, User
from accounts.tests.billing import buy, send, settle
from gas.models import OutboxMessage
from tests_e2e.emulators.stripe.app import WEBHOOK_SECRET
from tests_e2e.emulators.stripe.webhooks import sign

pytestmark = pytest.mark.django_db


@pytest.fixture
def told(user, double) -> dict[str, str]:
    """A genuine delivery: the subscription was made."""
    buy(double, user)
    return next(one for one in double.take() if '"customer.subscription.created"' in one["body"])


def nothing_stored() -> bool:
    return not StripeEvent.objects.exists() and not OutboxMessage.objects.filter(kind="billing.event").exists()


def test_a_genuine_event_is_stored_and_answered_at_once(told):
    assert send(told) == 200
    event = StripeEvent.objects.get()
    assert event.processed_at is None
    settle()
    event.refresh_from_db()
    assert event.processed_at is not None


def test_a_body_signed_with_another_secret_is_refused(told):
    assert send(told | {"signature": sign(told["body"], "whsec_of_somebody_else")}) == 400
    assert nothing_stored()


def test_a_tampered_body_is_refused(told):
    assert send(told | {"body": told["body"].replace("created", "deleted")}) == 400
    assert nothing_stored()


def test_an_old_signature_is_refused(told):
    old = sign(told["body"], WEBHOOK_SECRET, int(time.time()) - 301)
    assert send(told | {"signature": old}) == 400
    assert nothing_stored()


@pytest.mark.parametrize("signature", ["", "t=1", "v1=abc", "t=x,v1=y", "nonsense", "t=1,v1=é"])
def test_a_signature_that_is_none_is_refused(told, signature):
    assert send(told | {"signature": signature}) == 400
    assert nothing_stored()


def test_the_same_event_twice_is_one(told, user):
    assert send(told) == 200
    settle()
    assert User.objects.get(pk=user.pk).is_premium
    assert send(told) == 200
    assert StripeEvent.objects.count() == 1
    assert OutboxMessage.objects.filter(kind="billing.event").count() == 1


def test_a_body_that_is_too_large_is_refused_before_it_is_read(double):
    class Untouched:
        def read(self, *_):
            raise AssertionError("the body was read")

        readline = read

    environ: dict[str, Any] = {"wsgi.input": Untouched(), "CONTENT_LENGTH": str(MAX_BODY_BYTES + 1)}
    answer = Client().generic("POST", "/accounts/billing/webhook", b"", **environ)
    assert answer.status_code == 413


@pytest.mark.parametrize("body", ["", "{", "[]", "3", '{"id": "evt_1"}', '{"id": "evt_1", "data": {"object": []}}'])
def test_a_signed_body_that_is_no_event_is_refused(double, body):
    assert send({"body": body, "signature": sign(body, WEBHOOK_SECRET)}) == 400
    assert nothing_stored()


def test_an_event_of_nobody_s_customer_is_noted_and_asks_nothing(double):
    event = {
        "id": "evt_1",
        "type": "invoice.paid",
        "created": 1,
        "data": {"object": {"object": "invoice", "customer": "cus_x"}},
    }
    body = json.dumps(event)
    assert send({"body": body, "signature": sign(body, WEBHOOK_SECRET)}) == 200
    before = len(double.state()["seen"])
    settle()
    assert StripeEvent.objects.get().processed_at is not None
    assert len(double.state()["seen"]) == before


def test_a_get_is_refused_and_without_a_key_there_is_no_webhook(double, settings):
    assert Client().get("/accounts/billing/webhook").status_code == 405
    settings.STRIPE_SECRET_KEY = ""
    assert send({"body": "{}", "signature": sign("{}", WEBHOOK_SECRET)}) == 404


def test_the_sdk_and_the_double_sign_alike(told):
    stripe.WebhookSignature.verify_header(told["body"], told["signature"], WEBHOOK_SECRET, 300)
