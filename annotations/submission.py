"""From a file to a job: announce, receive, submit, run again, delete.

What a user may do is counted with the owner's row locked, so that twenty clicks at once see one
another; whatever asks storage happens outside that transaction. Nothing in a request names a key,
a bucket or a user. A refusal is a RefusedError with a sentence for the user.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal
from uuid import UUID, uuid4

from django.conf import settings
from django.db import transaction
from django.db.models import Q, Sum
from django.urls import reverse

from accounts import plans
from accounts.models import User
from annotations import choices, preflights, storage, transitions
from annotations.areas import PART, FileArea, StorageAwayError, TooManyBytesError, area
from annotations.models import COUNTED_FOR, OPEN_STATUSES, DeletedJob, Job, Output, Upload, UploadStatus
from gas import logs, outbox, pausing
from gas.clock import from_now

logger = logging.getLogger(__name__)

DELETE_RESULTS = "annotations.delete_results"  # the outbox's kind
TRANSFER_TIME = timedelta(hours=24)  # for an upload that began while its link was good
MAX_OPEN_UPLOADS = 100  # announced or received, without a job
SHOWN_UPLOADS = 10


class RefusedError(Exception):
    """The user may not, or cannot, do this; `sentence` says why and what to do, `code` names it for programs."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


@dataclass(frozen=True)
class UploadTicket:
    """How the browser sends the file that was announced. `max_bytes` is the announced size."""

    upload: Upload
    method: Literal["PUT", "POST"]
    url: str
    max_bytes: int
    fields: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Sample:
    """A file that comes with the service, to try it."""

    key: str
    title: str
    file_name: str
    reference_name: str

    @property
    def path(self) -> Path:
        """Where it lies on this machine."""
        return settings.BASE_DIR / "reference" / self.file_name


SAMPLES = (
    Sample("HCC1395", "HCC1395 breast cancer cell line, chr19", "sample.HCC1395.chr19.vcf.gz", "demo"),
    Sample("COLO829", "COLO829 melanoma cell line, chr19", "sample.COLO829.chr19.vcf.gz", "demo"),
)


# --- Uploads -----------------------------------------------------------------------------------
def expect_upload(
    user: User, file_name: str, size_bytes: int, *, content_route: str = "annotations:upload_content"
) -> UploadTicket:
    """Make the row and the key of an upload before its first byte, and say how to send it.

    `content_route` takes the bytes where they pass through the web server: programs have one of their own.
    """
    upload = _announce(user, file_name, size_bytes)
    form = area("inputs").post_form(upload.storage_key, size_bytes)
    if form is not None:
        return UploadTicket(upload, "POST", form.url, size_bytes, form.fields)
    url = reverse(content_route, args=[upload.pk])
    return UploadTicket(upload, "PUT", url, size_bytes, headers={"Content-Type": "application/octet-stream"})


def _announce(user: User, file_name: str, size_bytes: int, *, is_sample: bool = False) -> Upload:
    _check_open()
    upload_id = uuid4()
    with transaction.atomic():
        owner = lock_owner(user)
        _check_room(owner, size_bytes)
        begin_by = timedelta(seconds=settings.UPLOAD_LINK_SECONDS)
        return Upload.objects.create(
            pk=upload_id,
            owner=owner,
            storage_key=storage.input_key(owner.pk, upload_id),
            file_name=_plain(file_name.replace("\\", "/").rpartition("/")[2]) or "input.vcf",
            max_bytes=size_bytes,
            is_sample=is_sample,
            expires_at=from_now(begin_by + TRANSFER_TIME),
        )


def _plain(text: str) -> str:
    """A name without control characters, as long as the column."""
    return "".join(letter for letter in text if letter.isprintable()).strip()[:255]


def _check_room(owner: User, size_bytes: int) -> None:
    limits = plans.limits(owner)
    if size_bytes < 1:
        raise RefusedError("file_empty", "This file is empty. Choose another one.")
    if size_bytes > limits.max_file_bytes:
        allowed = limits.max_file_bytes // 1_000_000
        raise RefusedError(
            "file_too_large",
            f"This file is larger than the {allowed:,} MB that the {limits.plan_name} plan allows. "
            "Compress it with bgzip, split it by chromosome, or change the plan.",
        )
    if stored_bytes(owner) + size_bytes > limits.max_storage_bytes:
        raise RefusedError(
            "storage_full", "Your storage is full. Delete results that you need no more, then upload again."
        )
    waiting = Upload.objects.filter(owner=owner, status__in=(UploadStatus.CREATED, UploadStatus.RECEIVED))
    if waiting.count() >= MAX_OPEN_UPLOADS:
        raise RefusedError(
            "too_many_uploads", "Many uploads of yours wait for a job. Submit those first, or wait a day."
        )


def stored_bytes(owner: User) -> int:
    """What a user's inputs, announced ones included, and results take, in bytes."""
    uploads = Upload.objects.filter(owner=owner).exclude(status=UploadStatus.EXPIRED).aggregate(bytes=Sum("max_bytes"))
    outputs = Output.objects.filter(result__job__owner=owner).aggregate(bytes=Sum("size_bytes"))
    return (uploads["bytes"] or 0) + (outputs["bytes"] or 0)


def receive_content(upload: Upload, chunks: Iterable[bytes]) -> Upload:
    """Stream a file to storage as it arrives; exactly the announced bytes, or nothing is kept.

    Only where uploads pass through the web server. Of two requests that send one upload at the
    same time the first to end wins, and the other changes nothing.
    """
    inputs = area("inputs")
    if not isinstance(inputs, FileArea):
        raise RefusedError("not_here", "Files are sent to storage directly. Load the page again.")
    if upload.status != UploadStatus.CREATED:
        raise RefusedError("already_received", "This file was received already, or its time is up. Upload it again.")
    part = f"{upload.storage_key}{PART}{uuid4().hex}"
    try:
        stored = inputs.receive(part, _announced(chunks, upload.max_bytes), upload.max_bytes)
    except TooManyBytesError as error:
        raise RefusedError("file_differs", "More bytes arrived than the file has. Choose the file again.") from error
    keep = plans.limits(upload.owner).input_retention
    with transaction.atomic():
        is_first = transitions.receive(upload.pk, stored.size_bytes, stored.etag, keep)
        if is_first:  # the row is locked now: the name and the row change together
            inputs.rename(part, upload.storage_key)
    if not is_first:
        inputs.delete([part])
        raise RefusedError("already_received", "This file was received already, or its time is up. Upload it again.")
    upload.refresh_from_db()
    return upload


def _announced(chunks: Iterable[bytes], size_bytes: int) -> Iterable[bytes]:
    """The chunks; a RefusedError at the end of too few, while storage can still forget them."""
    received = 0
    for chunk in chunks:
        received += len(chunk)
        yield chunk
    if received < size_bytes:
        raise RefusedError("upload_incomplete", "The connection broke before the whole file was here. Upload it again.")


def confirm_received(upload: Upload) -> None:
    """Make sure that the file is here; ask storage for it where the browser sent it there.

    The object's size and ETag are fixed from then on.
    """
    if upload.status != UploadStatus.CREATED:
        return
    if isinstance(area("inputs"), FileArea):  # received by `receive_content`, or not at all
        raise RefusedError("not_received", "The file is not here yet. Wait until its upload has finished.")
    try:
        found = area("inputs").head(upload.storage_key)
    except StorageAwayError as error:
        raise RefusedError(
            "storage_away", "Storage does not answer at the moment. Submit again in a minute."
        ) from error
    if found is None:
        raise RefusedError("not_received", "The file is not here yet. Wait until its upload has finished.")
    if found.size_bytes != upload.max_bytes:
        raise RefusedError("file_differs", "The file that arrived is not the one that was announced. Upload it again.")
    transitions.receive(upload.pk, found.size_bytes, found.etag, plans.limits(upload.owner).input_retention)
    upload.refresh_from_db()


def discard_upload(upload: Upload) -> bool:
    """Let go of a file that no job uses; the sweep deletes it. False: a job uses it, or it is gone already."""
    return transitions.release(upload.pk)


def waiting_uploads(user: User) -> list[Upload]:
    """Files that were received and have no job yet, newest first."""
    waiting = Upload.objects.filter(owner=user, status=UploadStatus.RECEIVED, is_sample=False)
    return list(waiting.order_by("-received_at")[:SHOWN_UPLOADS])


# --- Jobs --------------------------------------------------------------------------------------
def look_before_job(upload: Upload, reference_name: str) -> preflights.Look | None:
    """What stands for or against a job of this upload.

    None: it has a job already, or none can be made of it, which submit_job says; or nobody could
    look, and the job checks for itself.
    """
    if upload.status not in (UploadStatus.CREATED, UploadStatus.RECEIVED):
        return None
    confirm_received(upload)
    return preflights.look_at(upload, reference_name)


def submit_job(
    user: User, *, upload_id: UUID, reference_name: str, submission_key: str, options: dict[str, Any], name: str = ""
) -> Job:
    """Make a job of an upload. The same submission key gives the same job, however often it is sent."""
    earlier = _job_of(user, submission_key)
    if earlier is not None:
        return earlier
    upload = Upload.objects.filter(pk=upload_id, owner=user).select_related("owner").first()
    if upload is None:
        raise RefusedError("upload_unknown", "This upload is not there any more. Upload the file again.")
    _check_open()
    _check_choice(user, reference_name, options)
    confirm_received(upload)
    with transaction.atomic():
        owner = lock_owner(user)
        earlier = _job_of(user, submission_key)  # again, now that nobody else is at it
        if earlier is not None:
            return earlier
        _check_quota(owner)
        if not transitions.consume(upload.pk):
            raise RefusedError(
                "upload_used",
                "This upload has a job already, or its time is up. Use Run again there, or upload the file again.",
            )
        job = _open(upload, submission_key, reference_name, options, name=name)
    job.refresh_from_db()
    return job


def submit_sample(user: User, sample_key: str, submission_key: str) -> Job:
    """Put a sample where an upload would lie and submit it like one."""
    earlier = _job_of(user, submission_key)
    if earlier is not None:
        return earlier
    sample = next((sample for sample in SAMPLES if sample.key == sample_key), None)
    if sample is None:
        raise RefusedError("sample_unknown", "There is no such sample.")
    upload = _announce(user, sample.file_name, sample.path.stat().st_size, is_sample=True)
    try:
        stored = area("inputs").store(sample.path, upload.storage_key, _go_on)
        transitions.receive(upload.pk, stored.size_bytes, stored.etag, plans.limits(upload.owner).input_retention)
        return submit_job(
            user,
            upload_id=upload.pk,
            reference_name=sample.reference_name,
            submission_key=submission_key,
            options={},
            name=sample.title,
        )
    except StorageAwayError as error:
        raise RefusedError("storage_away", "Storage does not answer at the moment. Try again in a minute.") from error
    finally:
        transitions.release(upload.pk)  # refused, or a second click was quicker: nobody uses it


def run_again(
    user: User,
    job: Job,
    submission_key: str,
    *,
    reference_name: str | None = None,
    options: dict[str, Any] | None = None,
) -> Job:
    """A new job on the same upload, with the same choices unless others are given."""
    chosen = job.reference_name if reference_name is None else reference_name
    chosen_options = choices.fitted(job.options if options is None else options, chosen)
    _check_choice(user, chosen, chosen_options)
    with transaction.atomic():
        owner = lock_owner(user)
        earlier = _job_of(user, submission_key)
        if earlier is not None:
            return earlier
        _check_open()
        _check_quota(owner)
        # Locked, so that the upload does not go with its last job while this one is made.
        upload = Upload.objects.select_for_update().filter(pk=job.upload_id, owner=user).first()
        is_there = Job.objects.filter(pk=job.pk).exists()
        if upload is None or upload.status != UploadStatus.CONSUMED or not is_there:
            raise RefusedError("upload_unknown", "The file of this job is not there any more. Upload it again.")
        again = _open(upload, submission_key, chosen, chosen_options, name=job.name, rerun_of=job)
    again.refresh_from_db()
    return again


def delete_job(user: User, job: Job) -> None:
    """Delete a job for good: rows at once, objects by the outbox; the input too when no other job uses it.

    An open one is cancelled first; its worker notices that the row is gone.
    """
    with transaction.atomic():
        # Rows are locked in one order everywhere: user, upload, job.
        list(Upload.objects.select_for_update().filter(pk=job.upload_id))
        if not Job.objects.filter(pk=job.pk, owner=user).exists():
            return
        transitions.cancel(job.pk, by="owner")
        payload = {"prefix": storage.job_prefix(job.owner_id, job.pk)}
        outbox.promise(DELETE_RESULTS, f"{DELETE_RESULTS}:{job.pk}", payload)
        upload_id = job.upload_id
        DeletedJob.objects.create(owner_id=job.owner_id, submitted_at=job.submitted_at)
        Job.objects.get(pk=job.pk).delete()
        transitions.release(upload_id)


# --- Inside ------------------------------------------------------------------------------------
def _open(
    upload: Upload,
    submission_key: str,
    reference_name: str,
    options: dict[str, Any],
    *,
    name: str,
    rerun_of: Job | None = None,
) -> Job:
    job = transitions.open_job(
        owner_id=upload.owner_id,
        upload=upload,
        submission_key=submission_key,
        reference_name=reference_name,
        options=options,
        name=_plain(name) or upload.file_name,
        rerun_of=rerun_of,
        bytes_total=upload.size_bytes or upload.max_bytes,
    )
    transaction.on_commit(lambda: _note_submitted(job), robust=True)
    return job


def _note_submitted(job: Job) -> None:
    """The line that joins a request with the job it made."""
    with logs.bind(user=job.owner_id, job=job.pk):
        logger.info("Submitted.")


def lock_owner(user: User) -> User:
    """The owner's row, held until the transaction ends: counting and adding are one step."""
    return User.objects.select_for_update(no_key=True).get(pk=user.pk)


def _job_of(user: User, submission_key: str) -> Job | None:
    return Job.objects.filter(owner=user, submission_key=submission_key).first()


def _check_open() -> None:
    """Nothing new while submissions are paused; what was submitted before stays."""
    state = pausing.state()
    if state.paused_since is not None:
        raise RefusedError(
            "submissions_paused",
            f"New jobs are paused: {state.pause_reason} Try again later; nothing of yours is lost.",
        )


def _check_choice(user: User, reference_name: str, options: dict[str, Any]) -> None:
    problem = choices.problem(user, reference_name, options)
    if problem is not None:
        raise RefusedError(*problem)


def _check_quota(owner: User) -> None:
    limits = plans.limits(owner)
    if open_jobs(owner) >= limits.max_open_jobs:
        raise RefusedError(
            "too_many_open_jobs",
            f"You have {limits.max_open_jobs} jobs waiting or running, as many as the {limits.plan_name} plan allows. "
            "Wait until one has ended, or cancel one.",
        )
    if jobs_of_a_day(owner) >= limits.max_jobs_per_day:
        raise RefusedError(
            "too_many_jobs_today",
            f"You have submitted {limits.max_jobs_per_day} jobs in the last 24 hours, as many as the "
            f"{limits.plan_name} plan allows. Submit again later.",
        )


def open_jobs(owner: User) -> int:
    """How many jobs of a user wait or run."""
    return Job.objects.filter(owner=owner, status__in=OPEN_STATUSES).count()


def jobs_of_a_day(owner: User) -> int:
    """How many jobs a user has submitted within 24 hours, those that were deleted since too."""
    day = Q(submitted_at__gt=from_now(-COUNTED_FOR))
    return sum(model.objects.filter(day, owner=owner).count() for model in (Job, DeletedJob))


def _go_on() -> None:
    """Nothing stops this transfer."""
