"""The broker forgets, is away, refuses or repeats itself (faults 10 to 12)."""

from __future__ import annotations

import shutil
import time

import pytest

from tests_e2e.faults.conftest import Cloud
from tests_e2e.inputs import small_vcf
from tests_e2e.processes import is_alive, wait_until
from tests_e2e.service import Deployment
from tests_e2e.visitor import Visitor, annotate_often

pytestmark = [pytest.mark.e2e]

QUEUED = 50
SUBMIT_SECONDS = 10.0


@pytest.mark.timeout(600)
@pytest.mark.xdist_group("local_faults")
def test_fifty_jobs_whose_messages_are_gone_are_all_done_once(site: Deployment, visitor: Visitor) -> None:
    jobs = annotate_often(site, small_vcf(3), visitor, QUEUED)
    # The sweep keeps ringing, so the queue is emptied with the worker about to look at it.
    assert site.waiting_messages("annotate")
    for message in site.waiting_messages("annotate"):
        message.unlink(missing_ok=True)
    site.start("annotate", GAS_ANNOTATE_SLOTS="2")
    for job in jobs:
        ended = site.wait_for_job(job, timeout=300)
        assert (ended["status"], ended["attempt"]) == ("completed", 1)
        assert site.results_of(job) == [1]
    wait_until(lambda: not site.open_promises(), "every mail went out", timeout=60)
    assert [len(site.mails_about(job)) for job in jobs] == [1] * QUEUED


@pytest.mark.xdist_group("local_faults")
def test_a_message_delivered_five_times_at_once_is_one_claim(site: Deployment, visitor: Visitor) -> None:
    job = visitor.annotate(small_vcf())
    message = wait_until(lambda: site.waiting_messages("annotate"), "the message")[0]
    for number in range(4):
        shutil.copy(message, message.with_name(f"{message.name.split('_')[0]}_{number}.annotate.msg"))
    site.start("annotate", GAS_ANNOTATE_SLOTS="5")
    assert site.wait_for_job(job)["attempt"] == 1
    wait_until(lambda: not site.waiting_messages("annotate"), "every message was taken", 120)
    assert site.events_of(job).count("claimed") == 1
    assert site.results_of(job) == [1]


@pytest.mark.postgres
@pytest.mark.xdist_group("cloud_faults")
def test_a_submit_succeeds_while_the_broker_is_away(cloud: Cloud, cloud_visitor: Visitor) -> None:
    upload = cloud_visitor.upload(small_vcf())
    cloud.queues.go_down()
    began = time.monotonic()
    job = cloud_visitor.submit(upload)
    assert time.monotonic() - began < SUBMIT_SECONDS
    assert cloud_visitor.get(job).status_code == 200
    assert cloud.site.job(job)["status"] == "pending"
    cloud.queues.come_back()
    cloud.site.start("annotate")
    assert cloud.site.wait_for_job(job)["attempt"] == 1


@pytest.mark.postgres
@pytest.mark.xdist_group("cloud_faults")
def test_a_worker_outlives_a_broker_that_answers_503(cloud: Cloud, cloud_visitor: Visitor) -> None:
    worker = cloud.site.start_one("annotate")
    cloud.aws.fail_next("SQS ReceiveMessage", times=5)
    wait_until(
        lambda: [seen["status"] for seen in cloud.aws.requests_seen("SQS ReceiveMessage")].count(503) == 5,
        "the broker refused five times",
    )
    job = cloud_visitor.annotate(small_vcf())
    assert cloud.site.wait_for_job(job)["status"] == "completed"
    assert is_alive(worker.pid)
