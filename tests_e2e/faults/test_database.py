"""The database is away for longer than a lease, or its answer to a COMMIT is lost (faults 13 and 14)."""

from __future__ import annotations

import pytest

from tests_e2e.faults.conftest import Cloud
from tests_e2e.inputs import small_vcf
from tests_e2e.processes import is_alive, wait_until
from tests_e2e.visitor import Visitor

pytestmark = [pytest.mark.e2e, pytest.mark.postgres, pytest.mark.xdist_group("cloud_faults")]


def test_pages_say_try_later_and_jobs_are_done_once_when_the_database_was_away(
    cloud: Cloud, cloud_visitor: Visitor
) -> None:
    cloud.site.start("annotate")
    jobs = [cloud_visitor.annotate(small_vcf(), name=f"job {number}") for number in range(2)]
    held = cloud.site.hold_annotator()
    cloud.database.go_down()
    page = cloud_visitor.get("/jobs/")
    assert page.status_code == 503
    assert int(page.headers["Retry-After"]) > 0
    balancer = Visitor(cloud.site.url)
    ready = balancer.get("/readyz")
    assert (ready.status_code, list(ready.json()["failed"])) == (503, ["database"])
    assert balancer.get("/healthz").status_code == 200
    over = "SELECT count(*) FROM annotations_job WHERE lease_until < now() - interval '1 second'"
    wait_until(lambda: cloud.site.rows(over) == [(1,)], "the lease is over")
    wait_until(lambda: not is_alive(held), "the worker ended what may be another's by now")
    cloud.database.come_back()
    wait_until(lambda: cloud_visitor.get("/jobs/").status_code == 200, "the pages are back")
    for job in jobs:
        assert cloud.site.wait_for_job(job)["status"] == "completed"
        assert len(cloud.site.results_of(job)) == 1
    wait_until(lambda: not cloud.site.open_promises(), "the mails went out")
    assert [len(cloud.mails_about(job)) for job in jobs] == [1, 1]


def test_a_commit_whose_answer_was_lost_is_read_again_and_not_repeated(cloud: Cloud, cloud_visitor: Visitor) -> None:
    worker = cloud.site.start_one("annotate")
    result_is_written = False

    def is_final_commit(data: bytes) -> bool:
        nonlocal result_is_written
        result_is_written = result_is_written or b'INSERT INTO "annotations_result"' in data
        return result_is_written and b"COMMIT" in data

    cloud.database.cut_after_request(is_final_commit)
    job = cloud_visitor.annotate(small_vcf())
    assert cloud.database.dropped_answer.wait(60)
    assert cloud.site.wait_for_job(job)["attempt"] == 1
    assert cloud.site.results_of(job) == [1]
    wait_until(lambda: not cloud.site.open_promises(), "the mail went out")
    assert len(cloud.mails_about(job)) == 1
    worker.wait_for_line("Completed:")
    assert cloud.site.events_of(job).count("completed") == 1
