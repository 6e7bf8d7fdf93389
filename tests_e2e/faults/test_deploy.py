"""Old and new code run side by side during a deploy (fault 33)."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from numba.core.caching import _CacheLocator

from tests_e2e.emulators.loopback import PROJECT
from tests_e2e.inputs import small_vcf
from tests_e2e.processes import is_alive, wait_until
from tests_e2e.service import Deployment
from tests_e2e.visitor import Visitor

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("local_faults")]

APART = shutil.ignore_patterns("__pycache__", "tests", "*.pyc")
PACKAGES = ("gas", "accounts", "annotations", "archival", "templates", "static")

# What the next release brings: a task and a kind of promise that the old code has never heard of.
NEXT_RELEASE = '''

from gas import registry as _registry


@shared_task(name="gas.of_the_next_release", acks_late=True, ignore_result=True)
def of_the_next_release() -> None:
    """Leave a trace."""
    from django.conf import settings
    (settings.VAR_DIR / "next-task").touch()


@_registry.outbox_handler("gas.of_the_next_release")
def _keep(message: object) -> None:
    from django.conf import settings
    (settings.VAR_DIR / "next-promise").touch()
'''
PROMISE = """
from django.db import transaction
from gas import doorbell, outbox
with transaction.atomic():
    outbox.promise("gas.of_the_next_release", "of-the-next-release", {})
doorbell.ring("gas.of_the_next_release", queue="control")
"""


@pytest.fixture(scope="session")
def next_release(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The project as it will be: a copy with more in it, and its annotator compiled."""
    folder = tmp_path_factory.mktemp("next") / "project"
    for package in PACKAGES:
        shutil.copytree(PROJECT / package, folder / package, ignore=APART)
    for shared in ("manage.py", "reference", "pyproject.toml"):
        (folder / shared).symlink_to(PROJECT / shared)
    with (folder / "gas" / "tasks.py").open("a") as tasks:
        tasks.write(NEXT_RELEASE)
    compiled = copy_compiled_code(folder)
    yield folder
    for place in compiled:
        shutil.rmtree(place)


def copy_compiled_code(project: Path) -> list[Path]:
    """Machine code for a copy of the project, which numba keeps by the folder of the source. What was made."""
    made = []
    annotator = PROJECT / "annotations" / "genomics"
    for folder in {path.parent for path in annotator.rglob("*.py")}:
        there = project / folder.relative_to(PROJECT)
        ours, theirs = (_CacheLocator.get_suitable_cache_subpath(str(one / "any.py")) for one in (folder, there))
        for held in Path(os.environ["NUMBA_CACHE_DIR"]).glob(f"*/{ours}"):
            made.append(shutil.copytree(held, held.with_name(theirs)))
    assert made, "the annotator was compiled before the tests"
    return made


def test_old_and_new_workers_finish_each_others_work(site: Deployment, visitor: Visitor, next_release: Path) -> None:
    new = {"PYTHONPATH": str(next_release)}
    old_control = next(program for program in site.running if program.name == "control")
    site.start("annotate")
    site.start("annotate", **new)
    # Before any new control worker: the old one meets what it does not know.
    site.run_code(PROMISE)
    wait_until(lambda: site.promise_tries("gas.of_the_next_release") > 0, "the old code tried the promise")
    assert site.promise_status("gas.of_the_next_release") == "pending"
    assert is_alive(old_control.pid)
    site.start("control", **new)
    jobs = [visitor.annotate(small_vcf(), name=f"{number}") for number in range(6)]
    for job in jobs:
        ended = site.wait_for_job(job)
        assert (ended["status"], ended["attempt"]) == ("completed", 1)
    # The deploy goes on: the old control worker is told to stop.
    site.stop(old_control)
    wait_until(lambda: site.promise_status("gas.of_the_next_release") == "done", "the new code keeps the promise", 60)
    assert (site.folder / "next-promise").exists()
    site.run_code('from gas import doorbell\ndoorbell.ring("gas.of_the_next_release", queue="control")')
    wait_until((site.folder / "next-task").exists, "the new task runs")
