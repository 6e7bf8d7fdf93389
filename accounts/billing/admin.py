"""Billing for admins: who stands how, which events came, and "sync now"."""

from __future__ import annotations

from typing import Any

import stripe
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from accounts.access import way_back
from accounts.billing import client
from accounts.billing.models import BillingAccount, StripeEvent
from accounts.billing.sync import ContendedError, sync
from accounts.models import User
from gas import audit
from gas.admin import ReadOnlyAdmin

MOST_AT_ONCE = 20


@admin.register(BillingAccount)
class BillingAccountAdmin(ReadOnlyAdmin):
    """How each customer stands at Stripe, as it was read last."""

    # What an admin looks for stands where a narrow window still shows it.
    list_display = (
        "user",
        "standing",
        "trouble",
        "synced_at",
        "ends_at",
        "period_ends_at",
        "price_key",
        "stripe_status",
    )
    list_filter = ("standing",)
    list_select_related = ("user",)
    search_fields = ("user__email__istartswith", "customer_id", "subscription_id")
    search_help_text = "Beginning of the address, or Stripe's id of the customer or subscription"
    ordering = ("-synced_at",)
    actions = ("sync_now",)
    change_form_template = "accounts/admin/billed.html"

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """What was read, with the button to read it again."""
        extra_context = {
            **(extra_context or {}),
            "customer": customer_to_sync(request, self.get_object(request, object_id)),
        }
        return super().change_view(request, object_id, form_url, extra_context)

    @admin.display(description="trouble")
    def trouble(self, account: BillingAccount) -> str:
        """What an admin should look at."""
        if account.sync_error:
            return account.sync_error
        return f"{account.live_subscriptions} subscriptions at once" if account.live_subscriptions > 1 else ""

    @admin.action(description="Sync now: read the subscriptions again", permissions=["view"])
    def sync_now(self, request: HttpRequest, queryset: QuerySet[BillingAccount]) -> HttpResponse | None:
        """Read again at once, for a few; an error changes nobody's plan. Back to the page whose button it was."""
        back = redirect(way_back(request)) if "next" in request.POST else None
        if not client.is_enabled():
            self.message_user(request, "There is no GAS_STRIPE_SECRET_KEY, so nothing can be read.", messages.ERROR)
            return back
        for account in queryset[:MOST_AT_ONCE]:
            audit.record("sync billing", request.user, f"user:{account.pk}")  # type: ignore[arg-type]
            try:
                changed = sync(account.pk)
            except (stripe.StripeError, ContendedError) as error:
                self.message_user(request, f"{account.user}: {type(error).__name__}; the plan stays.", messages.ERROR)
            else:
                words = "the plan changed" if changed else "the plan is as it was"
                self.message_user(request, f"{account.user}: read; {words}.", messages.SUCCESS)
        return back


def customer_to_sync(request: HttpRequest, one: User | BillingAccount | None) -> str:
    """The user's id, if this admin may read the subscriptions again and there is somewhere to read them."""
    if one is None or not client.is_enabled() or not request.user.has_perm("accounts.view_billingaccount"):
        return ""
    account = BillingAccount.objects.filter(pk=one.pk).exclude(customer_id="")
    return str(one.pk) if account.exists() else ""


@admin.register(StripeEvent)
class StripeEventAdmin(ReadOnlyAdmin):
    """Events by arrival: what came, when it was answered by a sync, and what keeps it from that."""

    list_display = ("type", "received_at", "processed_at", "error", "customer_id", "happened_at", "id")
    list_filter = (("processed_at", admin.EmptyFieldListFilter),)
    search_fields = ("id", "customer_id")
    search_help_text = "Stripe's id of the event or customer"
    ordering = ("-received_at",)
