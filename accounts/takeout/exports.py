"""What this app gives to the download of my data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django_otp.plugins.otp_totp.models import TOTPDevice
from django_otp_webauthn.models import WebAuthnCredential
from social_django.models import UserSocialAuth

from accounts.billing.models import BillingAccount
from accounts.models import AddressChange, ApiToken, Consent, SignIn, User
from gas import registry

PROFILE = (
    "id",
    "email",
    "email_confirmed_at",
    "name",
    "institution",
    "date_joined",
    "last_login",
    "mail_job_ended",
    "mail_going_cold",
    "mail_results_back",
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


@registry.exporter("addresses")
def addresses(user: AbstractBaseUser) -> Iterator[dict[str, Any]]:
    """Each change of the address that was asked for or done."""
    columns = ("old_email", "new_email", "requested_at", "done_at", "undone_at")
    yield from AddressChange.objects.filter(user_id=user.pk).order_by("requested_at").values(*columns)


@registry.exporter("ways_in")
def ways_in(user: AbstractBaseUser) -> Iterator[dict[str, Any]]:
    """Linked identities and the devices of the second factor; without the keys, which nobody can be given."""
    for identity in UserSocialAuth.objects.filter(user_id=user.pk).order_by("pk"):
        yield {"kind": "identity", "name": identity.provider, "subject": identity.uid, "added_at": identity.created}
    for app in TOTPDevice.objects.filter(user_id=user.pk, confirmed=True).order_by("pk"):
        yield {"kind": "app", "name": app.name, "added_at": app.created_at, "last_used_at": app.last_used_at}
    for passkey in WebAuthnCredential.objects.filter(user_id=user.pk).order_by("pk"):
        used_at = passkey.last_used_at
        yield {"kind": "passkey", "name": passkey.name, "added_at": passkey.created_at, "last_used_at": used_at}


@registry.exporter("sign_ins")
def sign_ins(user: AbstractBaseUser) -> Iterator[dict[str, Any]]:
    """The browsers that are signed in."""
    columns = ("browser", "created_at", "last_seen_at")
    yield from SignIn.objects.filter(user_id=user.pk).order_by("created_at").values(*columns)


@registry.exporter("tokens")
def tokens(user: AbstractBaseUser) -> Iterator[dict[str, Any]]:
    """Tokens for programs, those that have ended too; nobody has their text."""
    columns = ("name", "beginning", "scopes", "created_at", "expires_at", "last_used_at", "revoked_at")
    yield from ApiToken.objects.filter(user_id=user.pk).order_by("created_at").values(*columns)
