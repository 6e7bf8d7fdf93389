"""Many clicks at the same moment: of one user (fault 32), and of fifty."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier
from uuid import uuid4

import pytest

from tests_e2e import deployments
from tests_e2e.deployments import Templates
from tests_e2e.inputs import small_vcf
from tests_e2e.service import Deployment
from tests_e2e.visitor import new_visitor, new_visitors, upload_often

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("submissions")]

USERS = 50
COUNTED = "SELECT count(*), count(DISTINCT owner_id) FROM annotations_job"


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def pages(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """The pages alone, on each database."""
    folder = tmp_path_factory.mktemp(f"pages-{request.param}") / "var"
    if request.param == "sqlite":
        templates: Templates = request.getfixturevalue("templates")
        opened = deployments.local(templates, folder)
    else:
        templates = request.getfixturevalue("postgres_templates")
        opened = deployments.on_postgres(templates, request.getfixturevalue("postgres"), folder)
    with opened as deployment:
        deployment.start("web")
        yield deployment
        deployment.check_invariants()


def at_once(calls: Sequence[Callable[[], str]]) -> list[str]:
    """The answers of calls that all start at the same moment."""
    barrier = Barrier(len(calls))

    def run(call: Callable[[], str]) -> str:
        barrier.wait(60)
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def test_fifty_users_submit_at_the_same_moment(pages: Deployment) -> None:
    visitors = new_visitors(pages, USERS)
    uploads = upload_often(pages, small_vcf(), visitors)
    ((jobs, owners),) = pages.rows(COUNTED)
    submits = [partial(visitor.submit, upload) for visitor, upload in zip(visitors, uploads, strict=True)]
    addresses = at_once(submits)
    assert len(set(addresses)) == USERS
    assert [job["status"] for job in map(pages.job, addresses)] == ["pending"] * USERS
    assert pages.rows(COUNTED) == [(jobs + USERS, owners + USERS)]


def test_a_double_click_is_one_job(pages: Deployment) -> None:
    visitor, jobs = new_visitor(pages), len(pages.jobs())
    (upload,), key = upload_often(pages, small_vcf(), [visitor]), uuid4().hex
    addresses = at_once([partial(visitor.submit, upload, key)] * 8)
    assert len(set(addresses)) == 1
    assert visitor.submit(upload, key) == addresses[0]
    assert len(pages.jobs()) == jobs + 1
