"""What the owner of a job may do with its archived files. The job's own page shows where they are."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from accounts import plans
from accounts.access import signed_in
from annotations import access
from annotations.models import Result
from archival import by_hand

PLAN_NEEDED = "Archiving and asking back by hand belong to the Premium plan."


@login_required
@require_POST
def archive(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """Send the large files of one job to the archive."""
    result = _result_of(request, job_id)
    if plans.limits(signed_in(request)).hot_retention is not None:
        messages.error(request, PLAN_NEEDED)
    elif not by_hand.archive(result, by=signed_in(request)):
        messages.error(request, "The files are not at hand any more, so there was nothing to archive.")
    return redirect("annotations:job", job_id)


@login_required
@require_POST
def restore(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """Ask the large files of one job back from the archive."""
    result = _result_of(request, job_id)
    if plans.limits(signed_in(request)).hot_retention is not None:
        messages.error(request, PLAN_NEEDED)
    elif not by_hand.ask_back(result, by=signed_in(request)):
        messages.error(request, "The files are not in the archive, or are on their way back already.")
    return redirect("annotations:job", job_id)


def _result_of(request: HttpRequest, job_id: UUID) -> Result:
    job = access.owned_job(signed_in(request), job_id)
    result = Result.objects.select_related("job__owner").filter(job=job).first()
    if result is None:
        raise Http404
    return result
