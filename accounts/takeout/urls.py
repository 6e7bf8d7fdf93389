"""Addresses of the download of my data; part of the names of `accounts`."""

from __future__ import annotations

from django.urls import path

from accounts.takeout import views

urlpatterns = [
    path("", views.takeout, name="takeout"),
    path("<uuid:takeout_id>/", views.download, name="takeout_download"),
]
