"""What the upload script speaks with: announce a file, then send it. Answers are JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.request import UnreadablePostError
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import confirmed_required, signed_in
from annotations import access, submission
from annotations.forms import UploadForm
from annotations.models import Upload

CHUNK_BYTES = 256 * 1024
STATUS_OF_REFUSAL = {"file_too_large": 413, "storage_full": 413, "file_differs": 413, "upload_incomplete": 400}


@confirmed_required
@require_POST
def upload_create(request: HttpRequest) -> HttpResponse:
    """Announce a file; the answer says where and how to send it."""
    user = signed_in(request)
    form = UploadForm(request.POST)
    if not form.is_valid():
        return JsonResponse({"code": "bad_request", "sentence": "Choose the file again."}, status=400)
    try:
        ticket = submission.expect_upload(user, form.cleaned_data["file_name"], form.cleaned_data["size_bytes"])
    except submission.RefusedError as error:
        return refused(error)
    return JsonResponse(described(ticket), status=201)


def described(ticket: submission.UploadTicket) -> dict[str, Any]:
    """What the sender of a file has to know."""
    return {
        "upload_id": str(ticket.upload.pk),
        "page": reverse("annotations:upload", args=[ticket.upload.pk]),
        "method": ticket.method,
        "url": ticket.url,
        "fields": ticket.fields,
        "headers": ticket.headers,
        "max_bytes": ticket.max_bytes,
    }


@confirmed_required
@require_http_methods(["PUT"])
def upload_content(request: HttpRequest, upload_id: UUID) -> HttpResponse:
    """The file itself, as the raw body: it streams to storage and is never held whole."""
    upload = access.owned_upload(signed_in(request), upload_id)
    try:
        receive_body(request, upload)
    except submission.RefusedError as error:
        return refused(error)
    return HttpResponse(status=204)


def receive_body(request: HttpRequest, upload: Upload) -> None:
    """Stream a request's raw body to storage. Raises RefusedError where it is not the file that was announced."""
    declared = request.headers.get("Content-Length", "")
    if declared.isdecimal() and int(declared) > upload.max_bytes:
        raise submission.RefusedError("file_differs", "More bytes arrive than the file has. Choose the file again.")
    try:
        submission.receive_content(upload, _chunks(request))
    except UnreadablePostError as error:
        raise submission.RefusedError(
            "upload_incomplete", "The connection broke before the whole file was here. Upload it again."
        ) from error


def _chunks(request: HttpRequest) -> Iterator[bytes]:
    while chunk := request.read(CHUNK_BYTES):
        yield chunk


def refused(error: submission.RefusedError, status: int = 409) -> JsonResponse:
    """The refusal, for scripts and programs. status: where the code has none of its own."""
    told = {"code": error.code, "sentence": error.sentence}
    return JsonResponse(told, status=STATUS_OF_REFUSAL.get(error.code, status))
