"""Pages of signing in through others."""

from __future__ import annotations

import logging

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from requests import RequestException
from social_core.exceptions import SocialAuthBaseException
from social_django import views as social

from accounts import registration
from accounts.access import signed_in
from accounts.identities import pipeline
from accounts.identities.forms import WelcomeForm
from accounts.security import fresh

logger = logging.getLogger(__name__)


@require_POST
def begin(request: HttpRequest, backend: str) -> HttpResponse:
    """Go to a provider; who is signed in does so to link an identity, with fresh proof."""
    _require_configured(backend)
    if request.user.is_authenticated:
        if not fresh.is_fresh(request):
            return redirect(reverse("accounts:prove") + "?next=" + reverse("accounts:security"))
        request.session[pipeline.LINK] = backend
    try:
        response: HttpResponse = social.auth(request, backend)
    except (SocialAuthBaseException, RequestException) as error:
        return _failed(request, backend, error)
    return response


@require_GET
def complete(request: HttpRequest, backend: str) -> HttpResponse:
    """The way back from a provider."""
    _require_configured(backend)
    try:
        response: HttpResponse = social.complete(request, backend)
    except (SocialAuthBaseException, RequestException) as error:
        return _failed(request, backend, error)
    return response


def _require_configured(backend: str) -> None:
    """Raises Http404. The library remembers whatever it has once loaded, so the settings are asked."""
    if backend not in settings.IDENTITY_PROVIDERS:
        raise Http404


def _failed(request: HttpRequest, backend: str, error: Exception) -> HttpResponse:
    """One sentence for every way it can fail; the log has the reason, without what the provider sent."""
    logger.warning("Sign-in with %s failed: %s %s", backend, type(error).__name__, getattr(error, "code", ""))
    title = settings.IDENTITY_PROVIDERS.get(backend, backend)
    messages.error(request, f"Signing in with {title} did not work. Try again, or use another way.")
    return redirect("accounts:security" if request.user.is_authenticated else "accounts:sign_in")


@require_http_methods(["GET", "POST"])
def welcome(request: HttpRequest) -> HttpResponse:
    """Somebody whom a provider knows and we do not: name, address, consent."""
    pending = request.session.get(pipeline.PENDING)
    if pending is None or request.user.is_authenticated:
        return redirect("accounts:sign_in")
    title = settings.IDENTITY_PROVIDERS.get(pending["provider"], pending["provider"])
    if settings.SIGNUP == "closed":
        return render(request, "accounts/sign_up_closed.html", status=403)
    form = WelcomeForm(pending, request.POST or None, initial={"name": pending["name"], "email": pending["email"]})
    context = {"form": form, "title": title, "email": pending["email"] if pending["email_verified"] else ""}
    if not form.is_valid():
        return render(request, "accounts/identities/welcome.html", context)
    applicant = form.applicant()
    if not pending["email_verified"]:
        registration.register(applicant)
        return redirect("accounts:sign_up_done")
    try:
        user = registration.make_vouched(applicant)
    except registration.ConfirmationError as error:
        form.add_error(None, str(error))
        return render(request, "accounts/identities/welcome.html", context)
    del request.session[pipeline.PENDING]
    login(request, user, backend=registration.BACKEND)
    messages.success(request, "Your account is ready.")
    return redirect("annotations:submit")


@fresh.proof_required
@require_POST
def unlink(request: HttpRequest, identity_id: int) -> HttpResponse:
    """Remove a linked identity."""
    try:
        if not pipeline.unlink(signed_in(request), identity_id):
            raise Http404
        messages.success(request, "The identity is unlinked.")
    except pipeline.LastWayInError:
        messages.error(request, "This is your only way in. Set a password first, by \u201cForgot the password?\u201d.")
    return redirect("accounts:security")
