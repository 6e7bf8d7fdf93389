"""What a user is told in the pages."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import CheckConstraint, Q


class NoticeKind(models.TextChoices):
    """What happened; the values are the types of a webhook's events."""

    JOB_COMPLETED = "job.completed", "Done"
    JOB_FAILED = "job.failed", "Failed"
    GOING_COLD = "results.going_cold", "Archived tomorrow"
    RESTORED = "results.restored", "Back from the archive"
    SHARED = "result.shared", "Shared with you"


class Notice(models.Model):
    """One thing that happened, read or not."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notices")
    kind = models.CharField(max_length=32, choices=NoticeKind.choices)
    key = models.CharField(max_length=200, unique=True)  # the same thing is told once
    job = models.ForeignKey("annotations.Job", null=True, blank=True, on_delete=models.CASCADE, related_name="notices")
    detail = models.JSONField(default=dict)  # figures
    at = models.DateTimeField()
    read_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [CheckConstraint(name="notice_kind_known", condition=Q(kind__in=NoticeKind.values))]
        indexes = [
            # The list of a user's notices, newest first.
            models.Index(fields=["user", "-at"], name="notice_list"),
            # The number in the head of every page.
            models.Index(fields=["user"], name="notice_unread", condition=Q(read_at__isnull=True)),
            # The sweep: what is old.
            models.Index(fields=["at"], name="notice_age"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"
