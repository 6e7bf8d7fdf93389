"""One life of a subscription, the same at the Stripe double and in Stripe's own test mode.

The double's test runs it with every test run. Against Stripe, with a test key of an account of your own:

    GAS_STRIPE_TEST_KEY=sk_test_... make stripe-test-mode

That makes a product with two prices (lookup keys monthly and yearly) if there are none, and a customer with a test
clock, which it deletes at the end. Nothing is charged.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from dataclasses import dataclass
from typing import Any, Protocol

DAY = 86_400


class World(Protocol):
    """What differs between the double and Stripe: making a customer, its clock, its card."""

    def customer(self, user: Any) -> str:
        """A new customer with a good card; its id."""

    def advance(self, days: int) -> None:
        """Let time pass for the customer."""

    def spoil_card(self, customer: str) -> None:
        """From now on the card is refused."""


def live_through(world: World, user: Any) -> list[str]:
    """Subscribe, cancel at the period's end, end; subscribe again, fail to pay, be deleted.

    Returns what was seen, step by step: the plan, and how the account stands.
    """
    from accounts.billing import client, customers, sync
    from accounts.models import BillingAccount

    api = client.client().v1
    customer = world.customer(user)
    BillingAccount.objects.update_or_create(user=user, defaults={"customer_id": customer})
    monthly = next(price for price in client.prices() if price.key == "monthly")
    seen: list[str] = []

    def look(step: str) -> None:
        sync.sync(user.pk)
        user.refresh_from_db()
        account = BillingAccount.objects.get(pk=user.pk)
        ends = ", ends" if account.ends_at else ""
        seen.append(f"{step}: {user.plan_code}, {account.standing}{ends}")

    def subscribe() -> Any:
        return api.subscriptions.create({"customer": customer, "items": [{"price": monthly.price_id}]})

    look("before")
    first = subscribe()
    look("subscribed")
    api.subscriptions.update(first.id, {"cancel_at_period_end": True})
    look("cancelled")
    world.advance(32)
    look("period over")
    subscribe()
    world.spoil_card(customer)
    world.advance(32)
    look("payment failed")
    customers.end_business(customer)
    look("customer deleted")
    return seen


EXPECTED = [
    "before: free, none",
    "subscribed: premium, active",
    "cancelled: premium, active, ends",
    "period over: free, none",
    "payment failed: premium, past_due",
    "customer deleted: free, none",
]


@dataclass
class TestMode:
    """Stripe's test mode: a test clock for the time, its test cards for the money."""

    __test__ = False  # not a test class

    clock: str = ""
    now: int = 0

    def customer(self, user: Any) -> str:
        """A customer under a new test clock, with the card that always pays."""
        from accounts.billing import client

        self.now = int(time.time())
        clock = client.client().v1.test_helpers.test_clocks.create({"frozen_time": self.now, "name": "GAS"})
        self.clock = clock.id
        card = "pm_card_visa"
        made = client.client().v1.customers.create(
            {
                "test_clock": clock.id,
                "metadata": {"user": str(user.pk)},
                "payment_method": card,
                "invoice_settings": {"default_payment_method": card},
            }
        )
        return made.id

    def advance(self, days: int) -> None:
        """Move the clock on and wait until Stripe has done what follows; at most two months in one go."""
        from accounts.billing import client

        clocks = client.client().v1.test_helpers.test_clocks
        self.now += days * DAY
        clocks.advance(self.clock, {"frozen_time": self.now})
        while (status := clocks.retrieve(self.clock).status) == "advancing":
            time.sleep(2)
        if status != "ready":
            raise RuntimeError(f"Stripe's test clock says {status}.")

    def spoil_card(self, customer: str) -> None:
        """The card that is accepted but never pays."""
        from accounts.billing import client

        api = client.client().v1
        card = api.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": customer})
        api.customers.update(customer, {"invoice_settings": {"default_payment_method": card.id}})

    def end(self) -> None:
        """Delete the clock, and with it all that was made under it."""
        from accounts.billing import client

        if self.clock:
            client.client().v1.test_helpers.test_clocks.delete(self.clock)


def _make_prices() -> None:
    from accounts.billing import client

    api = client.client().v1
    there = {price.key for price in client.prices()}
    for key, interval, amount in (("monthly", "month", 1900), ("yearly", "year", 19000)):
        if key not in there:
            api.prices.create(
                {
                    "lookup_key": key,
                    "currency": "eur",
                    "unit_amount": amount,
                    "recurring": {"interval": interval},
                    "product_data": {"name": "GAS Premium"},
                }
            )
    from django.core.cache import cache

    cache.clear()


def main() -> int:
    """Live through it in Stripe's test mode; 0 if all came as expected."""
    key = os.environ.pop("GAS_STRIPE_TEST_KEY", "")
    if not key.startswith(("sk_test_", "rk_test_")):
        print("Set GAS_STRIPE_TEST_KEY to a secret key of Stripe's test mode (sk_test_...).")
        return 2
    with tempfile.TemporaryDirectory() as folder:
        own = {"GAS_VAR_DIR": folder, "GAS_STRIPE_SECRET_KEY": key, "GAS_STRIPE_WEBHOOK_SECRET": "whsec_unused"}
        os.environ.update(own, DJANGO_SETTINGS_MODULE="gas.settings")
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        from accounts.models import User

        _make_prices()
        world = TestMode()
        try:
            seen = live_through(world, User.objects.create_user("scenario@example.org"))
        finally:
            world.end()
    for expected, found in zip(EXPECTED, seen, strict=True):
        print(found if found == expected else f"{found}   EXPECTED {expected}")
    return 0 if seen == EXPECTED else 1


if __name__ == "__main__":
    sys.exit(main())
