"""The page of a user's webhooks."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import confirmed_required, signed_in
from annotations.notices.models import NoticeKind
from annotations.webhooks import deliveries, sending
from annotations.webhooks.models import Webhook

LISTED: Final = 20  # deliveries of each


class WebhookForm(forms.Form):
    """An address."""

    url = forms.CharField(
        label="Address",
        max_length=500,
        help_text="Of your program: https://lab.example.org/gas",
        widget=forms.URLInput(attrs={"autocomplete": "off"}),
    )


@confirmed_required
@require_http_methods(["GET", "POST"])
def webhooks(request: HttpRequest) -> HttpResponse:
    """The user's webhooks with their last deliveries; by POST a new one, whose secret is shown once."""
    user = signed_in(request)
    form = WebhookForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            made = deliveries.make(user, form.cleaned_data["url"])
        except deliveries.WebhookError as error:
            form.add_error("url", str(error))
        else:
            context = {"webhook": made, "secret": sending.secret_of(made)}
            return render(request, "annotations/webhooks/made.html", context)
    found = Webhook.objects.filter(user=user).order_by("created_at")
    rows = [(webhook, webhook.deliveries.order_by("-created_at", "pk")[:LISTED]) for webhook in found]
    context = {"form": form, "rows": rows, "kinds": NoticeKind.choices}
    return render(request, "annotations/webhooks/webhooks.html", context, status=422 if form.errors else 200)


@confirmed_required
@require_POST
def webhook_test(request: HttpRequest, webhook_id: UUID) -> HttpResponse:
    """Send a test."""
    webhook = Webhook.objects.filter(user=signed_in(request), pk=webhook_id).first()
    if webhook is None:
        raise Http404
    if webhook.disabled_at is not None:
        messages.error(request, "The webhook is off. Switch it on first.")
    else:
        deliveries.promise(webhook, deliveries.TEST)
        messages.success(request, "A test is on its way. Load this page again in a moment to see what became of it.")
    return redirect("annotations:webhooks")


@confirmed_required
@require_POST
def webhook_on(request: HttpRequest, webhook_id: UUID) -> HttpResponse:
    """Switch a webhook on again."""
    if not deliveries.switch_on(signed_in(request), webhook_id):
        raise Http404
    messages.success(request, "The webhook is on again. Send a test to see whether it works.")
    return redirect("annotations:webhooks")


@confirmed_required
@require_POST
def webhook_delete(request: HttpRequest, webhook_id: UUID) -> HttpResponse:
    """Delete a webhook."""
    if not deliveries.delete(signed_in(request), webhook_id):
        raise Http404
    messages.success(request, "The webhook is deleted.")
    return redirect("annotations:webhooks")
