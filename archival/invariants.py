"""What must always hold for the archive; `manage.py check_invariants` runs these.

A running service is allowed objects without a row until its next sweeps, so ask again after those.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from django.db.models import Q

from annotations.models import COLD_KINDS, Output, Result, StorageState
from archival import removal
from archival.models import ColdCopy, Custody, Recall, Removal
from archival.stores import Stage, cold_store
from archival.work import LONGEST_PAUSE_SECONDS
from gas import registry
from gas.clock import from_now

PAGE = 1000
ON_THE_WAY = (StorageState.ARCHIVING, StorageState.RESTORING)
# The longest back-off, and a few sweeps on top: what was due longer ago has been forgotten.
FORGOTTEN = timedelta(seconds=LONGEST_PAUSE_SECONDS + 300)


@registry.invariant("archive 4 cold results have a verified copy")
def cold_results_have_copies(*, deep: bool) -> Iterable[str]:
    """Each large output of a COLD or RESTORING result lies in the cold store as its row says."""
    away = Q(result__storage__in=(StorageState.COLD, StorageState.RESTORING), kind__in=COLD_KINDS)
    store = cold_store()
    for output in Output.objects.filter(away).select_related("result", "cold_copy").iterator(chunk_size=PAGE):
        copy = getattr(output, "cold_copy", None)
        if copy is None or copy.verified_at is None:
            yield f"output {output.pk} of job {output.result_id} is {output.result.storage} without a verified copy"
        elif (copy.size_bytes, copy.sha256) != (output.size_bytes, output.sha256):
            yield f"cold copy {copy.storage_key} is recorded with another size or checksum than its output"
        elif deep:
            held = store.find(copy.storage_key)
            if held is None or (held.size_bytes, held.sha256) != (output.size_bytes, output.sha256):
                yield f"cold copy {copy.storage_key} is {held} in the cold store"
        elif store.look(copy.storage_key) is Stage.MISSING:
            yield f"cold copy {copy.storage_key} is not in the cold store"


@registry.invariant("archive 5 nothing hot is deleted before its copy is recorded")
def removals_are_covered(*, deep: bool) -> Iterable[str]:
    """No object that was promised to go is one that a row still points at."""
    promised = Removal.objects.filter(storage_key__in=Output.objects.values("storage_key"))
    for key in promised.values_list("storage_key", flat=True):
        yield f"hot object {key} is to be removed, and an output points at it"


@registry.invariant("archive work is due exactly while a result is on its way")
def work_matches_state(*, deep: bool) -> Iterable[str]:
    """ARCHIVING and RESTORING results have their next moment, others none; moments are kept."""
    for result_id in Result.objects.filter(storage__in=ON_THE_WAY, custody__due_at__isnull=True).values_list(
        "pk", flat=True
    ):
        yield f"the result of job {result_id} is on its way and nobody will look after it"
    at_rest = Custody.objects.filter(due_at__isnull=False).exclude(result__storage__in=ON_THE_WAY)
    for custody in at_rest.select_related("result"):
        yield f"the result of job {custody.result_id} is {custody.result.storage} and due at {custody.due_at}"
    for custody in Custody.objects.filter(due_at__lt=from_now(-FORGOTTEN)):
        yield f"the result of job {custody.result_id} was due at {custody.due_at}: {custody.last_error or 'no error'}"
    for recall in Recall.objects.filter(finished_at__isnull=True, created_at__lt=from_now(-FORGOTTEN)):
        if recall.gathered_at is None or not recall.custodies.exists():
            yield f"recall {recall.pk} of {recall.created_at} has not ended, and nothing of it is on its way"


@registry.invariant("archive 7 no cold object without a row, no row without a cold object")
def cold_objects_and_rows_match(*, deep: bool) -> Iterable[str]:
    """Walks the cold store; and looks for the object of each copy that was stored."""
    store = cold_store()
    after = ""
    while keys := store.cold_keys(after, PAGE):
        for key in removal.strays(keys):
            yield f"object archive/{key} belongs to no row"
        after = keys[-1]
    for copy in ColdCopy.objects.filter(output__isnull=True):
        yield f"cold copy {copy.storage_key} belongs to no output and is not deleted yet"
    for removed in Removal.objects.all():
        yield f"hot object {removed.storage_key} is not deleted yet"
    for copy in ColdCopy.objects.filter(stored_at__isnull=False, output__isnull=False).iterator(chunk_size=PAGE):
        if store.look(copy.storage_key) is Stage.MISSING:
            yield f"cold copy {copy.storage_key} has no object"
