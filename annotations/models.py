"""Uploads, jobs, results and the timeline of a job.

Statuses are written by `annotations.transitions` only; a result's storage columns by
`annotations.transitions` when the job ends and by `archival.transitions` afterwards.
"""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.conf import settings
from django.db import models
from django.db.models import CheckConstraint, F, Q, UniqueConstraint


class UploadStatus(models.TextChoices):
    """CREATED -> RECEIVED -> CONSUMED | EXPIRED."""

    CREATED = "created", "Expected"
    RECEIVED = "received", "Received"
    CONSUMED = "consumed", "In use"
    EXPIRED = "expired", "Expired"


class JobStatus(models.TextChoices):
    """PENDING -> RUNNING -> COMPLETED | FAILED | CANCELLED, and back to PENDING from RUNNING."""

    PENDING = "pending", "Waiting"
    RUNNING = "running", "Running"
    COMPLETED = "completed", "Done"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


FINAL_STATUSES = (JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED)
OPEN_STATUSES = (JobStatus.PENDING, JobStatus.RUNNING)


class StorageState(models.TextChoices):
    """HOT -> ARCHIVING -> COLD -> RESTORING -> HOT; DELETED at erasure."""

    HOT = "hot", "Available"
    ARCHIVING = "archiving", "Being archived"
    COLD = "cold", "Archived"
    RESTORING = "restoring", "Being restored"
    DELETED = "deleted", "Deleted"


class Upload(models.Model):
    """A file that a user sent or is about to send. The key is made here before the first byte."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="uploads")
    status = models.CharField(max_length=16, choices=UploadStatus.choices, default=UploadStatus.CREATED)
    storage_key = models.CharField(max_length=200, unique=True)
    file_name = models.CharField(max_length=255)  # as the user calls it; shown, never used as a path
    max_bytes = models.BigIntegerField()  # the size that was announced: the file has exactly this one
    size_bytes = models.BigIntegerField(null=True, blank=True)
    etag = models.CharField(max_length=128, blank=True, default="")
    is_sample = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    received_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    # What the preflight found, as annotations.genomics.vcf.preflight says it.
    preflight = models.JSONField(null=True, blank=True)

    class Meta:
        constraints = [
            CheckConstraint(name="upload_status_known", condition=Q(status__in=UploadStatus.values)),
            CheckConstraint(
                name="upload_received_has_size",
                condition=Q(status__in=(UploadStatus.CREATED, UploadStatus.EXPIRED)) | Q(size_bytes__isnull=False),
            ),
        ]
        indexes = [
            # The sweep looks for uploads whose time is up, and for those whose object must go.
            models.Index(fields=["expires_at"], name="upload_expiry", condition=Q(expires_at__isnull=False)),
            models.Index(fields=["id"], name="upload_expired", condition=Q(status=UploadStatus.EXPIRED)),
            # The admin's list, newest first.
            models.Index(F("created_at").desc(), F("id"), name="upload_newest"),
        ]

    def __str__(self) -> str:
        return self.file_name


class Job(models.Model):
    """One annotation of one upload against one reference."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="jobs")
    upload = models.ForeignKey(Upload, on_delete=models.PROTECT, related_name="jobs")
    rerun_of = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="reruns")
    submission_key = models.CharField(max_length=64)  # one click, one job
    name = models.CharField(max_length=255)
    reference_name = models.CharField(max_length=64)
    reference_digest = models.CharField(max_length=64, blank=True, default="")
    options = models.JSONField(default=dict)

    status = models.CharField(max_length=16, choices=JobStatus.choices, default=JobStatus.PENDING)
    attempt = models.PositiveIntegerField(default=0)  # only grows: the fence, and the outputs' prefix
    crashes = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    worker = models.CharField(max_length=100, blank=True, default="")

    submitted_at = models.DateTimeField()
    due_at = models.DateTimeField()  # not claimed before: back-off after a crash
    started_at = models.DateTimeField(null=True, blank=True)  # of the latest attempt
    finished_at = models.DateTimeField(null=True, blank=True)

    records_done = models.BigIntegerField(default=0)
    bytes_done = models.BigIntegerField(default=0)
    bytes_total = models.BigIntegerField(default=0)

    # Why it failed: a code of annotations.failures, and where in the file.
    failure_code = models.CharField(max_length=64, blank=True, default="")
    failure_detail = models.JSONField(default=dict)

    class Meta:
        constraints = [
            CheckConstraint(name="job_status_known", condition=Q(status__in=JobStatus.values)),
            CheckConstraint(
                name="job_finished_at_iff_final",
                condition=Q(status__in=FINAL_STATUSES, finished_at__isnull=False)
                | Q(status__in=OPEN_STATUSES, finished_at__isnull=True),
            ),
            CheckConstraint(
                name="job_lease_iff_running",
                condition=Q(status=JobStatus.RUNNING, lease_until__isnull=False)
                | (~Q(status=JobStatus.RUNNING) & Q(lease_until__isnull=True)),
            ),
            UniqueConstraint(fields=["owner", "submission_key"], name="job_one_per_submission"),
        ]
        indexes = [
            # The list of a user's jobs, newest first.
            models.Index(F("owner"), F("submitted_at").desc(), F("id"), name="job_list"),
            # The admin's list, newest first.
            models.Index(F("submitted_at").desc(), F("id"), name="job_newest"),
            # claim_next: the oldest waiting jobs.
            models.Index(fields=["submitted_at"], name="job_waiting", condition=Q(status=JobStatus.PENDING)),
            # The sweep: leases that ran out.
            models.Index(fields=["lease_until"], name="job_leases", condition=Q(status=JobStatus.RUNNING)),
            # Quota and fair share: a user's open jobs.
            models.Index(fields=["owner", "status"], name="job_open", condition=Q(status__in=OPEN_STATUSES)),
            # Metrics and the admin's first page: how the jobs of the last day ended.
            models.Index(fields=["finished_at", "status"], name="job_ended", condition=Q(finished_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_final(self) -> bool:
        """The job has ended and will not change its status again."""
        return self.status in FINAL_STATUSES


COUNTED_FOR = timedelta(days=1)  # how long a job counts in what a plan allows within a day


class DeletedJob(models.Model):
    """A job that its owner deleted. For a day after it was submitted it still counts in what the plan allows."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    submitted_at = models.DateTimeField()

    class Meta:
        indexes = [
            # The quota of a day.
            models.Index(fields=["owner", "submitted_at"], name="deleted_job_day"),
            # The sweep: those that count no more.
            models.Index(fields=["submitted_at"], name="deleted_job_old"),
        ]

    def __str__(self) -> str:
        return f"deleted job of {self.owner_id}"


class OwnSourceStatus(models.TextChoices):
    """CHECKING -> READY | REFUSED."""

    CHECKING = "checking", "Being checked"
    READY = "ready", "Ready"
    REFUSED = "refused", "Refused"


class OwnSource(models.Model):
    """A VCF or BED file of a user that jobs of theirs quote; its file is an upload that it keeps in use."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="own_sources")
    upload = models.OneToOneField(Upload, on_delete=models.PROTECT, related_name="own_source")
    key = models.CharField(max_length=12)  # what its keys in INFO begin with
    reference_name = models.CharField(max_length=64)  # that it is checked against
    assembly = models.CharField(max_length=64)
    status = models.CharField(max_length=16, choices=OwnSourceStatus.choices, default=OwnSourceStatus.CHECKING)
    detail = models.JSONField(default=dict)  # kind, keys and counts; or the sentence of the refusal
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            CheckConstraint(name="own_source_status_known", condition=Q(status__in=OwnSourceStatus.values)),
            UniqueConstraint(fields=["owner", "key"], name="own_source_one_of_a_key"),
        ]

    def __str__(self) -> str:
        return self.key


class Result(models.Model):
    """What a completed job left behind: one row a job, all of one attempt."""

    job = models.OneToOneField(Job, primary_key=True, on_delete=models.CASCADE, related_name="result")
    attempt = models.PositiveIntegerField()
    storage = models.CharField(max_length=16, choices=StorageState.choices, default=StorageState.HOT)
    archive_due_at = models.DateTimeField(null=True, blank=True)
    archived_at = models.DateTimeField(null=True, blank=True)
    restore_requested_at = models.DateTimeField(null=True, blank=True)
    restore_expected_at = models.DateTimeField(null=True, blank=True)
    summary = models.JSONField(default=dict)  # counts by consequence, impact, class…: what the page shows
    records_total = models.BigIntegerField(default=0)
    records_annotated = models.BigIntegerField(default=0)
    records_skipped = models.BigIntegerField(default=0)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            CheckConstraint(name="result_storage_known", condition=Q(storage__in=StorageState.values)),
            CheckConstraint(
                name="result_receipt_adds_up",
                condition=Q(records_total=F("records_annotated") + F("records_skipped")),
            ),
        ]
        indexes = [
            # archival's sweep: what is due to go cold.
            models.Index(fields=["archive_due_at"], name="result_archive_due", condition=Q(storage=StorageState.HOT)),
            # archival's sweep: what is on its way.
            models.Index(
                fields=["storage"],
                name="result_moving",
                condition=Q(storage__in=(StorageState.ARCHIVING, StorageState.RESTORING)),
            ),
        ]

    def __str__(self) -> str:
        return f"result of {self.job_id}"


class OutputKind(models.TextChoices):
    """The files of a result."""

    VCF = "vcf", "Annotated VCF"
    VCF_INDEX = "vcf_index", "Index of the VCF"
    TSV = "tsv", "Table (TSV)"
    PARQUET = "parquet", "Table (Parquet)"
    SUMMARY = "summary", "Summary (JSON)"
    RECEIPT = "receipt", "Receipt: skipped records (TSV)"
    LOG = "log", "Log"


# The large files go to the cold store; summary, receipt and log stay readable.
COLD_KINDS = (OutputKind.VCF, OutputKind.VCF_INDEX, OutputKind.TSV, OutputKind.PARQUET)


class Output(models.Model):
    """One file of a result, with the size and checksum that were read back when it was stored."""

    result = models.ForeignKey(Result, on_delete=models.CASCADE, related_name="outputs")
    kind = models.CharField(max_length=16, choices=OutputKind.choices)
    storage_key = models.CharField(max_length=200)
    file_name = models.CharField(max_length=255)
    size_bytes = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)

    class Meta:
        constraints = [
            CheckConstraint(name="output_kind_known", condition=Q(kind__in=OutputKind.values)),
            UniqueConstraint(fields=["result", "kind"], name="output_one_of_a_kind"),
        ]

    def __str__(self) -> str:
        return self.file_name

    @property
    def is_at_hand(self) -> bool:
        """It can be read now: hot objects stay until the result is COLD, and small files never go."""
        return self.kind not in COLD_KINDS or self.result.storage in (StorageState.HOT, StorageState.ARCHIVING)


class JobEvent(models.Model):
    """One line of a job's timeline, written with the change it tells of."""

    id = models.BigAutoField(primary_key=True)
    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField()
    kind = models.CharField(max_length=64)  # submitted, claimed, lease_lost, given_back, completed, …
    attempt = models.PositiveIntegerField(default=0)
    detail = models.JSONField(default=dict)

    class Meta:
        indexes = [models.Index(fields=["job", "id"], name="event_timeline")]

    def __str__(self) -> str:
        return f"{self.kind} of {self.job_id}"


class OrphanScan(models.Model):
    """How far the sweep has come in its endless walk over the objects of one storage area."""

    area = models.CharField(max_length=16, primary_key=True)
    after_key = models.CharField(max_length=200, blank=True, default="")

    def __str__(self) -> str:
        return f"{self.area} after {self.after_key}"


# The models of the app's own packages: Django finds an app's models by importing this module.
from annotations.explorer.models import Export, SavedFilter  # noqa: E402
from annotations.notes.models import VariantNote  # noqa: E402
from annotations.notices.models import Notice, NoticeKind  # noqa: E402
from annotations.sharing.models import Share, ShareOpening  # noqa: E402
from annotations.webhooks.models import Delivery, DeliveryStatus, Webhook  # noqa: E402

__all__ = [
    "Delivery",
    "DeliveryStatus",
    "Export",
    "Notice",
    "NoticeKind",
    "SavedFilter",
    "Share",
    "ShareOpening",
    "VariantNote",
    "Webhook",
]
