"""What a worker holds and hands back: plain values between transitions, storage and execution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID


@dataclass(frozen=True)
class Claim:
    """A worker's right to one job: as long as the row says RUNNING with this attempt."""

    job_id: UUID
    owner_id: UUID
    attempt: int
    upload_key: str
    upload_bytes: int
    upload_etag: str
    file_name: str
    reference_name: str
    options: dict[str, Any]
    request_id: str = ""  # of the submission, so that one search of the logs finds the whole way

    def __str__(self) -> str:
        return f"{self.job_id}/{self.attempt}"


@dataclass(frozen=True)
class Progress:
    """What the annotator has counted so far."""

    records: int = 0
    bytes_read: int = 0
    bytes_total: int = 0


@dataclass(frozen=True)
class StoredOutput:
    """One file of a result with what was read back from storage."""

    kind: str
    storage_key: str
    file_name: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class Finished:
    """All that a finished annotation leaves in the database."""

    outputs: list[StoredOutput]
    summary: dict[str, Any]
    records_total: int
    records_annotated: int
    records_skipped: int
    reference_digest: str
