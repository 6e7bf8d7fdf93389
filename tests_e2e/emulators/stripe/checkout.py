"""Checkout sessions and portal sessions, with the pages on which a person pays, cancels, resumes."""

from __future__ import annotations

from html import escape

from stripe.params.billing_portal import SessionCreateParams as PortalParams
from stripe.params.checkout import SessionCreateParams, SessionExpireParams, SessionListParams, SessionRetrieveParams

from tests_e2e.emulators.stripe import subscriptions
from tests_e2e.emulators.stripe.ledger import Ledger, Object, listed
from tests_e2e.emulators.stripe.parameters import checked, invalid

LIFE_SECONDS = 86_400


def create_session(ledger: Ledger, given: Object) -> Object:
    """POST /v1/checkout/sessions, mode subscription."""
    params = checked(SessionCreateParams, given)
    if params.get("mode") != "subscription":
        raise invalid("The double plays mode=subscription only.", "mode")
    lines = params.get("line_items", [])
    if len(lines) != 1 or "success_url" not in params:
        raise invalid("One line item and a success_url are needed.", "line_items")
    price = ledger.get("price", lines[0].get("price", ""), "line_items[0][price]")
    if price["type"] != "recurring":
        raise invalid("mode=subscription needs a recurring price.", "line_items[0][price]")
    customer = ledger.get("customer", params.get("customer", ""), "customer")
    made = ledger.add(
        "checkout.session",
        mode="subscription",
        status="open",
        payment_status="unpaid",
        customer=customer["id"],
        client_reference_id=params.get("client_reference_id"),
        success_url=params["success_url"],
        cancel_url=params.get("cancel_url"),
        subscription=None,
        metadata=params.get("metadata", {}),
        expires_at=ledger.now() + LIFE_SECONDS,
        _price=price["id"],
        _subscription_data=params.get("subscription_data", {}),
    )
    made["url"] = f"{ledger.base_url}/c/pay/{made['id']}"
    return made


def retrieve_session(ledger: Ledger, given: Object, identity: str) -> Object:
    """GET /v1/checkout/sessions/:id"""
    checked(SessionRetrieveParams, given)
    _expire_old(ledger)
    return ledger.get("checkout.session", identity)


def list_sessions(ledger: Ledger, given: Object) -> Object:
    """GET /v1/checkout/sessions"""
    params = checked(SessionListParams, given)
    _expire_old(ledger)
    where = {name: params[name] for name in ("customer", "status", "subscription") if name in params}
    return listed(ledger.all("checkout.session", **where), "/v1/checkout/sessions", params)


def expire_session(ledger: Ledger, given: Object, identity: str) -> Object:
    """POST /v1/checkout/sessions/:id/expire"""
    checked(SessionExpireParams, given)
    found = ledger.get("checkout.session", identity)
    if found["status"] != "open":
        raise invalid(
            f'Only Checkout Sessions with a status in ["open"] can be expired. This one is {found["status"]}.'
        )
    _expire(ledger, found)
    return found


def _expire_old(ledger: Ledger) -> None:
    for session in ledger.all("checkout.session", status="open"):
        if session["expires_at"] <= ledger.now():
            _expire(ledger, session)


def _expire(ledger: Ledger, session: Object) -> None:
    session.update(status="expired", url=None)
    ledger.emit("checkout.session.expired", session)


def complete(ledger: Ledger, identity: str) -> str:
    """The person paid; the address to go back to."""
    _expire_old(ledger)
    session = ledger.get("checkout.session", identity)
    if session["status"] != "open":
        raise invalid(f"This Checkout Session is {session['status']}.")
    data = session["_subscription_data"]
    price = ledger.get("price", session["_price"])
    made = subscriptions.start(
        ledger, session["customer"], price, data.get("metadata", {}), data.get("trial_period_days", 0)
    )
    session.update(status="complete", payment_status="paid", subscription=made["id"], url=None)
    ledger.emit("checkout.session.completed", session)
    return str(session["success_url"]).replace("{CHECKOUT_SESSION_ID}", identity)


def create_portal(ledger: Ledger, given: Object) -> Object:
    """POST /v1/billing_portal/sessions"""
    params = checked(PortalParams, given)
    customer = ledger.get("customer", params.get("customer", ""), "customer")
    made = ledger.add(
        "billing_portal.session", customer=customer["id"], return_url=params.get("return_url"), configuration="bpc_test"
    )
    made["url"] = f"{ledger.base_url}/p/session/{made['id']}"
    return made


def portal_action(ledger: Ledger, identity: str, action: str, argument: str) -> None:
    """What a button of the portal does: cancel, resume, switch (argument: a lookup key), card (works, fails), pay."""
    customer = ledger.get("billing_portal.session", identity)["customer"]
    if action == "card":
        ledger.objects[customer]["_card_fails"] = argument == "fails"
        ledger.emit("customer.updated", ledger.objects[customer])
        return
    for subscription in ledger.all("subscription", customer=customer):
        if subscription["status"] == "canceled":
            continue
        if action in ("cancel", "resume"):
            subscriptions.set_cancel(ledger, subscription, action == "cancel")
            ledger.emit("customer.subscription.updated", subscription)
        elif action == "switch":
            price = ledger.all("price", lookup_key=argument)[0]
            subscriptions.update_subscription(ledger, {"items": [{"price": price["id"]}]}, subscription["id"])
        elif action == "pay":
            for invoice in ledger.all("invoice", subscription=subscription["id"], status="open"):
                subscriptions.collect(ledger, subscription, invoice)


def pay_page(ledger: Ledger, identity: str) -> str:
    """The page that asks for a card, reduced to its two ways out."""
    session = ledger.get("checkout.session", identity)
    if session["status"] != "open":
        return _page("Checkout", f"<p>This session is {session['status']}.</p>")
    price = ledger.get("price", session["_price"])
    return _page(
        "Checkout",
        f"<p>{price['unit_amount'] / 100:.2f} {escape(price['currency'].upper())}"
        f" each {escape(price['recurring']['interval'])}</p>"
        f"<form method=post><button>Pay</button></form>"
        f"<p><a href='{escape(session['cancel_url'] or '#')}'>Back</a></p>",
    )


def portal_page(ledger: Ledger, identity: str) -> str:
    """The customer's page: state, and a button for everything one can do."""
    session = ledger.get("billing_portal.session", identity)
    states = "".join(
        f"<li>{one['id']}: {one['status']}{', ends with its period' if one['cancel_at_period_end'] else ''}</li>"
        for one in ledger.all("subscription", customer=session["customer"])
    )
    actions = ("cancel", "resume", "switch:yearly", "switch:monthly", "card:fails", "card:works", "pay")
    buttons = "".join(f"<button name=action value='{action}'>{action}</button> " for action in actions)
    back = escape(session["return_url"] or "#")
    return _page("Billing", f"<ul>{states}</ul><form method=post>{buttons}</form><p><a href='{back}'>Return</a></p>")


def _page(title: str, body: str) -> str:
    return f"<!doctype html><html lang=en><title>{title}</title><main><h1>{title}</h1>{body}</main></html>"
