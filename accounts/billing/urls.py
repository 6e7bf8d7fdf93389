"""Addresses of paying; part of the names of `accounts`."""

from __future__ import annotations

from django.urls import path

from accounts.billing import views, webhook

urlpatterns = [
    path("checkout/", views.checkout, name="billing_checkout"),
    path("paid/", views.paid, name="billing_paid"),
    path("paid/live/", views.paid_live, name="billing_paid_live"),
    path("portal/", views.portal, name="billing_portal"),
    path("returned/", views.returned, name="billing_returned"),
    path("webhook", webhook.receive, name="billing_webhook"),
]
