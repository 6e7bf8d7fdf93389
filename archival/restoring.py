"""Results on their way back: ask for the objects, look, copy the temporary copies to hot storage.

The store is asked for many objects at once, because each answer takes some tens of milliseconds and
an upgrade may bring thousands of results back. All writing to the database is done by one thread.

Fault points, in the order in which a result passes them: `restore_claimed`, `restore_after_ask`
(before the answers are recorded), `restore_after_return` (copies lie in hot storage, not recorded),
`restore_after_recorded`, `restore_after_hot`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db.models.functions import Now

from annotations.models import Result, StorageState
from archival import ledger, recalls, transitions, work
from archival.models import ColdCopy, Custody, Operation, Tier
from archival.stores import ColdStore, Held, NotReadableError, NotThereError, Stage, TierRefusedError, cold_store
from gas.clock import database_now
from gas.faults import fault
from gas.sweeping import Turn

logger = logging.getLogger(__name__)

BATCH = 50  # results in one round of requests
CALLS_AT_ONCE = 8
POLL = timedelta(seconds=settings.RESTORE_POLL_SECONDS)


class CopyDiffersError(Exception):
    """What came back is not what went away; the cold copy stays, and the result is not shown as hot."""


@dataclass(frozen=True)
class Answer:
    """What the store said about one copy: its stage, and the tier if it was asked; or why there is no answer."""

    copy: ColdCopy
    stage: Stage | None = None
    tier: Tier | None = None
    error: Exception | None = None


Each = Callable[[Callable[[ColdCopy], Answer], Iterable[ColdCopy]], Iterable[Answer]]


def advance(mine: Turn) -> None:
    """Work on the results that are due on their way back, for as long as the turn lasts."""
    with ThreadPoolExecutor(CALLS_AT_ONCE) as pool:
        while mine.has_time():
            claimed = work.claim(StorageState.RESTORING, BATCH)
            if not claimed:
                return
            fault("restore_claimed")
            advance_batch(claimed, cold_store(), pool.map)


def advance_batch(claimed: Sequence[work.HeldResult], store: ColdStore, each: Each) -> None:
    """One step for each claimed result; `each` maps a function over copies, perhaps at once."""
    with work.renewing(claimed):
        answers = _advance_copies([held.result_id for held in claimed], store, each)
    for held in claimed:
        _settle(held, [answer for answer in answers if _result_of(answer.copy) == held.result_id])


def _advance_copies(result_ids: Sequence[UUID], store: ColdStore, each: Each) -> Sequence[Answer]:
    """One step for each copy that is not back; what the store said, recorded."""
    missing = ColdCopy.objects.filter(output__result__in=result_ids, back_at__isnull=True)
    copies = list(missing.select_related("output", "output__result__custody__recall"))
    answers = list(each(lambda copy: _ask_or_look(copy, store), copies))
    fault("restore_after_ask")
    _record_answers(answers, store)
    ready = [answer.copy for answer in answers if answer.stage is Stage.READY]
    returned = list(each(lambda copy: _bring_back(copy, store), ready))
    fault("restore_after_return")
    back = [answer.copy for answer in returned if answer.error is None]
    ColdCopy.objects.filter(pk__in=[copy.pk for copy in back]).update(back_at=Now())
    ledger.record(_entry(copy, Operation.RETURN, store) for copy in back)
    fault("restore_after_recorded")
    return (*answers, *returned)


# --- One copy: called by several threads, so nothing here touches the database -------------------
def _ask_or_look(copy: ColdCopy, store: ColdStore) -> Answer:
    try:
        if copy.asked_at is not None:
            stage = store.look(copy.storage_key)
            if stage is Stage.MISSING:
                raise NotThereError(copy.storage_key)
            if stage is not Stage.COLD:
                return Answer(copy, stage)
            # Never asked after all, or the temporary copy ended before ours was made.
        return _ask(copy, store)
    except Exception as error:  # told to the result's custody by the thread that may write
        return Answer(copy, error=error)


def _ask(copy: ColdCopy, store: ColdStore) -> Answer:
    recall = copy.source.result.custody.recall
    tier = Tier(copy.tier or (recall.tier if recall is not None else Tier.STANDARD))
    try:
        return Answer(copy, store.ask(copy.storage_key, tier), tier)
    except TierRefusedError:
        return Answer(copy, store.ask(copy.storage_key, Tier.STANDARD), Tier.STANDARD)


def _bring_back(copy: ColdCopy, store: ColdStore) -> Answer:
    try:
        wanted = Held(copy.size_bytes, copy.sha256)
        key = copy.source.storage_key
        held = store.find_hot(key)  # an earlier try may have died after its copy
        if held != wanted:
            held = store.bring_back(copy.storage_key, key, copy.sha256)
        if held != wanted:
            raise CopyDiffersError(f"{key} came back as {held} instead of {wanted}")
        return Answer(copy, Stage.READY)
    except Exception as error:
        return Answer(copy, error=error)


# --- What is recorded ----------------------------------------------------------------------------
def _record_answers(answers: Sequence[Answer], store: ColdStore) -> None:
    now = database_now()
    entries = []
    expected: dict[UUID, datetime] = {}
    asked = []
    for answer in answers:
        copy = answer.copy
        if answer.tier is not None:
            copy.asked_at, copy.tier, copy.expected_at = now, answer.tier, now + store.expected(answer.tier)
            expected[_result_of(copy)] = max(expected.get(_result_of(copy), now), copy.expected_at)
            entries.append(_entry(copy, Operation(str(answer.tier)), store))
            asked.append(copy)
        elif answer.error is None:
            entries.append(_entry(copy, Operation.LOOK, store))
    ColdCopy.objects.bulk_update(asked, ["asked_at", "tier", "expected_at"])
    for result_id, moment in expected.items():
        Result.objects.filter(pk=result_id, storage=StorageState.RESTORING).update(restore_expected_at=moment)
    ledger.record(entries)


def _settle(held: work.HeldResult, answers: Sequence[Answer]) -> None:
    """What follows for one result from this round's answers."""
    errors = [answer.error for answer in answers if answer.error is not None]
    lapsed = [answer.copy.pk for answer in answers if isinstance(answer.error, NotReadableError)]
    if lapsed:  # the temporary copy ended between the look and the copy
        ColdCopy.objects.filter(pk__in=lapsed).update(asked_at=None)
        work.look_again(held, timedelta())
    elif errors:
        work.put_off(held, errors[0])
    elif any(answer.stage is Stage.ONGOING for answer in answers):
        work.look_again(held, pause([answer.copy for answer in answers]))
    else:
        recall_id = Custody.objects.values_list("recall", flat=True).filter(pk=held.result_id).first()
        transitions.finish_restoring(held.result_id)
        fault("restore_after_hot")
        if recall_id is not None:
            recalls.finish_if_complete(recall_id)


def pause(copies: Sequence[ColdCopy]) -> timedelta:
    """Until the next look: the poll's period, or around the expected moment a tenth of it."""
    moments = [copy.expected_at for copy in copies if copy.expected_at is not None]
    left = max(moments) - database_now() if moments else POLL
    if -POLL < left < POLL:
        return max(left, POLL / 10)
    return POLL


def _result_of(copy: ColdCopy) -> UUID:
    result_id: UUID = copy.source.result_id
    return result_id


def _entry(copy: ColdCopy, operation: Operation, store: ColdStore) -> ledger.Entry:
    return ledger.Entry(copy.owner_id, operation, store.storage_class, size_bytes=copy.size_bytes)
