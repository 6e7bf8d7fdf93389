"""Pages to delete one's account, and to keep it after all."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import signed_in
from accounts.billing.models import BillingAccount, Standing
from accounts.erasure import work
from accounts.erasure.forms import DeleteForm
from accounts.erasure.models import ErasureStatus


@sensitive_post_parameters("password")
@login_required
@require_http_methods(["GET", "POST"])
def request_erasure(request: HttpRequest) -> HttpResponse:
    """Say what will be lost, ask for the password, schedule the deletion."""
    user = signed_in(request)
    erasure = work.scheduled_for(user.pk)
    form = DeleteForm(request, user, request.POST if request.method == "POST" else None)
    if erasure is None and form.is_valid():
        work.request_erasure(user)
        return redirect("accounts:erasure")
    context = {
        "form": form,
        "erasure": erasure,
        "grace_seconds": settings.ERASURE_GRACE_SECONDS,
        "subscribed": BillingAccount.objects.filter(pk=user.pk).exclude(standing=Standing.NONE).exists(),
    }
    return render(request, "accounts/leaving/delete.html", context)


@login_required
@require_POST
def keep(request: HttpRequest) -> HttpResponse:
    """Take the deletion back, signed in."""
    erasure = work.scheduled_for(signed_in(request).pk)
    if erasure is not None and work.withdraw(erasure):
        messages.success(request, "Your account stays. Nothing was deleted.")
    return redirect("accounts:profile")


@require_http_methods(["GET", "POST"])
def withdraw(request: HttpRequest, token: str) -> HttpResponse:
    """Where the link from the mail leads; its secret is the right to keep the account."""
    erasure = work.find(token)
    if erasure is None:
        raise Http404
    if request.method == "POST" and erasure.status == ErasureStatus.SCHEDULED:
        work.withdraw(erasure)
        erasure.refresh_from_db()
    return render(request, "accounts/leaving/withdraw.html", {"erasure": erasure, "token": token})
