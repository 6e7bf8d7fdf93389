"""The door of the interface: who is let in, how often, and how it says no."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import HttpError, Throttled, ValidationError

from accounts.security.bearer import Bearer
from annotations import submission, uploads
from gas import errors
from gas.version import VERSION

READ, WRITE = Bearer("jobs:read"), Bearer("jobs:write")
NO_TOKEN = "Send a token that works, as \u201cAuthorization: Bearer gas_\u2026\u201d. Make one under Profile, Security."  # noqa: S105

api = NinjaAPI(
    title="GAS, the Genomics Annotation Service",
    version=VERSION,
    description="Upload a VCF, have it annotated, fetch the results. Research use only; not a medical device.",
    urls_namespace="api",
    docs_url=None,  # its pages need scripts from elsewhere, which the content security policy forbids
)


class UnfitFileError(submission.RefusedError):
    """The file itself is at fault: nothing that is confirmed makes a job of it."""


@api.exception_handler(UnfitFileError)
def unfit(_: HttpRequest, error: UnfitFileError) -> HttpResponse:
    """What the page of the uploaded file says."""
    return uploads.refused(error, 422)


@api.exception_handler(submission.RefusedError)
def refused(_: HttpRequest, error: submission.RefusedError) -> HttpResponse:
    """The same refusals as the pages'."""
    return uploads.refused(error)


@api.exception_handler(Http404)
def not_found(request: HttpRequest, _: Http404) -> HttpResponse:
    """The same for what is missing and for what belongs to somebody else."""
    return errors.answer(request, 404)


@api.exception_handler(RequestDataTooBig)
def too_large(request: HttpRequest, _: RequestDataTooBig) -> HttpResponse:
    """A JSON body is small; files go to an upload's own address."""
    return errors.answer(request, 413)


@api.exception_handler(PermissionDenied)
def denied(request: HttpRequest, error: PermissionDenied) -> HttpResponse:
    """Something below the interface said no."""
    return errors.answer(request, 403, str(error))


@api.exception_handler(ValidationError)
def invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """The first thing that is wrong with what was sent: where it is, and what it should be."""
    first = error.errors[0]
    place = ".".join(str(part) for part in first["loc"][1:] if part != "data") or "body"
    return errors.answer(request, 422, f"{place}: {first['msg']}.")


@api.exception_handler(HttpError)
def http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    """No token, the wrong scope, too many calls, a body that is no JSON."""
    if error.status_code == 401:
        response = errors.answer(request, 401, NO_TOKEN)
        response["WWW-Authenticate"] = "Bearer"
        return response
    sentence = {
        403: error.message,
        429: "Too many calls within a minute. Wait as long as Retry-After says.",
    }.get(error.status_code, "")
    response = errors.answer(request, error.status_code, sentence)
    if isinstance(error, Throttled):
        response["Retry-After"] = str(error.wait)
    return response
