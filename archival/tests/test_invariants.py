from __future__ import annotations

from datetime import timedelta

import pytest

from annotations.models import COLD_KINDS, Output, OutputKind, Result, StorageState
from archival import recalls
from archival.models import ColdCopy, Custody, Recall, RecallCause, Removal
from archival.tests.conftest import archive_area, broken, copies_of, go_cold, ids
from gas import registry
from gas.clock import from_now

pytestmark = pytest.mark.django_db


@pytest.fixture
def cold(result) -> Result:
    return go_cold(result)


def says(words: str) -> bool:
    return any(words in sentence for sentence in broken())


def test_nothing_is_broken_in_a_life_that_went_well(cold):
    assert broken() == []


def test_a_cold_result_without_a_verified_copy_is_named(cold):
    ColdCopy.objects.filter(output__kind=OutputKind.VCF).update(verified_at=None)
    assert says("is cold without a verified copy")


def test_a_cold_object_that_is_gone_or_another_is_named(cold):
    key = copies_of(cold)[OutputKind.VCF].storage_key
    archive_area().receive(key, [b"other"])
    assert says(key)
    archive_area().delete([key])
    assert says(f"{key} has no object")
    quick = [sentence for _, check in registry.invariants() for sentence in check(deep=False)]
    assert any(f"{key} is not in the cold store" in sentence for sentence in quick)


def test_a_copy_recorded_with_another_checksum_than_its_output_is_named(cold):
    ColdCopy.objects.filter(output__kind=OutputKind.VCF).update(sha256="0" * 64)
    assert says("another size or checksum than its output")


def test_a_hot_object_that_is_needed_and_promised_to_go_is_named(result):
    key = Output.objects.filter(kind__in=COLD_KINDS).values_list("storage_key", flat=True)[0]
    Removal.objects.create(storage_key=key, promised_at=from_now(timedelta()))
    assert says("is to be removed, and an output points at it")


def test_a_result_on_its_way_that_nobody_looks_after_is_named(cold):
    Result.objects.filter(pk=cold.pk).update(storage=StorageState.RESTORING)
    assert says("nobody will look after it")


def test_work_at_rest_and_forgotten_work_are_named(cold):
    Custody.objects.filter(pk=cold.pk).update(due_at=from_now(timedelta(hours=-3)))
    assert says("is cold and due at")
    assert says("was due at")


def test_a_recall_that_never_ends_is_named(user, cold):
    recall = recalls.open_recall(user, RecallCause.HAND, "click", ids(cold))
    Recall.objects.filter(pk=recall.pk).update(created_at=from_now(timedelta(hours=-3)))
    assert says("has not ended")
