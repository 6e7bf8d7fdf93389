"""Addresses of the table of a job's variants."""

from __future__ import annotations

from django.urls import path

from annotations.explorer import saving, views

_TABLE = "jobs/<uuid:job_id>/explore/"

urlpatterns = [
    path(_TABLE, views.explore, name="explore"),
    path(f"{_TABLE}again", views.try_again, name="explore_again"),
    path(f"{_TABLE}headline", views.headline, name="explore_headline"),
    path(f"{_TABLE}counts", views.facets, name="explore_counts"),
    path(f"{_TABLE}samples", views.samples, name="explore_samples"),
    path(f"{_TABLE}transcripts/<int:allele>", views.transcripts, name="explore_transcripts"),
    path(f"{_TABLE}filters", saving.save_filter, name="filter_save"),
    path(f"{_TABLE}filters/<int:filter_id>/delete", saving.delete_filter, name="filter_delete"),
    path(f"{_TABLE}downloads", saving.export, name="export_make"),
    path(f"{_TABLE}downloads/<uuid:export_id>", saving.export_page, name="export"),
    path(f"{_TABLE}downloads/<uuid:export_id>/file", saving.export_file, name="export_file"),
]
