"""The report as a download."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.template.loader import render_to_string
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from accounts.access import signed_in
from annotations import access, storage
from annotations.explorer import database, files
from annotations.explorer.filters import Filters
from annotations.models import JobStatus
from annotations.report.content import chosen_variants, content_of

DEFAULT = QueryDict("impact=HIGH&impact=MODERATE")


@login_required
@require_safe
def report(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """One HTML file. The table's filters choose the variants; without any, those of high and moderate impact."""
    job = access.owned_job(signed_in(request), job_id)
    if job.status != JobStatus.COMPLETED:
        raise Http404
    filters = Filters(request.GET)
    if not filters.values:
        filters = Filters(DEFAULT)
    context = content_of(job)
    try:
        context |= chosen_variants(job, filters)
    except files.NotAtHandError:
        context["why_no_variants"] = "The table of variants was archived when this report was written."
    except (files.PreparingError, database.BusyError, database.TooSlowError):
        context["why_no_variants"] = "The table of variants could not be read when this report was written."
    page = render_to_string("annotations/report.html", context)
    name = storage.output_name(job.upload.file_name, ".report.html")
    headers = {"Content-Disposition": content_disposition_header(True, name) or "attachment"}
    return HttpResponse(page, content_type="text/html; charset=utf-8", headers=headers)
