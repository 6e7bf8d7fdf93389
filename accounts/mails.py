"""Mails about an account. They are promised through the outbox, so a dead mail server breaks no page."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.tokens import default_token_generator
from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from accounts import registration
from accounts.models import Registration, User
from gas import registry
from gas.models import OutboxMessage

SUBJECTS = {
    "confirm": "Confirm your address for GAS",
    "account_exists": "You have a GAS account already",
    "password_reset": "Choose a new password for GAS",
    "password_changed": "Your GAS password was changed",
}


@registry.outbox_handler("accounts.mail")
def deliver(message: OutboxMessage) -> None:
    """Write and send one mail. Who is gone meanwhile gets none: that is done, not a failure."""
    template = message.payload["template"]
    found = _recipient(message.payload)
    if found is None:
        return
    address, context = found
    context |= {"base_url": settings.BASE_URL, "subject": SUBJECTS[template]}
    send_mail(SUBJECTS[template], render_to_string(f"mail/{template}.txt", context), None, [address])


def _recipient(payload: dict[str, Any]) -> tuple[str, dict[str, Any]] | None:
    """Address and context of a mail; links with secrets are made now and never stored."""
    if "registration" in payload:
        wish = Registration.objects.filter(pk=payload["registration"]).first()
        if wish is None:
            return None
        path = reverse("accounts:confirm", args=[registration.token_of(wish)])
        return wish.email, {"name": wish.name, "link": settings.BASE_URL + path, "hours": settings.REGISTRATION_HOURS}
    user = User.objects.filter(pk=payload["user"], is_active=True).first()
    if user is None:
        return None
    return user.email, {"name": user.name, "link": settings.BASE_URL + _link_for(payload["template"], user)}


def _link_for(template: str, user: User) -> str:
    if template != "password_reset":
        return reverse("accounts:sign_in")
    uid = urlsafe_base64_encode(force_bytes(user.pk))
    return reverse("accounts:password_reset_confirm", args=[uid, default_token_generator.make_token(user)])
