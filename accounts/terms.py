"""Terms that were raised are asked for again, on the next page that a person opens.

Nothing under way is stopped by it: forms, uploads, parts of pages and programs with a token go on.
Whoever does not agree can still take their data along and leave. Accounts that an operator made
from the command line have agreed to nothing and are not asked.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode

from django.conf import settings
from django.db.models.functions import Now
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse

from accounts.models import Consent, User
from accounts.security import second_factor
from gas.middleware import PROBES

View = Callable[[HttpRequest], HttpResponseBase]
SETTLED = "terms"  # in the session: the version that this user need not be asked about
OPEN_VIEWS = frozenset(
    {
        "accounts:agree",
        "accounts:terms",
        "accounts:privacy",
        "accounts:sign_out",
        "accounts:prove",  # the password, before one may leave
        "accounts:takeout",
        "accounts:takeout_download",
        "accounts:erasure",
        "accounts:erasure_keep",
        "accounts:erasure_withdraw",
    }
)


def asked_again(get_response: View) -> View:
    """Lead whoever agreed to earlier terms to those of now."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        return get_response(request)

    def process_view(request: HttpRequest, *_: object) -> HttpResponseBase | None:
        user = request.user
        if not _is_page(request) or not isinstance(user, User) or not second_factor.has_passed(request, user):
            return None
        if request.session.get(SETTLED) == settings.TERMS_VERSION:
            return None
        if must_agree(user):
            return redirect(f"{reverse('accounts:agree')}?{urlencode({'next': request.get_full_path()})}")
        request.session[SETTLED] = settings.TERMS_VERSION
        return None

    middleware.process_view = process_view  # type: ignore[attr-defined]  # where Django looks for it
    return middleware


def _is_page(request: HttpRequest) -> bool:
    """A browser says so of what its user opens, and of nothing that a page loads or sends."""
    match = request.resolver_match
    return (
        request.method == "GET"
        and "text/html" in request.headers.get("Accept", "")
        and "HX-Request" not in request.headers
        and request.path_info not in PROBES
        and (match is None or match.view_name not in OPEN_VIEWS)
    )


def must_agree(user: User) -> bool:
    """The user has agreed to terms, and not to those of now."""
    agreed = set(Consent.objects.filter(user=user).values_list("terms_version", flat=True))
    return bool(agreed) and settings.TERMS_VERSION not in agreed


def agree(request: HttpRequest, user: User) -> None:
    """Record that the user agrees to the terms of now; once, however often it is said."""
    Consent.objects.get_or_create(user=user, terms_version=settings.TERMS_VERSION, defaults={"agreed_at": Now()})
    request.session[SETTLED] = settings.TERMS_VERSION
