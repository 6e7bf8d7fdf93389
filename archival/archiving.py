"""Results on their way to the cold store: copy, verify, record, and only then delete.

Fault points, in the order in which a result passes them: `archive_claimed`, `archive_before_copy`,
`archive_after_copy`, `archive_after_verified` (for each file), `archive_after_cold`,
`archive_during_removal` (after each deleted hot object).
"""

from __future__ import annotations

import logging
from uuid import UUID

from django.db.models.functions import Now

from annotations.models import Result, StorageState
from archival import ledger, removal, transitions, work
from archival.models import ColdCopy, Operation
from archival.stores import ColdStore, Held, cold_store
from gas.faults import fault
from gas.sweeping import Turn

logger = logging.getLogger(__name__)

BATCH = 100


class CopyDiffersError(Exception):
    """The copy in the cold store is not what the output's row says; the hot object stays."""


def begin_due(mine: Turn) -> None:
    """Results whose time in hot storage is up start to go cold."""
    store = cold_store()
    due = Result.objects.filter(storage=StorageState.HOT, archive_due_at__lte=Now())
    while mine.has_time():
        batch = list(due.order_by("archive_due_at").values_list("pk", flat=True)[:BATCH])
        for result_id in batch:
            transitions.begin_archiving_due(result_id, store.storage_class)
        if len(batch) < BATCH:
            return


def advance(mine: Turn) -> None:
    """Do the work on all results that are being archived, for as long as the turn lasts."""
    while mine.has_time():
        claimed = work.claim(StorageState.ARCHIVING, limit=1)
        if not claimed:
            return
        for held in claimed:
            fault("archive_claimed")
            with work.settling(held):
                archive(held.result_id, cold_store())


def archive(result_id: UUID, store: ColdStore) -> None:
    """Bring one ARCHIVING result to COLD. Raises CopyDiffersError, StorageAwayError; may be repeated."""
    copies = ColdCopy.objects.filter(
        output__result=result_id, output__result__storage=StorageState.ARCHIVING, verified_at__isnull=True
    )
    for copy in copies.select_related("output"):
        _store_and_verify(copy, store)
    keys = transitions.finish_archiving(result_id)
    fault("archive_after_cold")
    removal.remove_hot(keys, store)


def _store_and_verify(copy: ColdCopy, store: ColdStore) -> None:
    """Make sure that the cold store holds the output, adopting a copy that an earlier try left."""
    wanted = Held(copy.size_bytes, copy.sha256)
    held = store.find(copy.storage_key)
    if held != wanted:
        fault("archive_before_copy")
        held = store.put(copy.source.storage_key, copy.storage_key, copy.sha256)
        ledger.record([ledger.Entry(copy.owner_id, Operation.ARCHIVE, store.storage_class, size_bytes=copy.size_bytes)])
        fault("archive_after_copy")
        if held != wanted:
            raise CopyDiffersError(f"{copy.storage_key} is {held} in the cold store instead of {wanted}")
        ColdCopy.objects.filter(pk=copy.pk).update(stored_at=Now(), storage_class=store.storage_class)
    unstored = ColdCopy.objects.filter(pk=copy.pk, stored_at__isnull=True)
    unstored.update(stored_at=Now())  # adopted
    ColdCopy.objects.filter(pk=copy.pk).update(verified_at=Now())
    fault("archive_after_verified")
