"""The only writer of Result.storage once the job is finished.

    HOT -> ARCHIVING -> COLD -> RESTORING -> HOT
           ARCHIVING -> HOT      the owner's plan keeps results at hand, or the archive was called off

Every move is one conditional UPDATE that names the state it leaves; whoever changes no row was too
late and does nothing. Where the owner's plan decides, the owner's row is locked first, as it is
when the plan changes: so the plan that was read is the plan of now. Each move writes its line of
the job's timeline in the same transaction.

What is recorded here comes before what is deleted: a hot object becomes a Removal in the very
transaction that makes the result COLD, and that needs a verified copy of each output. The same
transaction gives the outputs the keys under which they will come back. So a worker that was
stopped in the middle of a deletion and goes on hours later deletes an object that nobody needs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from accounts import plans
from accounts.models import User
from annotations.models import COLD_KINDS, JobEvent, Output, Result, StorageState
from annotations.storage import job_prefix
from archival.models import ColdCopy, Custody, Recall, Removal
from gas.clock import from_now

ALLOWED: dict[StorageState, frozenset[StorageState]] = {
    StorageState.HOT: frozenset({StorageState.ARCHIVING}),
    StorageState.ARCHIVING: frozenset({StorageState.COLD, StorageState.HOT}),
    StorageState.COLD: frozenset({StorageState.RESTORING}),
    StorageState.RESTORING: frozenset({StorageState.HOT}),
    StorageState.DELETED: frozenset(),
}
_GONE_HOME = {"due_at": None, "tries": 0, "last_error": "", "recall": None}


# --- Going cold ----------------------------------------------------------------------------------
def begin_archiving_due(result_id: UUID, storage_class: str) -> bool:
    """HOT -> ARCHIVING because the time is up. False: it is not, or the plan of now keeps it hot."""
    with transaction.atomic():
        result, owner = _locked(result_id)
        if result is None or owner is None:
            return False
        if plans.limits(owner).hot_retention is None:
            Result.objects.filter(pk=result_id, storage=StorageState.HOT).update(archive_due_at=None)
            return False
        return _begin_archiving(result, storage_class, Q(archive_due_at__lte=Now()), by="plan")


def begin_archiving_by_hand(result_id: UUID, storage_class: str, by: str) -> bool:
    """HOT -> ARCHIVING because a person (`by`: owner or staff) said so. False: it is not hot."""
    with transaction.atomic():
        result, _ = _locked(result_id)
        return result is not None and _begin_archiving(result, storage_class, Q(), by=by)


def _begin_archiving(result: Result, storage_class: str, where: Q, by: str) -> bool:
    if not _move(where & Q(pk=result.pk), StorageState.HOT, StorageState.ARCHIVING, archive_due_at=None):
        return False
    by_hand_at = None if by == "plan" else Now()
    Custody.objects.update_or_create(
        result=result, defaults={"due_at": Now(), "by_hand_at": by_hand_at, "lease_until": None, "tries": 0}
    )
    for output in result.outputs.filter(kind__in=COLD_KINDS):
        # Verified anew in each round: a copy made months ago proves nothing about today.
        ColdCopy.objects.update_or_create(
            output=output,
            defaults={"verified_at": None},
            create_defaults={
                "owner_id": result.job.owner_id,
                "storage_key": f"{job_prefix(result.job.owner_id, result.pk)}{result.attempt}/{output.kind}",
                "storage_class": storage_class,
                "size_bytes": output.size_bytes,
                "sha256": output.sha256,
            },
        )
    _tell([result.pk], "archiving", by=by)
    return True


def finish_archiving(result_id: UUID) -> list[str]:
    """ARCHIVING -> COLD if every large output has a verified copy; the hot keys that must go now.

    Empty: another did it, the archive was called off, or a copy is not verified.
    """
    with transaction.atomic():
        result, _ = _locked(result_id)
        if result is None:
            return []
        outputs = list(result.outputs.filter(kind__in=COLD_KINDS).select_related("cold_copy"))
        if not all(hasattr(output, "cold_copy") and output.cold_copy.verified_at for output in outputs):
            return []
        if not _move(Q(pk=result_id), StorageState.ARCHIVING, StorageState.COLD, archived_at=Now()):
            return []
        custody = Custody.objects.get(result=result)
        rounds = custody.rounds + 1
        Custody.objects.filter(pk=custody.pk).update(**_GONE_HOME, rounds=rounds)
        keys = [output.storage_key for output in outputs]
        Removal.objects.bulk_create(
            [Removal(storage_key=key, promised_at=Now()) for key in keys], ignore_conflicts=True
        )
        for output in outputs:
            key = f"{job_prefix(result.job.owner_id, result.pk)}{result.attempt}/{output.kind}.{rounds}"
            Output.objects.filter(pk=output.pk).update(storage_key=key)
        _tell([result_id], "archived", bytes=sum(output.size_bytes for output in outputs))
    return keys


def call_off_archiving(result_ids: Sequence[UUID]) -> int:
    """ARCHIVING -> HOT: the hot objects are all still there. How many were not too late."""
    with transaction.atomic():
        moving = Result.objects.select_for_update().filter(pk__in=result_ids, storage=StorageState.ARCHIVING)
        found = list(moving.values_list("pk", flat=True))
        _move(Q(pk__in=found), StorageState.ARCHIVING, StorageState.HOT)
        Custody.objects.filter(pk__in=found).update(**_GONE_HOME, by_hand_at=None)
        _tell(found, "archiving_called_off")
    return len(found)


# --- Coming back ---------------------------------------------------------------------------------
def begin_restoring(result_ids: Sequence[UUID], recall: Recall) -> int:
    """COLD -> RESTORING for those that are cold; how many."""
    with transaction.atomic():
        cold = Result.objects.select_for_update().filter(pk__in=result_ids, storage=StorageState.COLD)
        found = list(cold.values_list("pk", flat=True))
        _move(Q(pk__in=found), StorageState.COLD, StorageState.RESTORING, restore_requested_at=Now())
        Custody.objects.filter(pk__in=found).update(
            recall=recall, due_at=Now(), lease_until=None, tries=0, last_error="", by_hand_at=None
        )
        ColdCopy.objects.filter(output__result__in=found).update(asked_at=None, tier="", expected_at=None, back_at=None)
        _tell(found, "restoring", cause=recall.cause)
    return len(found)


def finish_restoring(result_id: UUID) -> bool:
    """RESTORING -> HOT if every large output is back; the timer starts anew where the plan of now has one."""
    with transaction.atomic():
        result, owner = _locked(result_id)
        if result is None or owner is None:
            return False
        outputs = result.outputs.filter(kind__in=COLD_KINDS)
        if outputs.filter(Q(cold_copy__isnull=True) | Q(cold_copy__back_at__isnull=True)).exists():
            return False
        retention = plans.limits(owner).hot_retention
        changes = {
            "archive_due_at": None if retention is None else from_now(retention),
            "archived_at": None,
            "restore_requested_at": None,
            "restore_expected_at": None,
        }
        if not _move(Q(pk=result_id), StorageState.RESTORING, StorageState.HOT, **changes):
            return False
        recall_id = Custody.objects.values_list("recall", flat=True).get(result=result)
        Custody.objects.filter(result=result).update(**_GONE_HOME)
        ColdCopy.objects.filter(output__result=result).update(asked_at=None, tier="", expected_at=None, back_at=None)
        Recall.objects.filter(pk=recall_id).update(results_back=F("results_back") + 1)
        _tell([result_id], "restored")
    return True


# --- The timer -----------------------------------------------------------------------------------
def stop_timers(owner: User) -> int:
    """The plan keeps results hot: nothing of this owner is due any more. Inside the owner's lock."""
    timed = Result.objects.filter(job__owner=owner, storage=StorageState.HOT, archive_due_at__isnull=False)
    return Result.objects.filter(pk__in=timed.values("pk")).update(archive_due_at=None)


def start_timers(owner: User, retention: timedelta) -> int:
    """The plan archives: all hot results of this owner get the whole time, counted from now.

    Inside the owner's lock, and safe to repeat: results that have had it since the plan changed keep it.
    """
    untimed = Q(archive_due_at__isnull=True)
    if owner.plan_changed_at is not None:
        untimed |= Q(archive_due_at__lt=owner.plan_changed_at + retention)
    hot = Result.objects.filter(untimed, job__owner=owner, storage=StorageState.HOT)
    return Result.objects.filter(pk__in=hot.values("pk")).update(archive_due_at=from_now(retention))


# --- Inside --------------------------------------------------------------------------------------
def _move(where: Q, source: StorageState, target: StorageState, **changes: Any) -> int:
    """One conditional UPDATE; how many rows it changed."""
    if target not in ALLOWED[source]:
        raise ValueError(f"a result does not go from {source} to {target}")
    return Result.objects.filter(where, storage=source).update(storage=target, **changes)


def _locked(result_id: UUID) -> tuple[Result | None, User | None]:
    """The result and its owner, in the order owner, result: the order in which a change of plan locks."""
    owner = User.objects.select_for_update(of=("self",), no_key=True).filter(jobs__result=result_id).first()
    if owner is None:
        return None, None
    result = Result.objects.select_for_update(of=("self",)).select_related("job").filter(pk=result_id).first()
    return result, owner


def _tell(result_ids: Iterable[UUID], kind: str, **detail: Any) -> None:
    attempts = Result.objects.filter(pk__in=list(result_ids)).values_list("pk", "attempt")
    JobEvent.objects.bulk_create(
        JobEvent(job_id=pk, at=Now(), kind=kind, attempt=attempt, detail=detail) for pk, attempt in attempts
    )
