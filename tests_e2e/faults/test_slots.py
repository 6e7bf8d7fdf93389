"""Long jobs in every annotate slot delay nothing else: sweeps, mails and cancels go on."""

from __future__ import annotations

import os
import signal

import pytest

from tests_e2e.inputs import small_vcf
from tests_e2e.processes import is_alive, wait_until
from tests_e2e.service import Deployment
from tests_e2e.visitor import Visitor, make_users

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("local_faults")]


def test_long_jobs_in_every_slot_delay_no_sweep_no_mail_and_no_cancel(site: Deployment, visitor: Visitor) -> None:
    site.start("annotate", GAS_ANNOTATE_SLOTS="2")
    jobs = [visitor.annotate(small_vcf(), name=f"long {number}") for number in range(3)]
    # Held by SIGSTOP: as long as thirty seconds or thirty hours of work, and their workers show signs of life.
    held = wait_until(lambda: site.hold_annotators(2), "both slots are taken")
    sweeps_before = site.sweeps_finished()
    wait_until(
        lambda: all(site.sweeps_finished()[name] > at for name, at in sweeps_before.items()), "every sweep ran again"
    )
    assert "annotations" in sweeps_before
    address = make_users(site)[0]
    Visitor(site.url).post("/accounts/password/reset/", email=address)
    wait_until(lambda: site.mails_about(address), "the mail to reset the password")
    running = [job for job in jobs if site.job(job)["status"] == "running"]
    visitor.post(f"{running[0]}cancel")
    assert site.job(running[0])["status"] == "cancelled"
    wait_until(lambda: len([pid for pid in held if is_alive(pid)]) == 1, "the cancelled job's annotator is dead")
    # The slot that became free takes the job that waited, while the other is still held.
    waiting = next(job for job in jobs if job not in running)
    assert site.wait_for_job(waiting)["status"] == "completed"
    other = next(pid for pid in held if is_alive(pid))
    os.kill(other, signal.SIGCONT)
    assert site.wait_for_job(running[1])["status"] == "completed"
    assert [site.job(job)["crashes"] for job in jobs] == [0, 0, 0]
