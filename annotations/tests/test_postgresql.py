"""The same tests again where rows are really locked: on PostgreSQL, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from tests_e2e.emulators.postgres import MissingPostgresError, run_postgres

MODULES = ("transitions", "submission", "sweep", "invariants", "access", "estimate", "metrics")


@pytest.fixture
def url() -> Iterator[str]:
    try:
        with run_postgres() as server:
            yield server.url()
    except MissingPostgresError as missing:
        if os.environ.get("REQUIRE_ALL_TESTS") == "1":
            pytest.fail(str(missing))
        pytest.skip(str(missing))


@pytest.mark.postgres
def test_the_life_of_a_job_holds_on_postgresql(url):
    folder = Path(__file__).parent
    files = [str(folder / f"test_{name}.py") for name in MODULES]
    files.append(str(settings.BASE_DIR / "gas" / "tests" / "test_outbox.py"))
    command = [sys.executable, "-m", "pytest", "--ds=annotations.tests.postgresql_settings", "-p", "no:xdist", *files]
    environment = os.environ | {"TEST_POSTGRESQL_URL": url}
    done = subprocess.run(
        command, cwd=settings.BASE_DIR, env=environment, capture_output=True, text=True, check=False, timeout=280
    )
    assert done.returncode == 0, done.stdout[-6000:]
    assert "passed" in done.stdout
    assert "skipped" not in done.stdout
