"""Rows that belong to no app: the outbox, the sweeps' turns, pauses, incidents, the audit log."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import CheckConstraint, Q


class OutboxStatus(models.TextChoices):
    """What became of a promised effect."""

    PENDING = "pending", "Waiting"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"


class OutboxMessage(models.Model):
    """One effect outside the database (a mail, a doorbell, a call) that a transaction promised.

    Written in the transaction that decides it, done afterwards by the sweep, retried with back-off.
    `dedupe_key` makes the promise unique: the same effect cannot be promised twice while its row is kept.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=64)
    dedupe_key = models.CharField(max_length=200, unique=True)
    payload = models.JSONField(default=dict)
    status = models.CharField(max_length=16, choices=OutboxStatus.choices, default=OutboxStatus.PENDING)
    tries = models.PositiveIntegerField(default=0)
    due_at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    done_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=500, blank=True, default="")

    class Meta:
        constraints = [
            CheckConstraint(name="outbox_status_known", condition=Q(status__in=OutboxStatus.values)),
            CheckConstraint(
                name="outbox_done_at_iff_done",
                condition=Q(status=OutboxStatus.DONE, done_at__isnull=False)
                | (~Q(status=OutboxStatus.DONE) & Q(done_at__isnull=True)),
            ),
        ]
        indexes = [
            # The sweep asks for the oldest due messages, every period; the metrics count them at each scrape.
            models.Index(fields=["due_at"], name="outbox_due", condition=Q(status=OutboxStatus.PENDING)),
            # The metrics count what failed for good; the admin's start page shows the newest of it.
            models.Index(fields=["created_at"], name="outbox_failed", condition=Q(status=OutboxStatus.FAILED)),
            # The sweep deletes what was done long ago.
            models.Index(fields=["done_at"], name="outbox_done", condition=Q(status=OutboxStatus.DONE)),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.dedupe_key}"


class SweepRun(models.Model):
    """Whose turn a sweep is: a conditional UPDATE on this row lets one run at a time."""

    name = models.CharField(max_length=64, primary_key=True)
    running_until = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.name


class ServiceState(models.Model):
    """The one row that pauses the service; written by gas.pausing alone."""

    ONLY = 1

    id = models.PositiveSmallIntegerField(primary_key=True, default=ONLY, editable=False)
    paused_since = models.DateTimeField(null=True, blank=True)
    pause_reason = models.CharField(max_length=300, blank=True, default="")
    draining_since = models.DateTimeField(null=True, blank=True)
    banner = models.CharField(max_length=300, blank=True, default="")

    class Meta:
        constraints = [
            CheckConstraint(name="service_state_is_one_row", condition=Q(id=1)),
            CheckConstraint(
                name="service_pause_has_a_reason",
                condition=Q(paused_since__isnull=True, pause_reason="")
                | (Q(paused_since__isnull=False) & ~Q(pause_reason="")),
            ),
        ]
        verbose_name = verbose_name_plural = "pause and banner"

    def __str__(self) -> str:
        return "pause and banner"


class Incident(models.Model):
    """The traceback behind a code that a user or a job's timeline names; forgotten after a while."""

    code = models.CharField(max_length=80, primary_key=True)  # a request's id, or job/attempt
    at = models.DateTimeField()
    place = models.CharField(max_length=200)  # a route, or the worker that ran the attempt
    error = models.CharField(max_length=200)
    traceback = models.TextField()

    class Meta:
        indexes = [models.Index(fields=["at"], name="incident_at")]

    def __str__(self) -> str:
        return self.code


class WorkerSeen(models.Model):
    """A worker process and when it was last heard of; see gas.beacon."""

    name = models.CharField(max_length=120, primary_key=True)
    kind = models.CharField(max_length=16)
    version = models.CharField(max_length=32)
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name


class AuditSalt(models.Model):
    """A person's own salt: without it, nobody can say which audit entries were theirs."""

    person_id = models.UUIDField(primary_key=True)
    salt = models.BinaryField()

    def __str__(self) -> str:
        return str(self.person_id)


class AuditSeal(models.Model):
    """A batch of audit entries, closed by a digest over them and over the seal before."""

    number = models.BigIntegerField(primary_key=True)  # 1, 2, 3…: two sealers cannot make the same one
    digest = models.CharField(max_length=64)
    entries_count = models.PositiveIntegerField()
    sealed_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"seal {self.number}"


class AuditEntry(models.Model):
    """One line of the append-only audit log: who did what to which object, and why."""

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(auto_now_add=True)
    actor = models.CharField(max_length=64, blank=True, default="")  # HMAC of the person, never the person
    action = models.CharField(max_length=64)
    target = models.CharField(max_length=200, blank=True, default="")
    detail = models.JSONField(default=dict)
    seal = models.ForeignKey(AuditSeal, null=True, blank=True, on_delete=models.PROTECT, related_name="entries")

    class Meta:
        indexes = [
            models.Index(fields=["at"], name="audit_at"),
            # The sealer asks for what is not sealed, every period.
            models.Index(fields=["id"], name="audit_unsealed", condition=Q(seal__isnull=True)),
        ]
        verbose_name_plural = "audit entries"

    def __str__(self) -> str:
        return f"{self.action} {self.target}"
