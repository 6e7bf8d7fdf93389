"""Talking to Stripe: one client, with time limits that fit a web page and an outbox lease."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import stripe
from django.conf import settings
from django.core.cache import cache as shared_cache

TIMEOUT_SECONDS = 8
RETRIES = 1
PRICE_KEYS = ("monthly", "yearly")  # the lookup keys of the two prices
PRICES_KEPT_SECONDS = 600


def is_enabled() -> bool:
    """There is a key; without one nobody can pay, and an admin sets the plans."""
    return bool(settings.STRIPE_SECRET_KEY)


def client() -> stripe.StripeClient:
    """The client of this process for the account in the settings."""
    return _client(settings.STRIPE_SECRET_KEY, settings.STRIPE_API_BASE)


@cache
def _client(key: str, base: str) -> stripe.StripeClient:
    return stripe.StripeClient(
        key,
        base_addresses={"api": base},
        max_network_retries=RETRIES,
        http_client=stripe.RequestsClient(timeout=TIMEOUT_SECONDS),
    )


@dataclass(frozen=True)
class Price:
    """A price as the plan page shows it; `amount` in the currency's smallest unit."""

    key: str
    price_id: str
    amount: int
    currency: str
    interval: str

    @property
    def shown(self) -> str:
        """ "19.00 EUR"; currencies without hundredths are written without them."""
        if self.currency in ZERO_DECIMAL:
            return f"{self.amount:,} {self.currency.upper()}"
        return f"{self.amount / 100:,.2f} {self.currency.upper()}"


# https://docs.stripe.com/currencies#zero-decimal
ZERO_DECIMAL = frozenset(
    ("bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "ugx", "vnd", "vuv", "xaf", "xof", "xpf")
)


def prices() -> list[Price]:
    """The prices on offer, monthly first, kept for ten minutes. Raises stripe.StripeError."""
    name = f"billing.prices:{settings.STRIPE_API_BASE}"
    kept: list[Price] | None = shared_cache.get(name)
    if kept is None:
        kept = _read_prices()
        shared_cache.set(name, kept, PRICES_KEPT_SECONDS)
    return kept


def _read_prices() -> list[Price]:
    listed = client().v1.prices.list({"lookup_keys": list(PRICE_KEYS), "active": True})
    found = [
        Price(price.lookup_key, price.id, price.unit_amount or 0, price.currency, price.recurring.interval)
        for price in listed.data
        if price.lookup_key and price.recurring
    ]
    return sorted(found, key=lambda price: PRICE_KEYS.index(price.key))


def subscriptions_of(customer_id: str) -> list[Any]:
    """All subscriptions of a customer, ended ones too. A deleted customer has none.

    Raises stripe.StripeError; an unknown customer is an error too, for it means that key and
    database belong to different Stripe accounts, and nobody may lose a plan by that.
    """
    try:
        found = client().v1.subscriptions.list({"customer": customer_id, "status": "all", "limit": 100})
        return list(found.auto_paging_iter())
    except stripe.InvalidRequestError as error:
        if error.code == "resource_missing" and is_deleted(customer_id):
            return []
        raise


def is_deleted(customer_id: str) -> bool:
    """Stripe knows the customer as deleted. Raises stripe.StripeError where it knows none."""
    return bool(getattr(client().v1.customers.retrieve(customer_id), "deleted", False))
