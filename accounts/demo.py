"""The demo account of the local profile, so that a first look needs no sign-up."""

from __future__ import annotations

import secrets

from django.conf import settings
from django.utils import timezone

from accounts.models import Consent, User, with_address

EMAIL = "demo@localhost"
NAME = "Demo"


def ensure_demo_account() -> tuple[str, str]:
    """Make the account if it is missing; its address and password. Refused outside the local profile.

    The password is random and kept in the state folder, readable by its owner only.
    """
    if not settings.IS_LOCAL:
        raise RuntimeError("The demo account is for the local profile only.")
    password = _kept_password()
    user = User.objects.filter(with_address(EMAIL)).first()
    if user is None:
        now = timezone.now()
        user = User.objects.create_user(EMAIL, password, name=NAME, email_confirmed_at=now)
        Consent.objects.create(user=user, terms_version=settings.TERMS_VERSION, agreed_at=now)
    elif not user.check_password(password):
        user.set_password(password)
        user.save(update_fields=["password"])
    return EMAIL, password


def _kept_password() -> str:
    file = settings.VAR_DIR / "demo-password"
    if not file.exists():
        beside = file.with_suffix(".new")
        beside.touch(mode=0o600)
        beside.write_text(secrets.token_urlsafe(9))
        beside.replace(file)
    password: str = file.read_text().strip()
    return password
