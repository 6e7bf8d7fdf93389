"""The mail server refuses, or the worker dies when it has accepted (fault 7)."""

from __future__ import annotations

import pytest

from tests_e2e.faults.conftest import Cloud
from tests_e2e.inputs import small_vcf
from tests_e2e.processes import wait_until
from tests_e2e.visitor import Visitor

pytestmark = [pytest.mark.e2e, pytest.mark.postgres, pytest.mark.xdist_group("cloud_faults")]


def test_a_worker_killed_after_the_mail_server_accepted_repeats_the_same_mail_at_most_once(
    cloud: Cloud, cloud_visitor: Visitor
) -> None:
    control = next(program for program in cloud.site.running if program.name == "control")
    wait_until(lambda: not cloud.site.open_promises(), "no other mail is on its way")
    cloud.mail.before_answer = control.kill
    cloud.site.start("annotate")
    job = cloud_visitor.annotate(small_vcf())
    wait_until(lambda: control.process.poll() is not None, "the control worker is killed")
    cloud.site.running.remove(control)
    assert len(cloud.mails_about(job)) == 1
    cloud.site.start("control")
    # The promise's lease is a minute, and is not shortened for tests.
    cloud.site.end_promise_leases()
    wait_until(lambda: not cloud.site.open_promises(), "the promise is kept")
    sent = cloud.mails_about(job)
    assert len(sent) <= 2
    assert len(set(sent)) == 1


def test_a_mail_that_is_refused_is_sent_later(cloud: Cloud, cloud_visitor: Visitor) -> None:
    cloud.mail.refuse_next(1)
    cloud.site.start("annotate")
    job = cloud_visitor.annotate(small_vcf())
    cloud.site.wait_for_job(job)
    wait_until(lambda: cloud.mails_about(job), "the mail came at the second try")
    wait_until(lambda: not cloud.site.open_promises(), "the promise is kept")
    assert len(cloud.mails_about(job)) == 1
