"""A person with a browser and finished jobs, for the packages below this one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from accounts.models import User
from annotations import storage, transitions
from annotations.areas import area, digest_of
from annotations.claims import Finished, StoredOutput
from annotations.models import Job, OutputKind, Result
from annotations.tests.conftest import MakeJob, MakeUser, finished, take

VIRUS_VCF = """##fileformat=VCFv4.2
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO
NC_045512.2\t21563\t.\tA\tG\t50\tPASS\t.
NC_045512.2\t23403\trs1\tA\tG\t.\tPASS\t.
NC_045512.2\t29750\t.\tC\t<DEL>\t.\tPASS\tEND=29760
"""

MakeDone = Callable[[dict[str, Any]], Job]


@pytest.fixture
def person(make_user: MakeUser, db: None) -> User:
    return make_user(email_confirmed_at=timezone.now())


@pytest.fixture
def browser(person: User) -> Client:
    client = Client()
    client.force_login(person)
    client.get("/healthz")
    return client


@pytest.fixture
def make_done(person: User, make_job: MakeJob) -> MakeDone:
    """A done job of the person, with a summary."""

    def make(summary: dict[str, Any]) -> Job:
        job = make_job(person)
        claim = take(job)
        assert transitions.complete(claim, finished(claim))
        Result.objects.filter(job=job).update(summary=summary)
        job.refresh_from_db()
        return job

    return make


@pytest.fixture(scope="session")
def virus_files(virus_reference: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the annotator's table and summary of VIRUS_VCF."""
    from annotations.genomics import Request, annotate

    folder = tmp_path_factory.mktemp("virus")
    (folder / "in.vcf").write_text(VIRUS_VCF)
    reference = settings.REFERENCES_DIR / virus_reference
    asked = Request(
        folder / "in.vcf",
        reference,
        folder / "annotated.vcf.gz",
        parquet=folder / "annotated.parquet",
        summary=folder / "summary.json",
    )
    annotate(asked)
    return folder


@pytest.fixture
def virus_job(settings: Any, virus_files: Path, person: User, make_job: MakeJob, tmp_path: Path) -> Job:
    """A done job of the person: VIRUS_VCF with its real table and summary."""
    settings.EXPLORER_DIR = tmp_path / "explorer"
    return done_virus(make_job(person), virus_files)


def done_virus(job: Job, virus_files: Path) -> Job:
    """The job, done with the table and summary of VIRUS_VCF."""
    claim = take(job)
    table = virus_files / "annotated.parquet"
    key = storage.output_key(claim, OutputKind.PARQUET)
    area("results").store(table, key, lambda: None)
    with table.open("rb") as stream:
        size, digest = digest_of(stream)
    output = StoredOutput(OutputKind.PARQUET, key, "patient.annotated.parquet", size, digest)
    summary = json.loads((virus_files / "summary.json").read_text())
    assert transitions.complete(claim, Finished([output], summary, 3, 3, 0, summary["reference"]["digest"]))
    return Job.objects.get(pk=claim.job_id)
