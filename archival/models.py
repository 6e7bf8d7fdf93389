"""What goes cold and comes back: the work on results, cold copies, recalls, the ledger of requests.

`Result.storage` itself is written by `archival.transitions`; the rows here say what is still to be
done and what lies where.
"""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import CheckConstraint, Q

from annotations.models import Job, Output, Result


class Tier(models.TextChoices):
    """How fast, and how dear, the cold store is asked to be."""

    EXPEDITED = "Expedited", "Expedited"
    STANDARD = "Standard", "Standard"
    BULK = "Bulk", "Bulk"


class RecallCause(models.TextChoices):
    """Why results were asked back."""

    UPGRADE = "upgrade", "The owner's plan keeps results at hand"
    HAND = "hand", "Asked for by hand"


class Recall(models.Model):
    """Results that were asked back together: they share a tier, and one mail when all are back."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="recalls")
    cause = models.CharField(max_length=16, choices=RecallCause.choices)
    cause_key = models.CharField(max_length=100, unique=True)  # one recall for one change of plan, one click
    tier = models.CharField(max_length=16, choices=Tier.choices)
    results_back = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField()
    gathered_at = models.DateTimeField(null=True, blank=True)  # from then on no result joins
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            CheckConstraint(name="recall_cause_known", condition=Q(cause__in=RecallCause.values)),
            CheckConstraint(name="recall_tier_known", condition=Q(tier__in=Tier.values)),
            CheckConstraint(
                name="recall_finished_after_gathered",
                condition=Q(finished_at__isnull=True) | Q(gathered_at__isnull=False),
            ),
        ]
        indexes = [
            # The sweep asks which recalls may be complete.
            models.Index(fields=["created_at"], name="recall_open", condition=Q(finished_at__isnull=True)),
        ]

    def __str__(self) -> str:
        return f"recall {self.id}"


class Custody(models.Model):
    """The work on one result's storage: made when it first goes cold, kept as long as the result.

    `due_at` is set exactly while the result is ARCHIVING or RESTORING: the next moment to act.
    """

    result = models.OneToOneField(Result, primary_key=True, on_delete=models.CASCADE, related_name="custody")
    due_at = models.DateTimeField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)  # saves double work; not needed for correctness
    tries = models.PositiveIntegerField(default=0)  # failures in a row
    last_error = models.CharField(max_length=500, blank=True, default="")
    recall = models.ForeignKey(Recall, null=True, blank=True, on_delete=models.SET_NULL, related_name="custodies")
    # When its owner or an admin sent it to the cold store by hand: what a plan says came before is not undone.
    by_hand_at = models.DateTimeField(null=True, blank=True)
    rounds = models.PositiveIntegerField(default=0)  # times it went cold; names the hot objects to come

    class Meta:
        verbose_name_plural = "custodies"
        indexes = [
            # The sweep asks for what is due, oldest first.
            models.Index(fields=["due_at"], name="custody_due", condition=Q(due_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"custody of {self.result_id}"


class ColdCopy(models.Model):
    """One object of the cold store. The row is made before the object and goes after it.

    Deleting the output leaves the row without one: the sweep then deletes the object, then the row.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    output = models.OneToOneField(Output, null=True, on_delete=models.SET_NULL, related_name="cold_copy")
    owner_id = models.UUIDField(db_index=True)  # outlives the job, so that erasing its owner finds it
    storage_key = models.CharField(max_length=200, unique=True)
    storage_class = models.CharField(max_length=16)
    size_bytes = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    stored_at = models.DateTimeField(null=True, blank=True)  # when the object was first seen whole
    verified_at = models.DateTimeField(null=True, blank=True)  # in this round; without it no hot object goes
    # The way back: asked for, expected by the store's own figures, copied to hot storage.
    asked_at = models.DateTimeField(null=True, blank=True)
    tier = models.CharField(max_length=16, choices=Tier.choices, blank=True, default="")
    expected_at = models.DateTimeField(null=True, blank=True)
    back_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "cold copies"
        constraints = [
            CheckConstraint(name="cold_copy_tier_known", condition=Q(tier__in=["", *Tier.values])),
            CheckConstraint(
                name="cold_copy_verified_is_stored", condition=Q(verified_at__isnull=True) | Q(stored_at__isnull=False)
            ),
        ]
        indexes = [
            # The sweep asks for objects whose output is gone.
            models.Index(fields=["storage_key"], name="cold_copy_abandoned", condition=Q(output__isnull=True)),
        ]

    def __str__(self) -> str:
        return self.storage_key

    @property
    def source(self) -> Output:
        """The output it is a copy of. Raises LookupError when that was deleted."""
        if self.output is None:
            raise LookupError(f"the output of {self.storage_key} was deleted")
        return self.output


class Removal(models.Model):
    """A hot object that must go, promised in the transaction that made it needless."""

    storage_key = models.CharField(primary_key=True, max_length=200)
    promised_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["promised_at"], name="removal_oldest")]

    def __str__(self) -> str:
        return self.storage_key


class Operation(models.TextChoices):
    """What is asked of the stores, as the ledger counts it."""

    ARCHIVE = "archive", "Copies to the cold store"
    EXPEDITED = "Expedited", "Expedited retrievals"
    STANDARD = "Standard", "Standard retrievals"
    BULK = "Bulk", "Bulk retrievals"
    LOOK = "look", "Looks at the state of a copy"
    RETURN = "return", "Copies back to hot storage"
    EARLY_DELETION = "early_deletion", "Deletions before the class's minimum age"


class LedgerLine(models.Model):
    """What one user's results asked of the stores in one month, by operation."""

    id = models.BigAutoField(primary_key=True)
    owner_id = models.UUIDField()
    month = models.DateField()  # its first day
    operation = models.CharField(max_length=16, choices=Operation.choices)
    storage_class = models.CharField(max_length=16)
    requests = models.BigIntegerField(default=0)
    size_bytes = models.BigIntegerField(default=0)
    byte_days = models.BigIntegerField(default=0)  # of early deletions: bytes times the days that were missing

    class Meta:
        constraints = [
            CheckConstraint(name="ledger_operation_known", condition=Q(operation__in=Operation.values)),
            models.UniqueConstraint(
                fields=["owner_id", "month", "operation", "storage_class"], name="ledger_one_line_each"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.month:%Y-%m} {self.operation}"


class NoticeDay(models.Model):
    """A day whose results have been looked through, so that their owners are told the day before."""

    day = models.DateField(primary_key=True)
    noticed_at = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.day)


class StoredResult(Result):
    """A result as the admin of storage sees it."""

    class Meta:
        proxy = True


class VaultImport(models.Model):
    """One archive of an old Glacier vault on its way into a user's list of jobs."""

    id = models.BigAutoField(primary_key=True)
    vault = models.CharField(max_length=255)
    archive_id = models.CharField(max_length=255)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    file_name = models.CharField(max_length=255)
    tree_hash = models.CharField(max_length=64)  # SHA-256 tree hash, from the vault's inventory
    retrieval_id = models.CharField(max_length=255, blank=True, default="")
    job = models.ForeignKey(Job, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    imported_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["vault", "archive_id"], name="vault_import_once")]

    def __str__(self) -> str:
        return f"{self.vault}/{self.archive_id}"
