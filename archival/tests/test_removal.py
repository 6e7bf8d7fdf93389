from __future__ import annotations

from datetime import timedelta

import pytest

from annotations import submission
from annotations.areas import PART
from annotations.models import Job
from archival import ledger, removal, sweep, transitions
from archival.erasure import StillThereError, erase
from archival.models import ColdCopy, LedgerLine, Operation, Recall
from archival.tests.conftest import archive_area, broken, copies_of, go_cold, make_due, results
from gas import registry
from gas.clock import database_now
from gas.models import OutboxMessage

pytestmark = pytest.mark.django_db


def test_deleting_a_job_deletes_its_cold_objects_then_their_rows(user, result):
    go_cold(result)
    submission.delete_job(user, result.job)
    assert ColdCopy.objects.filter(output__isnull=True).count() == 3
    assert archive_area().keys("", 10) != []
    sweep.sweep()
    assert ColdCopy.objects.count() == 0
    assert archive_area().keys("", 10) == []


def test_deleting_a_job_that_is_being_archived_leaves_nothing(user, result):
    make_due(result)
    transitions.begin_archiving_due(result.pk, "LOCAL")
    submission.delete_job(user, result.job)
    for message in OutboxMessage.objects.filter(kind=submission.DELETE_RESULTS):
        handler = registry.handler_of(message.kind)
        assert handler is not None
        handler(message)
    sweep.sweep()
    assert ColdCopy.objects.count() == 0
    assert archive_area().keys("", 10) == []
    assert results().keys("", 10) == []


def test_a_cold_object_that_no_row_knows_is_swept_and_others_stay(result):
    go_cold(result)
    known = archive_area().keys("", 10)
    archive_area().receive("somebody/else/1/vcf", [b"stray"])
    assert any("somebody/else/1/vcf" in sentence for sentence in broken())
    sweep.sweep()
    assert archive_area().keys("", 10) == known


def test_what_is_being_written_is_no_stray_until_its_copy_is_verified(result):
    go_cold(result)
    copy = next(iter(copies_of(result).values()))
    part = f"{copy.storage_key}{PART}0123"
    assert removal.strays([part]) == [part]
    ColdCopy.objects.filter(pk=copy.pk).update(verified_at=None)
    assert removal.strays([part]) == []


def test_the_walk_over_the_cold_store_goes_on_where_it_stopped(result, monkeypatch):
    go_cold(result)
    monkeypatch.setattr(removal, "BATCH", 2)
    strays = [f"x/y/1/{number}" for number in range(5)]
    for key in strays:
        archive_area().receive(key, [b"stray"])
    for _ in range(6):
        sweep.sweep()
    assert not set(strays) & set(archive_area().keys("", 100))
    assert len(archive_area().keys("", 100)) == 3


def test_erasing_a_user_leaves_no_object_and_no_row(user, make_user, make_result):
    go_cold(make_result(user))
    theirs = go_cold(make_result(make_user()))
    with pytest.raises(StillThereError):
        erase(user)
    Job.objects.filter(owner=user).delete()
    archive_area().receive(f"{user.pk}/job/1/vcf", [b"late"])
    erase(user)
    erase(user)
    assert archive_area().keys_below(f"{user.pk}/") == []
    for model in (ColdCopy, LedgerLine, Recall):
        assert not model.objects.filter(owner_id=user.pk).exists()
    assert len(copies_of(theirs)) == 3
    assert archive_area().keys_below(f"{theirs.job.owner_id}/") != []


def test_an_early_deletion_is_counted_with_the_days_that_were_missing(user, result):
    go_cold(result)
    now = database_now()
    ColdCopy.objects.update(storage_class="GLACIER", stored_at=now - timedelta(days=30))
    size = sum(copy.size_bytes for copy in copies_of(result).values())
    submission.delete_job(user, result.job)
    sweep.sweep()
    line = LedgerLine.objects.get(operation=Operation.EARLY_DELETION)
    assert line.requests == 3
    assert line.byte_days == size * 60


def test_only_cold_classes_have_a_minimum_age():
    now = database_now()
    assert ledger.missing_byte_days("GLACIER", 10, now - timedelta(days=89), now) == 10
    assert ledger.missing_byte_days("GLACIER", 10, now - timedelta(days=91), now) == 0
    assert ledger.missing_byte_days("DEEP_ARCHIVE", 10, now, now) == 1800
    assert ledger.missing_byte_days("LOCAL", 10, now, now) == 0


def test_the_ledger_adds_up_in_one_line_a_month(user):
    for _ in range(2):
        ledger.record([ledger.Entry(user.pk, Operation.LOOK, "LOCAL", size_bytes=5)] * 3)
    line = LedgerLine.objects.get(owner_id=user.pk)
    assert (line.requests, line.size_bytes, line.month.day) == (6, 30, 1)
