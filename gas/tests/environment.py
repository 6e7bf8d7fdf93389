"""What every test process gets: its own state folder, and none of the developer's GAS_ variables.

A pytest plugin (`-p gas.tests.environment`), for it must run before pytest-django reads the
settings, which a conftest.py does not.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

_PROJECT = Path(__file__).parents[2]
# Compiled kernels are shared between runs: compiling them again for each worker would cost a minute.
os.environ.setdefault(
    "NUMBA_CACHE_DIR", str(Path(os.environ.get("GAS_VAR_DIR") or _PROJECT / "var").resolve() / "numba")
)
for _name in [name for name in os.environ if name.startswith("GAS_")]:
    del os.environ[_name]
_STATE = Path(tempfile.mkdtemp(prefix="gas-tests-"))
os.environ["GAS_VAR_DIR"] = str(_STATE)
os.environ["GAS_MAIL"] = "file"


@pytest.fixture(scope="session", autouse=True)
def _static_files() -> None:
    """Pages name their style sheets by the collected files' hashes."""
    from django.core.management import call_command

    call_command("collectstatic", verbosity=0, interactive=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """Bring back what the migrations seeded, after a test that emptied the database behind itself.

    Tests of a group may run before ordinary ones, which rely on the plans.
    """
    yield
    marker = item.get_closest_marker("django_db")
    if nextitem is not None and marker is not None and marker.kwargs.get("transaction"):
        from django.db import connection
        from pytest_django.plugin import blocking_manager_key

        with item.config.stash[blocking_manager_key].unblock():
            connection.creation.deserialize_db_from_string(connection._test_serialized_contents)  # type: ignore[attr-defined]  # Django sets it


def pytest_unconfigure() -> None:
    """Leave nothing behind."""
    shutil.rmtree(_STATE, ignore_errors=True)
