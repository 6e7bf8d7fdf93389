"""What this app gives to the download of my data: uploads, jobs with their results, sources of one's own, timelines."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from annotations.models import (
    Job,
    JobEvent,
    Notice,
    Output,
    OwnSource,
    SavedFilter,
    Share,
    ShareOpening,
    Upload,
    VariantNote,
    Webhook,
)
from gas import registry

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser

CHUNK = 1000


@registry.exporter("uploads")
def uploads(user: AbstractBaseUser) -> Iterable[dict[str, Any]]:
    """One record an upload, oldest first."""
    columns = ("id", "file_name", "status", "size_bytes", "is_sample", "created_at", "received_at", "expires_at")
    return _streamed(Upload.objects.filter(owner_id=user.pk).order_by("created_at").values(*columns))


@registry.exporter("jobs")
def jobs(user: AbstractBaseUser) -> Iterable[dict[str, Any]]:
    """One record a job, oldest first, with what became of its result."""
    columns = (
        "id",
        "name",
        "upload_id",
        "rerun_of_id",
        "reference_name",
        "reference_digest",
        "options",
        "status",
        "submitted_at",
        "started_at",
        "finished_at",
        "failure_code",
        "failure_detail",
        "result__storage",
        "result__archived_at",
        "result__records_total",
        "result__records_annotated",
        "result__records_skipped",
        "result__summary",
    )
    return _streamed(Job.objects.filter(owner_id=user.pk).order_by("submitted_at").values(*columns))


@registry.exporter("own_sources")
def own_sources(user: AbstractBaseUser) -> Iterable[dict[str, Any]]:
    """One record a source of the user's own; its file is the upload of that id."""
    columns = ("id", "key", "upload_id", "reference_name", "assembly", "status", "detail", "created_at")
    return _streamed(OwnSource.objects.filter(owner_id=user.pk).order_by("created_at").values(*columns))


@registry.exporter("timelines")
def timelines(user: AbstractBaseUser) -> Iterable[dict[str, Any]]:
    """One record an event of a job, in the order of events."""
    columns = ("job_id", "at", "kind", "attempt", "detail")
    return _streamed(JobEvent.objects.filter(job__owner_id=user.pk).order_by("pk").values(*columns))


@registry.exporter("results")
def results(user: AbstractBaseUser) -> Iterable[dict[str, Any]]:
    """One record a file of a result: its name, size and checksum; the files are on the pages of their jobs."""
    columns = ("result_id", "kind", "file_name", "size_bytes", "sha256")
    return _streamed(Output.objects.filter(result__job__owner_id=user.pk).order_by("pk").values(*columns))


@registry.exporter("saved_filters")
def saved_filters(user: AbstractBaseUser) -> Iterable[dict[str, Any]]:
    """One record a filter that the user keeps."""
    return _streamed(SavedFilter.objects.filter(owner_id=user.pk).order_by("pk").values("name", "query", "created_at"))


@registry.exporter("variant_notes")
def variant_notes(user: AbstractBaseUser) -> Iterable[dict[str, Any]]:
    """One record a variant that the user gave a star or a note."""
    columns = ("job_id", "contig", "pos", "ref", "alt", "is_starred", "text", "changed_at")
    return _streamed(VariantNote.objects.filter(author_id=user.pk).order_by("pk").values(*columns))


@registry.exporter("notices")
def notices(user: AbstractBaseUser) -> Iterable[dict[str, Any]]:
    """One record a thing that the user was told in the pages."""
    columns = ("kind", "job_id", "detail", "at", "read_at")
    return _streamed(Notice.objects.filter(user_id=user.pk).order_by("at").values(*columns))


@registry.exporter("webhooks")
def webhooks(user: AbstractBaseUser) -> Iterable[dict[str, Any]]:
    """One record a webhook, without its secret."""
    return _streamed(Webhook.objects.filter(user_id=user.pk).order_by("created_at").values("id", "url", "created_at"))


@registry.exporter("shares")
def shares(user: AbstractBaseUser) -> Iterable[dict[str, Any]]:
    """One record a share of a result of the user's; links without their secrets, which nobody has."""
    columns = (
        "id", "job_id", "email", "needs_sign_in", "allows_downloads", "created_at", "expires_at", "revoked_at",
    )  # fmt: skip
    return _streamed(Share.objects.filter(job__owner_id=user.pk).order_by("created_at").values(*columns))


@registry.exporter("share_openings")
def share_openings(user: AbstractBaseUser) -> Iterable[dict[str, Any]]:
    """One record each time that the user opened what somebody else shares."""
    return _streamed(ShareOpening.objects.filter(reader_id=user.pk).order_by("pk").values("share_id", "at"))


def _streamed(rows: Any) -> Iterable[dict[str, Any]]:
    records: Iterable[dict[str, Any]] = rows.iterator(chunk_size=CHUNK)
    return records
