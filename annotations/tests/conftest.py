"""Users, uploads and jobs to test with, each with a storage folder of its own."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path
from uuid import uuid4

import pytest
from django.conf import settings
from django.core.files.storage import storages

from accounts.models import User
from annotations import child, storage, transitions
from annotations.areas import area
from annotations.claims import Claim, Finished, StoredOutput
from annotations.models import Job, OutputKind, Upload, UploadStatus
from gas.clock import from_now

VCF = b"##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\nNC_045512.2\t241\t.\tC\tT\t.\t.\t.\n"

_numbers = count()

MakeUser = Callable[..., User]
MakeJob = Callable[..., Job]


@pytest.fixture(autouse=True)
def _own_storage(settings, tmp_path: Path) -> Iterator[None]:
    """Folders under the test's own directory, whatever storage another test left behind."""
    stores = {name: dict(options) for name, options in settings.STORAGES.items()}
    for name in ("inputs", "results", "archive"):
        stores[name] = {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": tmp_path / "storage" / name},
        }
    # The manifest of the real one is made by collectstatic.
    stores["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = stores
    settings.WORK_DIR = tmp_path / "work"
    yield
    storages._storages.clear()  # type: ignore[attr-defined]


@pytest.fixture
def make_user() -> MakeUser:
    def make(**fields) -> User:
        return User.objects.create_user(f"user{next(_numbers)}@example.org", name="A user", **fields)

    return make


@pytest.fixture
def user(make_user: MakeUser, db: None) -> User:
    return make_user()


def put_upload(owner: User, content: bytes = VCF, status: UploadStatus = UploadStatus.RECEIVED) -> Upload:
    """An upload whose object is there."""
    upload_id = uuid4()
    key = storage.input_key(owner.pk, upload_id)
    area("inputs").receive(key, [content])  # type: ignore[attr-defined]
    return Upload.objects.create(
        pk=upload_id,
        owner=owner,
        storage_key=key,
        file_name="patient.vcf",
        status=status,
        max_bytes=len(content),
        size_bytes=len(content),
        etag=hashlib.sha256(content).hexdigest(),
        expires_at=None if status == UploadStatus.CONSUMED else from_now(timedelta(hours=1)),
    )


@pytest.fixture
def make_job() -> MakeJob:
    def make(owner: User, content: bytes = VCF, **fields) -> Job:
        upload = put_upload(owner, content, UploadStatus.CONSUMED)
        values = {"name": "patient.vcf", "reference_name": "virus", "submission_key": uuid4().hex} | fields
        job = transitions.open_job(owner=owner, upload=upload, **values)
        job.refresh_from_db()
        return job

    return make


@pytest.fixture
def job(user: User, make_job: MakeJob) -> Job:
    return make_job(user)


@pytest.fixture
def claim(job: Job) -> Claim:
    return take(job)


def take(job: Job) -> Claim:
    """Claim a job that is due."""
    found = transitions.claim_job(job.pk, "worker")
    assert found is not None
    return found


def finished(claim: Claim, content: bytes = b"result") -> Finished:
    """What a worker hands in: one stored output, and a receipt that adds up."""
    key = storage.output_key(claim, OutputKind.VCF)
    area("results").receive(key, [content])  # type: ignore[attr-defined]
    digest = hashlib.sha256(content).hexdigest()
    outputs = [StoredOutput(OutputKind.VCF, key, "patient.annotated.vcf.gz", len(content), digest)]
    return Finished(outputs, {}, 3, 2, 1, "digest")


@pytest.fixture(scope="session")
def compiled_look(virus_reference: str) -> None:
    """What a look at a file needs is compiled, so that no test waits for it within a look's time limit."""
    sample = settings.BASE_DIR / "reference" / "sample.HCC1395.chr19.vcf.gz"
    command = [sys.executable, "-m", "annotations.genomics", "preflight", str(sample), "--json"]
    subprocess.run(command, env=child.environment(), check=True, capture_output=True)


@pytest.fixture(scope="session")
def virus_reference(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A small real reference: SARS-CoV-2, built once."""
    from annotations.genomics.reference.build import BuildInputs, build_reference

    source = settings.BASE_DIR / "reference"
    folder = settings.REFERENCES_DIR
    folder.mkdir(parents=True, exist_ok=True)
    inputs = BuildInputs("virus", "ASM985889v3", [source / "NC_045512.2.fa"], [source / "NC_045512.2.gff3"], {})
    build_reference(inputs, folder)
    yield "virus"
    shutil.rmtree(folder / "virus", ignore_errors=True)  # packages beside this one have the fixture too
