"""Who is asking: the signed-in user, and whether the account may start work."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme

from accounts.models import User

View = Callable[..., HttpResponse]


def signed_in(request: HttpRequest) -> User:
    """The user of a view behind `login_required`."""
    if not isinstance(request.user, User):
        raise TypeError("this view needs login_required")
    return request.user


def way_back(request: HttpRequest, otherwise: str = "annotations:jobs") -> str:
    """Where the user was going, if that is on this service."""
    target = request.POST.get("next") or request.GET.get("next") or ""
    if url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure()):
        return target
    return resolve_url(otherwise)


def confirmed_required(view: View) -> View:
    """Lets in who is signed in under a proved address; others learn how to prove it."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if signed_in(request).email_confirmed_at is None:
            return redirect("accounts:profile")
        return view(request, *args, **kwargs)

    return login_required(guarded)
