"""Deleting objects that no row needs: hot ones that went cold, cold ones whose output is gone, strays."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.db.models import QuerySet

from annotations.areas import PART
from annotations.models import OrphanScan
from archival import ledger
from archival.models import ColdCopy, Operation, Removal
from archival.stores import ASKED, ColdStore, cold_store
from gas.clock import database_now
from gas.faults import fault
from gas.sweeping import Turn

BATCH = 200
SCAN_AREA = "archive"


def remove_hot(keys: Iterable[str], store: ColdStore) -> None:
    """Delete hot objects that were promised to go: first the object, then the promise."""
    for key in keys:
        store.remove_hot(key)
        fault("archive_during_removal")
        Removal.objects.filter(pk=key).delete()


def keep_promises(mine: Turn) -> None:
    """What a worker that died had still to delete."""
    while mine.has_time():
        keys = list(Removal.objects.order_by("promised_at").values_list("pk", flat=True)[:BATCH])
        for key in keys:
            if not mine.has_time():
                return
            remove_hot([key], cold_store())
        if len(keys) < BATCH:
            return


def remove_abandoned(mine: Turn) -> None:
    """Cold objects whose job was deleted."""
    while mine.has_time() and _remove_batch(ColdCopy.objects.filter(output__isnull=True)) == BATCH:
        pass


def forget(owner_id: UUID) -> None:
    """Delete all cold objects of an owner whose jobs are gone; complete when it returns."""
    while _remove_batch(ColdCopy.objects.filter(output__isnull=True, owner_id=owner_id)):
        pass


def _remove_batch(copies: QuerySet[ColdCopy]) -> int:
    """Delete the objects of a batch, then each one's row; how many."""
    store = cold_store()
    now = database_now()
    batch = list(copies.order_by("storage_key")[:BATCH])
    for copy in batch:
        store.remove_cold(copy.storage_key)
        fault("delete_after_cold_object")
        if not ColdCopy.objects.filter(pk=copy.pk).delete()[0] or copy.stored_at is None:
            continue  # another sweep counted it, or there was nothing yet
        byte_days = ledger.missing_byte_days(copy.storage_class, copy.size_bytes, copy.stored_at, now)
        if byte_days:
            ledger.record(
                [
                    ledger.Entry(
                        copy.owner_id, Operation.EARLY_DELETION, copy.storage_class, 1, copy.size_bytes, byte_days
                    )
                ]
            )
    return len(batch)


def strays(keys: Iterable[str]) -> list[str]:
    """Keys of the cold store that no row knows. Rows come before objects, so these are nobody's.

    What is still being written beside its key is needed as long as the copy is not verified.
    """
    written = {key: key.partition(PART)[0] for key in keys}
    bases = {key: base.removesuffix(ASKED) for key, base in written.items()}
    copies = ColdCopy.objects.filter(storage_key__in=set(bases.values()))
    is_verified = {key: at is not None for key, at in copies.values_list("storage_key", "verified_at")}
    return [
        key for key, base in bases.items() if base not in is_verified or (key != written[key] and is_verified[base])
    ]


def remove_strays(mine: Turn) -> None:
    """One step of an endless walk over the cold store: what a stopped worker wrote after its row was gone."""
    store = cold_store()
    scan, _ = OrphanScan.objects.get_or_create(area=SCAN_AREA)
    keys = store.cold_keys(scan.after_key, BATCH)
    for key in strays(keys):
        store.remove_cold(key)
    OrphanScan.objects.filter(pk=SCAN_AREA).update(after_key=keys[-1] if len(keys) == BATCH else "")
