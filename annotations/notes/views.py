"""Marking a variant, from the table and from its page; answers with the part that changed where a script asks."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from accounts.access import signed_in
from annotations import access
from annotations.explorer import database
from annotations.explorer.views import explained
from annotations.models import Job
from annotations.notes import keeping
from annotations.notes.keeping import Allele, allele_of


class NoteForm(forms.Form):
    """A text, perhaps empty."""

    text = forms.CharField(max_length=5000, required=False)


@login_required
@require_POST
@access.readable
@explained
def star(request: HttpRequest, job: Job, allele: int) -> HttpResponse:
    """Give the variant a star, or take it away."""
    chosen = _find(job, allele)
    is_starred = request.POST.get("on") == "1"
    try:
        keeping.set_star(signed_in(request), job, chosen, is_starred=is_starred)
    except keeping.TooManyNotesError as error:
        return _refused(request, job, allele, error)
    if request.headers.get("HX-Request") == "true":
        context = {"job": job, "number": allele, "is_starred": is_starred, "name": _name(chosen)}
        return render(request, "annotations/notes/_star.html", context | {"back": _back(request, job, allele)})
    return redirect(_back(request, job, allele))


@login_required
@require_POST
@access.readable
@explained
def note(request: HttpRequest, job: Job, allele: int) -> HttpResponse:
    """Keep a text on the variant; an empty one takes it away."""
    form = NoteForm(request.POST)
    chosen = _find(job, allele)
    if not form.is_valid():
        messages.error(request, "A note has up to 5,000 letters. It was not kept.")
        return redirect("annotations:variant", job.pk, allele)
    try:
        keeping.write_text(signed_in(request), job, chosen, form.cleaned_data["text"].strip())
    except keeping.TooManyNotesError as error:
        return _refused(request, job, allele, error)
    if request.headers.get("HX-Request") == "true":
        context = {"job": job, **yours(request, job, chosen, allele), "is_saved": True}
        return render(request, "annotations/notes/_yours.html", context)
    messages.success(request, "Your note is kept.")
    return redirect(reverse("annotations:variant", args=[job.pk, allele]) + "#yours")


def yours(request: HttpRequest, job: Job, allele: Allele, number: int) -> dict[str, Any]:
    """The context of _yours.html: the reader's star and note on a variant."""
    found = keeping.note_on(request, job, allele)
    return {
        "number": number,
        "name": _name(allele),
        "is_starred": found is not None and found.is_starred,
        "text": found.text if found else "",
        "back": reverse("annotations:variant", args=[job.pk, number]),
    }


def _find(job: Job, number: int) -> Allele:
    with database.opened(job.result) as tables:
        found = tables.all("SELECT contig, pos, ref, alt FROM alleles WHERE allele = ?", [number])
    if not found:
        raise Http404
    return allele_of(found[0])


def _name(allele: Allele) -> str:
    return f"{allele.contig}:{allele.pos:,} {allele.ref[:12]}>{allele.alt[:12]}"


def _refused(request: HttpRequest, job: Job, allele: int, error: keeping.TooManyNotesError) -> HttpResponse:
    messages.error(request, error.sentence)
    back = _back(request, job, allele)
    if request.headers.get("HX-Request") == "true":
        return HttpResponse(headers={"HX-Redirect": back})
    return redirect(back)


def _back(request: HttpRequest, job: Job, allele: int) -> str:
    """The page that the star was on, if it is one of ours; else the variant's."""
    back = request.POST.get("back", "")
    if url_has_allowed_host_and_scheme(back, allowed_hosts=None):
        return back
    return reverse("annotations:variant", args=[job.pk, allele])
