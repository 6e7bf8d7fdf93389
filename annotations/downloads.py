"""Files on their way to their owner, or to whom the owner allows it: as attachments, each noted in the audit log."""

from __future__ import annotations

from django.http import FileResponse, Http404
from django.http.response import HttpResponseBase
from django.shortcuts import redirect

from accounts.models import User
from annotations import storage
from annotations.models import Job, Output, OutputKind, OwnSource, StorageState, Upload, UploadStatus
from annotations.sharing.models import Share
from gas import audit

TEXT = "text/plain; charset=utf-8"
BYTES = "application/octet-stream"
SHARED_KINDS = frozenset(OutputKind.values) - {OutputKind.LOG}  # the log tells of the service, too
CONTENT_TYPES = {OutputKind.LOG: TEXT, OutputKind.RECEIPT: TEXT, OutputKind.SUMMARY: "application/json"}


class NotAtHandError(Exception):
    """The file is in the archive."""

    sentence = "This file is in the archive. The page of the job says when it can be back."


def is_given(share: Share, kind: str) -> bool:
    """The file of this kind may be had through the share."""
    return share.allows_downloads and kind in SHARED_KINDS


def send_output(reader: User | None, job: Job, kind: str, share: Share | None = None) -> HttpResponseBase:
    """One file of a job's result, to its owner or through a share.

    Raises Http404 where there is none or the share gives none, NotAtHandError where it is archived.
    """
    if share is not None and not is_given(share, kind):
        raise Http404
    output = Output.objects.select_related("result").filter(result__job=job, kind=kind).first()
    if output is None or output.result.storage == StorageState.DELETED:
        raise Http404
    if not output.is_at_hand:
        raise NotAtHandError
    through = {"share": str(share.pk)} if share else {}
    audit.record("download output", reader, f"job:{job.pk}", kind=output.kind, **through)
    address = storage.download_url(output)
    if address is not None:
        return redirect(address)
    content_type = CONTENT_TYPES.get(OutputKind(output.kind), BYTES)
    return FileResponse(
        storage.open_output(output), as_attachment=True, filename=output.file_name, content_type=content_type
    )


def send_input(user: User, job: Job) -> HttpResponseBase:
    """The file as it was uploaded. Raises Http404 where it is gone."""
    if job.upload.status != UploadStatus.CONSUMED:
        raise Http404
    audit.record("download input", user, f"job:{job.pk}")
    return _send_upload(job.upload)


def send_source(user: User, source: OwnSource) -> HttpResponseBase:
    """The file of a source of the user's own, as it was uploaded."""
    audit.record("download source", user, f"source:{source.pk}")
    return _send_upload(source.upload)


def _send_upload(upload: Upload) -> HttpResponseBase:
    address = storage.input_url(upload)
    if address is not None:
        return redirect(address)
    return FileResponse(storage.open_input(upload), as_attachment=True, filename=upload.file_name, content_type=BYTES)
