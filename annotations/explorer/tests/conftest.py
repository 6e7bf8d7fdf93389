"""Completed jobs whose result has a table, in folders of each test's own."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from django.test import Client

from accounts.models import User
from accounts.tests.people import BACKEND
from annotations import storage, transitions
from annotations.areas import area
from annotations.claims import Finished, StoredOutput
from annotations.explorer import files, making
from annotations.models import OutputKind, Result

# Fixtures of the app, by the names under which pytest finds them.
from annotations.tests.conftest import _own_storage, make_job, make_user, take  # noqa: F401
from annotations.tests.conftest import user as user

MakeResult = Callable[..., Result]


@pytest.fixture(autouse=True)
def _own_explorer(settings, tmp_path: Path, _own_storage) -> None:  # noqa: F811
    """A folder of its own for the files that tables are read from."""
    settings.EXPLORER_DIR = tmp_path / "explorer"


@pytest.fixture
def make_result(make_job) -> MakeResult:  # noqa: F811
    def make(owner: User, table: bytes, vcf: bytes = b"annotated") -> Result:
        claim = take(make_job(owner))
        outputs = []
        for kind, content in {OutputKind.VCF: vcf, OutputKind.PARQUET: table}.items():
            key = storage.output_key(claim, kind)
            area("results").receive(key, [content])  # type: ignore[attr-defined]
            digest = hashlib.sha256(content).hexdigest()
            outputs.append(StoredOutput(kind, key, f"patient.{kind}", len(content), digest))
        assert transitions.complete(claim, Finished(outputs, {}, 3, 3, 0, "digest"))
        return Result.objects.select_related("job").get(pk=claim.job_id)

    return make


@pytest.fixture
def client(user: User) -> Client:
    browser = Client()
    browser.force_login(user, backend=BACKEND)
    return browser


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test tidies when it says so, and waits for its small tables on a busy machine too."""
    monkeypatch.setattr(making, "WAIT_SECONDS", 60.0)
    monkeypatch.setattr(files, "TIDY_SECONDS", 1e9)
