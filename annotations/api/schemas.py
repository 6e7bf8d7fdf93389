"""What the interface takes and gives. The docstrings and descriptions are its documentation in openapi.json."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from ninja import Field, Schema

from annotations.models import JobStatus


class Refusal(Schema):
    """Why a call did nothing."""

    code: str = Field(description="Stays the same from version to version; compare with it.")
    sentence: str = Field(description="For people: what is wrong and what to do.")


class Account(Schema):
    """The account the token belongs to, and what is left of its plan."""

    email: str
    plan: str
    max_file_bytes: int
    open_jobs: int
    max_open_jobs: int
    jobs_within_24_hours: int
    max_jobs_within_24_hours: int
    stored_bytes: int
    max_stored_bytes: int


class Reference(Schema):
    """A reference that is installed."""

    name: str
    assembly: str
    digest: str = Field(description="SHA-256 of its manifest, which names every input's own.")


class UploadIn(Schema):
    """A file that is about to be sent."""

    file_name: str = Field(min_length=1, max_length=1000)
    size_bytes: int = Field(ge=0)


class UploadOut(Schema):
    """How to send it: the method, the address, and with POST the form's fields, before the file's own field `file`."""

    upload_id: UUID
    method: Literal["PUT", "POST"]
    url: str
    fields: dict[str, str]
    headers: dict[str, str]
    max_bytes: int


class JobIn(Schema):
    """A file that was sent, and how to annotate it. The same upload gives the same job, however often this is sent."""

    upload_id: UUID
    reference: str = Field(max_length=64, description="The name of a reference that is installed.")
    name: str = Field("", max_length=255, description="Empty: the file's name.")
    overwrite: bool = Field(False, description="Replace annotations (CSQ) that the file has already.")
    confirm: bool = Field(False, description="Annotate a doubtful file all the same, after a 409 said why.")
    fill_ids: bool = Field(False, description="Fill an empty ID with what sources such as dbSNP call the variant.")
    sources: list[str] | None = Field(None, description="Keys of the reference's sources to quote; null: all.")
    own_sources: list[UUID] = Field([], description="Ids of your own sources to quote.")

    def options(self) -> dict[str, Any]:
        """As a job keeps them: only what was chosen."""
        flags: dict[str, Any] = {name: True for name in ("overwrite", "fill_ids") if getattr(self, name)}
        chosen = {} if self.sources is None else {"sources": self.sources}
        own = {"own_sources": [str(source_id) for source_id in self.own_sources]} if self.own_sources else {}
        return flags | chosen | own


class Failure(Schema):
    """Why a job failed; line and value where the file is at fault."""

    code: str
    sentence: str
    line: int | None = None
    field: str | None = None
    value: str | None = None


class File(Schema):
    """One file of a result."""

    kind: str
    file_name: str
    size_bytes: int
    sha256: str
    is_at_hand: bool = Field(description="False: it is in the archive.")
    url: str = Field(description="Send the token there too, and follow redirects.")


class Result(Schema):
    """What a completed job left. `summary` is counts, as in the file summary.json."""

    storage: str
    archive_due_at: datetime | None
    records_total: int
    records_annotated: int
    records_skipped: int
    summary: dict[str, Any]
    files: list[File]


class Shared(Schema):
    """Somebody else shows the result to the account, to read only."""

    by: str = Field(description="The name that its owner goes by.")
    until: datetime
    allows_downloads: bool = Field(description="False: the result lists no files.")


class JobBrief(Schema):
    """A job, as lists show it."""

    id: UUID
    name: str
    status: JobStatus
    reference: str
    submitted_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    records_done: int
    url: str = Field(description="This job here.")
    page: str = Field(description="Its page for people.")
    shared: Shared | None = Field(None, description="Null: the job is the account's own.")


class JobOut(JobBrief):
    """A job with all there is to say about it."""

    failure: Failure | None
    result: Result | None


class Find(Schema):
    """Which jobs to list."""

    status: JobStatus | None = None
    search: str = Field("", max_length=100, description="A part of the name.")
    before: str = Field("", max_length=100, description="From `next` of the jobs in front.")


class FindShared(Schema):
    """Which shared results to list."""

    before: UUID | None = Field(None, description="From `next` of the results in front.")


class JobList(Schema):
    """Some jobs, newest first; of shared ones the newest share."""

    jobs: list[JobBrief]
    next: str | None = Field(description="The address of the jobs behind; null at the end.")


class Line(Schema):
    """One line of a timeline; `attempt` is 0 before the first."""

    at: datetime
    text: str
    attempt: int
