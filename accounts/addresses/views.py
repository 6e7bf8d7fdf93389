"""Pages to change the address of an account."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from accounts.access import signed_in
from accounts.addresses import undo as undoing
from accounts.addresses import work
from accounts.addresses.forms import AddressForm
from accounts.security import fresh, sessions


@fresh.proof_required
@require_http_methods(["GET", "POST"])
def change(request: HttpRequest) -> HttpResponse:
    """Ask for another address; the answer is the same whether somebody has it."""
    user = signed_in(request)
    initial = {} if user.email_confirmed_at else {"email": user.email}
    form = AddressForm(user, request.POST or None, initial=initial)
    if form.is_valid():
        work.request_change(user, form.cleaned_data["email"])
        context = {"email": form.cleaned_data["email"], "hours": settings.REGISTRATION_HOURS}
        return render(request, "accounts/addresses/sent.html", context)
    return render(request, "accounts/addresses/change.html", {"form": form})


@login_required
@require_http_methods(["GET", "POST"])
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """Where the link in the mail leads: only in the account that asked for it, and only with the button."""
    user = signed_in(request)
    found = work.find(user, token)
    if found is None:
        return render(request, "accounts/addresses/gone.html", status=404)
    if request.method == "GET":
        return render(request, "accounts/addresses/confirm.html", {"change": found})
    try:
        work.carry_out(found)
    except work.AddressTakenError:
        messages.error(request, "Another account has this address meanwhile. Yours is as it was.")
        return redirect("accounts:profile")
    sessions.end_others(user, sessions.own_id(request))
    messages.success(request, f"Your address is {found.new_email} now. You sign in with it from here on.")
    return redirect("accounts:profile")


@require_http_methods(["GET", "POST"])
def undo(request: HttpRequest, token: str) -> HttpResponse:
    """Where the link in the mail to the old address leads; its secret is the right to take the change back."""
    found = undoing.find(token)
    if found is None:
        return render(request, "accounts/addresses/undo.html", status=404)
    context = {"change": found, "is_done": False, "is_taken": False}
    if request.method == "POST":
        try:
            undoing.undo(found)
        except work.AddressTakenError:
            return render(request, "accounts/addresses/undo.html", context | {"is_taken": True}, status=409)
        logout(request)
        context["is_done"] = True
    return render(request, "accounts/addresses/undo.html", context)
