"""The annotator runs out of memory, or never ends (faults 19 and 20)."""

from __future__ import annotations

import pytest

from tests_e2e.inputs import SAMPLE, small_vcf
from tests_e2e.processes import is_alive, wait_until
from tests_e2e.service import Deployment
from tests_e2e.visitor import Visitor

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("local_faults")]


def test_a_job_without_enough_memory_fails_after_three_tries(site: Deployment, visitor: Visitor) -> None:
    # Enough to start, not enough to write the tables.
    worker = site.start_one("annotate", GAS_CHILD_MEMORY_MB="225")
    jobs = [visitor.annotate(SAMPLE.read_bytes(), SAMPLE.name, name=f"job {number}") for number in range(2)]
    for job in jobs:
        ended = site.wait_for_job(job)
        assert (ended["status"], ended["attempt"], ended["crashes"]) == ("failed", 3, 3)
        assert ended["failure_code"] == "out_of_memory"
    assert is_alive(worker.pid)
    assert "memory" in visitor.get(jobs[0]).text
    site.stop(worker)
    site.start("annotate")
    assert site.wait_for_job(visitor.annotate(small_vcf()))["status"] == "completed"


def test_an_annotator_that_hangs_is_ended_by_the_wall_clock(site: Deployment, visitor: Visitor) -> None:
    site.start("annotate", GAS_CHILD_WALL_SECONDS="3")
    hanging = visitor.annotate(small_vcf())
    annotator = site.hold_annotator()
    ended = site.wait_for_job(hanging)
    assert (ended["status"], ended["failure_code"]) == ("failed", "wall_limit")
    wait_until(lambda: not is_alive(annotator), "the annotator is dead", timeout=10)
    assert site.annotators() == []
