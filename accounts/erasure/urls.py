"""Addresses of leaving; part of the names of `accounts`."""

from __future__ import annotations

from django.urls import path

from accounts.erasure import views

urlpatterns = [
    path("", views.request_erasure, name="erasure"),
    path("keep/", views.keep, name="erasure_keep"),
    path("keep/<str:token>/", views.withdraw, name="erasure_withdraw"),
]
