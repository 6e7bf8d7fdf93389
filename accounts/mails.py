"""Mails about an account. They are promised through the outbox, so a dead mail server breaks no page."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.tokens import default_token_generator
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from accounts import registration
from accounts.addresses import undo
from accounts.addresses import work as addresses
from accounts.erasure import work as erasures
from accounts.models import AddressChange, Invitation, Registration, User
from gas import registry
from gas.models import OutboxMessage

SUBJECTS = {
    "confirm": "Confirm your address for GAS",
    "invited": "You are invited to GAS",
    "account_exists": "You have a GAS account already",
    "password_reset": "Choose a new password for GAS",
    "identity_linked": "A way to sign in was added to your GAS account",
    "identity_unlinked": "A way to sign in was removed from your GAS account",
    "password_changed": "Your GAS password was changed",
    "address_confirm": "Confirm your new address for GAS",
    "address_changed": "Your GAS account has another address",
    "address_restored": "Your GAS account has its old address again",
    "second_factor_added": "A second factor was added to your GAS account",
    "second_factor_off": "The second factor of your GAS account is off",
    "payment_failed": "A payment for GAS Premium failed",
    "payment_reminder": "GAS Premium ends soon: a payment is missing",
    "premium_ended": "GAS Premium has ended",
    "erasure_requested": "Your GAS account will be deleted",
    "erasure_withdrawn": "Your GAS account stays",
    "takeout_ready": "Your data from GAS is ready",
}
# Where the link of a mail leads; elsewhere it is the page to sign in.
PAGES = {
    "payment_failed": "accounts:plan",
    "payment_reminder": "accounts:plan",
    "premium_ended": "accounts:plan",
    "takeout_ready": "accounts:takeout",
}


@registry.outbox_handler("accounts.mail")
def deliver(message: OutboxMessage) -> None:
    """Write and send one mail. Who is gone meanwhile gets none: that is done, not a failure."""
    template = message.payload["template"]
    found = _recipient(message.payload)
    if found is None:
        return
    address, context = found
    body = render_to_string(f"mail/{template}.txt", context | {"base_url": settings.BASE_URL})
    host = urlsplit(settings.BASE_URL).hostname or "localhost"
    # A mail whose success was lost goes again under its own name, so that a reader sees it once.
    headers = {"Message-ID": f"<outbox-{message.pk}@{host}>", "Auto-Submitted": "auto-generated"}
    EmailMessage(SUBJECTS[template], body, to=[address], headers=headers).send()


def _recipient(payload: dict[str, Any]) -> tuple[str, dict[str, Any]] | None:
    """Address and context of a mail; links with secrets are made now and never stored."""
    if "registration" in payload:
        wish = Registration.objects.filter(pk=payload["registration"]).first()
        if wish is None:
            return None
        path = reverse("accounts:confirm", args=[registration.token_of(wish)])
        return wish.email, {"name": wish.name, "link": settings.BASE_URL + path, "hours": settings.REGISTRATION_HOURS}
    if "invitation" in payload:
        invitation = Invitation.objects.filter(pk=payload["invitation"]).first()
        link = settings.BASE_URL + reverse("accounts:sign_up")
        return None if invitation is None else (invitation.email, {"link": link, "email": invitation.email})
    user = User.objects.filter(pk=payload["user"], is_active=True).first()
    if user is None:
        return None
    if "change" in payload:
        return _about_address(payload["template"], user, payload["change"])
    context = _context_for(payload["template"], user)
    return None if context is None else (user.email, context)


def _about_address(template: str, user: User, change_id: str) -> tuple[str, dict[str, Any]] | None:
    """A change of address is confirmed at the new one and told to the old one."""
    change = AddressChange.objects.filter(pk=change_id, user=user).first()
    if change is None:
        return None
    if template == "address_changed":
        path = reverse("accounts:address_undo", args=[undo.token_of(change)])
        return change.old_email, {"name": user.name, "link": settings.BASE_URL + path, "days": undo.DAYS}
    path = reverse("accounts:address_confirm", args=[addresses.token_of(change)])
    return change.new_email, {"link": settings.BASE_URL + path, "hours": settings.REGISTRATION_HOURS}


def _context_for(template: str, user: User) -> dict[str, Any] | None:
    """What the text of a mail to a user says; None where the mail has lost its sense meanwhile."""
    context: dict[str, Any] = {"user": user, "name": user.name}
    if template == "erasure_requested":
        erasure = erasures.scheduled_for(user.pk)
        if erasure is None:
            return None
        context["due_at"] = erasure.due_at
        path = reverse("accounts:erasure_withdraw", args=[erasures.token_of(erasure)])
    elif template in ("password_reset", "address_restored"):
        uid = urlsafe_base64_encode(force_bytes(user.pk))
        path = reverse("accounts:password_reset_confirm", args=[uid, default_token_generator.make_token(user)])
    else:
        path = reverse(PAGES.get(template, "accounts:sign_in"))
    return context | {"link": settings.BASE_URL + path}
