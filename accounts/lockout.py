"""What happens after too many wrong passwords: sign-in pauses for this address from this place."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def address_of(request: HttpRequest | None, credentials: dict[str, Any] | None = None) -> str:
    """The address somebody tries to sign in with, in lower case: changing the case gives no new tries."""
    given = (credentials or {}).get("username") or (request.POST.get("username") if request else "") or ""
    return str(given).strip().lower()


def too_many_tries(request: HttpRequest, *_: object, **__: object) -> HttpResponse:
    """The answer while sign-in is paused; the same whether the account exists or not."""
    return render(request, "accounts/paused.html", status=429)
