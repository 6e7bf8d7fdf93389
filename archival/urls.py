"""Addresses of the archive."""

from __future__ import annotations

from django.urls import path

from archival import views

app_name = "archival"

urlpatterns = [
    path("jobs/<uuid:job_id>/archive", views.archive, name="archive"),
    path("jobs/<uuid:job_id>/restore", views.restore, name="restore"),
]
