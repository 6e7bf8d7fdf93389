"""The calls. Each looks up through `access`, acts through `submission`, and says what `schemas` says."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse
from ninja import Query, Router, Status

from accounts.models import User
from accounts.security.bearer import user_of
from annotations import access, downloads, failures, references, submission, timeline, transitions, uploads
from annotations.allowance import allowance_of
from annotations.api import schemas
from annotations.api.entrance import READ, WRITE, UnfitFileError
from annotations.models import Job, JobStatus, Upload
from annotations.preflights import REFUSE
from annotations.sharing import granting
from annotations.sharing.models import Share

router = Router()
SAYS_NO = {frozenset({400, 401, 403, 404, 409, 413, 422, 429}): schemas.Refusal}


def _address(name: str, *arguments: object) -> str:
    return settings.BASE_URL + reverse(name, args=arguments)


# --- The account ---------------------------------------------------------------------------------
@router.get("/account", auth=READ, response={200: schemas.Account, **SAYS_NO}, url_name="account")
def account(request: HttpRequest) -> dict[str, Any]:
    """Whose token this is, and what is left of the plan."""
    user = user_of(request)
    used = allowance_of(user)
    return {
        "email": user.email,
        "plan": user.plan_code,
        "max_file_bytes": used.limits.max_file_bytes,
        "open_jobs": used.open_jobs,
        "max_open_jobs": used.limits.max_open_jobs,
        "jobs_within_24_hours": used.jobs_today,
        "max_jobs_within_24_hours": used.limits.max_jobs_per_day,
        "stored_bytes": used.stored_bytes,
        "max_stored_bytes": used.limits.max_storage_bytes,
    }


@router.get("/references", auth=READ, response={200: list[schemas.Reference], **SAYS_NO}, url_name="references")
def list_references(request: HttpRequest) -> list[references.InstalledReference]:
    """What files can be annotated against."""
    return references.installed()


# --- Files in ------------------------------------------------------------------------------------
@router.post("/uploads", auth=WRITE, response={201: schemas.UploadOut, **SAYS_NO}, url_name="uploads")
def announce_upload(request: HttpRequest, data: schemas.UploadIn) -> Status[dict[str, Any]]:
    """Announce a file; the answer says where and how to send it."""
    ticket = submission.expect_upload(user_of(request), data.file_name, data.size_bytes, content_route="api:content")
    told = uploads.described(ticket)
    if ticket.method == "PUT":  # here, where the token is asked for again
        told["url"] = settings.BASE_URL + told["url"]
    return Status(201, told)


@router.put("/uploads/{uuid:upload_id}/content", auth=WRITE, response={204: None, **SAYS_NO}, url_name="content")
def send_content(request: HttpRequest, upload_id: UUID) -> Status[None]:
    """The file itself, as the raw body, exactly as long as it was announced."""
    uploads.receive_body(request, access.owned_upload(user_of(request), upload_id))
    return Status(204, None)


# --- Jobs ----------------------------------------------------------------------------------------
@router.post("/jobs", auth=WRITE, response={201: schemas.JobOut, **SAYS_NO}, url_name="submit")
def submit_job(request: HttpRequest, data: schemas.JobIn) -> Status[dict[str, Any]]:
    """Have a file annotated, after the look at it that the pages show. Safe to repeat: an upload is one job."""
    user = user_of(request)
    _check_file(user, data)
    job = submission.submit_job(
        user,
        upload_id=data.upload_id,
        reference_name=data.reference,
        submission_key=data.upload_id.hex,
        options=data.options(),
        name=data.name,
    )
    return Status(201, _whole(job))


def _check_file(user: User, data: schemas.JobIn) -> None:
    """Refuse a file that cannot be annotated, and a doubtful one that was not confirmed.

    Whatever else is wrong with the call is said by submit_job.
    """
    upload = Upload.objects.select_related("owner").filter(pk=data.upload_id, owner=user).first()
    if upload is None or references.find(data.reference) is None:
        return
    look = submission.look_before_job(upload, data.reference)
    if look is None or look.allows_job(is_confirmed=data.confirm, is_overwriting=data.overwrite):
        return
    error = UnfitFileError if look.verdict == REFUSE else submission.RefusedError
    raise error(look.code, look.sentence)


@router.get("/jobs", auth=READ, response={200: schemas.JobList, **SAYS_NO}, url_name="jobs")
def list_jobs(request: HttpRequest, find: Query[schemas.Find]) -> dict[str, Any]:
    """The jobs, newest first, 25 at a time."""
    page = access.jobs_of(user_of(request), find.status, find.search, find.before)
    asked = {"status": find.status.value if find.status else "", "search": find.search, "before": page.next_key}
    behind = urlencode({name: value for name, value in asked.items() if value})
    return {
        "jobs": [_brief(job) for job in page.jobs],
        "next": f"{_address('api:jobs')}?{behind}" if page.next_key else None,
    }


@router.get("/jobs/shared", auth=READ, response={200: schemas.JobList, **SAYS_NO}, url_name="shared_jobs")
def list_shared(request: HttpRequest, find: Query[schemas.FindShared]) -> dict[str, Any]:
    """The results that others show to the account by its address, the newest share first, 25 at a time.

    What a link opens is for browsers.
    """
    shares, behind = granting.page_addressed_to(user_of(request), find.before)
    return {
        "jobs": [_brief(share.job, share) for share in shares],
        "next": f"{_address('api:shared_jobs')}?before={behind}" if behind else None,
    }


@router.get("/jobs/{uuid:job_id}", auth=READ, response={200: schemas.JobOut, **SAYS_NO}, url_name="job")
def see_job(request: HttpRequest, job_id: UUID) -> dict[str, Any]:
    """One job: its progress, then its result or what went wrong. Or a result that is shared with the account."""
    return _whole(*access.readable_job(user_of(request), job_id))


@router.delete("/jobs/{uuid:job_id}", auth=WRITE, response={204: None, **SAYS_NO}, url_name="delete")
def delete_job(request: HttpRequest, job_id: UUID) -> Status[None]:
    """Delete a job with its files, for good."""
    user = user_of(request)
    submission.delete_job(user, access.owned_job(user, job_id))
    return Status(204, None)


@router.get(
    "/jobs/{uuid:job_id}/timeline", auth=READ, response={200: list[schemas.Line], **SAYS_NO}, url_name="timeline"
)
def see_timeline(request: HttpRequest, job_id: UUID) -> list[timeline.Line]:
    """What happened to a job, oldest first."""
    return timeline.lines(access.owned_job(user_of(request), job_id))


@router.post("/jobs/{uuid:job_id}/cancel", auth=WRITE, response={200: schemas.JobOut, **SAYS_NO}, url_name="cancel")
def cancel_job(request: HttpRequest, job_id: UUID) -> dict[str, Any]:
    """Stop a job that waits or runs; 409 when it had ended."""
    user = user_of(request)
    if not transitions.cancel(access.owned_job(user, job_id).pk, by="owner"):
        raise submission.RefusedError("job_ended", "The job had ended already, so there was nothing to cancel.")
    return _whole(access.owned_job(user, job_id))


@router.get("/jobs/{uuid:job_id}/files/{str:kind}", auth=READ, response=SAYS_NO, url_name="file")
def fetch_file(request: HttpRequest, job_id: UUID, kind: str) -> HttpResponseBase:
    """One file of a result: its bytes, or a redirect to where they are. Of a shared one, where its owner allows it."""
    user = user_of(request)
    job, share = access.readable_job(user, job_id)
    try:
        return downloads.send_output(user, job, kind, share)
    except downloads.NotAtHandError as error:
        raise submission.RefusedError("file_archived", error.sentence) from error


# --- What is said --------------------------------------------------------------------------------
def _brief(job: Job, share: Share | None = None) -> dict[str, Any]:
    return {
        "shared": share
        and {
            "by": granting.shown_name(job.owner),
            "until": share.expires_at,
            "allows_downloads": share.allows_downloads,
        },
        "id": job.pk,
        "name": job.name,
        "status": job.status,
        "reference": job.reference_name,
        "submitted_at": job.submitted_at,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
        "records_done": job.records_done,
        "url": _address("api:job", job.pk),
        "page": _address("annotations:job", job.pk),
    }


def _whole(job: Job, share: Share | None = None) -> dict[str, Any]:
    return {**_brief(job, share), "failure": _failure(job), "result": _result(job, share)}


def _failure(job: Job) -> dict[str, Any] | None:
    if job.status != JobStatus.FAILED:
        return None
    where = {name: job.failure_detail.get(name) for name in ("line", "field", "value")}
    return {"code": job.failure_code, "sentence": failures.sentence(job), **where}


def _result(job: Job, share: Share | None) -> dict[str, Any] | None:
    if job.status != JobStatus.COMPLETED:
        return None
    columns = ("storage", "archive_due_at", "records_total", "records_annotated", "records_skipped", "summary")
    outputs = job.result.outputs.select_related("result").order_by("pk")
    return {
        **{column: getattr(job.result, column) for column in columns},
        "files": [
            {
                "kind": output.kind,
                "file_name": output.file_name,
                "size_bytes": output.size_bytes,
                "sha256": output.sha256,
                "is_at_hand": output.is_at_hand,
                "url": _address("api:file", job.pk, output.kind),
            }
            for output in outputs
            if share is None or downloads.is_given(share, output.kind)
        ],
    }
