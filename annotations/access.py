"""The one way from a request to a user's objects: their own, or shared with them, or 404 as if it did not exist."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import wraps
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone

from accounts.models import User
from annotations.models import Job, JobStatus, OwnSource, Upload
from annotations.sharing import granting, opened
from annotations.sharing.models import Share
from gas import audit, errors

PAGE_SIZE = 25
SITTING = timedelta(hours=1)  # ranges that a browser reads of a result within it are one entry of the audit log
MAX_SITTINGS = 20
_SITTINGS = "sittings"  # in the session: {job: when it was noted}, newest last
SHARE_ENDED = (
    "This result is not shared with you any more: the link has expired, was revoked, or is not complete. "
    "Ask whoever sent it for a new one."
)
SIGN_IN_TO_SEE = "A result is shared with you. Sign in, or make an account, to see it."

View = Callable[..., HttpResponseBase]


@dataclass(frozen=True)
class JobPage:
    """Some of a user's jobs, newest first; `next_key` asks for those behind, empty at the end."""

    jobs: list[Job]
    next_key: str


def owned_job(user: User, job_id: UUID) -> Job:
    """The user's job, with its upload and result; Http404 for anybody else's."""
    job = _with_result(user).filter(pk=job_id).first()
    if job is None:
        raise Http404
    return job


def _with_result(user: User) -> QuerySet[Job]:
    """The user's jobs with what their pages show; the owner is known then and not asked for again."""
    return user.jobs.select_related("upload", "result").defer("upload__preflight")


def readable_job(user: User, job_id: UUID) -> tuple[Job, Share | None]:
    """The user's job, or one that is shared with them by name and through which share; Http404 for anybody else's.

    For programs, which open no links. The owner sees that they looked, as with pages.
    """
    if job := _with_result(user).filter(pk=job_id).first():
        return job, None
    share = granting.best_of(granting.addressed_to(user).filter(job_id=job_id))
    if share is None:
        raise Http404
    granting.note_opening(share, user)
    return share.job, share


def readable(view: View) -> View:
    """Lets the owner of a job read, and whom a share lets in; the view gets the job in place of its id.

    `share_of(request)` is then the share that let the reader in.
    """

    @wraps(view)
    def guarded(request: HttpRequest, job_id: UUID, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if isinstance(request.user, User) and (job := _with_result(request.user).filter(pk=job_id).first()):
            return view(request, job, *args, **kwargs)
        share = opened.share_for(request, job_id)
        if share is None and opened.had_share(request, job_id):
            return errors.page(request, 404, SHARE_ENDED)
        if (share is None or share.asks_sign_in) and not request.user.is_authenticated:
            if share is not None:
                messages.info(request, SIGN_IN_TO_SEE)
            return redirect_to_login(request.get_full_path())
        if share is None:
            raise Http404
        request.share = share  # type: ignore[attr-defined]  # templates ask for it too
        return view(request, share.job, *args, **kwargs)

    return guarded


def readable_beside(request: HttpRequest, job_id: UUID) -> tuple[Job, Share | None]:
    """A second job beside that of a `readable` view, for who is signed in, and the share through which they read it.

    Http404 for any other, and for one that is shared no more.
    """
    if isinstance(request.user, User) and (job := _with_result(request.user).filter(pk=job_id).first()):
        return job, None
    share = opened.share_for(request, job_id)
    if share is None:
        raise Http404
    return share.job, share


def share_of(request: HttpRequest) -> Share | None:
    """Through which share a `readable` view is read; None by the owner."""
    return getattr(request, "share", None)


def may_take_files(request: HttpRequest) -> bool:
    """The reader of a `readable` view may have the result's files: its owner, and whom the owner allows it."""
    share = share_of(request)
    return share is None or share.allows_downloads


def note_taken(request: HttpRequest, action: str, job: Job, share: Share | None, **detail: object) -> None:
    """Who takes a file made of a job's result, through which share if the job is not theirs, in the audit log.

    tests_e2e/trace/ asks every route for its entry.
    """
    reader = request.user if isinstance(request.user, User) else None
    through = {"share": str(share.pk)} if share else {}
    audit.record(action, reader, f"job:{job.pk}", **detail, **through)


def note_browsing(request: HttpRequest, job: Job) -> None:
    """The same of who reads a file of a `readable` job by ranges: at the first of them, then after each SITTING.

    At the first of any kind: the index can be left out, and the log must not grow by a row for each of hundreds.
    """
    now = timezone.now()
    noted: dict[str, str] = request.session.get(_SITTINGS, {})
    if (at := noted.get(str(job.pk))) and now - datetime.fromisoformat(at) < SITTING:
        return
    note_taken(request, "browse output", job, share_of(request))
    others = {key: when for key, when in noted.items() if key != str(job.pk)}
    request.session[_SITTINGS] = dict([*others.items(), (str(job.pk), now.isoformat())][-MAX_SITTINGS:])


def reference_readable(view: View) -> View:
    """Lets in who is signed in, and who looks at a shared result that was made with the reference."""

    @wraps(view)
    def guarded(request: HttpRequest, name: str) -> HttpResponseBase:
        if not opened.may_read_reference(request, name):
            return redirect_to_login(request.get_full_path())
        return view(request, name)

    return guarded


def owned_upload(user: User, upload_id: UUID) -> Upload:
    """The user's upload; Http404 for anybody else's."""
    upload = Upload.objects.select_related("owner").filter(pk=upload_id, owner=user).first()
    if upload is None:
        raise Http404
    return upload


def owned_source(user: User, source_id: UUID) -> OwnSource:
    """The user's own source, with its upload; Http404 for anybody else's."""
    source = OwnSource.objects.select_related("upload").filter(pk=source_id, owner=user).first()
    if source is None:
        raise Http404
    return source


def jobs_of(user: User, status: str | None = None, search: str = "", before: str | None = None) -> JobPage:
    """One page of the user's jobs. `before` is the `next_key` of the page in front; Http404 for nonsense.

    Paged by key: the tenth page costs what the first does, and a new job shifts nothing.
    """
    # A summary may be 100 kB, and a list shows nothing of it.
    jobs = user.jobs.select_related("result").defer("result__summary").order_by("-submitted_at", "id")
    if status:
        if status not in JobStatus.values:
            raise Http404
        jobs = jobs.filter(status=status)
    if search.strip():
        jobs = jobs.filter(name__icontains=search.strip())
    if before:
        submitted_at, job_id = _read_key(before)
        jobs = jobs.filter(Q(submitted_at__lt=submitted_at) | Q(submitted_at=submitted_at, pk__gt=job_id))
    found = list(jobs[: PAGE_SIZE + 1])
    page = found[:PAGE_SIZE]
    return JobPage(page, _write_key(page[-1]) if len(found) > PAGE_SIZE else "")


def _write_key(job: Job) -> str:
    return f"{job.submitted_at.isoformat()}_{job.pk}"


def _read_key(key: str) -> tuple[datetime, UUID]:
    try:
        moment, _, job_id = key.partition("_")
        submitted_at = datetime.fromisoformat(moment.replace(" ", "+"))  # a plus sign reads as a blank in a URL
        if submitted_at.tzinfo is None:
            raise ValueError("no time zone")
        return submitted_at, UUID(job_id)
    except ValueError as error:
        raise Http404 from error
