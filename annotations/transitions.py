"""The only writer of Job.status and Upload.status.

Every move is one conditional UPDATE: it names the status it leaves and, where a worker acts, the
attempt that worker claimed. The attempt only grows, so it fences off whoever held the job before:
a worker that was taken for dead changes no row. Times that decide are the database's. Each move
writes its line of the timeline, and what it promises to the world, in the same transaction.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Exists, F, OuterRef, Q
from django.db.models.functions import Now

from accounts import plans
from accounts.models import User
from annotations.claims import Claim, Finished, Progress
from annotations.models import (
    FINAL_STATUSES,
    OPEN_STATUSES,
    Job,
    JobEvent,
    JobStatus,
    NoticeKind,
    Output,
    OwnSource,
    Result,
    Upload,
    UploadStatus,
)
from annotations.notices.telling import tell
from gas import doorbell, logs, outbox, pausing
from gas.clock import database_now, from_now

LEASE = timedelta(seconds=settings.LEASE_SECONDS)
MAX_CRASHES = 3  # the third crash of a job is its end
MAX_ATTEMPTS = 12  # bounds what does not count as a crash: full disks, storage or a database that is away
ORDERLY = ("stopping", "requeued")  # given back on purpose: at once and without a bound
LONGEST_PAUSE = timedelta(minutes=15)
ANNOTATE_TASK = "annotations.annotate_next"  # what a doorbell rings for
JOB_ENDED = "annotations.job_ended"  # the outbox's kind of the mail at the end

ALLOWED: dict[JobStatus, frozenset[JobStatus]] = {
    JobStatus.PENDING: frozenset({JobStatus.RUNNING, JobStatus.CANCELLED}),
    JobStatus.RUNNING: frozenset({JobStatus.PENDING, *FINAL_STATUSES}),
    JobStatus.COMPLETED: frozenset(),
    JobStatus.FAILED: frozenset(),
    JobStatus.CANCELLED: frozenset(),
}
UPLOAD_ALLOWED: dict[UploadStatus, frozenset[UploadStatus]] = {
    UploadStatus.CREATED: frozenset({UploadStatus.RECEIVED, UploadStatus.EXPIRED}),
    UploadStatus.RECEIVED: frozenset({UploadStatus.CONSUMED, UploadStatus.EXPIRED}),
    UploadStatus.CONSUMED: frozenset({UploadStatus.EXPIRED}),
    UploadStatus.EXPIRED: frozenset(),
}
NOT_EXPIRED = (UploadStatus.CREATED, UploadStatus.RECEIVED, UploadStatus.CONSUMED)


def worker_name() -> str:
    """The machine's name: what the timeline and the admin see of a worker."""
    return socket.gethostname()[:100]


# --- Opening and taking a job ------------------------------------------------------------------------------
def open_job(**fields: Any) -> Job:
    """A new job, PENDING from now on, and a doorbell; `fields` are the columns that the submission decides."""
    # A value, not Now(): SQLite writes the two with unlike digits, and lists compare this one with values.
    job = Job.objects.create(submitted_at=database_now(), due_at=Now(), **fields)
    _tell(job.pk, "submitted", 0, request=logs.request_id())
    transaction.on_commit(lambda: doorbell.ring(ANNOTATE_TASK, queue="annotate"), robust=True)
    return job


def claim_next(worker: str) -> Claim | None:
    """Take the oldest due job of the owner with the fewest running ones. None: nothing waits."""
    while (job_id := _next_waiting()) is not None:
        if (claim := claim_job(job_id, worker)) is not None:
            return claim
    return None


def _next_waiting() -> UUID | None:
    """The fair choice. Few jobs run, however many wait: so it counts those and walks an index for the rest."""
    due = Job.objects.filter(~pausing.draining(), status=JobStatus.PENDING, due_at__lte=Now())
    waiting = due.order_by("submitted_at", "id")
    running = (
        Job.objects.filter(status=JobStatus.RUNNING).values_list("owner").annotate(jobs=Count("id")).order_by("jobs")
    )
    busy: dict[int, list[UUID]] = {}
    for owner_id, jobs in running:
        busy.setdefault(jobs, []).append(owner_id)
    idle_first = [~Q(owner__in=[owner for owners in busy.values() for owner in owners])]
    for owners in [*idle_first, *(Q(owner__in=owners) for owners in busy.values())]:
        job_id = waiting.filter(owners).values_list("pk", flat=True).first()
        if job_id is not None:
            return job_id
    return None


def claim_job(job_id: UUID, worker: str) -> Claim | None:
    """Take a waiting job. None: another worker has it, or it ended, or it is not due."""
    with transaction.atomic():  # so that the attempt we read is ours
        where = Q(pk=job_id, due_at__lte=Now())
        changes = {
            "attempt": F("attempt") + 1,
            "lease_until": from_now(LEASE),
            "worker": worker,
            "started_at": Now(),
            "records_done": 0,
            "bytes_done": 0,
            "bytes_total": 0,
        }
        if not _move(where, JobStatus.PENDING, JobStatus.RUNNING, **changes):
            return None
        job = Job.objects.select_related("upload").get(pk=job_id)
        _tell(job.pk, "claimed", job.attempt, worker=worker)
        submitted = job.events.filter(kind="submitted").values_list("detail", flat=True).first() or {}
    return Claim(
        job_id=job.pk,
        owner_id=job.owner_id,
        attempt=job.attempt,
        upload_key=job.upload.storage_key,
        upload_bytes=job.upload.size_bytes or 0,
        upload_etag=job.upload.etag,
        file_name=job.upload.file_name,
        reference_name=job.reference_name,
        options=job.options,
        request_id=submitted.get("request", ""),
    )


def is_mine(claim: Claim) -> bool:
    """The job still runs under this claim."""
    found: bool = _held(claim).exists()
    return found


def renew(claim: Claim, progress: Progress) -> bool:
    """Extend the lease and store the progress. False: the job is no longer this worker's."""
    changes = {
        "lease_until": from_now(LEASE),
        "records_done": progress.records,
        "bytes_done": progress.bytes_read,
        "bytes_total": progress.bytes_total,
    }
    return bool(_held(claim).update(**changes))


# --- Ending a job ------------------------------------------------------------------------------
def complete(claim: Claim, finished: Finished) -> bool:
    """Finish the job with its result. False: this claim is fenced off, and nothing was written.

    May be repeated after a lost connection: True when an earlier call was the one that finished.
    """
    with transaction.atomic():
        changes = {"reference_digest": finished.reference_digest, "records_done": finished.records_total}
        # Locked, so that a change of plan comes either before this reading or after the result is there;
        # and first, because rows are locked in one order everywhere: user, upload, job.
        owner = User.objects.select_for_update(no_key=True).filter(pk=claim.owner_id).first()
        if owner is None:  # erased, and the job with them
            return False
        if not _end(_fence(claim), JobStatus.RUNNING, JobStatus.COMPLETED, **changes):
            return _ended_by(claim, JobStatus.COMPLETED)
        hot = plans.limits(owner).hot_retention
        result = Result.objects.create(
            job_id=claim.job_id,
            attempt=claim.attempt,
            archive_due_at=None if hot is None else from_now(hot),
            summary=finished.summary,
            records_total=finished.records_total,
            records_annotated=finished.records_annotated,
            records_skipped=finished.records_skipped,
            created_at=Now(),
        )
        Output.objects.bulk_create(
            Output(
                result=result,
                kind=output.kind,
                storage_key=output.storage_key,
                file_name=output.file_name,
                size_bytes=output.size_bytes,
                sha256=output.sha256,
            )
            for output in finished.outputs
        )
        _tell(claim.job_id, "completed", claim.attempt, records=finished.records_total)
        _promise_news(claim.job_id)
    return True


def fail(claim: Claim, code: str, detail: dict[str, Any], **seen: str) -> bool:
    """End the job for a reason that trying again cannot mend. False: fenced off.

    `seen` goes into the timeline, for the staff: the child's exit, the limit it hit.
    """
    with transaction.atomic():
        if not _end(_fence(claim), JobStatus.RUNNING, JobStatus.FAILED, failure_code=code, failure_detail=detail):
            return _ended_by(claim, JobStatus.FAILED)
        _tell(claim.job_id, "failed", claim.attempt, code=code, **seen)
        _promise_news(claim.job_id)
    return True


def cancel(job_id: UUID, by: str) -> bool:
    """End an open job because a person (`by`: owner or staff) said so. False: it had ended already.

    A running one ends at once; its worker sees that within seconds and stops the annotator.
    """
    with transaction.atomic():
        job = _locked(Q(pk=job_id, status__in=OPEN_STATUSES))
        if job is None:
            return False
        _end(Q(pk=job_id), JobStatus(job.status), JobStatus.CANCELLED)
        _tell(job_id, "cancelled", job.attempt, by=by)
    return True


# --- Giving a job back -------------------------------------------------------------------------
def crash(claim: Claim, code: str, detail: dict[str, Any], **seen: str) -> bool:
    """The attempt broke and that counts: it waits for the next one, or the third crash ends it."""
    return _put_back(_fence(claim), "crashed", code, detail, counts=True, seen=seen)


def give_back(claim: Claim, reason: str) -> bool:
    """Return the job without fault of its own (a stop, a full disk, storage away); does not count as a crash."""
    return _put_back(_fence(claim), reason, "gave_up", {"reason": reason}, counts=False)


def lose_lease(job_id: UUID) -> bool:
    """The sweep's move: the lease ran out, so the worker is taken for dead, and that counts."""
    return _put_back(Q(pk=job_id, lease_until__lt=Now()), "lease_lost", "worker_lost", {}, counts=True)


def requeue(job_id: UUID) -> bool:
    """An admin ends the running lease: the job waits again, without counting a crash."""
    return _put_back(Q(pk=job_id), "requeued", "gave_up", {"reason": "requeued"}, counts=False)


def forgive_lost_lease(claim: Claim) -> bool:
    """Take back the crash that the sweep counted while the worker lived but could not reach the database."""
    with transaction.atomic():
        job = _locked(Q(pk=claim.job_id, attempt=claim.attempt, status=JobStatus.PENDING, crashes__gt=0))
        if job is None or job.events.order_by("-id").values_list("kind", flat=True).first() != "lease_lost":
            return False
        Job.objects.filter(pk=job.pk).update(crashes=F("crashes") - 1, due_at=Now())
        _tell(job.pk, "lease_forgiven", claim.attempt)
    return True


def _put_back(
    where: Q, kind: str, code: str, detail: dict[str, Any], *, counts: bool, seen: Mapping[str, str] = {}
) -> bool:
    """RUNNING -> PENDING, or -> FAILED when the job has had its tries. False: no such running job."""
    with transaction.atomic():
        job = _locked(where & Q(status=JobStatus.RUNNING))
        if job is None:
            return False
        crashes = job.crashes + (1 if counts else 0)
        is_orderly = kind in ORDERLY
        _tell(job.pk, kind, job.attempt, code=code, **seen)
        if crashes >= MAX_CRASHES or (job.attempt >= MAX_ATTEMPTS and not is_orderly):
            why = {"failure_code": code, "failure_detail": detail | {"attempts": job.attempt}}
            _end(Q(pk=job.pk), JobStatus.RUNNING, JobStatus.FAILED, crashes=crashes, **why)
            _tell(job.pk, "failed", job.attempt, code=code)
            _promise_news(job.pk)
        else:
            # Not from_now(nothing): SQLite would write more digits, and call it later than the same moment.
            due_at = Now() if is_orderly else from_now(pause_before_next(job.attempt))
            _move(Q(pk=job.pk), JobStatus.RUNNING, JobStatus.PENDING, lease_until=None, crashes=crashes, due_at=due_at)
    return True


def pause_before_next(attempt: int) -> timedelta:
    """Back-off after an attempt that went wrong: a sixth of a lease (10 s), doubled each time."""
    doubled: int = 2 ** (attempt - 1)
    return min(LEASE / 6 * doubled, LONGEST_PAUSE)


# --- Uploads -----------------------------------------------------------------------------------
def receive(upload_id: UUID, size_bytes: int, etag: str, keep: timedelta) -> bool:
    """CREATED -> RECEIVED, with what storage says of the object; kept for `keep` unless a job uses it."""
    changes = {"size_bytes": size_bytes, "etag": etag, "received_at": Now(), "expires_at": from_now(keep)}
    return _move_upload(Q(pk=upload_id), (UploadStatus.CREATED,), UploadStatus.RECEIVED, **changes)


def consume(upload_id: UUID) -> bool:
    """RECEIVED -> CONSUMED: a job or an own source takes it, once. It lives as long as they do."""
    return _move_upload(Q(pk=upload_id), (UploadStatus.RECEIVED,), UploadStatus.CONSUMED, expires_at=None)


def release(upload_id: UUID) -> bool:
    """An upload that nothing uses (any more) is let go; the sweep deletes object and row."""
    users = (Job.objects.filter(upload=OuterRef("pk")), OwnSource.objects.filter(upload=OuterRef("pk")))
    unused = Q(pk=upload_id) & ~Q(Exists(users[0])) & ~Q(Exists(users[1]))
    return _move_upload(unused, NOT_EXPIRED, UploadStatus.EXPIRED, expires_at=None)


def expire_due_uploads() -> int:
    """All uploads that waited too long for their file or their job; how many they were."""
    waiting = (UploadStatus.CREATED, UploadStatus.RECEIVED)
    late = Upload.objects.filter(status__in=waiting, expires_at__lt=Now())
    return late.update(status=UploadStatus.EXPIRED, expires_at=None)


def _move_upload(where: Q, sources: tuple[UploadStatus, ...], target: UploadStatus, **changes: Any) -> bool:
    if any(target not in UPLOAD_ALLOWED[source] for source in sources):
        raise ValueError(f"an upload does not go from {sources} to {target}")
    return bool(Upload.objects.filter(where, status__in=sources).update(status=target, **changes))


# --- Inside ------------------------------------------------------------------------------------
def _move(where: Q, source: JobStatus, target: JobStatus, **changes: Any) -> bool:
    """One conditional UPDATE; True only for the caller whose row changed."""
    if target not in ALLOWED[source]:
        raise ValueError(f"a job does not go from {source} to {target}")
    return bool(Job.objects.filter(where, status=source).update(status=target, **changes))


def _end(where: Q, source: JobStatus, target: JobStatus, **changes: Any) -> bool:
    return _move(where, source, target, lease_until=None, finished_at=Now(), **changes)


def _fence(claim: Claim) -> Q:
    return Q(pk=claim.job_id, attempt=claim.attempt)


def _held(claim: Claim) -> Any:
    return Job.objects.filter(_fence(claim), status=JobStatus.RUNNING)


def _ended_by(claim: Claim, status: JobStatus) -> bool:
    """An earlier call of ours did it, and only its answer was lost.

    Final states stay and every way into them from RUNNING keeps the attempt, so for `status`
    COMPLETED or FAILED this attempt was the last; FAILED may also have been the sweep's word.
    """
    return Job.objects.filter(_fence(claim), status=status).exists()


def _locked(where: Q) -> Job | None:
    return Job.objects.select_for_update().filter(where).first()


def _tell(job_id: UUID, kind: str, attempt: int, **detail: Any) -> None:
    JobEvent.objects.create(job_id=job_id, at=Now(), kind=kind, attempt=attempt, detail=detail)


def _promise_news(job_id: UUID) -> None:
    owner_id, status = Job.objects.values_list("owner", "status").get(pk=job_id)
    kind = NoticeKind.JOB_COMPLETED if status == JobStatus.COMPLETED else NoticeKind.JOB_FAILED
    tell(owner_id, kind, str(job_id), job_id)
    outbox.promise(JOB_ENDED, f"{JOB_ENDED}:{job_id}", {"job": str(job_id)})
