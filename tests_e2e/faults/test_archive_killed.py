"""SIGKILL at every point between copy, row and delete; the next process finds everything and ends it.

A kill leaves a turn of 20 s and a lease of a minute behind; the tests let both end at once.
"""

from __future__ import annotations

import signal
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests_e2e import deployments
from tests_e2e.deployments import Doors, Templates
from tests_e2e.emulators.control import AwsControl
from tests_e2e.faults import archive
from tests_e2e.service import Deployment

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("archive_killed")]

# Point, and at which passing: a result has two files that go cold.
GOING = [
    "archive_claimed",
    "archive_before_copy",
    "archive_after_copy:1",
    "archive_after_copy:2",
    "archive_after_verified:1",
    "archive_after_verified:2",
    "archive_after_cold",
    "archive_during_removal:1",
    "archive_during_removal:2",
]
COMING = [
    "restore_claimed",
    "restore_after_ask:1",
    "restore_after_ask:2",
    "restore_after_return:2",
    "restore_after_recorded:2",
    "restore_after_hot",
]
COLD_OR_ON_ITS_WAY = {"archive_after_cold", "archive_during_removal:1", "archive_during_removal:2"}

SEE = """
user = user_of({user!r})
result = Result.objects.get(job__owner=user)
first = result.storage
readable_then = is_as_its_row_says(result)
"""
UPGRADE = """
set_plan(user, "premium")
result.refresh_from_db()
readable_then = readable_then and is_as_its_row_says(result)
settle()
"""
WHAT_IS_LEFT = """
from annotations import sweep as jobs_sweep
from annotations.erasure import delete_results
for message in OutboxMessage.objects.filter(kind=submission.DELETE_RESULTS):
    delete_results(message)
settle()
jobs_sweep.run()
answer = {
    "left": [key for key in cold_store().cold_keys("", 1000) if key.startswith(f"{user.pk}/")],
    "copies": ColdCopy.objects.filter(owner_id=user.pk).count(),
    "broken": broken(),
}
"""
SAY = """
result.refresh_from_db()
answer = {
    "then": first,
    "true_then": readable_then,
    "now": result.storage,
    "true_now": is_as_its_row_says(result),
    "due": result.archive_due_at is not None,
    "broken": broken(),
    "asked": sum(copy.asked_at is not None for copy in ColdCopy.objects.filter(output__result=result)),
}
"""


@pytest.fixture(scope="session")
def site_on_files(templates: Templates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """The local profile with a cold store that takes no time; no program runs."""
    folder = tmp_path_factory.mktemp("archive") / "var"
    with deployments.local(templates, folder, GAS_RESTORE_DELAY="0") as site:
        yield site


@pytest.fixture(scope="session")
def running_cloud(
    postgres_templates: Templates, aws_process: str, postgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    """PostgreSQL and S3; no program runs."""
    folder = tmp_path_factory.mktemp("archive-cloud") / "var"
    with deployments.emulated(
        postgres_templates, Doors(aws_process, postgres, 9), folder, GAS_MAIL="file", GAS_SMTP_TLS="false"
    ) as site:
        yield site


@pytest.fixture
def site_in_the_cloud(running_cloud: Deployment, aws: AwsControl) -> Deployment:
    """The same, and retrievals take no time."""
    aws.set_retrieval_seconds(Expedited=0)
    return running_cloud


@pytest.fixture
def site(request: pytest.FixtureRequest, where: str) -> Deployment:
    found: Deployment = request.getfixturevalue(where)
    return found


def everywhere(points: list[str], on_files: list[str]) -> pytest.MarkDecorator:
    """Every point in the cloud, and some on files: the code above the stores is the same."""
    cases = [("site_in_the_cloud", point) for point in points] + [("site_on_files", point) for point in on_files]
    return pytest.mark.parametrize(("where", "point"), cases)


def new_address() -> str:
    return f"{uuid.uuid4().hex[:10]}@example.org"


def die(site: Deployment, user: str, code: str, point: str) -> None:
    """Run the code until the point kills it."""
    (site.folder / "faults" / point.partition(":")[0]).unlink(missing_ok=True)
    done = archive.run(site, f"user = make_user({user!r})\nresult = make_result(user)\n{code}", fault=point)
    assert done.returncode == -signal.SIGKILL, done.stdout + done.stderr


def afterwards(site: Deployment, user: str, code: str = "settle()") -> dict[str, Any]:
    """What the next process finds, and what it makes of it."""
    return archive.told(site, SEE.format(user=user) + code + SAY)


@everywhere(GOING, ["archive_after_copy:1", "archive_after_cold"])
def test_a_kill_on_the_way_to_the_archive_loses_nothing_and_the_next_sweep_ends_it(site, point):
    user = new_address()
    die(site, user, "time_is_up(result)\nsweep.sweep()", point)
    found = afterwards(site, user)
    assert found["then"] == ("cold" if point in COLD_OR_ON_ITS_WAY else "archiving")
    assert found["true_then"]
    assert (found["now"], found["true_now"], found["broken"]) == ("cold", True, [])


@everywhere(["archive_before_copy", "archive_after_verified:2", "archive_after_cold"], [])
def test_an_upgrade_after_a_kill_on_the_way_ends_hot(site, point):
    user = new_address()
    die(site, user, "time_is_up(result)\nsweep.sweep()", point)
    found = afterwards(site, user, UPGRADE)
    assert found["true_then"]
    assert (found["now"], found["true_now"], found["due"], found["broken"]) == ("hot", True, False, [])


@everywhere(COMING, ["restore_after_return"])
def test_a_kill_on_the_way_back_loses_nothing_and_the_next_sweep_ends_it(site, point):
    user = new_address()
    code = "time_is_up(result)\nsweep.sweep()\nset_plan(user, 'premium')\nsweep.sweep()\ntime_passes()\nsweep.sweep()"
    die(site, user, code, point)
    found = afterwards(site, user)
    assert found["then"] == ("hot" if point == "restore_after_hot" else "restoring")
    assert found["true_then"]
    assert (found["now"], found["true_now"], found["asked"], found["broken"]) == ("hot", True, 0, [])


@everywhere(["delete_after_cold_object:1"], ["delete_after_cold_object:1"])
def test_a_kill_while_cold_objects_are_deleted_leaves_none_of_them(site, point):
    user = new_address()
    die(site, user, "time_is_up(result)\nsweep.sweep()\nsubmission.delete_job(user, result.job)\nsweep.sweep()", point)
    assert archive.told(site, f"user = user_of({user!r})" + WHAT_IS_LEFT) == {"left": [], "copies": 0, "broken": []}
