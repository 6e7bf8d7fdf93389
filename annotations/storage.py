"""Where the files of uploads and results lie, and which of them nobody needs.

Keys are made here and nowhere else:

    inputs   <owner>/<upload>
    results  <owner>/<job>/<attempt>/<kind>
             <owner>/<job>/exports/<export>    made by annotations.explorer.exports

Each attempt has its own prefix, so two attempts never write one object, and whether an object is
needed follows from its key and the rows: see `orphans`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from annotations.areas import PART, AreaName, Check, Stored, area, digest_of
from annotations.claims import Claim, StoredOutput
from annotations.models import Export, Job, JobStatus, Output, OutputKind, Upload, UploadStatus

_INPUT_ENDINGS = (".vcf.gz", ".vcf.bgz", ".vcf", ".gz")


class ChecksumError(Exception):
    """What storage gives back is not what was stored."""


@dataclass(frozen=True)
class OutputFile:
    """A file that the annotator wrote, still on the worker's disk."""

    kind: OutputKind
    path: Path
    ending: str  # replaces the input's ending in the name that users see


def input_key(owner_id: UUID, upload_id: UUID) -> str:
    """The key of an upload in the area `inputs`."""
    return f"{owner_id}/{upload_id}"


def job_prefix(owner_id: UUID, job_id: UUID) -> str:
    """What all results of a job begin with, in `results` and in `archive`."""
    return f"{owner_id}/{job_id}/"


def output_key(claim: Claim, kind: OutputKind) -> str:
    """The key of one output of one attempt in the area `results`."""
    return f"{job_prefix(claim.owner_id, claim.job_id)}{claim.attempt}/{kind}"


def output_name(input_name: str, ending: str) -> str:
    """The name under which a user downloads an output: the input's, with another ending."""
    lower = input_name.lower()
    stem = next((input_name[: -len(end)] for end in _INPUT_ENDINGS if lower.endswith(end)), input_name)
    return f"{(stem or 'input')[: 255 - len(ending)]}{ending}"


def fetch_input(claim: Claim, target: Path, check: Check) -> None:
    """Copy the claim's input, as pinned at its submission, to a file.

    Raises ObjectChangedError when it is gone or another one, StorageAwayError when storage is away.
    """
    area("inputs").fetch(claim.upload_key, Stored(claim.upload_bytes, claim.upload_etag), target, check)


def fetch_upload(upload: Upload, target: Path, check: Check) -> None:
    """Copy a received upload, as pinned, to a file. Raises as fetch_input does."""
    area("inputs").fetch(upload.storage_key, Stored(upload.size_bytes or 0, upload.etag), target, check)


def store_output(claim: Claim, file: OutputFile, check: Check) -> StoredOutput:
    """Store one output under the attempt's prefix and read it back.

    Raises ChecksumError when it comes back different, StorageAwayError when storage is away.
    """
    key = output_key(claim, file.kind)
    with file.path.open("rb") as source:
        size, sha256 = digest_of(source)
    results = area("results")
    results.store(file.path, key, check)
    with results.open(key) as stored:
        if digest_of(stored) != (size, sha256):
            raise ChecksumError(f"{key} differs when it is read back")
    return StoredOutput(file.kind, key, output_name(claim.file_name, file.ending), size, sha256)


def open_output(output: Output) -> BinaryIO:
    """A stream of an output in hot storage."""
    return area("results").open(output.storage_key)


def read_part(output: Output, start: int, stop: int) -> bytes:
    """Bytes start to stop (half-open) of an output in hot storage."""
    return area("results").read_part(output.storage_key, start, stop)


def download_url(output: Output) -> str | None:
    """A presigned address of an output; None where the web server sends it."""
    return area("results").link(output.storage_key, output.file_name)


def open_input(upload: Upload) -> BinaryIO:
    """A stream of an upload."""
    return area("inputs").open(upload.storage_key)


def read_input(upload: Upload, offset: int, length: int) -> bytes:
    """A part of a received upload, as it was pinned. Raises ObjectChangedError, StorageAwayError."""
    pinned = Stored(upload.size_bytes or 0, upload.etag)
    return area("inputs").read_part(upload.storage_key, offset, offset + length, pinned)


def input_url(upload: Upload) -> str | None:
    """A presigned address of an upload; None where the web server sends it."""
    return area("inputs").link(upload.storage_key, upload.file_name)


def delete_results(prefix: str) -> None:
    """Delete all objects of a job, or of a user, in hot and in cold storage."""
    names: tuple[AreaName, ...] = ("results", "archive")
    for name in names:
        objects = area(name)
        objects.delete(objects.keys_below(prefix))


def delete_input(upload: Upload) -> None:
    """Delete an upload's object, and what an upload that broke off left beside it."""
    inputs = area("inputs")
    inputs.delete([upload.storage_key, *inputs.keys_below(upload.storage_key + PART)])


# --- Objects without a row -----------------------------------------------------------------------
def orphans(name: AreaName, keys: Sequence[str]) -> list[str]:
    """Those of the keys that no row needs. Give keys that were listed before this call.

    An object is written only under a row that exists by then: an upload or a running attempt. So a
    key that was listed and is needed by nobody now is needed by nobody ever.
    """
    if name == "inputs":
        return _unneeded_inputs(keys)
    return _unneeded_results(keys)


def _unneeded_inputs(keys: Sequence[str]) -> list[str]:
    whole = {key: key.partition(PART)[0] for key in keys}
    uploads = Upload.objects.filter(storage_key__in=set(whole.values()))
    statuses = dict(uploads.values_list("storage_key", "status"))
    return [
        key
        for key, base in whole.items()
        if base not in statuses or (key != base and statuses[base] != UploadStatus.CREATED)
    ]


def _unneeded_results(keys: Sequence[str]) -> list[str]:
    attempts = {key: _attempt_of(key) for key in keys}
    job_ids = {attempt[0] for attempt in attempts.values() if attempt is not None}
    running = set(Job.objects.filter(pk__in=job_ids, status=JobStatus.RUNNING).values_list("pk", "attempt"))
    outputs = Output.objects.filter(result__in=job_ids)
    needed = set(outputs.values_list("storage_key", flat=True))
    needed.update(Export.objects.filter(storage_key__in=keys).values_list("storage_key", flat=True))
    return [key for key, attempt in attempts.items() if attempt not in running and key not in needed]


def _attempt_of(key: str) -> tuple[UUID, int] | None:
    """(job, attempt) that a result's key names; None for a key that is not ours."""
    try:
        _, job_id, attempt, _ = key.split("/")
        return UUID(job_id), int(attempt)
    except ValueError:
        return None
