"""Asking results back together, and telling their owner when all are back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Sum
from django.db.models.functions import Now

from accounts.models import User
from annotations.models import COLD_KINDS, NoticeKind, Output
from annotations.notices.telling import tell
from archival.models import Recall, RecallCause, Tier
from archival.transitions import begin_restoring
from gas import outbox

ALL_BACK = "archival.all_back"  # the outbox's kind


def tier_for(results: int, size_bytes: int) -> Tier:
    """Expedited for little; a large set takes the slower tier from the start."""
    is_large = (
        results > settings.RESTORE_EXPEDITED_MAX_RESULTS or size_bytes > settings.RESTORE_EXPEDITED_MAX_MB * 1_000_000
    )
    return Tier(settings.RESTORE_LARGE_TIER) if is_large else Tier.EXPEDITED


def open_recall(owner: User, cause: RecallCause, cause_key: str, result_ids: Sequence[UUID]) -> Recall:
    """The recall of this cause, made at the first call; its tier follows from the whole set."""
    found = Recall.objects.filter(cause_key=cause_key).first()
    if found is not None:
        return found
    size_bytes = _size_of(result_ids)
    recall, _ = Recall.objects.get_or_create(
        cause_key=cause_key,
        defaults={"owner": owner, "cause": cause, "tier": tier_for(len(result_ids), size_bytes), "created_at": Now()},
    )
    return recall


def _size_of(result_ids: Sequence[UUID]) -> int:
    total = 0
    for batch in batches(result_ids):
        outputs = Output.objects.filter(result__in=batch, kind__in=COLD_KINDS)
        total += outputs.aggregate(size=Sum("size_bytes"))["size"] or 0
    return total


def batches(result_ids: Sequence[UUID], size: int = 500) -> Iterator[Sequence[UUID]]:
    """The ids in bounded lots."""
    for start in range(0, len(result_ids), size):
        yield result_ids[start : start + size]


def ask_back_by_hand(owner: User, result_ids: Sequence[UUID], cause_key: str) -> int:
    """Ask cold results of one owner back; how many were cold."""
    recall = open_recall(owner, RecallCause.HAND, cause_key, result_ids)
    asked = sum(begin_restoring(batch, recall) for batch in batches(result_ids))
    close(recall)
    return asked


def close(recall: Recall) -> None:
    """No more results join this recall."""
    Recall.objects.filter(pk=recall.pk, gathered_at__isnull=True).update(gathered_at=Now())
    finish_if_complete(recall.pk)


def close_by_key(cause_key: str) -> None:
    """Close the recall of a cause, if there is one."""
    for recall in Recall.objects.filter(cause_key=cause_key, gathered_at__isnull=True):
        close(recall)


def finish_if_complete(recall_id: UUID) -> bool:
    """Finish a recall of which nothing is on its way any more, and promise its mail."""
    with transaction.atomic():
        complete = Recall.objects.filter(pk=recall_id, gathered_at__isnull=False, finished_at__isnull=True)
        if complete.filter(custodies__isnull=False).exists() or not complete.update(finished_at=Now()):
            return False
        if Recall.objects.filter(pk=recall_id, results_back__gt=0).exists():
            outbox.promise(ALL_BACK, f"{ALL_BACK}:{recall_id}", {"recall": str(recall_id)})
            owner_id, number = Recall.objects.values_list("owner", "results_back").get(pk=recall_id)
            tell(owner_id, NoticeKind.RESTORED, str(recall_id), results=number)
    return True


def finish_complete() -> None:
    """Those that a worker that died, or a deleted job, left unfinished."""
    waiting = Recall.objects.filter(gathered_at__isnull=False, finished_at__isnull=True)
    empty = waiting.annotate(left=Count("custodies")).filter(left=0)
    for recall_id in list(empty.order_by("created_at").values_list("pk", flat=True)[:100]):
        finish_if_complete(recall_id)
