"""Addresses of signing in through others; part of the names of `accounts`."""

from __future__ import annotations

from django.urls import path

from accounts.identities import views

urlpatterns = [
    path("welcome/", views.welcome, name="welcome"),
    path("unlink/<int:identity_id>/", views.unlink, name="identity_unlink"),
    path("<str:backend>/", views.begin, name="begin"),
    path("<str:backend>/done/", views.complete, name="complete"),
]
