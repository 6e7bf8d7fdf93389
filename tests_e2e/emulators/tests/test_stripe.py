"""The Stripe double answers the real SDK as Stripe would, and refuses what Stripe refuses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
import stripe

from tests_e2e.emulators.loopback import LoopbackServer, run_module
from tests_e2e.emulators.stripe.app import API_KEY, WEBHOOK_SECRET, StripeDouble
from tests_e2e.emulators.stripe.control import StripeControl
from tests_e2e.emulators.stripe.parameters import StripeRefusal, checked, unfold


@pytest.fixture
def control() -> Iterator[StripeControl]:
    with LoopbackServer(StripeDouble()) as server:
        yield StripeControl(server.url)


@pytest.fixture
def client(control: StripeControl) -> stripe.StripeClient:
    return stripe.StripeClient(API_KEY, base_addresses={"api": control.url}, max_network_retries=0)


def subscribe(client: stripe.StripeClient) -> stripe.Subscription:
    customer = client.v1.customers.create({"metadata": {"user": "u1"}})
    price = client.v1.prices.list({"lookup_keys": ["monthly"]}).data[0]
    return client.v1.subscriptions.create({"customer": customer.id, "items": [{"price": price.id}]})


def test_a_checkout_that_is_paid_makes_a_subscription_and_tells_so(client, control) -> None:
    control.hold()
    customer = client.v1.customers.create({"email": "ada@example.org"})
    price = client.v1.prices.list({"lookup_keys": ["yearly"], "active": True}).data[0]
    session = client.v1.checkout.sessions.create(
        {
            "mode": "subscription",
            "customer": customer.id,
            "line_items": [{"price": price.id, "quantity": 1}],
            "success_url": "http://localhost/back?session={CHECKOUT_SESSION_ID}",
            "cancel_url": "http://localhost/plan",
        }
    )
    paid = requests.post(session.url, allow_redirects=False, timeout=5)
    assert paid.headers["Location"] == f"http://localhost/back?session={session.id}"
    subscription = client.v1.subscriptions.list({"customer": customer.id}).data[0]
    assert subscription.status == "active"
    item = subscription["items"]["data"][0]
    assert item["current_period_end"] - item["current_period_start"] in (365 * 86_400, 366 * 86_400)
    events = [
        stripe.Webhook.construct_event(told["body"], told["signature"], WEBHOOK_SECRET) for told in control.take()
    ]
    assert [event.type for event in events] == [
        "customer.created",
        "customer.subscription.created",
        "invoice.created",
        "invoice.paid",
        "checkout.session.completed",
    ]
    assert events[1].data.object["customer"] == customer.id


def test_time_renews_fails_and_ends_a_subscription(client, control) -> None:
    subscription = subscribe(client)
    control.advance(days=32)
    assert len(control.objects("invoice", status="paid")) == 2
    control.card(subscription.customer, fails=True)
    control.advance(days=30)
    assert client.v1.subscriptions.retrieve(subscription.id).status == "past_due"
    with pytest.raises(stripe.CardError):
        client.v1.invoices.pay(control.objects("invoice", status="open")[0]["id"])
    control.card(subscription.customer, fails=False)
    client.v1.invoices.pay(control.objects("invoice", status="open")[0]["id"])
    assert client.v1.subscriptions.retrieve(subscription.id).status == "active"
    control.card(subscription.customer, fails=True)
    control.advance(days=40)
    assert client.v1.subscriptions.retrieve(subscription.id).status == "canceled"


def test_the_portal_cancels_at_the_end_of_the_period_and_resumes(client, control) -> None:
    subscription = subscribe(client)
    portal = client.v1.billing_portal.sessions.create({"customer": subscription.customer, "return_url": "http://l/"})
    requests.post(portal.url, {"action": "cancel"}, timeout=5)
    assert client.v1.subscriptions.retrieve(subscription.id).cancel_at_period_end
    requests.post(portal.url, {"action": "resume"}, timeout=5)
    assert not client.v1.subscriptions.retrieve(subscription.id).cancel_at_period_end
    requests.post(portal.url, {"action": "cancel"}, timeout=5)
    control.advance(days=32)
    assert client.v1.subscriptions.retrieve(subscription.id).status == "canceled"
    assert "ends with its period" in requests.get(portal.url, timeout=5).text


def test_a_repeated_idempotency_key_gives_the_same_answer_and_refuses_another_request(client) -> None:
    first = client.v1.customers.create({"name": "Ada"}, {"idempotency_key": "k1"})
    again = client.v1.customers.create({"name": "Ada"}, {"idempotency_key": "k1"})
    assert first.id == again.id
    with pytest.raises(stripe.IdempotencyError):
        client.v1.customers.create({"name": "Bob"}, {"idempotency_key": "k1"})


def test_an_unknown_route_a_wrong_key_and_a_missing_object_are_refused(client, control) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="teach it the route"):
        client.v1.coupons.list()
    stranger = stripe.StripeClient("sk_test_other", base_addresses={"api": control.url}, max_network_retries=0)
    with pytest.raises(stripe.AuthenticationError):
        stranger.v1.prices.list()
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.subscriptions.retrieve("sub_none")
    assert caught.value.code == "resource_missing"


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ([("metdata[a]", "b")], "parameter_unknown"),
        ([("mode", "subscripton")], None),
        ([("line_items[0][quantity]", "two")], "parameter_invalid"),
        ([("line_items[0][prize]", "p")], "parameter_unknown"),
    ],
)
def test_parameters_the_sdk_does_not_know_are_refused(form, code) -> None:
    from stripe.params.checkout import SessionCreateParams

    with pytest.raises(StripeRefusal) as caught:
        checked(SessionCreateParams, unfold(form))
    assert caught.value.error.get("code") == code


def test_a_required_parameter_is_required() -> None:
    from stripe.params import PriceCreateParams

    with pytest.raises(StripeRefusal) as caught:
        checked(PriceCreateParams, {"unit_amount": "5"})
    assert caught.value.error["param"] == "currency"


def test_deleting_a_customer_ends_the_subscriptions(client, control) -> None:
    subscription = subscribe(client)
    client.v1.customers.delete(subscription.customer)
    assert control.objects("subscription")[0]["status"] == "canceled"
    assert client.v1.customers.retrieve(subscription.customer).deleted


def test_held_events_come_shuffled_and_tripled_and_some_get_lost(client, control) -> None:
    control.hold()
    for name in "abcdefgh":
        client.v1.customers.create({"name": name})
    taken = control.take(seed=3, shuffle=True, copies=3, drop=2)
    ids = [stripe.Webhook.construct_event(told["body"], told["signature"], WEBHOOK_SECRET).id for told in taken]
    assert len(ids) == 18
    assert len(set(ids)) == 6
    assert ids != sorted(ids, key=ids.index)


def test_a_failure_may_come_before_or_after_the_deed(client, control) -> None:
    control.fail("POST /v1/customers", status=500)
    with pytest.raises(stripe.APIError):
        client.v1.customers.create({"name": "never"})
    control.fail("POST /v1/customers", status=500, after=True)
    with pytest.raises(stripe.APIError):
        client.v1.customers.create({"name": "done"})
    assert [customer["name"] for customer in control.objects("customer")] == ["done"]


def test_webhooks_are_sent_again_until_they_are_taken(client, control) -> None:
    answers = [500, 503, 200]
    heard: list[str] = []

    def endpoint(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])).decode()
        heard.append(stripe.Webhook.construct_event(body, environ["HTTP_STRIPE_SIGNATURE"], WEBHOOK_SECRET).id)
        start_response(f"{answers[len(heard) - 1]} X", [])
        return [b""]

    with LoopbackServer(endpoint) as server:
        control.deliver_to(server.url)
        client.v1.customers.create({"name": "Ada"})
        control.wait()
    assert len(heard) == 3
    assert len(set(heard)) == 1


@pytest.mark.e2e
def test_it_runs_as_a_process() -> None:
    with run_module("tests_e2e.emulators.stripe") as url:
        assert StripeControl(url).objects("price", lookup_key="monthly")[0]["unit_amount"] == 1900
