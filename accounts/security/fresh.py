"""Proof of identity from just now, asked for before what a stolen session must not do."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from time import time
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

PROVED = "proved_at"  # in the session: seconds since 1970
FRESH_SECONDS = 15 * 60
View = Callable[..., HttpResponse]


def note_proof(request: HttpRequest) -> None:
    """The user has just proved who they are."""
    request.session[PROVED] = time()


def is_fresh(request: HttpRequest) -> bool:
    """The last proof is recent enough."""
    return bool(0 <= time() - request.session.get(PROVED, 0) < FRESH_SECONDS)


def proof_required(view: View) -> View:
    """Lets in who proved their identity within the last quarter of an hour; asks others for the password."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if is_fresh(request):
            return view(request, *args, **kwargs)
        back = request.get_full_path() if request.method == "GET" else reverse("accounts:security")
        return redirect(reverse("accounts:prove") + "?" + urlencode({"next": back}))

    return login_required(guarded)
