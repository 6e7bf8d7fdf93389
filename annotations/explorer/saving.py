"""Pages that keep something: filters under a name, and downloads of what a filter leaves."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models.functions import Now
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from accounts.access import signed_in
from accounts.models import User
from annotations import access
from annotations.areas import area
from annotations.explorer import database, exports, queries
from annotations.explorer.conditions import both, conditions_of
from annotations.explorer.filters import Filters
from annotations.explorer.models import Export, ExportKind, ExportStatus, SavedFilter
from annotations.explorer.views import explained
from annotations.models import Job
from annotations.notes import keeping

MAX_SAVED = 100


class SaveForm(forms.Form):
    """A name for the present filter."""

    name = forms.CharField(max_length=80)
    query = forms.CharField(max_length=60_000)


class ExportForm(forms.Form):
    """A format, and the present address."""

    kind = forms.ChoiceField(choices=ExportKind.choices)
    query = forms.CharField(max_length=60_000, required=False)


def _table_of(job: Job, query: str) -> str:
    return reverse("annotations:explore", args=[job.pk]) + (f"?{query}" if query else "")


# --- Filters -----------------------------------------------------------------------------------
@login_required
@require_POST
def save_filter(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """Keep the present filter under a name; the same name again replaces it."""
    user = signed_in(request)
    job = access.owned_job(user, job_id)
    form = SaveForm(request.POST)
    query = Filters(QueryDict(request.POST.get("query", ""))).query
    if not form.is_valid() or not query:
        messages.error(request, "Set a filter first and give it a name.")
    elif not _has_room(user, form.cleaned_data["name"]):
        sentence = f"You keep {MAX_SAVED} filters, which is as many as there can be. Delete or replace one of them."
        messages.error(request, sentence)
    else:
        name = form.cleaned_data["name"]
        SavedFilter.objects.update_or_create(owner=user, name=name, defaults={"query": query})
        messages.success(request, f"The filter {name} is kept. You find it above the table of each job.")
    return redirect(_table_of(job, query))


def _has_room(user: User, name: str) -> bool:
    """One of the same name is replaced and needs none."""
    return SavedFilter.objects.filter(owner=user).exclude(name=name).count() < MAX_SAVED


@login_required
@require_POST
def delete_filter(request: HttpRequest, job_id: UUID, filter_id: int) -> HttpResponse:
    """Forget a filter."""
    user = signed_in(request)
    job = access.owned_job(user, job_id)
    found = SavedFilter.objects.filter(owner=user, pk=filter_id).first()
    if found is None:
        raise Http404
    found.delete()
    messages.success(request, f"The filter {found.name} is deleted.")
    return redirect("annotations:explore", job.pk)


# --- Downloads ---------------------------------------------------------------------------------
@login_required
@require_POST
def export(request: HttpRequest, job_id: UUID) -> HttpResponseBase:
    """The filtered variants as a file: at once if they are few, else by a worker."""
    job = access.owned_job(signed_in(request), job_id)
    form = ExportForm(request.POST)
    if not form.is_valid():
        raise Http404
    answer: HttpResponseBase = _export(request, job, form.cleaned_data["kind"], form.cleaned_data["query"])
    return answer


@explained
def _export(request: HttpRequest, job: Job, kind: str, query: str) -> HttpResponseBase:
    filters = Filters(QueryDict(query), partial(keeping.starred, job.owner, job))
    with database.opened(job.result, genotypes=filters.asks_genotypes) as tables:
        known = tables.columns()
        queries.read_order(QueryDict(query).get("sort", ""), known)
        where = both(conditions_of(filters.values, tables, known).values())
        number, total = queries.count(tables, where), queries.count(tables, both([]))
    if exports.is_small(kind, number, total):
        answer = _at_once(job, kind, query)
        access.note_taken(request, "download export", job, None, kind=kind, alleles=number)
        return answer
    try:
        made = exports.request(job, kind, query, number)
    except exports.TooManyExportsError:
        sentence = f"{exports.MAX_OPEN} downloads of this job are being made. Wait until one of them is ready."
        messages.error(request, sentence)
        return redirect(_table_of(job, query))
    return redirect("annotations:export", job.pk, made.pk)


def _at_once(job: Job, kind: str, query: str) -> HttpResponseBase:
    settings.WORK_DIR.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=settings.WORK_DIR, prefix="export-") as folder:
        target = Path(folder) / "file"
        exports.write(job.result, kind, query, target, lambda done: None)
        file = target.open("rb")  # stays readable when its name is gone
    return _sent(job, kind, file)


def _sent(job: Job, kind: str, file: Any) -> HttpResponseBase:
    name = exports.file_name(job, kind)
    return FileResponse(file, as_attachment=True, filename=name, content_type="application/octet-stream")


def _owned_export(request: HttpRequest, job_id: UUID, export_id: UUID) -> Export:
    job = access.owned_job(signed_in(request), job_id)
    found = Export.objects.filter(pk=export_id, job=job, expires_at__gt=Now()).select_related("job__upload").first()
    if found is None:
        raise Http404
    return found


@login_required
@require_safe
def export_page(request: HttpRequest, job_id: UUID, export_id: UUID) -> HttpResponse:
    """How far a download is, and its link when it is ready."""
    found = _owned_export(request, job_id, export_id)
    context = {
        "export": found,
        "job": found.job,
        "file_name": exports.file_name(found.job, found.kind),
        "table": _table_of(found.job, found.query),
    }
    return render(request, "annotations/explorer/export.html", context)


@login_required
@require_safe
def export_file(request: HttpRequest, job_id: UUID, export_id: UUID) -> HttpResponseBase:
    """A download that is ready."""
    found = _owned_export(request, job_id, export_id)
    if found.status != ExportStatus.READY:
        raise Http404
    results = area("results")
    access.note_taken(request, "download export", found.job, None, kind=found.kind, alleles=found.alleles_total)
    address = results.link(found.storage_key, exports.file_name(found.job, found.kind))
    return redirect(address) if address else _sent(found.job, found.kind, results.open(found.storage_key))
