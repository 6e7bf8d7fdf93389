"""The worker is killed twenty times at random during fifty jobs: all are done, each once."""

from __future__ import annotations

import os
import random
import signal
import threading

import pytest

from tests_e2e.inputs import small_vcf
from tests_e2e.processes import Running, children_of, wait_until
from tests_e2e.service import Deployment
from tests_e2e.visitor import Visitor, annotate_often

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("local_faults"), pytest.mark.timeout(600)]

JOBS = 50
KILLS = 20
SEED = 20
SLOTS = {"GAS_ANNOTATE_SLOTS": "2"}


def strike(worker: Running, chance: random.Random) -> bool:
    """Kill the whole worker, or only a process of its pool. True: the whole worker."""
    pool = children_of(worker.pid)
    if chance.random() < 0.5 and pool:
        os.kill(chance.choice(pool), signal.SIGKILL)
        return False
    worker.kill()
    return True


def is_no_last_straw(site: Deployment) -> bool:
    """No running job has had two crashes: a third would rightly end it as failed."""
    running = [job for job in site.jobs() if job["status"] == "running"]
    return bool(running) and max(job["crashes"] for job in running) < 2


def test_fifty_jobs_survive_twenty_kills(site: Deployment, visitor: Visitor) -> None:
    chance = random.Random(SEED)
    pause = threading.Event()
    jobs = annotate_often(site, small_vcf(3), visitor, JOBS)
    worker = site.start_one("annotate", **SLOTS)
    for _ in range(KILLS):
        wait_until(lambda: is_no_last_straw(site), "a job runs that may be hit", timeout=60)
        # A random moment of a job's life, of which most takes less than a second.
        pause.wait(chance.uniform(0, 0.8))
        if is_no_last_straw(site) and strike(worker, chance):
            site.running.remove(worker)
            worker = site.start_one("annotate", **SLOTS)
    for job in jobs:
        assert site.wait_for_job(job, timeout=240)["status"] == "completed"
        assert site.results_of(job) == [site.job(job)["attempt"]]
    crashes = sum(site.job(job)["crashes"] for job in jobs)
    assert crashes >= KILLS / 4, "the kills hit almost nothing"
    wait_until(lambda: not site.open_promises(), "every mail went out", timeout=60)
    assert [len(site.mails_about(job)) for job in jobs] == [1] * JOBS
    wait_until(lambda: not site.annotators(), "no annotator is left")
