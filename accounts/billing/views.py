"""The way to Stripe's pages and back. What a page here says about the plan is what the last sync stored."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from uuid import UUID, uuid4

import stripe
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from accounts.access import confirmed_required, signed_in
from accounts.billing import checkout as stripe_pages
from accounts.billing import client
from accounts.erasure import work as erasures
from accounts.models import User
from gas import outbox
from gas.models import OutboxMessage, OutboxStatus

logger = logging.getLogger(__name__)

View = Callable[[HttpRequest], HttpResponse]


def billing_required(view: View) -> View:
    """Billing pages exist only where there is a key; a Stripe that is away is said in a sentence."""

    @wraps(view)
    def guarded(request: HttpRequest) -> HttpResponse:
        if not client.is_enabled():
            raise Http404
        try:
            return view(request)
        except stripe.StripeError as error:
            logger.warning("Stripe did not answer a page: %s: %s", type(error).__name__, error)
            response = render(request, "accounts/billing/away.html", status=503)
            response["Retry-After"] = "60"
            return response

    return confirmed_required(guarded)


@require_POST
@billing_required
def checkout(request: HttpRequest) -> HttpResponse:
    """To Stripe's page where one pays for Premium."""
    user = signed_in(request)
    if erasures.scheduled_for(user.pk) is not None:
        messages.error(request, "Your account will be deleted. Keep it first, then go Premium.")
        return redirect("accounts:plan")
    try:
        form_key = str(UUID(request.POST.get("form_key", "")))
        page = stripe_pages.start_checkout(user, request.POST.get("price", ""), form_key)
    except (ValueError, LookupError, stripe_pages.LeavingError):
        raise Http404 from None
    except stripe_pages.AlreadySubscribedError:
        messages.success(request, "You have a subscription already. Change it under “Cards and invoices”.")
        return redirect("accounts:plan")
    return _leave_to(page)


@require_POST
@billing_required
def portal(request: HttpRequest) -> HttpResponse:
    """To Stripe's page for cards, invoices, cancelling and resuming."""
    page = stripe_pages.open_portal(signed_in(request))
    if page is None:
        messages.error(request, "There is nothing to look after yet: you have never paid here.")
        return redirect("accounts:plan")
    return _leave_to(page)


def _leave_to(page: str) -> HttpResponse:
    response = HttpResponseRedirect(page)
    response.status_code = 303
    return response


@require_safe
@billing_required
def paid(request: HttpRequest) -> HttpResponse:
    """Back from paying. Grants nothing: it shows what the sync has stored, and waits for it."""
    user = signed_in(request)
    _promise_sync(user)
    if user.is_premium:
        messages.success(request, "You are on the Premium plan. Thank you.")
        return redirect("accounts:plan")
    return render(request, "accounts/billing/paid.html")


@require_safe
@billing_required
def paid_live(request: HttpRequest) -> HttpResponse:
    """The live part of the page above; it moves on once the plan is Premium."""
    if signed_in(request).is_premium:
        response = HttpResponse()
        response["HX-Redirect"] = reverse("accounts:billing_paid")
        return response
    return render(request, "accounts/billing/_waiting.html")


@require_safe
@billing_required
def returned(request: HttpRequest) -> HttpResponse:
    """Back from the portal: read again what may have been changed there."""
    _promise_sync(signed_in(request))
    return redirect("accounts:plan")


def _promise_sync(user: User) -> None:
    """Read the subscription soon, should the webhook be late or lost; reloading the page asks no more than once."""
    waiting = OutboxMessage.objects.filter(dedupe_key__startswith=f"billing.sync:{user.pk}:", tries=0)
    if not waiting.filter(status=OutboxStatus.PENDING).exists():
        outbox.promise("billing.sync", f"billing.sync:{user.pk}:{uuid4()}", {"user": str(user.pk)})
