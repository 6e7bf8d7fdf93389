"""Deletions of accounts, asked for, under way and done."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import CheckConstraint, Q, UniqueConstraint


class ErasureStatus(models.TextChoices):
    """How far a deletion has come."""

    SCHEDULED = "scheduled", "Asked for"
    ERASING = "erasing", "Under way"
    DONE = "done", "Done"
    WITHDRAWN = "withdrawn", "Taken back"


OPEN_STATUSES = (ErasureStatus.SCHEDULED, ErasureStatus.ERASING)


class Erasure(models.Model):
    """One wish to delete an account. Statuses are written by accounts.erasure.work only.

    It names the user by id alone and outlives them, so that invariants can look for what was left.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user_id = models.UUIDField()
    status = models.CharField(max_length=16, choices=ErasureStatus.choices, default=ErasureStatus.SCHEDULED)
    requested_at = models.DateTimeField()
    due_at = models.DateTimeField()
    tries = models.PositiveIntegerField(default=0)
    next_try_at = models.DateTimeField(null=True, blank=True)
    waiting_for = models.CharField(max_length=64, blank=True, default="")  # the step that failed last
    last_error = models.CharField(max_length=300, blank=True, default="")
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            CheckConstraint(name="erasure_status_known", condition=Q(status__in=ErasureStatus.values)),
            CheckConstraint(
                name="erasure_ended_at_iff_ended",
                condition=Q(status__in=OPEN_STATUSES, ended_at__isnull=True)
                | (~Q(status__in=OPEN_STATUSES) & Q(ended_at__isnull=False)),
            ),
            UniqueConstraint(fields=["user_id"], name="erasure_one_open", condition=Q(status__in=OPEN_STATUSES)),
        ]
        indexes = [
            # The sweep: whose day of grace is over, and what is under way.
            models.Index(fields=["due_at"], name="erasure_due", condition=Q(status__in=OPEN_STATUSES)),
        ]

    def __str__(self) -> str:
        return f"deletion of user {self.user_id}"
