"""The second factor: a code from an app, a passkey, or a recovery code once; one middleware for all ways in.

`User.second_factor` names the factor of now, None without one. A session that has passed it keeps
that name; so setting up a new factor sends every other session through it again.
"""

from __future__ import annotations

import hashlib
import secrets
from base64 import b32encode
from collections.abc import Callable
from urllib.parse import urlencode
from uuid import uuid4

from django.db import transaction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django_otp.plugins.otp_totp.models import TOTPDevice
from django_otp_webauthn.models import WebAuthnCredential

from accounts.models import User
from accounts.security.models import RecoveryCode
from gas import audit, outbox
from gas.middleware import PROBES

View = Callable[[HttpRequest], HttpResponseBase]
PASSED = "second_factor"  # in the session: the factor that was passed
CODES = 10
# What someone may see who has not passed: the question itself, the way out, the parts of pages, the probes.
OPEN_VIEWS = frozenset(
    {
        "accounts:prove",
        "accounts:second_factor",
        "accounts:passkey_ask",
        "accounts:sign_out",
    }
)
# And while there is no factor yet, what sets one up; afterwards these wait for the factor as all else does.
SET_UP_VIEWS = frozenset(
    {
        "accounts:second_factor_set_up",
        "accounts:second_factor_picture",
        "accounts:passkey_begin",
        "accounts:passkey_add",
    }
)


def required(get_response: View) -> View:
    """Stop whoever is signed in but has not passed the second factor they have or, as staff, must have."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        return get_response(request)

    def process_view(request: HttpRequest, *_: object) -> HttpResponseBase | None:
        user = request.user
        if not isinstance(user, User) or has_passed(request, user) or _is_open(request, user):
            return None
        target = "accounts:second_factor" if user.second_factor else "accounts:second_factor_set_up"
        response = redirect(target)
        if request.method == "GET":
            response["Location"] += "?" + urlencode({"next": request.get_full_path()})
        return response

    middleware.process_view = process_view  # type: ignore[attr-defined]  # where Django looks for it
    return middleware


def _is_open(request: HttpRequest, user: User) -> bool:
    match = request.resolver_match
    open_views = OPEN_VIEWS | SET_UP_VIEWS if user.second_factor is None else OPEN_VIEWS
    return request.path_info in PROBES or (match is not None and match.view_name in open_views)


def has_passed(request: HttpRequest, user: User) -> bool:
    """Nothing is left to ask of this session."""
    if user.second_factor is None:
        return not user.is_staff
    return bool(request.session.get(PASSED) == str(user.second_factor))


def begin(user: User) -> TOTPDevice:
    """The device that is being set up: the same until its first code is right."""
    device, _ = TOTPDevice.objects.get_or_create(user=user, confirmed=False, defaults={"name": "app"})
    return device


def address_of(device: TOTPDevice) -> str:
    """What the picture says: the otpauth address that apps read."""
    return str(device.config_url)


def secret_of(device: TOTPDevice) -> str:
    """The key to type by hand, in groups of four."""
    text = b32encode(device.bin_key).decode()
    return " ".join(text[start : start + 4] for start in range(0, len(text), 4))


def finish(request: HttpRequest, user: User, code: str) -> list[str] | None:
    """Take the app on if its code is right; what `enrol` gives. None: wrong code."""
    with transaction.atomic():
        device = TOTPDevice.objects.select_for_update().filter(user=user, confirmed=False).first()
        if device is not None and device.verify_token(code):
            TOTPDevice.objects.filter(user=user, confirmed=True).delete()
            device.confirmed = True
            device.save(update_fields=["confirmed"])
            return enrol(request, user)
    return None


def enrol(request: HttpRequest, user: User) -> list[str]:
    """A device was added, in the caller's transaction. The recovery codes, to be shown once, if it is the first."""
    owner = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    if owner.second_factor is not None:
        audit.record("second_factor.device_added", owner, f"user:{owner.pk}")
        _promise_mail("second_factor_added", owner)
        return []
    owner.second_factor = uuid4()
    owner.save(update_fields=["second_factor"])
    audit.record("second_factor.on", owner, f"user:{owner.pk}")
    _promise_mail("second_factor_added", owner)
    request.session[PASSED] = str(owner.second_factor)
    return _new_codes(owner)


def has_app(user: User) -> bool:
    """An app is one of the user's devices."""
    return bool(TOTPDevice.objects.filter(user=user, confirmed=True).exists())


def _promise_mail(template: str, user: User) -> None:
    outbox.promise("accounts.mail", f"{template}:{user.pk}:{uuid4()}", {"template": template, "user": str(user.pk)})


def new_codes(user: User) -> list[str]:
    """Fresh recovery codes; the old ones are worth nothing from now on."""
    with transaction.atomic():
        codes = _new_codes(user)
        audit.record("second_factor.new_codes", user, f"user:{user.pk}")
    return codes


def _new_codes(user: User) -> list[str]:
    RecoveryCode.objects.filter(user=user).delete()
    digits = [secrets.token_hex(10) for _ in range(CODES)]
    codes = ["-".join(text[start : start + 5] for start in range(0, 20, 5)) for text in digits]
    RecoveryCode.objects.bulk_create(RecoveryCode(user=user, digest=_digest(code)) for code in codes)
    return codes


def _digest(code: str) -> str:
    plain = "".join(letter for letter in code.lower() if letter.isalnum())
    return hashlib.sha256(plain.encode()).hexdigest()


def passes(request: HttpRequest, user: User, code: str) -> bool:
    """Check a code from the device, or a recovery code, and remember in the session that it was right."""
    if user.second_factor is None:
        return False
    if _device_accepts(user, code):
        note_passed(request, user, "second_factor.passed")
    elif RecoveryCode.objects.filter(user=user, digest=_digest(code)).delete()[0]:
        note_passed(request, user, "second_factor.passed_by_recovery_code")
    else:
        return False
    return True


def note_passed(request: HttpRequest, user: User, action: str) -> None:
    """This session has passed, under a new key."""
    audit.record(action, user, f"user:{user.pk}")
    request.session.cycle_key()
    request.session[PASSED] = str(user.second_factor)


def _device_accepts(user: User, code: str) -> bool:
    """Counts wrong codes and pauses after each; a code counts once."""
    plain = code.replace(" ", "")
    if len(plain) != 6 or not plain.isdecimal():
        return False
    with transaction.atomic():  # locked, so that one code sent twice at once passes once
        device = TOTPDevice.objects.select_for_update().filter(user=user, confirmed=True).first()
        return device is not None and bool(device.verify_token(plain))


def turn_off(user: User) -> None:
    """Back to the password alone; staff cannot work without a factor and are asked to set up a new one."""
    with transaction.atomic():
        TOTPDevice.objects.filter(user=user).delete()
        WebAuthnCredential.objects.filter(user=user).delete()
        RecoveryCode.objects.filter(user=user).delete()
        if User.objects.filter(pk=user.pk, second_factor__isnull=False).update(second_factor=None):
            audit.record("second_factor.off", user, f"user:{user.pk}")
            _promise_mail("second_factor_off", user)


def remove_app(user: User) -> bool:
    """Take the app away; with the last device the second factor is off. False: there is none."""
    with transaction.atomic():
        owner = User.objects.select_for_update(no_key=True).get(pk=user.pk)  # two at once must see one another
        if not TOTPDevice.objects.filter(user=owner, confirmed=True).delete()[0]:
            return False
        forget_device(owner)
    return True


def forget_device(user: User) -> None:
    """A device was taken away, in the caller's transaction."""
    audit.record("second_factor.device_removed", user, f"user:{user.pk}")
    if not has_app(user) and not WebAuthnCredential.objects.filter(user=user).exists():
        turn_off(user)


def codes_left(user: User) -> int:
    """How many recovery codes still work."""
    return RecoveryCode.objects.filter(user=user).count()
