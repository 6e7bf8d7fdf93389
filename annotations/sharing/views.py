"""Pages that share a result, and the address that a link holds."""

from __future__ import annotations

from functools import cache
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST, require_safe

from accounts.access import confirmed_required, signed_in
from annotations import access
from annotations.models import Job
from annotations.sharing import granting, opened
from annotations.sharing.forms import InviteForm, LinkForm, TermsForm
from gas import errors


def box_of(job: Job) -> dict[str, Any]:
    """What the box "Shared with" on a job's page shows its owner."""
    shares = granting.listed(job)
    return {
        "shares": shares,
        "openings": granting.openings_of(job) if any(entry.openings for entry in shares) else [],
        "link_fields": _blank_fields(LinkForm, "link_%s"),
        "invite_fields": _blank_fields(InviteForm, "invite_%s"),
    }


@cache
def _blank_fields(form: type[TermsForm], auto_id: str) -> SafeString:
    """The fields before anything is typed: the same for everybody, and on each page of a result."""
    return render_to_string("_partials/form.html", {"form": form(auto_id=auto_id)})


@confirmed_required
@require_POST
def link_make(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """A new link, shown once."""
    user = signed_in(request)
    job = access.owned_job(user, job_id)
    form = LinkForm(request.POST, auto_id="link_%s")
    if form.is_valid():
        try:
            share, token = granting.make_link(user, job, form.terms())
        except granting.SharingError as error:
            form.add_error(None, str(error))
        else:
            link = settings.BASE_URL + reverse("annotations:shared", args=[token])
            return render(request, "annotations/sharing/made.html", {"job": job, "share": share, "link": link})
    return _again(request, job, form, "annotations:share_link", "Make a link")


@confirmed_required
@require_POST
def invite(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """Share with the holder of an address."""
    user = signed_in(request)
    job = access.owned_job(user, job_id)
    form = InviteForm(request.POST, auto_id="invite_%s")
    if form.is_valid():
        try:
            share = granting.invite(user, job, form.cleaned_data["email"], form.terms())
        except granting.SharingError as error:
            form.add_error("email", str(error))
        else:
            messages.success(request, f"A mail to {share.email} says where the result is.")
            return redirect(reverse("annotations:job", args=[job.pk]) + "#sharing")
    return _again(request, job, form, "annotations:share_invite", "Share with them")


def _again(request: HttpRequest, job: Job, form: Any, route: str, verb: str) -> HttpResponse:
    """The form once more, with what is wrong."""
    context = {"job": job, "form": form, "action": reverse(route, args=[job.pk]), "verb": verb}
    return render(request, "annotations/sharing/again.html", context, status=422)


@login_required
@require_POST
def share_revoke(request: HttpRequest, job_id: UUID, share_id: UUID) -> HttpResponse:
    """End a share at once."""
    user = signed_in(request)
    job = access.owned_job(user, job_id)
    if granting.revoke(user, job, share_id):
        messages.success(request, "The share is revoked: it opens nothing any more.")
    return redirect(reverse("annotations:job", args=[job.pk]) + "#sharing")


@require_safe
def shared(request: HttpRequest, token: str) -> HttpResponse:
    """The address of a link: notes that this browser has it, and leads on to the job, without the secret."""
    share = granting.find_link(token)
    if share is None:
        response = errors.page(request, 404, access.SHARE_ENDED)
    else:
        opened.remember(request, share)
        response = redirect("annotations:job", share.job_id)
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex"
    return response


@login_required
@require_safe
def shared_jobs(request: HttpRequest) -> HttpResponse:
    """Results that others show to this user by name."""
    shares = granting.addressed_to(signed_in(request)).select_related("job__owner", "job__result")
    rows = [(share, granting.shown_name(share.job.owner)) for share in shares[: granting.MAX_LIVE]]
    return render(request, "annotations/sharing/shared_jobs.html", {"rows": rows})
