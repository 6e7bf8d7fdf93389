"""Addresses of the table of a job's variants."""

from __future__ import annotations

from django.urls import path

from annotations.explorer import views

_TABLE = "jobs/<uuid:job_id>/explore/"

urlpatterns = [
    path(_TABLE, views.explore, name="explore"),
    path(f"{_TABLE}counts", views.facets, name="explore_counts"),
    path(f"{_TABLE}transcripts/<int:allele>", views.transcripts, name="explore_transcripts"),
]
