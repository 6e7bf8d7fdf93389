"""What happens after too many wrong passwords: sign-in pauses for this address from this place."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from gas import errors


def address_of(request: HttpRequest | None, credentials: dict[str, Any] | None = None) -> str:
    """The address somebody tries to sign in with, in lower case: changing the case gives no new tries."""
    given = (credentials or {}).get("username") or (request.POST.get("username") if request else "") or ""
    return str(given).strip().lower()


def too_many_tries(request: HttpRequest, *_: object, **__: object) -> HttpResponse:
    """The answer while sign-in is paused; the same whether the account exists or not."""
    seconds = round(settings.AXES_COOLOFF_TIME * 3600)
    sentence = (
        f"Sign-in with this address is paused after {settings.AXES_FAILURE_LIMIT} wrong passwords. "
        f"Try again in {max(1, round(seconds / 60))} minutes."
    )
    return errors.too_many_requests(request, seconds, sentence)
