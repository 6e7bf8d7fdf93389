from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest
from django.core import mail

from accounts.models import Plan, PlanCode
from annotations.models import Notice, NoticeKind, Result
from archival import follow_plan, notices, recalls, sweep
from archival.models import NoticeDay
from archival.tests.conftest import be_impatient, go_cold, let_time_pass, mails_promised, set_plan
from gas import registry
from gas.clock import database_now
from gas.models import OutboxMessage

pytestmark = pytest.mark.django_db


def send(message: OutboxMessage) -> None:
    handler = registry.handler_of(message.kind)
    assert handler is not None
    handler(message)


def due_tomorrow(result: Result, hour: int = 12) -> None:
    tomorrow = database_now().date() + timedelta(days=1)
    Result.objects.filter(pk=result.pk).update(archive_due_at=datetime.combine(tomorrow, time(hour), UTC))


def test_one_mail_the_day_before_for_all_jobs_of_that_day(user, make_user, make_result):
    for hour in (1, 12, 23):
        due_tomorrow(make_result(user), hour)
    make_result(user)  # due in a week
    other = make_user()
    due_tomorrow(make_result(other))
    for _ in range(3):
        notices.promise_for_tomorrow()
    promised = mails_promised(notices.GOING_COLD)
    assert {message.payload["user"] for message in promised} == {str(user.pk), str(other.pk)}
    assert len(promised) == 2
    told = Notice.objects.filter(kind=NoticeKind.GOING_COLD)
    assert {(notice.user_id, notice.detail["results"]) for notice in told} == {(user.pk, 3), (other.pk, 1)}
    mine = next(message for message in promised if message.payload["user"] == str(user.pk))
    assert mine.due_at.date() == database_now().date()
    send(mine)
    assert len(mail.outbox) == 1
    assert mail.outbox[0].to == [user.email]
    assert mail.outbox[0].subject.startswith("3 results will be archived on")
    assert mail.outbox[0].body.count("patient.vcf") == 3


def test_a_day_is_written_as_people_write_it(user, result):
    Result.objects.filter(pk=result.pk).update(archive_due_at=datetime(2031, 12, 5, 12, tzinfo=UTC))
    send(OutboxMessage(kind=notices.GOING_COLD, payload={"user": str(user.pk), "day": "2031-12-05"}))
    assert mail.outbox[0].subject == "1 result will be archived on 5 December"


def test_a_day_is_looked_through_once(user, result, django_assert_num_queries):
    notices.promise_for_tomorrow()
    due_tomorrow(result)
    with django_assert_num_queries(2):
        notices.promise_for_tomorrow()
    assert mails_promised(notices.GOING_COLD) == []
    assert NoticeDay.objects.count() == 1


def test_no_mail_where_retention_is_under_two_days(user, result):
    Plan.objects.filter(code=PlanCode.FREE).update(hot_retention_seconds=2 * 86_400 - 1)
    due_tomorrow(result)
    notices.promise_for_tomorrow()
    for message in mails_promised(notices.GOING_COLD):
        send(message)
    assert mail.outbox == []


def test_no_mail_when_an_upgrade_came_in_between(user, result):
    due_tomorrow(result)
    notices.promise_for_tomorrow()
    set_plan(user, PlanCode.PREMIUM)
    for message in mails_promised(notices.GOING_COLD):
        send(message)
    assert mail.outbox == []


def test_a_downgrade_is_told_with_the_day_of_the_first_archive(user, make_result):
    premium = set_plan(user, PlanCode.PREMIUM)
    result = make_result(premium)
    set_plan(user, PlanCode.FREE)
    send(mails_promised(follow_plan.TIMERS_STARTED)[0])
    result.refresh_from_db()
    assert result.archive_due_at is not None
    assert f"{result.archive_due_at:%-d %B %Y}" in mail.outbox[0].body
    assert "Nothing has been archived" in mail.outbox[0].body


def test_a_downgrade_that_was_taken_back_is_not_told(user, make_result):
    make_result(set_plan(user, PlanCode.PREMIUM))
    set_plan(user, PlanCode.FREE)
    set_plan(user, PlanCode.PREMIUM)
    send(mails_promised(follow_plan.TIMERS_STARTED)[0])
    assert mail.outbox == []


def test_a_mail_says_when_all_are_back_and_repeats_under_one_message_id(user, make_result):
    for result in [make_result(user) for _ in range(2)]:
        go_cold(result)
    set_plan(user, PlanCode.PREMIUM)
    sweep.sweep()
    let_time_pass(2)
    be_impatient()
    sweep.sweep()
    message = mails_promised(recalls.ALL_BACK)[0]
    send(message)
    send(message)
    assert [sent.subject for sent in mail.outbox] == ["Your 2 archived results are back"] * 2
    assert len({sent.extra_headers["Message-ID"] for sent in mail.outbox}) == 1


def test_mails_go_to_nobody_who_left(user, make_result):
    go_cold(make_result(user))
    set_plan(user, PlanCode.PREMIUM)
    sweep.sweep()
    let_time_pass(2)
    be_impatient()
    sweep.sweep()
    type(user).objects.filter(pk=user.pk).update(is_active=False)
    send(mails_promised(recalls.ALL_BACK)[0])
    assert mail.outbox == []


def test_who_wants_no_such_mails_gets_none(user, result):
    due_tomorrow(result)
    notices.promise_for_tomorrow()
    (promised,) = mails_promised(notices.GOING_COLD)
    type(user).objects.filter(pk=user.pk).update(mail_going_cold=False)
    send(promised)
    assert mail.outbox == []
    type(user).objects.filter(pk=user.pk).update(mail_going_cold=True)
    send(promised)
    assert len(mail.outbox) == 1
