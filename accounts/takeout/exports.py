"""What this app gives to the download of my data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser

from accounts.billing.models import BillingAccount
from accounts.models import Consent, User
from gas import registry

PROFILE = (
    "id",
    "email",
    "email_confirmed_at",
    "name",
    "institution",
    "date_joined",
    "last_login",
    "plan_code",
    "plan_changed_at",
    "plan_override",
    "plan_override_until",
    "plan_override_reason",
)
BILLING = ("customer_id", "subscription_id", "stripe_status", "price_key", "period_ends_at", "ends_at")


@registry.exporter("profile")
def profile(user: AbstractBaseUser) -> Iterator[dict[str, Any]]:
    """One record: who the account belongs to, and its plan."""
    yield from User.objects.filter(pk=user.pk).values(*PROFILE)


@registry.exporter("consents")
def consents(user: AbstractBaseUser) -> Iterator[dict[str, Any]]:
    """Which terms were agreed to, and when."""
    for consent in Consent.objects.filter(user_id=user.pk).order_by("agreed_at"):
        yield {"terms_version": consent.terms_version, "agreed_at": consent.agreed_at}


@registry.exporter("billing")
def billing(user: AbstractBaseUser) -> Iterator[dict[str, Any]]:
    """At most one record: the subscription as it was read last. Invoices are in Stripe's portal."""
    yield from BillingAccount.objects.filter(pk=user.pk).values(*BILLING)
