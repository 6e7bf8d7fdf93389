"""What must never be, looked for in rows and objects; `manage.py check_invariants` runs these.

Objects without a row are looked for without mercy: a running service is allowed them until its
next sweeps, so ask again after those.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta

from django.db.models import F, Q

from annotations import storage, transitions
from annotations.areas import AreaName, ObjectChangedError, area, digest_of
from annotations.models import (
    FINAL_STATUSES,
    OPEN_STATUSES,
    Job,
    JobEvent,
    JobStatus,
    Output,
    OutputKind,
    OwnSource,
    OwnSourceStatus,
    Result,
    StorageState,
    Upload,
    UploadStatus,
)
from gas import registry
from gas.clock import database_now, from_now
from gas.models import OutboxMessage

# A lease, two periods of the sweep, and as much again: what ends later than that was forgotten.
RECOVERY = timedelta(seconds=120) + 2 * transitions.LEASE
FORGOTTEN = timedelta(days=2)  # longer than the outbox tries
PAGE = 1000


@registry.invariant("1 each job ends once")
def each_job_ends_once(*, deep: bool) -> Iterable[str]:
    """Final jobs tell of one end; running ones have a living lease; failed ones have a reason."""
    ends = ("completed", "failed", "cancelled")
    for job in Job.objects.filter(status__in=FINAL_STATUSES).iterator(chunk_size=PAGE):
        told = list(JobEvent.objects.filter(job=job, kind__in=ends).values_list("kind", flat=True))
        if told != [job.status]:
            yield f"job {job.pk} is {job.status} and its timeline tells of {told}"
        if job.status == JobStatus.FAILED and not job.failure_code:
            yield f"job {job.pk} failed without a reason"
    for job in Job.objects.filter(status=JobStatus.RUNNING, lease_until__lt=from_now(-RECOVERY)):
        yield f"job {job.pk} runs on a lease that ran out at {job.lease_until}"
    later = Job.objects.filter(status__in=OPEN_STATUSES).filter(Q(crashes__gte=transitions.MAX_CRASHES))
    for job in later:
        yield f"job {job.pk} is {job.status} after {job.crashes} crashes, due at {job.due_at}"


@registry.invariant("2 one result of one attempt")
def one_result_of_one_attempt(*, deep: bool) -> Iterable[str]:
    """A completed job has one result of its last attempt; no other job has any."""
    for job_id in Job.objects.filter(status=JobStatus.COMPLETED, result__isnull=True).values_list("pk", flat=True):
        yield f"job {job_id} is completed and has no result"
    wrong = ~Q(job__status=JobStatus.COMPLETED) | ~Q(attempt=F("job__attempt"))
    for result in Result.objects.filter(wrong):
        yield f"job {result.job_id} has a result of attempt {result.attempt} that it should not have"
    for result in Result.objects.prefetch_related("outputs").iterator(chunk_size=PAGE):
        for output in result.outputs.all():
            if f"/{result.job_id}/{result.attempt}/" not in f"/{output.storage_key}":
                yield f"output {output.storage_key} is not of attempt {result.attempt} of job {result.job_id}"


@registry.invariant("3 one mail at the end")
def one_mail_at_the_end(*, deep: bool) -> Iterable[str]:
    """A job that was done or failed has one promise of a mail, any other none; done promises may be purged later."""
    promised = Counter(OutboxMessage.objects.filter(kind=transitions.JOB_ENDED).values_list("payload__job", flat=True))
    recently = database_now() - timedelta(hours=1)
    for job_id, status, ended_at in Job.objects.values_list("pk", "status", "finished_at").iterator(chunk_size=PAGE):
        allowed = 1 if status in (JobStatus.COMPLETED, JobStatus.FAILED) else 0
        found = promised[str(job_id)]
        if found > allowed or (ended_at is not None and found < allowed and ended_at > recently):
            yield f"job {job_id} is {status} and has {found} mails promised"


@registry.invariant("4 results are as recorded")
def results_are_as_recorded(*, deep: bool) -> Iterable[str]:
    """Each output of a hot result is there with its size; with `deep`, with its checksum."""
    hot = area("results")
    kept_hot = (StorageState.HOT, StorageState.ARCHIVING)
    for output in Output.objects.filter(result__storage__in=kept_hot).iterator(chunk_size=PAGE):
        if hot.size(output.storage_key) != output.size_bytes:
            yield f"output {output.storage_key} is not there with {output.size_bytes} bytes"
        elif deep:
            try:
                with hot.open(output.storage_key) as stream:
                    found = digest_of(stream)
            except ObjectChangedError:
                found = (0, "")
            if found != (output.size_bytes, output.sha256):
                yield f"output {output.storage_key} does not have the checksum of its row"
    for result in Result.objects.exclude(outputs__kind=OutputKind.VCF).exclude(storage=StorageState.DELETED):
        yield f"the result of job {result.job_id} has no annotated VCF"


@registry.invariant("7 no object without a row, no row without an object")
def objects_and_rows_match(*, deep: bool) -> Iterable[str]:
    """Walks both areas; and looks for the object of each upload that a job may need."""
    names: tuple[AreaName, ...] = ("inputs", "results")
    for name in names:
        after = ""
        while keys := area(name).keys(after, PAGE):
            for key in storage.orphans(name, keys):
                yield f"object {name}/{key} belongs to no row"
            after = keys[-1]
        for key, _ in area(name).unfinished():
            for orphan in storage.orphans(name, [key]):
                yield f"an unfinished upload of {name}/{orphan} belongs to no row"
    inputs = area("inputs")
    present = (UploadStatus.RECEIVED, UploadStatus.CONSUMED)
    for upload in Upload.objects.filter(status__in=present).iterator(chunk_size=PAGE):
        if inputs.size(upload.storage_key) != upload.size_bytes:
            yield f"upload {upload.pk} is {upload.status} and its object is not there with its size"
    for upload in Upload.objects.filter(status=UploadStatus.CONSUMED, jobs__isnull=True, own_source__isnull=True):
        yield f"upload {upload.pk} is in use by no job and no source"
    for source in OwnSource.objects.exclude(upload__status=UploadStatus.CONSUMED).select_related("upload"):
        yield f"the upload of source {source.pk} is {source.upload.status}"
    for source in OwnSource.objects.exclude(upload__owner=F("owner")):
        yield f"source {source.pk} is of another owner than its upload"
    forgotten = OwnSource.objects.filter(status=OwnSourceStatus.CHECKING, created_at__lt=from_now(-FORGOTTEN))
    for source in forgotten:
        yield f"source {source.pk} is being checked since {source.created_at}"
    late = Upload.objects.filter(expires_at__lt=from_now(-RECOVERY))
    for upload in late.filter(status__in=(UploadStatus.CREATED, UploadStatus.RECEIVED)):
        yield f"upload {upload.pk} should have expired at {upload.expires_at}"


@registry.invariant("9 records in are records out")
def records_add_up(*, deep: bool) -> Iterable[str]:
    """A result counts each record once, and tells as many skipped ones as its receipt lists."""
    for result in Result.objects.exclude(records_total=F("records_annotated") + F("records_skipped")):
        yield f"the receipt of job {result.job_id} does not add up"
    if not deep:
        return
    receipts = Output.objects.filter(kind=OutputKind.RECEIPT, result__storage=StorageState.HOT).select_related("result")
    for output in receipts.iterator(chunk_size=PAGE):
        with storage.open_output(output) as stream:
            lines = sum(1 for line in stream if not line.startswith(b"#"))
        if lines != output.result.records_skipped:
            skipped = output.result.records_skipped
            yield f"the receipt of job {output.result_id} lists {lines} of {skipped} skipped records"
