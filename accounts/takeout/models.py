"""Packed data of a user."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import CheckConstraint, Q, UniqueConstraint


class TakeOutStatus(models.TextChoices):
    """How far a pack has come."""

    REQUESTED = "requested", "Being packed"
    READY = "ready", "Ready"


class TakeOut(models.Model):
    """One packing of a user's data; the sweep deletes it with its file when its time is up."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # Protected: the file must go before the row that knows of it.
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="takeouts")
    status = models.CharField(max_length=16, choices=TakeOutStatus.choices, default=TakeOutStatus.REQUESTED)
    size_bytes = models.BigIntegerField(null=True, blank=True)
    requested_at = models.DateTimeField()
    ready_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField()

    class Meta:
        constraints = [
            CheckConstraint(name="takeout_status_known", condition=Q(status__in=TakeOutStatus.values)),
            CheckConstraint(
                name="takeout_ready_has_size",
                condition=Q(status=TakeOutStatus.REQUESTED, ready_at__isnull=True)
                | Q(status=TakeOutStatus.READY, ready_at__isnull=False, size_bytes__isnull=False),
            ),
            UniqueConstraint(
                fields=["user"], name="takeout_one_at_a_time", condition=Q(status=TakeOutStatus.REQUESTED)
            ),
        ]
        indexes = [models.Index(fields=["expires_at"], name="takeout_expiry")]

    def __str__(self) -> str:
        return f"take-out {self.id}"

    @property
    def storage_key(self) -> str:
        """Where the zip lies in the area `takeouts`; the user's own folder."""
        return f"{self.user_id}/{self.id}.zip"
