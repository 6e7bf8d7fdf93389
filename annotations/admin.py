"""Jobs and uploads for the staff: find, read the whole story, put back in the queue, cancel.

Nothing here writes a row by itself, and no page costs more when there are millions of jobs.
"""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.conf import settings
from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path
from django.utils.functional import cached_property
from django.utils.translation import ngettext

from annotations import failures, references, story, timeline, transitions
from annotations.models import Job, Upload
from gas import audit
from gas.admin import ReadOnlyAdmin

MAX_COUNTED = 10_000  # rows that a list counts and can be paged through
MAX_AT_ONCE = 1_000  # jobs that one action touches


class BoundedPaginator(Paginator):  # type: ignore[type-arg]  # not generic when run
    """Counts up to a bound: counting all rows of a large table takes longer than showing a page of it."""

    @cached_property
    def count(self) -> int:
        """The number of rows, or the bound."""
        rows: QuerySet[Job] = self.object_list  # type: ignore[assignment]
        return rows.order_by().values("pk")[:MAX_COUNTED].count()


class OwnedAdmin(ReadOnlyAdmin):
    """A list of owned rows that is searched by id or by the owner's address."""

    owner_path = "owner"  # from the row to the user
    paginator = BoundedPaginator
    list_select_related: ClassVar[Any] = ("owner",)
    search_fields = ("id",)  # shows the field; see get_search_results
    search_help_text = "An id, or the beginning of the owner's e-mail address."

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Only what an index answers."""
        term = search_term.strip()
        if not term:
            return queryset, False
        try:
            return queryset.filter(pk=UUID(term)), False
        except ValueError:
            return queryset.filter(**{f"{self.owner_path}__email__istartswith": term}), False


@admin.register(Job)
class JobAdmin(OwnedAdmin):
    """See trouble, read what happened, act on it."""

    list_display = ("name", "owner", "status", "reference_name", "attempt", "crashes", "failure_code", "submitted_at")
    list_filter = ("status", "submitted_at")
    ordering = ("-submitted_at", "id")
    actions = ("requeue", "cancel")
    change_list_template = "annotations/admin/jobs.html"
    change_form_template = "annotations/admin/job.html"
    fieldsets = (
        (None, {"fields": ("name", "owner", "status", "sentence", "submitted_at", "started_at", "finished_at")}),
        ("What was asked for", {"fields": ("upload", "reference_name", "reference_digest", "options", "rerun_of")}),
        (
            "Where it stands",
            {"fields": ("attempt", "crashes", "due_at", "lease_until", "worker", "records_done", "bytes_done")},
        ),
    )
    readonly_fields = ("sentence",)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The columns, and below them the whole story."""
        job = self.get_object(request, object_id)
        if job is not None and self.has_view_permission(request, job):
            found = {"timeline": timeline.lines(job), "attempts": story.attempts(job), "log": story.log_text(job)}
            may_act = self.has_requeue_permission(request)
            extra_context = {**(extra_context or {}), **found, "may_act": may_act, "is_open": not job.is_final}
        return super().change_view(request, object_id, form_url, extra_context)

    @admin.display(description="What the owner reads")
    def sentence(self, job: Job) -> str:
        """The failure in one sentence."""
        return failures.sentence(job) or "-"

    @admin.action(description="Requeue: end the running lease", permissions=["requeue"])
    def requeue(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        """Running jobs go back to the queue; their workers are fenced off."""
        jobs = [job_id for job_id in _chosen(queryset) if transitions.requeue(job_id)]
        self._tell(request, "requeue job", jobs, "running job was|running jobs were", "put back in the queue")

    @admin.action(description="Cancel", permissions=["requeue"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        """Open jobs end; a running annotator stops within seconds."""
        jobs = [job_id for job_id in _chosen(queryset) if transitions.cancel(job_id, by="staff")]
        self._tell(request, "cancel job", jobs, "open job was|open jobs were", "cancelled")

    def get_urls(self) -> list[URLPattern | URLResolver]:  # type: ignore[override]
        """The page of references beside the list."""
        own = [path("references/", self.admin_site.admin_view(self.references_page), name="annotations_references")]
        return [*own, *super().get_urls()]

    def references_page(self, request: HttpRequest) -> TemplateResponse:
        """What is installed on this machine, with the manifests; nothing can be changed here."""
        context = {
            **self.admin_site.each_context(request),
            "title": "Installed references",
            "folder": settings.REFERENCES_DIR,
            "references": references.installed(),
        }
        return TemplateResponse(request, "annotations/admin/references.html", context)

    def has_requeue_permission(self, request: HttpRequest) -> bool:
        """Who may change jobs may act on them, though nobody edits their columns here."""
        return bool(request.user.has_perm("annotations.change_job"))

    def _tell(self, request: HttpRequest, action: str, jobs: list[UUID], which: str, what: str) -> None:
        """which: for one and for several, with a bar between."""
        actor = request.user if request.user.is_authenticated else None
        for job_id in jobs:
            audit.record(action, actor, f"job:{job_id}")
        one, several = which.split("|")
        self.message_user(request, f"{len(jobs)} {ngettext(one, several, len(jobs))} {what}.")


def _chosen(queryset: QuerySet[Job]) -> list[UUID]:
    return list(queryset.values_list("pk", flat=True)[:MAX_AT_ONCE])


@admin.register(Upload)
class UploadAdmin(OwnedAdmin):
    """What users sent, without its content."""

    list_display = ("file_name", "owner", "status", "size_bytes", "is_sample", "created_at", "expires_at")
    list_filter = ("status", "is_sample")
    ordering = ("-created_at", "id")
