"""Subscriptions and their invoices, and what time does to them.

A period ends: an invoice is made and paid, or fails; a failed one is tried again, and after the
last try the subscription ends. That is Stripe's default for a card that stays bad.
"""

from __future__ import annotations

import calendar
from datetime import UTC, datetime

from stripe.params import (
    InvoiceListParams,
    InvoicePayParams,
    SubscriptionCancelParams,
    SubscriptionCreateParams,
    SubscriptionListParams,
    SubscriptionModifyParams,
    SubscriptionRetrieveParams,
)

from tests_e2e.emulators.stripe.ledger import Ledger, Object, listed
from tests_e2e.emulators.stripe.parameters import StripeRefusal, checked, invalid

DAY = 86_400
RETRY_AFTER_DAYS = (3, 5, 7)


def start(ledger: Ledger, customer: str, price: Object, metadata: Object, trial_days: int = 0) -> Object:
    """A subscription that was paid for, or is on trial."""
    now = ledger.now()
    ends = now + trial_days * DAY if trial_days else period_end(now, price)
    made = ledger.add(
        "subscription",
        customer=customer,
        status="trialing" if trial_days else "active",
        cancel_at_period_end=False,
        cancel_at=None,
        canceled_at=None,
        ended_at=None,
        start_date=now,
        currency=price["currency"],
        collection_method="charge_automatically",
        metadata=metadata,
        trial_start=now if trial_days else None,
        trial_end=ends if trial_days else None,
        latest_invoice=None,
    )
    item = ledger.add("subscription_item", price=price, quantity=1, current_period_start=now, current_period_end=ends)
    item["subscription"] = made["id"]
    made["items"] = {"object": "list", "data": [item], "has_more": False, "url": "/v1/subscription_items"}
    ledger.emit("customer.subscription.created", made)
    if not trial_days:
        bill(ledger, made)
    return made


def period_end(begins: int, price: Object) -> int:
    """A month or a year later, on the same day or the month's last."""
    moment = datetime.fromtimestamp(begins, UTC)
    months = moment.month - 1 + (12 if price["recurring"]["interval"] == "year" else 1)
    year, month = moment.year + months // 12, months % 12 + 1
    day = min(moment.day, calendar.monthrange(year, month)[1])
    return int(moment.replace(year=year, month=month, day=day).timestamp())


def bill(ledger: Ledger, subscription: Object) -> None:
    """Make the invoice of the period that begins, and try to collect it."""
    item = subscription["items"]["data"][0]
    invoice = ledger.add(
        "invoice",
        customer=subscription["customer"],
        subscription=subscription["id"],
        parent={"type": "subscription_details", "subscription_details": {"subscription": subscription["id"]}},
        status="open",
        amount_due=item["price"]["unit_amount"],
        amount_paid=0,
        currency=subscription["currency"],
        attempt_count=0,
        next_payment_attempt=None,
    )
    subscription["latest_invoice"] = invoice["id"]
    ledger.emit("invoice.created", invoice)
    collect(ledger, subscription, invoice)


def collect(ledger: Ledger, subscription: Object, invoice: Object) -> None:
    """One try to charge the card."""
    if not ledger.objects[invoice["customer"]].get("_card_fails"):
        invoice.update(status="paid", amount_paid=invoice["amount_due"], next_payment_attempt=None)
        ledger.emit("invoice.paid", invoice)
        if subscription["status"] in ("past_due", "trialing"):
            subscription["status"] = "active"
            ledger.emit("customer.subscription.updated", subscription)
        return
    tries = invoice["attempt_count"]
    invoice["attempt_count"] += 1
    invoice["next_payment_attempt"] = (
        invoice["created"] + RETRY_AFTER_DAYS[tries] * DAY if tries < len(RETRY_AFTER_DAYS) else None
    )
    ledger.emit("invoice.payment_failed", invoice)
    if invoice["next_payment_attempt"] is None:
        end(ledger, subscription)
    elif subscription["status"] != "past_due":
        subscription["status"] = "past_due"
        ledger.emit("customer.subscription.updated", subscription)


def end(ledger: Ledger, subscription: Object) -> None:
    """The subscription is over, now."""
    now = ledger.now()
    subscription.update(status="canceled", ended_at=now, canceled_at=subscription["canceled_at"] or now)
    for invoice in ledger.all("invoice", subscription=subscription["id"], status="open"):
        invoice.update(status="void", next_payment_attempt=None)
    ledger.emit("customer.subscription.deleted", subscription)


def next_moment(ledger: Ledger) -> tuple[int, Object, Object | None] | None:
    """The next thing time will do: when, to which subscription, to which of its open invoices."""
    moments: list[tuple[int, Object, Object | None]] = []
    for subscription in ledger.all("subscription"):
        if subscription["status"] == "canceled":
            continue
        moments.append((subscription["items"]["data"][0]["current_period_end"], subscription, None))
        for invoice in ledger.all("invoice", subscription=subscription["id"], status="open"):
            if invoice["next_payment_attempt"] is not None:
                moments.append((invoice["next_payment_attempt"], subscription, invoice))
    return min(moments, key=lambda moment: moment[0], default=None)


def advance(ledger: Ledger, seconds: int) -> None:
    """Let time pass: every period end and every retry on the way happens at its own moment."""
    target = ledger.now() + seconds
    while (coming := next_moment(ledger)) is not None and coming[0] <= target:
        moment, subscription, invoice = coming
        ledger.ahead += max(0, moment - ledger.now())
        if invoice is not None:
            collect(ledger, subscription, invoice)
        else:
            end_period(ledger, subscription)
    ledger.ahead += max(0, target - ledger.now())


def end_period(ledger: Ledger, subscription: Object) -> None:
    """The period is over: the end, or the next one."""
    if subscription["cancel_at_period_end"]:
        end(ledger, subscription)
        return
    item = subscription["items"]["data"][0]
    begins = item["current_period_end"]
    item.update(current_period_start=begins, current_period_end=period_end(begins, item["price"]))
    ledger.emit("customer.subscription.updated", subscription)
    bill(ledger, subscription)


def create_subscription(ledger: Ledger, given: Object) -> Object:
    """POST /v1/subscriptions"""
    params = checked(SubscriptionCreateParams, given)
    customer = ledger.get("customer", params.get("customer", ""), "customer")
    price = ledger.get("price", params["items"][0]["price"], "items[0][price]")
    return start(ledger, customer["id"], price, params.get("metadata", {}), params.get("trial_period_days", 0))


def retrieve_subscription(ledger: Ledger, given: Object, identity: str) -> Object:
    """GET /v1/subscriptions/:id"""
    checked(SubscriptionRetrieveParams, given)
    return ledger.get("subscription", identity)


def list_subscriptions(ledger: Ledger, given: Object) -> Object:
    """GET /v1/subscriptions; without a status, canceled ones are left out."""
    params = checked(SubscriptionListParams, given)
    where = {"customer": params["customer"]} if "customer" in params else {}
    if where:
        ledger.get("customer", params["customer"], "customer")
    found = ledger.all("subscription", **where)
    status = params.get("status")
    if status is None:
        found = [one for one in found if one["status"] != "canceled"]
    elif status != "all":
        found = [one for one in found if one["status"] == status]
    return listed(found, "/v1/subscriptions", params)


def update_subscription(ledger: Ledger, given: Object, identity: str) -> Object:
    """POST /v1/subscriptions/:id: cancel at the period's end, take that back, another price."""
    found = ledger.get("subscription", identity)
    params = checked(SubscriptionModifyParams, given)
    if found["status"] == "canceled":
        raise invalid("A canceled subscription can only update its cancellation_details and metadata.")
    supported = {"cancel_at_period_end", "items", "metadata"}
    if unknown := set(params) - supported:
        raise StripeRefusal(501, "api_error", f"The double does not play {', '.join(sorted(unknown))}.")
    if "cancel_at_period_end" in params:
        set_cancel(ledger, found, params["cancel_at_period_end"])
    if "items" in params:
        item = found["items"]["data"][0]
        item["price"] = ledger.get("price", params["items"][0]["price"], "items[0][price]")
        item["current_period_start"] = ledger.now()
        item["current_period_end"] = period_end(ledger.now(), item["price"])
    found["metadata"].update(params.get("metadata") or {})
    ledger.emit("customer.subscription.updated", found)
    return found


def set_cancel(ledger: Ledger, subscription: Object, cancel: bool) -> None:
    """Mark a subscription to end with its period, or not to."""
    subscription["cancel_at_period_end"] = cancel
    subscription["canceled_at"] = ledger.now() if cancel else None
    subscription["cancel_at"] = subscription["items"]["data"][0]["current_period_end"] if cancel else None


def cancel_subscription(ledger: Ledger, given: Object, identity: str) -> Object:
    """DELETE /v1/subscriptions/:id: ends it at once."""
    checked(SubscriptionCancelParams, given)
    found = ledger.get("subscription", identity)
    if found["status"] == "canceled":
        raise invalid(f"No such subscription: '{identity}'", "id", "resource_missing", 404)
    end(ledger, found)
    return found


def list_invoices(ledger: Ledger, given: Object) -> Object:
    """GET /v1/invoices"""
    params = checked(InvoiceListParams, given)
    where = {name: params[name] for name in ("customer", "subscription", "status") if name in params}
    return listed(ledger.all("invoice", **where), "/v1/invoices", params)


def pay_invoice(ledger: Ledger, given: Object, identity: str) -> Object:
    """POST /v1/invoices/:id/pay: another try, now."""
    checked(InvoicePayParams, given)
    invoice = ledger.get("invoice", identity)
    if invoice["status"] != "open":
        raise invalid("Invoice is not open.", code="invoice_not_editable")
    if ledger.objects[invoice["customer"]].get("_card_fails"):
        raise StripeRefusal(402, "card_error", "Your card was declined.", "card_declined")
    collect(ledger, ledger.get("subscription", invoice["subscription"]), invoice)
    return invoice
