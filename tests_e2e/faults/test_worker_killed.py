"""A worker dies, freezes or is told to stop, at every step of a job (faults 1 to 6, 8, 9)."""

from __future__ import annotations

import os
import signal

import pytest

from tests_e2e.inputs import small_vcf
from tests_e2e.processes import Running, children_of, is_alive, wait_until
from tests_e2e.service import Deployment
from tests_e2e.visitor import Visitor

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("local_faults")]


def finish(site: Deployment, job: str, attempts: int, crashes: int) -> None:
    """The job ends well after so many attempts, with one result of the last and one mail."""
    ended = site.wait_for_job(job)
    assert (ended["status"], ended["attempt"], ended["crashes"]) == ("completed", attempts, crashes)
    assert site.results_of(job) == [attempts]
    wait_until(lambda: site.mails_about(job), "the mail about the job")
    wait_until(lambda: not site.open_promises(), "nothing more is promised")
    assert len(site.mails_about(job)) == 1


def freeze_pool(site: Deployment, worker: Running) -> None:
    """Stop the processes that run tasks, not the one that takes messages."""
    pool = children_of(worker.pid)
    assert pool
    site.freeze_processes(*pool)


def test_a_message_lost_with_its_worker_is_sent_again(site: Deployment, visitor: Visitor) -> None:
    for left in site.waiting_messages("annotate"):  # doorbells of jobs that other tests have ended
        left.unlink(missing_ok=True)
    worker = site.start_one("annotate")
    freeze_pool(site, worker)
    # While they stand still the queue holds this one message; the sweep would go on ringing.
    site.freeze(*(program for program in site.running if program.name in {"beat", "control"}))
    job = visitor.annotate(small_vcf())
    wait_until(lambda: not site.waiting_messages("annotate"), "the message is taken", timeout=60)
    worker.kill()
    site.running.remove(worker)
    site.wake()
    assert site.job(job)["attempt"] == 0
    site.start("annotate")
    finish(site, job, attempts=1, crashes=0)


@pytest.mark.parametrize("point", ["after_claim", "after_fetch", "before_store", "after_store"])
def test_a_worker_killed_at_a_step_leaves_the_job_to_the_next(site: Deployment, visitor: Visitor, point: str) -> None:
    site.start("annotate", GAS_FAULT=f"{point}:1")
    job = visitor.annotate(small_vcf())
    finish(site, job, attempts=2, crashes=1)
    assert site.events_of(job).count("claimed") == 2


def test_the_annotator_dies_with_its_worker(site: Deployment, visitor: Visitor) -> None:
    worker = site.start_one("annotate")
    job = visitor.annotate(small_vcf())
    annotator = site.hold_annotator()
    worker.kill()
    site.running.remove(worker)
    wait_until(lambda: not is_alive(annotator), "the annotator is dead", timeout=10)
    assert site.annotators() == []
    site.start("annotate")
    finish(site, job, attempts=2, crashes=1)


def test_a_worker_killed_while_storing_leaves_no_object_behind(site: Deployment, visitor: Visitor) -> None:
    site.start("annotate", GAS_FAULT="during_store:1")
    job = visitor.annotate(small_vcf())
    finish(site, job, attempts=2, crashes=1)
    wait_until(lambda: site.stored_attempts(job) == {2}, "the first attempt's objects are swept")
    assert site.events_of(job).count("claimed") == 2


def test_a_worker_killed_after_the_commit_does_not_lose_the_mail(site: Deployment, visitor: Visitor) -> None:
    site.start("annotate", GAS_FAULT="after_commit:1")
    job = visitor.annotate(small_vcf())
    finish(site, job, attempts=1, crashes=0)
    assert site.events_of(job).count("claimed") == 1


def test_a_worker_that_lost_its_lease_cannot_finish(site: Deployment, visitor: Visitor) -> None:
    frozen = site.start_one("annotate")
    job = visitor.annotate(small_vcf())
    annotator = site.hold_annotator()
    site.freeze(frozen)
    wait_until(lambda: site.job(job)["status"] == "pending", "the lease ran out")
    site.start("annotate")
    ended = site.wait_for_job(job)
    assert (ended["status"], ended["attempt"]) == ("completed", 2)
    os.kill(annotator, signal.SIGCONT)
    frozen.signal_group(signal.SIGCONT)
    frozen.wait_for_line("Fenced")
    finish(site, job, attempts=2, crashes=1)


def test_a_worker_told_to_stop_finishes_what_it_can(site: Deployment, visitor: Visitor) -> None:
    worker = site.start_one("annotate", GAS_GRACE_SECONDS="15")
    job = visitor.annotate(small_vcf())
    site.wait_for_annotator()
    assert worker.stop() == 0
    assert site.job(job)["status"] == "completed"
    finish(site, job, attempts=1, crashes=0)


def test_a_worker_told_to_stop_gives_back_what_takes_too_long(site: Deployment, visitor: Visitor) -> None:
    worker = site.start_one("annotate")
    job = visitor.annotate(small_vcf())
    annotator = site.hold_annotator()
    assert worker.stop() == 0
    assert not is_alive(annotator)
    given_back = site.job(job)
    assert (given_back["status"], given_back["attempt"], given_back["crashes"]) == ("pending", 1, 0)
    site.start("annotate")
    finish(site, job, attempts=2, crashes=0)
