from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.models import PlanCode
from annotations.models import OutputKind, Result, StorageState
from archival import recalls, restoring, stores, sweep, work
from archival.models import ColdCopy, Custody, LedgerLine, Operation, Recall, RecallCause, Tier
from archival.stores import Stage, TierRefusedError
from archival.tests.conftest import (
    CONTENTS,
    archive_area,
    be_impatient,
    broken,
    copies_of,
    count_asks,
    due_in,
    go_cold,
    hot_bytes,
    ids,
    let_time_pass,
    mails_promised,
    make_due,
    set_plan,
    state,
)
from gas.clock import database_now

pytestmark = pytest.mark.django_db
LARGE = {OutputKind.VCF, OutputKind.VCF_INDEX, OutputKind.PARQUET}


@pytest.fixture
def cold(result) -> Result:
    return go_cold(result)


def ask_back(user, *results: Result) -> Recall:
    assert recalls.ask_back_by_hand(user, ids(*results), "click") == len(results)
    return Recall.objects.get(cause_key="click")


def come_back() -> None:
    """Ask, wait for the cold store, fetch."""
    sweep.sweep()
    let_time_pass(2)
    be_impatient()
    sweep.sweep()


def test_a_result_comes_back_byte_for_byte(user, cold):
    ask_back(user, cold)
    come_back()
    assert state(cold) == StorageState.HOT
    assert hot_bytes(cold) == CONTENTS
    assert broken() == []


def test_a_result_is_restoring_and_says_until_when_as_long_as_the_store_takes(user, cold):
    ask_back(user, cold)
    sweep.sweep()
    be_impatient()
    sweep.sweep()
    row = Result.objects.get(pk=cold.pk)
    assert row.storage == StorageState.RESTORING
    assert row.restore_expected_at is not None
    left = row.restore_expected_at - database_now()
    assert timedelta(minutes=59) < left <= timedelta(hours=1)
    assert row.restore_requested_at is not None
    assert broken() == []


def test_each_object_is_asked_for_once_however_often_the_sweep_runs(user, cold, monkeypatch):
    asked = count_asks(monkeypatch)
    ask_back(user, cold)
    for _ in range(4):
        sweep.sweep()
        be_impatient()
    assert sorted(asked) == sorted(copy.storage_key for copy in copies_of(cold).values())


def test_the_cold_copy_stays_and_going_cold_again_verifies_it_without_a_new_copy(user, cold, monkeypatch):
    ask_back(user, cold)
    come_back()
    kept = {copy.storage_key for copy in ColdCopy.objects.all()}
    puts = []
    monkeypatch.setattr(stores.LocalStore, "put", lambda self, *args: puts.append(args))
    go_cold(cold)
    assert puts == []
    assert {copy.storage_key for copy in ColdCopy.objects.all()} == kept
    assert broken() == []


def test_a_cold_copy_that_rotted_is_made_anew_before_the_hot_object_goes_again(user, cold):
    ask_back(user, cold)
    come_back()
    copy = copies_of(cold)[OutputKind.VCF]
    archive_area().receive(copy.storage_key, [b"rotten"])
    go_cold(cold)
    assert broken() == []


def test_a_temporary_copy_that_ended_before_ours_was_made_is_asked_for_again(user, cold):
    ask_back(user, cold)
    sweep.sweep()
    let_time_pass(30)  # an hour's wait, a day's copy, and some
    be_impatient()
    sweep.sweep()
    assert state(cold) == StorageState.RESTORING
    store = stores.cold_store()
    assert {store.look(copy.storage_key) for copy in copies_of(cold).values()} == {Stage.ONGOING}
    let_time_pass(2)
    be_impatient()
    sweep.sweep()
    assert state(cold) == StorageState.HOT
    assert hot_bytes(cold) == CONTENTS


def test_a_copy_that_ends_between_the_look_and_the_fetch_is_asked_for_again(user, cold, monkeypatch):
    ask_back(user, cold)
    sweep.sweep()
    let_time_pass(2)
    be_impatient()
    true_look = stores.LocalStore.look
    seen: list[str] = []

    def look_then_end(self, key):
        stage = true_look(self, key)
        if stage is Stage.READY and key not in seen:
            seen.append(key)
            return stage
        return Stage.COLD if key in seen else stage

    with monkeypatch.context() as patch:
        patch.setattr(stores.LocalStore, "look", look_then_end)
        restoring.advance_batch(work.claim(StorageState.RESTORING, 10), stores.cold_store(), map)
    assert state(cold) == StorageState.RESTORING
    assert all(copy.asked_at is None for copy in copies_of(cold).values())
    assert Custody.objects.get(pk=cold.pk).last_error == ""
    sweep.sweep()
    assert state(cold) == StorageState.HOT


def test_an_object_fetched_by_a_worker_that_died_is_adopted(user, cold, monkeypatch):
    ask_back(user, cold)
    sweep.sweep()
    let_time_pass(2)
    store = stores.cold_store()
    for copy in copies_of(cold).values():
        store.bring_back(copy.storage_key, copy.source.storage_key, copy.sha256)
    monkeypatch.setattr(stores.LocalStore, "bring_back", None)
    be_impatient()
    sweep.sweep()
    assert state(cold) == StorageState.HOT


def test_a_result_whose_bytes_come_back_wrong_is_not_shown_as_hot(user, cold):
    ask_back(user, cold)
    copy = copies_of(cold)[OutputKind.VCF]
    archive_area().receive(copy.storage_key, [b"rotten"])
    come_back()
    assert state(cold) == StorageState.RESTORING
    assert "CopyDiffersError" in Custody.objects.get(pk=cold.pk).last_error
    assert any(copy.storage_key in sentence for sentence in broken())


def test_a_cold_object_that_is_gone_is_named_and_not_forgotten(user, cold):
    ask_back(user, cold)
    copy = copies_of(cold)[OutputKind.VCF]
    archive_area().delete([copy.storage_key])
    sweep.sweep()
    custody = Custody.objects.get(pk=cold.pk)
    assert custody.last_error.startswith("NotThereError")
    assert any(copy.storage_key in sentence for sentence in broken())


def test_a_refused_expedited_retrieval_becomes_a_standard_one(user, cold, monkeypatch):
    true_ask = stores.LocalStore.ask
    tiers = []

    def refuse_expedited(self, key, tier):
        tiers.append(tier)
        if tier is Tier.EXPEDITED:
            raise TierRefusedError("none available")
        return true_ask(self, key, tier)

    monkeypatch.setattr(stores.LocalStore, "ask", refuse_expedited)
    assert ask_back(user, cold).tier == Tier.EXPEDITED
    sweep.sweep()
    assert {copy.tier for copy in copies_of(cold).values()} == {Tier.STANDARD}
    assert sorted(tiers) == sorted([Tier.EXPEDITED, Tier.STANDARD] * len(LARGE))


def test_large_sets_take_the_slower_tier_from_the_start(settings):
    assert recalls.tier_for(1, 10) == Tier.EXPEDITED
    assert recalls.tier_for(50, 1_000_000_000) == Tier.EXPEDITED
    assert recalls.tier_for(51, 10) == Tier.STANDARD
    assert recalls.tier_for(1, 1_000_000_001) == Tier.STANDARD
    settings.RESTORE_LARGE_TIER = "Bulk"
    assert recalls.tier_for(51, 10) == Tier.BULK


def test_the_tier_follows_from_the_size_of_the_whole_set(user, make_result, settings):
    settings.RESTORE_EXPEDITED_MAX_RESULTS = 2
    few = [go_cold(make_result(user)) for _ in range(2)]
    assert recalls.open_recall(user, RecallCause.HAND, "few", ids(*few)).tier == Tier.EXPEDITED
    many = [*few, go_cold(make_result(user))]
    assert recalls.open_recall(user, RecallCause.HAND, "many", ids(*many)).tier == Tier.STANDARD
    settings.RESTORE_EXPEDITED_MAX_MB = 0
    assert recalls.open_recall(user, RecallCause.HAND, "large", ids(*few)).tier == Tier.STANDARD


def test_one_mail_when_all_are_back_and_none_before(user, make_result):
    first, second = go_cold(make_result(user)), go_cold(make_result(user))
    recall = ask_back(user, first, second)
    sweep.sweep()
    let_time_pass(2)
    Custody.objects.filter(pk=first.pk).update(due_at=database_now())
    sweep.sweep()
    assert state(first) == StorageState.HOT
    assert state(second) == StorageState.RESTORING
    assert mails_promised(recalls.ALL_BACK) == []
    be_impatient()
    sweep.sweep()
    sweep.sweep()
    assert [message.payload["recall"] for message in mails_promised(recalls.ALL_BACK)] == [str(recall.pk)]
    assert Recall.objects.get(pk=recall.pk).results_back == 2


def test_a_recall_ends_without_a_mail_when_its_jobs_are_deleted(user, cold):
    recall = ask_back(user, cold)
    cold.job.delete()
    sweep.sweep()
    assert Recall.objects.get(pk=recall.pk).finished_at is not None
    assert mails_promised(recalls.ALL_BACK) == []


def test_a_free_users_restored_result_gets_the_whole_time_anew(user, cold):
    ask_back(user, cold)
    come_back()
    assert timedelta(days=6, hours=23) < due_in(cold) <= timedelta(days=7)


def test_a_premium_users_restored_result_stays(user, cold):
    set_plan(user, PlanCode.PREMIUM)
    come_back()
    assert state(cold) == StorageState.HOT
    assert Result.objects.get(pk=cold.pk).archive_due_at is None


def test_looks_come_often_around_the_expected_moment_and_rarely_before(user, cold):
    now = database_now()
    copy = ColdCopy(expected_at=now + timedelta(hours=5))
    assert restoring.pause([copy]) == restoring.POLL
    copy.expected_at = now + timedelta(minutes=5)
    assert timedelta(minutes=4, seconds=50) < restoring.pause([copy]) <= timedelta(minutes=5)
    copy.expected_at = now - timedelta(minutes=1)
    assert restoring.pause([copy]) == restoring.POLL / 10
    assert timedelta(minutes=15) >= restoring.POLL


def test_requests_of_many_results_go_out_in_lots_at_once(user, make_result, monkeypatch):
    found = [go_cold(make_result(user, {OutputKind.VCF: b"x"})) for _ in range(5)]
    monkeypatch.setattr(restoring, "BATCH", 3)
    sizes = []
    true_batch = restoring.advance_batch

    def count(claimed, store, each):
        sizes.append(len(claimed))
        true_batch(claimed, store, each)

    monkeypatch.setattr(restoring, "advance_batch", count)
    ask_back(user, *found)
    sweep.sweep()
    assert sizes == [3, 2]


def test_the_queries_of_a_lot_do_not_grow_with_its_results_beyond_a_few_each(
    user, make_result, django_assert_max_num_queries
):
    found = [go_cold(make_result(user, {OutputKind.VCF: b"x"})) for _ in range(20)]
    ask_back(user, *found)
    claimed = work.claim(StorageState.RESTORING, 50)
    assert len(claimed) == 20
    with django_assert_max_num_queries(20 * 3 + 12):
        restoring.advance_batch(claimed, stores.cold_store(), map)


def test_the_ledger_counts_retrievals_by_tier_looks_and_returns(user, cold):
    ask_back(user, cold)
    sweep.sweep()
    be_impatient()
    sweep.sweep()
    let_time_pass(2)
    be_impatient()
    sweep.sweep()
    counted = dict(LedgerLine.objects.filter(owner_id=user.pk).values_list("operation", "requests"))
    assert counted == {
        Operation.ARCHIVE: len(LARGE),
        Operation.EXPEDITED: len(LARGE),
        Operation.LOOK: 2 * len(LARGE),
        Operation.RETURN: len(LARGE),
    }


def test_only_cold_results_are_asked_back(user, result):
    assert recalls.ask_back_by_hand(user, ids(result), "click") == 0
    make_due(result)
    assert state(result) == StorageState.HOT
    assert Recall.objects.get(cause_key="click").finished_at is not None
