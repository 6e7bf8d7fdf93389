"""The report as a download."""

from __future__ import annotations

from functools import partial

from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.template.loader import render_to_string
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from accounts.models import User
from annotations import access, storage
from annotations.explorer import database, files
from annotations.explorer.filters import Filters
from annotations.models import Job, JobStatus
from annotations.notes import keeping
from annotations.report.content import chosen_variants, content_of, marked_variants

DEFAULT = QueryDict("impact=HIGH&impact=MODERATE")


@require_safe
@access.readable
def report(request: HttpRequest, job: Job) -> HttpResponse:
    """One HTML file. The table's filters choose the variants; without any, those of high and moderate impact."""
    if job.status != JobStatus.COMPLETED:
        raise Http404
    reader = request.user if isinstance(request.user, User) else None
    filters = Filters(request.GET, partial(keeping.starred, reader, job))
    if not filters.values:
        filters = Filters(DEFAULT)
    context = content_of(job)
    try:
        context |= chosen_variants(job, filters) | (marked_variants(job, reader) if reader else {})
    except files.NotAtHandError:
        context["why_no_variants"] = "The table of variants was archived when this report was written."
    except (
        files.PreparingError,
        files.NotMadeError,
        files.NoGenotypesError,
        database.BusyError,
        database.TooSlowError,
    ):
        context["why_no_variants"] = "The table of variants could not be read when this report was written."
    page = render_to_string("annotations/report.html", context)
    access.note_taken(request, "download report", job, access.share_of(request))
    name = storage.output_name(job.upload.file_name, ".report.html")
    headers = {"Content-Disposition": content_disposition_header(True, name) or "attachment"}
    return HttpResponse(page, content_type="text/html; charset=utf-8", headers=headers)
