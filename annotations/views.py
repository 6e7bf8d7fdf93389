"""Pages of jobs: submit, find, follow, download."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import prefetch_related_objects
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import confirmed_required, signed_in
from accounts.models import User
from annotations import (
    access,
    downloads,
    estimate,
    failures,
    preflights,
    references,
    submission,
    summaries,
    timeline,
    transitions,
)
from annotations.allowance import allowance_of
from annotations.explorer import files as explorer_files
from annotations.forms import FindForm, RunForm, SampleForm, SubmitForm, new_key
from annotations.genome_browser.features import is_browsable
from annotations.models import (
    COLD_KINDS,
    Job,
    JobStatus,
    Output,
    OutputKind,
    Result,
    Share,
    StorageState,
    Upload,
    UploadStatus,
)
from annotations.pictures.plots import section_of
from annotations.receipts import receipt_of
from annotations.review import review
from annotations.sharing import granting
from annotations.sharing import views as sharing
from gas import errors

# How often an open page asks again, in seconds: a running job moves, a waiting one mostly does not.
POLL_SECONDS = {JobStatus.RUNNING: 1, JobStatus.PENDING: 2}
LIST_POLL_SECONDS = 3
FILES_POLL_SECONDS = {StorageState.ARCHIVING: 5, StorageState.RESTORING: 5, StorageState.COLD: 30}
TIMER_POLL_SECONDS = 30  # of files that will be archived at some moment


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """What this is, shown by one annotated variant; who is signed in goes to the jobs."""
    if request.user.is_authenticated:
        return redirect("annotations:jobs")
    return render(request, "annotations/home.html", {"specimen": summaries.SPECIMEN})


# --- Submitting --------------------------------------------------------------------------------
@confirmed_required
@require_http_methods(["GET", "POST"])
def submit(request: HttpRequest) -> HttpResponse:
    """Choose a file; or, by POST, make a job of one that was uploaded."""
    user = signed_in(request)
    if request.method != "POST":
        context = {"waiting": submission.waiting_uploads(user), "allowance": allowance_of(user), **_samples()}
        return render(request, "annotations/submit.html", context)
    form = SubmitForm(request.POST, owner=user)
    uploaded = None
    if form.is_valid():
        data = form.cleaned_data
        uploaded = Upload.objects.select_related("owner").filter(pk=data["upload_id"], owner=user).first()
        try:
            if uploaded is None or _may_be_queued(uploaded, form):
                job = submission.submit_job(
                    user,
                    upload_id=data["upload_id"],
                    reference_name=data["reference"],
                    submission_key=data["submission_key"],
                    options=form.options(),
                    name=data["name"],
                )
                return redirect("annotations:job", job.pk)
        except submission.RefusedError as error:
            form.add_error(None, error.sentence)
    elif form.cleaned_data.get("upload_id"):
        uploaded = Upload.objects.filter(pk=form.cleaned_data["upload_id"], owner=user).first()
    return _review(request, uploaded, form)


def _may_be_queued(uploaded: Upload, form: SubmitForm) -> bool:
    """What the file is allows a job with these choices; otherwise the form says why not."""
    look = submission.look_before_job(uploaded, form.cleaned_data["reference"])
    return look is None or form.accepts(look)


@confirmed_required
@require_safe
def upload(request: HttpRequest, upload_id: UUID) -> HttpResponse:
    """What an uploaded file is, and how to annotate it."""
    uploaded = access.owned_upload(signed_in(request), upload_id)
    job = uploaded.jobs.order_by("-submitted_at").first()
    if job is not None:
        return redirect("annotations:job", job.pk)
    if uploaded.status == UploadStatus.EXPIRED:
        messages.error(request, "This file is not here any more. Upload it again.")
        return redirect("annotations:submit")
    try:
        submission.confirm_received(uploaded)
    except submission.RefusedError as error:
        messages.error(request, error.sentence)
        return redirect("annotations:submit")
    return _review(request, uploaded, SubmitForm(initial={"upload_id": uploaded.pk}, owner=signed_in(request)))


def _review(request: HttpRequest, uploaded: Upload | None, form: SubmitForm) -> HttpResponse:
    """The page of an uploaded file: what it is, and the form; its reference is the one that REF proves."""
    status = 422 if form.errors else 200
    is_here = uploaded is not None and uploaded.status == UploadStatus.RECEIVED
    look = preflights.look_at(uploaded, form.judged_reference()) if uploaded is not None and is_here else None
    if look is not None:
        form.ask(look)
    context = {
        "form": form,
        "uploaded": uploaded if is_here else None,
        "review": review(look) if look is not None else None,
        "allowance": allowance_of(signed_in(request)),
    }
    return render(request, "annotations/upload.html", context, status=status)


@confirmed_required
@require_POST
def upload_discard(request: HttpRequest, upload_id: UUID) -> HttpResponse:
    """Let go of an uploaded file that has no job."""
    uploaded = access.owned_upload(signed_in(request), upload_id)
    if submission.discard_upload(uploaded):
        messages.success(request, f"{uploaded.file_name} is discarded.")
    return redirect("annotations:submit")


def _samples() -> dict[str, Any]:
    return {"samples": submission.SAMPLES, "sample_key": new_key()}


@confirmed_required
@require_POST
def submit_sample(request: HttpRequest) -> HttpResponse:
    """Make a job of one of the samples."""
    form = SampleForm(request.POST)
    if not form.is_valid():
        raise Http404
    data = form.cleaned_data
    try:
        job = submission.submit_sample(signed_in(request), data["sample"], data["submission_key"])
    except submission.RefusedError as error:
        messages.error(request, error.sentence)
        return redirect("annotations:submit")
    return redirect("annotations:job", job.pk)


# --- Finding -----------------------------------------------------------------------------------
@login_required
@require_safe
def jobs(request: HttpRequest) -> HttpResponse:
    """The user's jobs, newest first; the script asks for the rows alone."""
    user = signed_in(request)
    find = FindForm(request.GET)
    status, search, before = find.found("status"), find.found("search"), find.found("before")
    page = access.jobs_of(user, status=status or None, search=search, before=before or None)
    context = {
        "page": page,
        "status": status,
        "search": search,
        "before": before,
        "statuses": JobStatus.choices,
        "poll_seconds": _list_poll_seconds(page.jobs),
    }
    if request.headers.get("HX-Request") == "true":
        return render(request, "annotations/_jobs_rows.html", context)
    context["shared_with_me"] = granting.addressed_to(user).count()
    if not page.jobs and not (status or search or before):
        context |= _samples()
    return render(request, "annotations/jobs.html", context)


def _list_poll_seconds(found: Sequence[Job]) -> int | None:
    """Open jobs move by the second, files between the stores by the minute."""
    if any(not job.is_final for job in found):
        return LIST_POLL_SECONDS
    asked = [_files_poll_seconds(job.result) for job in found if hasattr(job, "result")]
    return min((seconds for seconds in asked if seconds), default=None)


# --- One job -----------------------------------------------------------------------------------
@require_safe
@access.readable
def job(request: HttpRequest, job: Job) -> HttpResponse:
    """A job: its progress while it is open, its result or what went wrong afterwards."""
    share = access.share_of(request)
    context = _shared_page_of(job, share) if share else _page_of(job)
    return render(request, "annotations/job.html", context)


@login_required
@require_safe
def job_live(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """The moving part of an open job's page; once the job has ended, the browser loads the page anew."""
    found = access.owned_job(signed_in(request), job_id)
    if found.is_final:
        return HttpResponse(headers={"HX-Refresh": "true"})
    return render(request, "annotations/_job_live.html", {**_moving_part(found), "is_alone": True})


def _moving_part(job: Job) -> dict[str, Any]:
    return {
        "job": job,
        "estimate": estimate.for_job(job),
        "timeline": timeline.lines(job),
        "poll_seconds": POLL_SECONDS[JobStatus(job.status)],
    }


def _page_of(job: Job) -> dict[str, Any]:
    """What the page of a job shows; the live part shows a share of it."""
    if not job.is_final:
        return _moving_part(job)
    again = RunForm(initial={"reference": job.reference_name}, owner=job.owner, job_options=job.options)
    context: dict[str, Any] = {
        "job": job,
        "timeline": timeline.lines(job),
        "again": again,
    }
    if job.status == JobStatus.FAILED:
        context["sentence"] = failures.sentence(job)
    if job.status == JobStatus.COMPLETED:
        context |= _result_of(job) | sharing.box_of(job)
        context |= {"files_given": True, "keeps_hot": again.limits.hot_retention is None}
        explorer_files.prepare(job.result)  # before somebody asks for the table
        context["newer"] = references.newer_than(job.reference_name, job.reference_digest, job.result.summary)
    return context


def _result_of(job: Job) -> dict[str, Any]:
    """What there is to see of a done job."""
    context = {"result": job.result, "headline": summaries.headline(job.result), **_files_of(job)}
    context["phased"] = summaries.phased(job.result.summary)
    context["explore"] = _explorer_of(job, context["outputs"])
    context["plots"] = section_of(job.pk, job.result.summary, context["explore"])
    context["receipt"] = receipt_of(job.result, context["outputs"])
    context["genome_at_hand"] = is_browsable(job.reference_name, context["outputs"].values())
    return context


def _shared_page_of(job: Job, share: Share) -> dict[str, Any]:
    """What others see: the result, nothing that changes it, nothing of the owner's account."""
    context = {"job": job, **_result_of(job), "keeps_hot": False, "files_given": share.allows_downloads}
    context["genome_at_hand"] = context["genome_at_hand"] and share.allows_downloads
    return context


def _files_poll_seconds(result: Result) -> int | None:
    """How often an open page looks where the files are; None where they stay."""
    if result.storage == StorageState.HOT:
        return TIMER_POLL_SECONDS if result.archive_due_at else None
    return FILES_POLL_SECONDS.get(StorageState(result.storage))


def _explorer_of(job: Job, outputs: dict[str, Output]) -> str:
    """The address of the result's table; "" where it is not at hand or empty."""
    table = outputs.get(OutputKind.PARQUET)
    is_there = table is not None and table.is_at_hand and job.result.records_annotated
    return reverse("annotations:explore", args=[job.pk]) if is_there else ""


def _files_of(job: Job) -> dict[str, Any]:
    """The files of a result: where they are, and what may be done with them."""
    result = job.result
    prefetch_related_objects([result], "outputs")
    outputs = {output.kind: output for output in result.outputs.all()}
    within = None
    if result.restore_requested_at and result.restore_expected_at:
        within = result.restore_expected_at - result.restore_requested_at
    return {
        "outputs": outputs,
        "cold_bytes": sum(output.size_bytes for output in outputs.values() if output.kind in COLD_KINDS),
        "restore_within": within,
        "restore_is_late": result.restore_expected_at is not None and result.restore_expected_at < timezone.now(),
        "files_poll_seconds": _files_poll_seconds(result),
    }


@login_required
@require_POST
def job_cancel(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """Stop an open job."""
    found = access.owned_job(signed_in(request), job_id)
    if not transitions.cancel(found.pk, by="owner"):
        messages.error(request, "The job had ended already, so there was nothing to cancel.")
    return redirect("annotations:job", found.pk)


@login_required
@require_POST
def job_delete(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """Delete a job with its files."""
    user = signed_in(request)
    found = access.owned_job(user, job_id)
    submission.delete_job(user, found)
    messages.success(request, f"{found.name} and its files are deleted.")
    return redirect("annotations:jobs")


@confirmed_required
@require_POST
def job_again(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """A new job on the same file, perhaps with another reference."""
    user = signed_in(request)
    found = access.owned_job(user, job_id)
    form = RunForm(request.POST, owner=user)
    if not form.is_valid():
        messages.error(request, "Choose one of the installed references.")
        return redirect("annotations:job", found.pk)
    data = form.cleaned_data
    try:
        again = submission.run_again(
            user,
            found,
            data["submission_key"],
            reference_name=data["reference"],
            options=form.options_after(found.options),
        )
    except submission.RefusedError as error:
        messages.error(request, error.sentence)
        return redirect("annotations:job", found.pk)
    return redirect("annotations:job", again.pk)


# --- Files -------------------------------------------------------------------------------------
@require_safe
@access.readable
def download(request: HttpRequest, job: Job, kind: str) -> HttpResponseBase:
    """One file of a result."""
    reader = request.user if isinstance(request.user, User) else None
    try:
        return downloads.send_output(reader, job, kind, access.share_of(request))
    except downloads.NotAtHandError as archived:
        # Not a redirect: a program would keep the job's page under the file's name.
        return errors.page(request, 409, archived.sentence, job=job)


@login_required
@require_safe
def download_input(request: HttpRequest, job_id: UUID) -> HttpResponseBase:
    """The file as it was uploaded."""
    user = signed_in(request)
    return downloads.send_input(user, access.owned_job(user, job_id))
