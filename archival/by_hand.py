"""Archiving and asking back by hand: one result, because a person said so."""

from __future__ import annotations

from accounts.models import User
from annotations.models import Result
from archival import recalls, transitions
from archival.follow_plan import SWEEP_TASK
from archival.models import Custody
from archival.stores import cold_store
from gas import audit, doorbell


def archive(result: Result, by: User) -> bool:
    """Send a hot result to the cold store. False: it is not hot any more."""
    role = "owner" if by.pk == result.job.owner_id else "staff"
    if not transitions.begin_archiving_by_hand(result.pk, cold_store().storage_class, by=role):
        return False
    audit.record("archive result", by, f"job:{result.pk}")
    doorbell.ring(SWEEP_TASK, queue="control")
    return True


def ask_back(result: Result, by: User) -> bool:
    """Ask a cold result back. False: it is not cold. Two clicks are one recall."""
    rounds = Custody.objects.filter(pk=result.pk).values_list("rounds", flat=True).first()
    if rounds is None:
        return False
    if not recalls.ask_back_by_hand(result.job.owner, [result.pk], f"hand:{result.pk}:{rounds}"):
        return False
    audit.record("ask result back", by, f"job:{result.pk}")
    doorbell.ring(SWEEP_TASK, queue="control")
    return True
