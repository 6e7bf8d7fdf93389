"""Old archives from Glacier vaults become finished jobs of their owners.

The vault service gives an archive back hours after it was asked to, and keeps what it gives back for
a day. So an import is run again and again: each run asks for what was not asked for, and fetches what
is ready. An archive is fetched to a file, its SHA-256 tree hash is compared, and it is stored as the
input and the annotated VCF of a job that has ended: it can be downloaded, and run again.
"""

from __future__ import annotations

import csv
import enum
import gzip
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

from botocore.exceptions import ClientError
from botocore.utils import calculate_tree_hash
from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from accounts.models import User, with_address
from annotations import storage, transitions
from annotations.areas import area
from annotations.claims import Claim, Finished
from annotations.heartbeat import Heartbeat, Loss, LostError
from annotations.models import Job, JobStatus, OutputKind, Upload
from annotations.storage import OutputFile
from archival.models import VaultImport
from gas.clock import from_now
from gas.models import OutboxMessage, OutboxStatus

REFERENCE_NAME = "imported"
COLUMNS = ("archive_id", "owner", "file_name", "tree_hash")
CHUNK = 1 << 20
STORING_TIME = timedelta(hours=24)  # of an import that was killed the sweep deletes what it had stored


class ManifestError(Exception):
    """The list of archives cannot be used; the text says which line and why."""


class TreeHashError(Exception):
    """What the vault gave back is not what the manifest names."""


class Step(enum.Enum):
    """Where an import is after a run."""

    ASKED = "asked for"
    WAITING = "not ready yet"
    IMPORTED = "imported"
    DONE_BEFORE = "imported before"


@dataclass(frozen=True)
class Entry:
    """One line of the manifest."""

    archive_id: str
    owner: User
    file_name: str
    tree_hash: str


def read_manifest(path: Path) -> list[Entry]:
    """A CSV file with the columns of COLUMNS. Raises ManifestError before anything is done."""
    entries = []
    with path.open(newline="") as file:
        reader = csv.DictReader(file)
        missing = set(COLUMNS) - set(reader.fieldnames or ())
        if missing:
            raise ManifestError(f"{path.name} lacks the columns {', '.join(sorted(missing))}")
        for number, line in enumerate(reader, start=2):
            owner = User.objects.filter(with_address(line["owner"])).first()
            if owner is None:
                raise ManifestError(f"line {number}: nobody here has the address {line['owner']}")
            if not line["archive_id"] or len(line["tree_hash"]) != 64:
                raise ManifestError(f"line {number}: an archive id and a tree hash of 64 hexadecimal digits are needed")
            name = Path(line["file_name"]).name or "archive.vcf"
            entries.append(Entry(line["archive_id"], owner, name[:255], line["tree_hash"].lower()))
    return entries


def advance(glacier: Any, vault: str, entry: Entry, tier: str) -> Step:
    """The next step for one archive. Raises TreeHashError, StorageAwayError; may be repeated."""
    row, _ = VaultImport.objects.get_or_create(
        vault=vault,
        archive_id=entry.archive_id,
        defaults={"owner": entry.owner, "file_name": entry.file_name, "tree_hash": entry.tree_hash},
    )
    if row.imported_at is not None:
        return Step.DONE_BEFORE
    if not row.retrieval_id:
        return _ask(glacier, row, tier)
    try:
        told = glacier.describe_job(accountId="-", vaultName=vault, jobId=row.retrieval_id)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        return _ask(glacier, row, tier)  # what it gave back has expired
    if not told["Completed"]:
        return Step.WAITING
    if told["StatusCode"] != "Succeeded":
        return _ask(glacier, row, tier)
    settings.WORK_DIR.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=settings.WORK_DIR) as folder:
        file = Path(folder) / "archive"
        _fetch(glacier, row, file)
        _store(row, file)
    return Step.IMPORTED


def _ask(glacier: Any, row: VaultImport, tier: str) -> Step:
    wanted = {"Type": "archive-retrieval", "ArchiveId": row.archive_id, "Tier": tier}
    answer = glacier.initiate_job(accountId="-", vaultName=row.vault, jobParameters=wanted)
    VaultImport.objects.filter(pk=row.pk).update(retrieval_id=answer["jobId"])
    return Step.ASKED


def _fetch(glacier: Any, row: VaultImport, target: Path) -> None:
    body = glacier.get_job_output(accountId="-", vaultName=row.vault, jobId=row.retrieval_id)["body"]
    with target.open("wb") as file:
        while chunk := body.read(CHUNK):
            file.write(chunk)
    with target.open("rb") as file:
        found: str = calculate_tree_hash(file)  # type: ignore[arg-type]  # the stub asks for text; it reads a stream
    if found != row.tree_hash:
        raise TreeHashError(f"archive {row.archive_id} came back with the tree hash {found}")


def _store(row: VaultImport, file: Path) -> None:
    """A finished job with this file; an earlier try that broke off is removed first.

    Raises LostError where the job was taken from this process meanwhile: the next run does it again.
    """
    if row.job is not None and row.job.status != JobStatus.COMPLETED:
        upload_id = row.job.upload_id
        row.job.delete()
        transitions.release(upload_id)
    upload = Upload.objects.create(
        pk=(upload_id := uuid4()),
        owner=row.owner,
        storage_key=storage.input_key(row.owner_id, upload_id),
        file_name=row.file_name,
        max_bytes=file.stat().st_size,
        expires_at=from_now(STORING_TIME),
    )
    stored = area("inputs").store(file, upload.storage_key, _go_on)
    claim = _open(row, upload, stored.size_bytes, stored.etag)
    ending = ".vcf.gz" if is_compressed(file) else ".vcf"
    with Heartbeat(claim) as heartbeat:
        output = storage.store_output(claim, OutputFile(OutputKind.VCF, file, ending), heartbeat.check)
        records = count_records(file)
    with transaction.atomic():
        if not transitions.complete(claim, Finished([output], {}, records, records, 0, "")):
            raise LostError(Loss.FENCED)
        VaultImport.objects.filter(pk=row.pk).update(imported_at=Now())


@transaction.atomic
def _open(row: VaultImport, upload: Upload, size_bytes: int, etag: str) -> Claim:
    """The job, in the hands of this process before any worker sees it; its end sends no mail."""
    transitions.receive(upload.pk, size_bytes, etag, transitions.LEASE)
    transitions.consume(upload.pk)
    job: Job = transitions.open_job(
        owner=row.owner,
        upload=upload,
        submission_key=uuid4().hex,
        reference_name=REFERENCE_NAME,
        name=row.file_name,
    )
    VaultImport.objects.filter(pk=row.pk).update(job=job)
    promised = f"{transitions.JOB_ENDED}:{job.pk}"
    OutboxMessage.objects.create(
        kind=transitions.JOB_ENDED,
        dedupe_key=promised,
        payload={"job": str(job.pk)},
        status=OutboxStatus.DONE,
        due_at=Now(),
        done_at=Now(),
    )
    claim = transitions.claim_job(job.pk, "import")
    if claim is None:
        raise RuntimeError(f"job {job.pk} was taken inside its own transaction")
    return claim


def count_records(file: Path) -> int:
    """The lines of a VCF, plain or compressed, that are neither header nor empty."""
    with gzip.open(file) if is_compressed(file) else file.open("rb") as lines:
        return sum(1 for line in _lines(lines) if line.strip() and not line.startswith(b"#"))


def is_compressed(file: Path) -> bool:
    """The file begins as gzip does."""
    with file.open("rb") as raw:
        return raw.read(2) == b"\x1f\x8b"


def _lines(stream: BinaryIO | gzip.GzipFile) -> Iterator[bytes]:
    yield from stream


def _go_on() -> None:
    """Nothing stops this transfer."""
