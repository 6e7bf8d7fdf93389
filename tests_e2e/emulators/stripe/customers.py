"""Customers, products and prices."""

from __future__ import annotations

from typing import Any

from stripe.params import (
    CustomerCreateParams,
    CustomerModifyParams,
    CustomerRetrieveParams,
    PriceCreateParams,
    PriceListParams,
    ProductCreateParams,
)

from tests_e2e.emulators.stripe import subscriptions
from tests_e2e.emulators.stripe.ledger import Ledger, Object, listed
from tests_e2e.emulators.stripe.parameters import checked, invalid


def create_customer(ledger: Ledger, given: Object) -> Object:
    """POST /v1/customers"""
    params = checked(CustomerCreateParams, given)
    made = ledger.add("customer", **_fields(params, {}))
    ledger.emit("customer.created", made)
    return made


def _fields(params: Object, before: Object) -> Object:
    fields: Object = {name: params.get(name, before.get(name)) for name in ("email", "name", "description")}
    fields["metadata"] = {**before.get("metadata", {}), **(params.get("metadata") or {})}
    return fields


def retrieve_customer(ledger: Ledger, given: Object, identity: str) -> Object:
    """GET /v1/customers/:id; a deleted one says so."""
    checked(CustomerRetrieveParams, given)
    found = ledger.objects.get(identity)
    if found is not None and found.get("deleted"):
        return {"id": identity, "object": "customer", "deleted": True}
    return ledger.get("customer", identity)


def update_customer(ledger: Ledger, given: Object, identity: str) -> Object:
    """POST /v1/customers/:id"""
    found = ledger.get("customer", identity)
    found.update(_fields(checked(CustomerModifyParams, given), found))
    ledger.emit("customer.updated", found)
    return found


def delete_customer(ledger: Ledger, given: Object, identity: str) -> Object:
    """DELETE /v1/customers/:id: ends the customer's subscriptions at once."""
    checked(CustomerRetrieveParams, given)
    found = ledger.get("customer", identity)
    for subscription in ledger.all("subscription", customer=identity):
        if subscription["status"] != "canceled":
            subscriptions.end(ledger, subscription)
    found["deleted"] = True
    for name in ("email", "name", "description", "metadata"):
        found.pop(name, None)
    ledger.emit("customer.deleted", found)
    return {"id": identity, "object": "customer", "deleted": True}


def create_product(ledger: Ledger, given: Object) -> Object:
    """POST /v1/products"""
    params = checked(ProductCreateParams, given)
    return ledger.add("product", active=True, name=params["name"], metadata=params.get("metadata", {}))


def create_price(ledger: Ledger, given: Object) -> Object:
    """POST /v1/prices; a lookup key belongs to one price."""
    params = checked(PriceCreateParams, given)
    ledger.get("product", params.get("product", ""), "product")
    key = params.get("lookup_key")
    for other in ledger.all("price", lookup_key=key) if key else []:
        if not params.get("transfer_lookup_key"):
            raise invalid(f"A price with lookup_key `{key}` exists already.", "lookup_key")
        other["lookup_key"] = None
    recurring: Any = params.get("recurring")
    return ledger.add(
        "price",
        active=True,
        currency=params["currency"],
        unit_amount=params.get("unit_amount"),
        product=params["product"],
        lookup_key=key,
        type="recurring" if recurring else "one_time",
        recurring={"interval_count": 1, "usage_type": "licensed", **recurring} if recurring else None,
    )


def list_prices(ledger: Ledger, given: Object) -> Object:
    """GET /v1/prices"""
    params = checked(PriceListParams, given)
    found = ledger.all("price", **({"active": params["active"]} if "active" in params else {}))
    if "lookup_keys" in params:
        found = [price for price in found if price["lookup_key"] in params["lookup_keys"]]
    return listed(found, "/v1/prices", params)
