from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models import Q

from accounts.models import PlanCode
from annotations.areas import FileArea, StorageAwayError
from annotations.models import OutputKind, Result, StorageState
from archival import archiving, removal, stores, sweep, transitions
from archival.models import ColdCopy, Custody, LedgerLine, Operation, Removal
from archival.tests.conftest import (
    CONTENTS,
    archive_area,
    be_impatient,
    broken,
    copies_of,
    due_in,
    go_cold,
    hot_bytes,
    make_due,
    results,
    set_plan,
    state,
)
from gas.clock import database_now

pytestmark = pytest.mark.django_db

LARGE = {OutputKind.VCF, OutputKind.VCF_INDEX, OutputKind.PARQUET}


def test_a_result_stays_hot_until_its_time_is_up(result):
    sweep.sweep()
    assert state(result) == StorageState.HOT
    assert archive_area().keys("", 10) == []


def test_a_free_users_result_goes_cold_when_its_time_is_up(result):
    assert timedelta(days=6, hours=23) < due_in(result) <= timedelta(days=7)
    go_cold(result)
    assert set(copies_of(result)) == LARGE
    for kind, copy in copies_of(result).items():
        with archive_area().open(copy.storage_key) as stream:
            assert stream.read() == CONTENTS[OutputKind(kind)]
    assert broken() == []


def test_only_the_large_files_go_cold(result):
    before = {output.kind: output.storage_key for output in result.outputs.all()}
    go_cold(result)
    present = {kind: results().size(key) is not None for kind, key in before.items()}
    assert present == {kind: kind not in LARGE for kind in CONTENTS}
    for output in Result.objects.get(pk=result.pk).outputs.exclude(kind__in=LARGE):
        with results().open(output.storage_key) as stream:
            assert stream.read() == CONTENTS[OutputKind(output.kind)]


def test_a_premium_users_result_has_no_timer_and_is_not_archived(user, make_result):
    premium = set_plan(user, PlanCode.PREMIUM)
    result = make_result(premium)
    assert result.archive_due_at is None
    sweep.sweep()
    assert state(result) == StorageState.HOT


def test_a_timer_that_a_premium_user_still_has_is_taken_away_and_not_obeyed(user, result):
    set_plan(user, PlanCode.PREMIUM, deliver=False)
    make_due(result)
    sweep.sweep()
    assert state(result) == StorageState.HOT
    assert Result.objects.get(pk=result.pk).archive_due_at is None


def test_the_hot_objects_stay_when_the_copy_differs(result, monkeypatch):
    true_copy = stores._copy

    def bend(source, source_key, target, target_key):
        true_copy(source, source_key, target, target_key)
        target.receive(target_key, [b"something else"])
        return stores._held(target, target_key)

    monkeypatch.setattr(stores, "_copy", bend)
    make_due(result)
    sweep.sweep()
    assert state(result) == StorageState.ARCHIVING
    assert hot_bytes(result) == CONTENTS
    custody = Custody.objects.get(pk=result.pk)
    assert custody.tries == 1
    assert "CopyDiffersError" in custody.last_error
    assert custody.due_at is not None
    assert custody.due_at > database_now()
    monkeypatch.setattr(stores, "_copy", true_copy)
    be_impatient()
    sweep.sweep()
    assert state(result) == StorageState.COLD
    assert broken() == []


def test_a_verified_copy_of_an_earlier_try_is_adopted_and_not_made_again(result, monkeypatch):
    make_due(result)
    transitions.begin_archiving_due(result.pk, "LOCAL")
    store = stores.cold_store()
    for copy in copies_of(result).values():
        store.put(copy.source.storage_key, copy.storage_key, copy.sha256)
    puts = []
    monkeypatch.setattr(stores.LocalStore, "put", lambda self, *keys: puts.append(keys))
    archiving.archive(result.pk, store)
    assert state(result) == StorageState.COLD
    assert puts == []
    assert broken() == []


def test_a_result_is_not_cold_while_one_copy_is_not_verified(result):
    make_due(result)
    transitions.begin_archiving_due(result.pk, "LOCAL")
    ColdCopy.objects.filter(output__kind=OutputKind.VCF).update(stored_at=database_now(), verified_at=database_now())
    assert transitions.finish_archiving(result.pk) == []
    assert state(result) == StorageState.ARCHIVING
    assert Removal.objects.count() == 0


def test_storage_that_is_away_puts_the_result_off_and_loses_nothing(result, monkeypatch):
    def away(self, *args, **kwargs):
        raise StorageAwayError("gone")

    with monkeypatch.context() as patch:
        patch.setattr(FileArea, "receive", away)
        make_due(result)
        sweep.sweep()
    assert state(result) == StorageState.ARCHIVING
    assert hot_bytes(result) == CONTENTS
    be_impatient()
    sweep.sweep()
    assert state(result) == StorageState.COLD


def test_a_removal_that_a_dead_worker_left_is_done_by_the_next_sweep(result, monkeypatch):
    make_due(result)
    with monkeypatch.context() as patch:
        patch.setattr(removal, "remove_hot", lambda keys, store: None)
        archiving_result(result)
    assert state(result) == StorageState.COLD
    assert Removal.objects.count() == len(LARGE)
    assert any("not deleted yet" in sentence for sentence in broken())
    sweep.sweep()
    assert Removal.objects.count() == 0
    assert broken() == []


def archiving_result(result) -> None:
    transitions.begin_archiving_due(result.pk, "LOCAL")
    archiving.archive(result.pk, stores.cold_store())


def test_a_hot_object_gets_a_new_key_when_its_result_goes_cold_so_that_a_late_deletion_hurts_nobody(result):
    before = set(result.outputs.filter(kind__in=LARGE).values_list("storage_key", flat=True))
    go_cold(result)
    after = set(result.outputs.filter(kind__in=LARGE).values_list("storage_key", flat=True))
    assert not before & after
    assert all(f"/{result.pk}/{result.attempt}/" in key for key in after)


def test_each_move_is_told_in_the_jobs_timeline(result):
    go_cold(result)
    kinds = list(result.job.events.order_by("id").values_list("kind", flat=True))
    assert kinds[-2:] == ["archiving", "archived"]


def test_the_ledger_counts_copies_and_bytes_for_the_owner(user, result):
    go_cold(result)
    line = LedgerLine.objects.get(owner_id=user.pk, operation=Operation.ARCHIVE)
    assert line.requests == len(LARGE)
    assert line.size_bytes == sum(len(CONTENTS[kind]) for kind in LARGE)


def test_a_move_that_is_not_allowed_is_an_error_and_a_late_one_does_nothing(result):
    with pytest.raises(ValueError, match="does not go"):
        transitions._move(Q(pk=result.pk), StorageState.HOT, StorageState.COLD)
    go_cold(result)
    assert not transitions.begin_archiving_by_hand(result.pk, "LOCAL", by="owner")
    assert transitions.call_off_archiving([result.pk]) == 0
    assert state(result) == StorageState.COLD


def test_a_result_with_small_files_only_goes_cold_and_comes_back_without_a_copy(user, make_result):
    result = make_result(user, {OutputKind.SUMMARY: b"{}"})
    go_cold(result)
    assert ColdCopy.objects.count() == 0
