"""What every test process gets: its own state folder, and none of the developer's GAS_ variables.

A pytest plugin (`-p gas.tests.environment`), for it must run before pytest-django reads the
settings, which a conftest.py does not.
"""

from __future__ import annotations

import os
import shutil
import tempfile
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


def pytest_unconfigure() -> None:
    """Leave nothing behind."""
    shutil.rmtree(_STATE, ignore_errors=True)
