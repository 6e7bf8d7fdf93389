"""Addresses of changing the address; part of the names of `accounts`."""

from __future__ import annotations

from django.urls import path

from accounts.addresses import views

urlpatterns = [
    path("", views.change, name="address"),
    path("undo/<str:token>/", views.undo, name="address_undo"),
    path("<str:token>/", views.confirm, name="address_confirm"),
]
