"""Filters that a user keeps, and files of filtered alleles that a worker makes."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import CheckConstraint, Q, UniqueConstraint


class SavedFilter(models.Model):
    """A filter under a name, of use for every job of its owner."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_filters")
    name = models.CharField(max_length=80)
    query = models.TextField(max_length=60_000)  # as the table's address says it
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [UniqueConstraint(fields=["owner", "name"], name="saved_filter_one_of_a_name")]

    def __str__(self) -> str:
        return self.name


class ExportKind(models.TextChoices):
    """The formats of a download."""

    VCF = "vcf", "VCF"
    TSV = "tsv", "TSV"
    XLSX = "xlsx", "Excel"
    PARQUET = "parquet", "Parquet"


class ExportStatus(models.TextChoices):
    """REQUESTED -> READY | FAILED."""

    REQUESTED = "requested", "Being made"
    READY = "ready", "Ready"
    FAILED = "failed", "Failed"


class Export(models.Model):
    """A file that a worker makes; the sweep deletes it when its time is up, a job's deletion before that."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    job = models.ForeignKey("annotations.Job", on_delete=models.CASCADE, related_name="exports")
    kind = models.CharField(max_length=16, choices=ExportKind.choices)
    query = models.TextField(max_length=60_000)  # filters, sorting and columns as the table's address says them
    status = models.CharField(max_length=16, choices=ExportStatus.choices, default=ExportStatus.REQUESTED)
    storage_key = models.CharField(max_length=200, unique=True)
    tries = models.PositiveIntegerField(default=0)  # only grows: the fence of the worker that has it
    lease_until = models.DateTimeField(null=True, blank=True)
    alleles_total = models.BigIntegerField()
    alleles_done = models.BigIntegerField(default=0)
    size_bytes = models.BigIntegerField(null=True, blank=True)
    failure = models.CharField(max_length=200, blank=True, default="")  # a sentence for the user
    requested_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        constraints = [
            CheckConstraint(name="export_status_known", condition=Q(status__in=ExportStatus.values)),
            CheckConstraint(name="export_kind_known", condition=Q(kind__in=ExportKind.values)),
            CheckConstraint(
                name="export_ready_has_size",
                condition=~Q(status=ExportStatus.READY) | Q(size_bytes__isnull=False),
            ),
        ]
        indexes = [
            # Workers and the sweep: what waits, oldest first.
            models.Index(fields=["requested_at"], name="export_waiting", condition=Q(status=ExportStatus.REQUESTED)),
            models.Index(fields=["expires_at"], name="export_expiry"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.job_id}"

    @property
    def percent(self) -> int:
        """How much of it is made."""
        return int(100 * self.alleles_done / self.alleles_total) if self.alleles_total else 0
