"""Addresses of uploads, jobs and results."""

from __future__ import annotations

from django.urls import path

from annotations import uploads, views
from annotations.comparison import views as comparison
from annotations.explorer import urls as explorer
from annotations.genome_browser import views as genome_browser
from annotations.notes import views as notes
from annotations.notices import views as notices
from annotations.own_sources import views as own_sources
from annotations.pictures import views as pictures
from annotations.report import views as report
from annotations.sharing import views as sharing
from annotations.variants import views as variants
from annotations.webhooks import views as webhooks

app_name = "annotations"

urlpatterns = [
    path("", views.home, name="home"),
    path("jobs/", views.jobs, name="jobs"),
    path("jobs/new", views.submit, name="submit"),
    path("jobs/sample", views.submit_sample, name="submit_sample"),
    path("jobs/shared", sharing.shared_jobs, name="shared_jobs"),
    path("jobs/<uuid:job_id>/", views.job, name="job"),
    path("jobs/<uuid:job_id>/shares/link", sharing.link_make, name="share_link"),
    path("jobs/<uuid:job_id>/shares/person", sharing.invite, name="share_invite"),
    path("jobs/<uuid:job_id>/shares/<uuid:share_id>/revoke", sharing.share_revoke, name="share_revoke"),
    path("shared/<str:token>/", sharing.shared, name="shared"),
    path("jobs/<uuid:job_id>/live", views.job_live, name="job_live"),
    path("jobs/<uuid:job_id>/cancel", views.job_cancel, name="job_cancel"),
    path("jobs/<uuid:job_id>/delete", views.job_delete, name="job_delete"),
    path("jobs/<uuid:job_id>/again", views.job_again, name="job_again"),
    path("jobs/<uuid:job_id>/download/<str:kind>", views.download, name="download"),
    path("jobs/<uuid:job_id>/input", views.download_input, name="input"),
    path("jobs/<uuid:job_id>/plots/<slug:key>.<slug:ending>", pictures.plot_file, name="plot_file"),
    path("jobs/<uuid:job_id>/genome/", genome_browser.genome, name="genome"),
    path("jobs/<uuid:job_id>/genome/<str:kind>", genome_browser.result_part, name="result_part"),
    path("references/<str:name>/sequence.fa", genome_browser.reference_sequence, name="reference_sequence"),
    path("references/<str:name>/sequence.fa.fai", genome_browser.reference_index, name="reference_index"),
    path("references/<str:name>/aliases.tsv", genome_browser.reference_aliases, name="reference_aliases"),
    path("references/<str:name>/bands.tsv", genome_browser.reference_bands, name="reference_bands"),
    path("references/<str:name>/genes.json", genome_browser.reference_genes, name="reference_genes"),
    path("jobs/<uuid:job_id>/variants/<int:allele>/", variants.variant, name="variant"),
    path("jobs/<uuid:job_id>/variants/<int:allele>/protein.<slug:ending>", variants.protein_file, name="protein_file"),
    path("jobs/<uuid:job_id>/variants/<int:allele>/star", notes.star, name="variant_star"),
    path("jobs/<uuid:job_id>/variants/<int:allele>/note", notes.note, name="variant_note"),
    path("jobs/<uuid:job_id>/report", report.report, name="report"),
    path("jobs/<uuid:job_id>/compare/", comparison.compare, name="compare"),
    path("jobs/<uuid:job_id>/compare/file", comparison.compare_file, name="compare_file"),
    *explorer.urlpatterns,
    path("sources/", own_sources.sources, name="sources"),
    path("sources/<uuid:source_id>/delete", own_sources.source_delete, name="source_delete"),
    path("sources/<uuid:source_id>/file", own_sources.source_file, name="source_file"),
    path("news/", notices.notices, name="notices"),
    path("news/read", notices.notices_read, name="notices_read"),
    path("news/<uuid:notice_id>", notices.notice, name="notice"),
    path("webhooks/", webhooks.webhooks, name="webhooks"),
    path("webhooks/<uuid:webhook_id>/test", webhooks.webhook_test, name="webhook_test"),
    path("webhooks/<uuid:webhook_id>/on", webhooks.webhook_on, name="webhook_on"),
    path("webhooks/<uuid:webhook_id>/delete", webhooks.webhook_delete, name="webhook_delete"),
    path("uploads/", uploads.upload_create, name="upload_create"),
    path("uploads/<uuid:upload_id>/", views.upload, name="upload"),
    path("uploads/<uuid:upload_id>/discard", views.upload_discard, name="upload_discard"),
    path("uploads/<uuid:upload_id>/content", uploads.upload_content, name="upload_content"),
]
