"""What the upload script speaks with: announce a file, then send it. Answers are JSON."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.request import UnreadablePostError
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import confirmed_required, signed_in
from annotations import access, submission
from annotations.forms import UploadForm

CHUNK_BYTES = 256 * 1024
STATUS_OF_REFUSAL = {"file_too_large": 413, "storage_full": 413}


@confirmed_required
@require_POST
def upload_create(request: HttpRequest) -> HttpResponse:
    """Announce a file; the answer says where and how to send it."""
    user = signed_in(request)
    form = UploadForm(request.POST)
    if not form.is_valid():
        return _refused("bad_request", "Choose the file again.", 400)
    try:
        ticket = submission.expect_upload(user, form.cleaned_data["file_name"], form.cleaned_data["size_bytes"])
    except submission.RefusedError as error:
        return _refused(error.code, error.sentence)
    return JsonResponse(
        {
            "upload_id": str(ticket.upload.pk),
            "method": ticket.method,
            "url": ticket.url,
            "fields": ticket.fields,
            "headers": ticket.headers,
            "max_bytes": ticket.max_bytes,
        },
        status=201,
    )


@confirmed_required
@require_http_methods(["PUT"])
def upload_content(request: HttpRequest, upload_id: UUID) -> HttpResponse:
    """The file itself, as the raw body: it streams to storage and is never held whole."""
    upload = access.owned_upload(signed_in(request), upload_id)
    declared = request.headers.get("Content-Length", "")
    if declared.isdecimal() and int(declared) > upload.max_bytes:
        return _refused("file_differs", "More bytes arrive than the file has. Choose the file again.", 413)
    try:
        submission.receive_content(upload, _chunks(request))
    except submission.RefusedError as error:
        return _refused(error.code, error.sentence)
    except UnreadablePostError:
        return _refused(
            "upload_incomplete", "The connection broke before the whole file was here. Upload it again.", 400
        )
    return HttpResponse(status=204)


def _chunks(request: HttpRequest) -> Iterator[bytes]:
    while chunk := request.read(CHUNK_BYTES):
        yield chunk


def _refused(code: str, sentence: str, status: int | None = None) -> JsonResponse:
    return JsonResponse({"code": code, "sentence": sentence}, status=status or STATUS_OF_REFUSAL.get(code, 409))
