"""The page of a user's own sources."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import plans
from accounts.access import confirmed_required, signed_in
from annotations import access, downloads
from annotations.models import OwnSource, OwnSourceStatus
from annotations.own_sources import keeping
from annotations.own_sources.forms import SourceForm
from annotations.submission import RefusedError

POLL_SECONDS = 3  # while one is being checked


@confirmed_required
@require_http_methods(["GET", "POST"])
def sources(request: HttpRequest) -> HttpResponse:
    """The user's sources; a post makes one of an uploaded file."""
    user = signed_in(request)
    form = SourceForm(request.POST or None)
    if form.is_valid():
        data = form.cleaned_data
        try:
            keeping.add(user, upload_id=data["upload_id"], key=data["key"], reference_name=data["reference"])
            return redirect("annotations:sources")
        except RefusedError as error:
            form.add_error(None, error.sentence)
    mine = list(OwnSource.objects.filter(owner=user).select_related("upload").order_by("key"))
    context = {
        "form": form,
        "sources": mine,
        "limits": plans.limits(user),
        "max_bytes": keeping.MAX_BYTES,
        "poll_seconds": POLL_SECONDS if any(source.status == OwnSourceStatus.CHECKING for source in mine) else None,
    }
    if request.headers.get("HX-Request") == "true":
        return render(request, "annotations/own_sources/_rows.html", context)
    return render(request, "annotations/own_sources/sources.html", context, status=422 if form.errors else 200)


@login_required
@require_POST
def source_delete(request: HttpRequest, source_id: UUID) -> HttpResponse:
    """Delete a source and its file."""
    user = signed_in(request)
    found = access.owned_source(user, source_id)
    keeping.remove(user, found)
    messages.success(request, f"{found.key} and its file are deleted.")
    return redirect("annotations:sources")


@login_required
@require_safe
def source_file(request: HttpRequest, source_id: UUID) -> HttpResponseBase:
    """The file as it was uploaded."""
    user = signed_in(request)
    return downloads.send_source(user, access.owned_source(user, source_id))
