from __future__ import annotations

import pytest
from django.core import mail

from accounts.models import User
from annotations import failures, transitions
from annotations.tests.conftest import finished
from gas import outbox
from gas.models import OutboxMessage

pytestmark = pytest.mark.django_db


def test_one_mail_says_that_a_job_is_done_and_where(claim, job):
    transitions.complete(claim, finished(claim))
    outbox.sweep()
    outbox.sweep()
    assert [message.to for message in mail.outbox] == [[job.owner.email]]
    message = mail.outbox[0]
    assert message.subject == "Done: patient.vcf"
    assert f"/jobs/{job.pk}/" in message.body


def test_a_failed_job_says_what_to_do(claim, job):
    transitions.fail(claim, "wall_limit", {})
    job.refresh_from_db()
    outbox.sweep()
    assert mail.outbox[0].subject.startswith("Failed: ")
    assert failures.sentence(job) in mail.outbox[0].body


def test_a_repeated_mail_is_recognised_as_the_same(claim):
    transitions.complete(claim, finished(claim))
    message = OutboxMessage.objects.get(kind=transitions.JOB_ENDED)
    for _ in range(2):  # the mail server took the first and its answer was lost
        assert outbox.deliver(message.pk)
        OutboxMessage.objects.filter(pk=message.pk).update(status="pending", done_at=None)
    assert len({mail.extra_headers["Message-ID"] for mail in mail.outbox}) == 1
    assert len(mail.outbox) == 2


def test_a_name_cannot_write_headers(claim, job):
    job.name = "x\nBcc: someone@example.org"
    type(job).objects.filter(pk=job.pk).update(name=job.name)
    transitions.complete(claim, finished(claim))
    outbox.sweep()
    assert mail.outbox[0].subject == "Done: x Bcc: someone@example.org"
    assert mail.outbox[0].recipients() == [job.owner.email]


def test_who_wants_no_such_mail_gets_none(claim, job):
    User.objects.update(mail_job_ended=False)
    transitions.complete(claim, finished(claim))
    outbox.sweep()
    assert mail.outbox == []


@pytest.mark.parametrize("gone", ["cancelled", "deleted", "inactive"])
def test_nobody_is_told_of_what_they_ended_themselves(claim, job, gone):
    if gone == "cancelled":
        transitions.cancel(job.pk, by="owner")
    else:
        transitions.complete(claim, finished(claim))
    if gone == "deleted":
        job.delete()
    if gone == "inactive":
        User.objects.update(is_active=False)
    outbox.sweep()
    assert mail.outbox == []
    assert not OutboxMessage.objects.filter(kind=transitions.JOB_ENDED).exclude(status="done").exists()
