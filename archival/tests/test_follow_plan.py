from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.models import PlanCode, User
from annotations.models import Result, StorageState
from archival import follow_plan, recalls, sweep, transitions
from archival.models import Recall
from archival.tests.conftest import (
    CONTENTS,
    WEEK,
    be_impatient,
    broken,
    copies_of,
    count_asks,
    deliver_plan_changes,
    due_in,
    go_cold,
    hot_bytes,
    let_time_pass,
    mails_promised,
    make_due,
    set_plan,
    state,
)
from gas.clock import from_now

pytestmark = pytest.mark.django_db


def test_an_upgrade_before_the_archive_ran_means_nothing_is_archived(user, result):
    make_due(result)
    set_plan(user, PlanCode.PREMIUM)
    sweep.sweep()
    assert state(result) == StorageState.HOT
    assert copies_of(result) == {}


def test_an_upgrade_before_the_copy_ends_hot_and_readable(user, result):
    make_due(result)
    transitions.begin_archiving_due(result.pk, "LOCAL")
    set_plan(user, PlanCode.PREMIUM)
    assert state(result) == StorageState.HOT
    sweep.sweep()
    assert state(result) == StorageState.HOT
    assert hot_bytes(result) == CONTENTS


def test_an_upgrade_after_the_copy_ends_hot_and_the_archiver_that_goes_on_deletes_nothing(user, result, monkeypatch):
    make_due(result)
    transitions.begin_archiving_due(result.pk, "LOCAL")
    finish = transitions.finish_archiving

    def upgrade_first(result_id):
        set_plan(user, PlanCode.PREMIUM)
        return finish(result_id)

    monkeypatch.setattr(transitions, "finish_archiving", upgrade_first)
    sweep.sweep()
    assert state(result) == StorageState.HOT
    assert hot_bytes(result) == CONTENTS
    assert broken() == []


def test_an_upgrade_after_the_result_is_cold_brings_it_back(user, result):
    go_cold(result)
    set_plan(user, PlanCode.PREMIUM)
    assert state(result) == StorageState.RESTORING
    sweep.sweep()
    let_time_pass(2)
    be_impatient()
    sweep.sweep()
    assert state(result) == StorageState.HOT
    assert hot_bytes(result) == CONTENTS
    assert broken() == []


def test_a_downgrade_starts_the_timer_anew_and_nothing_goes_at_once(user, make_result):
    premium = set_plan(user, PlanCode.PREMIUM)
    results = [make_result(premium) for _ in range(3)]
    set_plan(user, PlanCode.FREE)
    sweep.sweep()
    for result in results:
        assert state(result) == StorageState.HOT
        assert WEEK - timedelta(minutes=1) < due_in(result) <= WEEK
    assert len(mails_promised(follow_plan.TIMERS_STARTED)) == 1


def test_an_upgrade_and_downgrade_that_are_heard_of_together_still_start_the_timer_anew(user, result):
    Result.objects.filter(pk=result.pk).update(archive_due_at=from_now(timedelta(minutes=5)))
    set_plan(user, PlanCode.PREMIUM, deliver=False)
    set_plan(user, PlanCode.FREE, deliver=False)
    deliver_plan_changes()
    assert due_in(result) > WEEK - timedelta(minutes=1)


def test_hearing_of_a_downgrade_twice_does_not_put_the_timer_off_again(user, make_result):
    result = make_result(set_plan(user, PlanCode.PREMIUM))
    free = set_plan(user, PlanCode.FREE)
    Result.objects.filter(pk=result.pk).update(archive_due_at=from_now(WEEK + timedelta(minutes=3)))
    before = Result.objects.get(pk=result.pk).archive_due_at
    follow_plan.follow(free)
    assert Result.objects.get(pk=result.pk).archive_due_at == before
    assert len(mails_promised(follow_plan.TIMERS_STARTED)) == 1


def test_a_downgrade_while_restoring_lets_it_come_back_and_starts_the_timer_then(user, result):
    go_cold(result)
    set_plan(user, PlanCode.PREMIUM)
    sweep.sweep()
    set_plan(user, PlanCode.FREE)
    assert state(result) == StorageState.RESTORING
    let_time_pass(2)
    be_impatient()
    sweep.sweep()
    assert state(result) == StorageState.HOT
    assert WEEK - timedelta(minutes=1) < due_in(result) <= WEEK


def test_upgrade_downgrade_upgrade_asks_for_each_object_once(user, result, monkeypatch):
    go_cold(result)
    asked = count_asks(monkeypatch)
    for code in (PlanCode.PREMIUM, PlanCode.FREE, PlanCode.PREMIUM):
        set_plan(user, code)
        sweep.sweep()
    assert sorted(asked) == sorted(copy.storage_key for copy in copies_of(result).values())
    let_time_pass(2)
    be_impatient()
    sweep.sweep()
    assert state(result) == StorageState.HOT
    assert Result.objects.get(pk=result.pk).archive_due_at is None
    assert Recall.objects.filter(finished_at__isnull=True).count() == 0
    assert len(mails_promised(recalls.ALL_BACK)) == 1


def test_what_an_old_message_began_is_left_to_the_newer_plan(user, result):
    go_cold(result)
    stale = set_plan(user, PlanCode.PREMIUM, deliver=False)
    set_plan(user, PlanCode.FREE, deliver=False)
    follow_plan.follow(stale)
    assert state(result) == StorageState.COLD


def test_what_was_archived_by_hand_since_the_upgrade_stays_when_the_upgrade_is_heard_of_again(user, result):
    premium = set_plan(user, PlanCode.PREMIUM)
    assert transitions.begin_archiving_by_hand(result.pk, "LOCAL", by="owner")
    sweep.sweep()
    follow_plan.follow(premium)
    assert state(result) == StorageState.COLD


def test_a_result_archived_by_hand_comes_back_with_the_next_upgrade(user, result):
    set_plan(user, PlanCode.PREMIUM)
    transitions.begin_archiving_by_hand(result.pk, "LOCAL", by="owner")
    sweep.sweep()
    set_plan(user, PlanCode.FREE)
    set_plan(user, PlanCode.PREMIUM)
    assert state(result) == StorageState.RESTORING


def test_a_change_of_plan_touches_nobody_elses_results(user, make_user, make_result):
    stranger = make_user()
    theirs = go_cold(make_result(stranger))
    set_plan(user, PlanCode.PREMIUM)
    assert state(theirs) == StorageState.COLD


def test_a_user_who_is_gone_is_no_failure(user):
    set_plan(user, PlanCode.PREMIUM, deliver=False)
    User.objects.filter(pk=user.pk).delete()
    deliver_plan_changes()
    assert not User.objects.filter(pk=user.pk).exists()


def test_a_recall_that_died_before_its_end_is_closed_when_the_message_is_heard_again(user, result, monkeypatch):
    go_cold(result)
    with monkeypatch.context() as patch:
        patch.setattr(recalls, "close", lambda recall: None)
        premium = set_plan(user, PlanCode.PREMIUM)
    assert Recall.objects.get().gathered_at is None
    follow_plan.follow(premium)
    assert Recall.objects.get().gathered_at is not None


def test_an_upgrade_that_is_taken_back_half_way_stops_asking(user, make_result, monkeypatch):
    for _ in range(3):
        go_cold(make_result(user))
    monkeypatch.setattr(recalls.batches, "__defaults__", (1,))
    lots = []
    begin = transitions.begin_restoring

    def downgrade_at_the_second(batch, recall):
        lots.append(batch)
        if len(lots) == 2:
            set_plan(user, PlanCode.FREE, deliver=False)
        return begin(batch, recall)

    monkeypatch.setattr(transitions, "begin_restoring", downgrade_at_the_second)
    set_plan(user, PlanCode.PREMIUM)
    assert len(lots) == 2
    assert Result.objects.filter(storage=StorageState.COLD).count() == 1
    assert Recall.objects.get().gathered_at is not None
