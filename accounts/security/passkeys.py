"""Passkeys as a second factor: the browser proves that it holds a key that was registered for this service.

Each ceremony has two halves. The first hands out a challenge, kept in the session; the second takes the challenge
away and checks what the browser signed, so that an answer works once and in one session.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django_otp_webauthn.exceptions import OTPWebAuthnApiError
from django_otp_webauthn.helpers import WebAuthnHelper
from django_otp_webauthn.models import WebAuthnCredential
from webauthn.helpers.exceptions import WebAuthnException

from accounts.models import User
from accounts.security import second_factor

ADDING, ASKING = "passkey_adding", "passkey_asking"  # in the session: the challenge of each ceremony
MAX_PASSKEYS = 20
MAX_ANSWER = 20_000  # letters; a browser's answer has about a thousand


class PasskeyError(Exception):
    """The passkey cannot be added; the message is a sentence for the user."""


def are_offered() -> bool:
    """Browsers keep passkeys for https, and for this machine."""
    address = urlsplit(settings.BASE_URL)
    return address.scheme == "https" or address.hostname == "localhost"


def of(user: User) -> list[WebAuthnCredential]:
    """The user's passkeys, the oldest first."""
    return list(WebAuthnCredential.objects.filter(user=user).order_by("pk"))


def begin_adding(request: HttpRequest, user: User) -> dict[str, Any]:
    """What the browser needs to make a key."""
    options, request.session[ADDING] = WebAuthnHelper(request).register_begin(user)
    return dict(options)


def add(request: HttpRequest, user: User, name: str, answer: str) -> list[str]:
    """Keep the key that the browser made. The recovery codes, to be shown once, if it is the first factor.

    Raises PasskeyError.
    """
    state = request.session.pop(ADDING, None)
    if state is None:
        raise PasskeyError("The page was open for too long. Try again.")
    if WebAuthnCredential.objects.filter(user=user).count() >= MAX_PASSKEYS:
        raise PasskeyError(f"You have {MAX_PASSKEYS} passkeys. Remove one that you need no more.")
    try:
        with transaction.atomic():
            passkey = WebAuthnHelper(request).register_complete(user, state, _read(answer))
            WebAuthnCredential.objects.filter(pk=passkey.pk).update(name=name.strip() or "Passkey")
            return second_factor.enrol(request, user)
    except (WebAuthnException, OTPWebAuthnApiError, IntegrityError, ValueError):
        raise PasskeyError("This passkey was not accepted. Try again, or use another one.") from None


def begin_asking(request: HttpRequest, user: User) -> dict[str, Any]:
    """What the browser needs to show that it holds one of the user's keys."""
    options, request.session[ASKING] = WebAuthnHelper(request).authenticate_begin(user, require_user_verification=False)
    return dict(options)


def passes(request: HttpRequest, user: User, answer: str) -> bool:
    """Check what the browser signed, and remember in the session that it was right."""
    state = request.session.pop(ASKING, None)
    if state is None or user.second_factor is None:
        return False
    try:
        with transaction.atomic():
            WebAuthnHelper(request).authenticate_complete(user, state, _read(answer))
    except (WebAuthnException, OTPWebAuthnApiError, ValueError):
        return False
    second_factor.note_passed(request, user, "second_factor.passed_by_passkey")
    return True


def remove(user: User, passkey_id: int) -> bool:
    """Take one passkey away; with the last device the second factor is off. False: there is no such passkey."""
    with transaction.atomic():
        owner = User.objects.select_for_update(no_key=True).get(pk=user.pk)  # two at once must see one another
        if not WebAuthnCredential.objects.filter(user=owner, pk=passkey_id).delete()[0]:
            return False
        second_factor.forget_device(owner)
    return True


def _read(answer: str) -> dict[str, Any]:
    """The browser's answer. Raises ValueError for anything else."""
    try:
        data = json.loads(answer) if len(answer) <= MAX_ANSWER else None
    except RecursionError:
        data = None
    if not isinstance(data, dict):
        raise ValueError("not the answer of a browser")
    return data
