from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client

from accounts.models import User
from annotations import erasure, exports, transitions
from annotations.models import Delivery, Notice, NoticeKind
from annotations.notices.telling import forget_old, tell
from annotations.sharing import granting
from annotations.tests.conftest import finished, take
from annotations.webhooks import deliveries
from gas import clock, outbox
from gas.models import OutboxMessage

pytestmark = pytest.mark.django_db


def test_the_end_of_a_job_is_told_in_every_page_until_it_is_read(browser: Client, person: User, make_job):
    done, failed = make_job(person, name="Tumour"), make_job(person, name="Normal")
    claim = take(done)
    transitions.complete(claim, finished(claim))
    transitions.fail(take(failed), "field", {})
    head = browser.get("/accounts/profile/").content.decode()
    assert '<span class="count">2<span class="visually-hidden"> unread' in head
    page = browser.get("/news/").content.decode()
    assert "Tumour is annotated." in page
    assert "Normal failed." in page
    assert page.count("unread") >= 2
    notice = Notice.objects.get(kind=NoticeKind.JOB_COMPLETED)
    assert browser.get(f"/news/{notice.pk}").headers["Location"] == f"/jobs/{done.pk}/"
    assert '<span class="count">1<' in browser.get("/news/").content.decode()
    browser.post("/news/read")
    assert '<span class="count">' not in browser.get("/news/").content.decode()


def test_a_cancelled_job_is_no_news(browser, person, make_job):
    transitions.cancel(make_job(person).pk, by="owner")
    assert b"Nothing has happened yet" in browser.get("/news/").content


def test_the_same_thing_is_told_once_to_people_and_to_programs(person):
    deliveries.make(person, "https://lab.example.org/")
    for _ in range(2):
        tell(person.pk, NoticeKind.RESTORED, "recall", results=3)
    assert Notice.objects.get().detail == {"results": 3}
    assert Delivery.objects.get().data == {"results": 3}


def test_who_is_shown_a_result_is_told_if_there_is_an_account(browser, person, virus_job, make_user):
    reader = make_user(email_confirmed_at=clock.database_now())
    for address in (reader.email, "nobody@example.org", make_user().email):  # the last one is not proved
        granting.invite(person, virus_job, address, granting.Terms())
    assert not Notice.objects.filter(kind=NoticeKind.SHARED).exists(), "not while the owner waits"
    for message_id in OutboxMessage.objects.filter(kind=granting.SHARED).values_list("pk", flat=True):
        assert outbox.deliver(message_id)
    notice = Notice.objects.get(kind=NoticeKind.SHARED)
    assert notice.user == reader
    client = Client()
    client.force_login(reader)
    assert "A user shares patient.vcf with you." in client.get("/news/").content.decode()


def test_a_notice_is_its_users(browser, make_user):
    tell(make_user().pk, NoticeKind.RESTORED, "recall")
    assert browser.get(f"/news/{Notice.objects.get().pk}").status_code == 404
    browser.post("/news/read")
    assert Notice.objects.get().read_at is None


def test_notices_are_forgotten_after_a_while(person):
    tell(person.pk, NoticeKind.RESTORED, "recall")
    forget_old()
    assert Notice.objects.exists()
    Notice.objects.update(at=clock.from_now(-timedelta(days=91)))
    forget_old()
    assert not Notice.objects.exists()


def test_notices_go_with_their_user_and_are_in_my_data(person, make_user):
    for user in (person, make_user()):
        tell(user.pk, NoticeKind.RESTORED, f"recall of {user.pk}")
    assert [row["kind"] for row in exports.notices(person)] == ["results.restored"]
    erasure.erase(person)
    assert Notice.objects.count() == 1
