"""The security page: sessions, second factor, tokens; and the question for the second factor."""

from __future__ import annotations

from io import BytesIO
from typing import Any
from uuid import UUID

import segno
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render, resolve_url
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from social_django.models import UserSocialAuth

from accounts.access import signed_in, way_back
from accounts.security import fresh, passkeys, second_factor, sessions, tokens
from accounts.security.forms import CodeForm, FirstCodeForm, PasskeyForm, ProveForm, TokenForm


@login_required
@require_safe
def security(request: HttpRequest) -> HttpResponse:
    """How the account is held safe."""
    user = signed_in(request)
    own = sessions.own_id(request)
    listed = [
        {"row": row, "name": sessions.browser_name(row.browser), "is_own": str(row.pk) == own}
        for row in sessions.listed(user)
    ]
    linked = list(UserSocialAuth.objects.filter(user=user).order_by("pk"))
    taken = {row.provider for row in linked}
    context = {
        "identities": [
            {"row": row, "title": settings.IDENTITY_PROVIDERS.get(row.provider, row.provider)} for row in linked
        ],
        "linkable": {name: title for name, title in settings.IDENTITY_PROVIDERS.items() if name not in taken},
        "sessions": listed,
        "codes_left": second_factor.codes_left(user),
        "has_app": second_factor.has_app(user),
        "passkeys": passkeys.of(user),
        **_for_a_new_passkey(request),
        "tokens": tokens.working(user),
        "token_form": TokenForm(),
    }
    return render(request, "accounts/security/security.html", context)


@sensitive_post_parameters("password")
@login_required
@require_http_methods(["GET", "POST"])
def prove(request: HttpRequest) -> HttpResponse:
    """Ask for the password again before something a stolen session must not do."""
    user = signed_in(request)
    form = ProveForm(request, user, request.POST or None)
    if form.is_valid():
        fresh.note_proof(request)
        return redirect(way_back(request))
    context = {"form": form, "next": request.POST.get("next") or request.GET.get("next", "")}
    return render(request, "accounts/security/prove.html", context)


# --- Second factor -------------------------------------------------------------------------------
@login_required
@require_http_methods(["GET", "POST"])
def ask(request: HttpRequest) -> HttpResponse:
    """The question for the second factor, whatever way somebody came in: a code, or what the passkey signed."""
    user = signed_in(request)
    if second_factor.has_passed(request, user):
        return redirect(way_back(request))
    if user.second_factor is None:
        return redirect("accounts:second_factor_set_up")
    answer = request.POST.get("answer", "")
    form = CodeForm(None if answer else request.POST or None)
    if answer and passkeys.passes(request, user, answer):
        return redirect(way_back(request))
    if form.is_valid():
        if second_factor.passes(request, user, form.cleaned_data["code"]):
            return redirect(way_back(request))
        form.add_error(
            "code", "This code does not fit. Wait for the next one; after a few wrong codes there is a pause."
        )
    context = {
        "form": form,
        "next": request.POST.get("next") or request.GET.get("next", ""),
        "has_app": second_factor.has_app(user),
        "has_passkey": passkeys.are_offered() and bool(passkeys.of(user)),
        "refused": bool(answer),
    }
    return render(request, "accounts/security/ask.html", context)


@login_required
@require_POST
def ask_passkey(request: HttpRequest) -> HttpResponse:
    """The challenge that a passkey answers, for the script."""
    return JsonResponse(passkeys.begin_asking(request, signed_in(request)))


@fresh.proof_required
@require_http_methods(["GET", "POST"])
def set_up(request: HttpRequest) -> HttpResponse:
    """Add an app: a picture, a first code; with the first device the recovery codes. Or go for a passkey."""
    user = signed_in(request)
    if second_factor.has_app(user):
        return redirect("accounts:security")
    device = second_factor.begin(user)
    form = FirstCodeForm(request.POST or None)
    if form.is_valid():
        codes = second_factor.finish(request, user, form.cleaned_data["code"])
        if codes is not None:
            return _device_added(request, codes)
        form.add_error(
            "code",
            "This code does not fit. Wait for the next one, and check that the clock of your device is right; "
            "after a few wrong codes there is a pause.",
        )
    context = {"form": form, "secret": second_factor.secret_of(device), **_for_a_new_passkey(request)}
    return render(request, "accounts/security/set_up.html", context)


def _for_a_new_passkey(request: HttpRequest) -> dict[str, Any]:
    name = sessions.browser_name(request.headers.get("User-Agent", ""))
    form = PasskeyForm(initial={"name": name}, auto_id="passkey_%s")  # another form of the page has a name too
    return {"passkey_form": form, "passkeys_offered": passkeys.are_offered()}


def _device_added(request: HttpRequest, codes: list[str]) -> HttpResponse:
    """The recovery codes once with the first device; afterwards the list of devices."""
    if codes:
        context = {"codes": codes, "is_new": True, "way_on": way_back(request, "accounts:security")}
        return render(request, "accounts/security/codes.html", context)
    messages.success(request, "The second factor has another device.")
    return redirect("accounts:security")


@fresh.proof_required
@require_POST
def begin_passkey(request: HttpRequest) -> HttpResponse:
    """What the browser needs to make a passkey, for the script."""
    if not passkeys.are_offered():
        raise Http404
    return JsonResponse(passkeys.begin_adding(request, signed_in(request)))


@fresh.proof_required
@require_POST
def add_passkey(request: HttpRequest) -> HttpResponse:
    """Keep a passkey that the browser has made."""
    user = signed_in(request)
    form = PasskeyForm(request.POST)
    try:
        if form.is_valid():
            return _device_added(request, passkeys.add(request, user, **form.cleaned_data))
        messages.error(request, "Give the passkey a name, and let the browser make it.")
    except passkeys.PasskeyError as error:
        messages.error(request, str(error))
    return redirect("accounts:security" if user.second_factor else "accounts:second_factor_set_up")


@fresh.proof_required
@require_POST
def remove_passkey(request: HttpRequest, passkey_id: int) -> HttpResponse:
    """Take a passkey away."""
    if not passkeys.remove(signed_in(request), passkey_id):
        raise Http404
    messages.success(request, "The passkey is removed.")
    return redirect("accounts:security")


@fresh.proof_required
@require_safe
def picture(request: HttpRequest) -> HttpResponse:
    """The picture that the app reads; a file of its own, because pages hold nothing inline."""
    user = signed_in(request)
    if second_factor.has_app(user):
        raise Http404
    code = segno.make(second_factor.address_of(second_factor.begin(user)), error="m")
    drawn = BytesIO()
    code.save(drawn, kind="svg", scale=5, border=4, light="white")
    return HttpResponse(drawn.getvalue(), content_type="image/svg+xml")


@fresh.proof_required
@require_POST
def fresh_codes(request: HttpRequest) -> HttpResponse:
    """New recovery codes instead of the old ones."""
    user = signed_in(request)
    if user.second_factor is None:
        return redirect("accounts:security")
    context = {
        "codes": second_factor.new_codes(user),
        "is_new": False,
        "way_on": resolve_url("accounts:security"),
    }
    return render(request, "accounts/security/codes.html", context)


@fresh.proof_required
@require_POST
def remove_app(request: HttpRequest) -> HttpResponse:
    """Take the app away, of a phone that is lost or sold."""
    if not second_factor.remove_app(signed_in(request)):
        raise Http404
    messages.success(request, "The app is removed.")
    return redirect("accounts:security")


@fresh.proof_required
@require_POST
def turn_off(request: HttpRequest) -> HttpResponse:
    """Turn the second factor off."""
    second_factor.turn_off(signed_in(request))
    messages.success(request, "The second factor is off.")
    return redirect("accounts:security")


# --- Sessions ------------------------------------------------------------------------------------
@login_required
@require_POST
def end_session(request: HttpRequest, sign_in_id: UUID) -> HttpResponse:
    """Sign one browser out."""
    if not sessions.end(signed_in(request), sign_in_id):
        raise Http404
    messages.success(request, "That browser is signed out.")
    return redirect("accounts:security")


@login_required
@require_POST
def end_other_sessions(request: HttpRequest) -> HttpResponse:
    """Sign all other browsers out."""
    sessions.end_others(signed_in(request), sessions.own_id(request))
    messages.success(request, "All other browsers are signed out.")
    return redirect("accounts:security")


# --- Tokens --------------------------------------------------------------------------------------
@fresh.proof_required
@require_POST
def make_token(request: HttpRequest) -> HttpResponse:
    """A new token; its text is on this one page and nowhere afterwards."""
    form = TokenForm(request.POST)
    if form.is_valid():
        data = form.cleaned_data
        try:
            token, text = tokens.make(signed_in(request), data["name"], data["scopes"], data["days"])
            return render(request, "accounts/security/token.html", {"token": token, "text": text})
        except tokens.TokenError as error:
            form.add_error(None, str(error))
    return render(request, "accounts/security/token_form.html", {"form": form}, status=422)


@login_required
@require_POST
def revoke_token(request: HttpRequest, token_id: UUID) -> HttpResponse:
    """End a token."""
    if not tokens.revoke(signed_in(request), token_id):
        raise Http404
    messages.success(request, "The token is revoked: programs that use it are refused from now on.")
    return redirect("accounts:security")
