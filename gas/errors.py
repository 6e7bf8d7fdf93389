"""Pages for what goes wrong, each with one sentence that says what to do.

A page of ours (5xx) is rendered without the database and without the user, which may be what
is broken; it shows the incident code, which is the request's id on every log line and the key
of the incident that the staff can read.
"""

from __future__ import annotations

import sys
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.template import TemplateDoesNotExist, loader

from gas import incidents, logs
from gas.context import site

RETRY_AFTER_SECONDS = 10
API_PREFIX = "/api/"

SENTENCES = {
    400: "Your browser sent something this service cannot read. Go back, reload the page and try again.",
    403: "You may not do this. Sign in with an account that may.",
    404: "There is nothing here: it was never there, was deleted, or belongs to somebody else.",
    405: "This address takes what a form sends, and nothing was sent. Go back to the page with the form.",
    409: "This is not possible now.",
    413: "That is more than this page accepts.",
    429: "Too many tries in a short time. Wait a little, then try again.",
    500: "Something broke on our side. Your files and results are safe. Please try again.",
    503: "The service is busy or being looked after. Your files and results are safe. Try again in a moment.",
}

# What programs are told, where that is not the sentence of the page.
FOR_PROGRAMS = {
    400: "This is not a request the service can read. Look at /api/v1/openapi.json.",
    403: "This is not allowed.",
    405: "This address does not take this method; the header Allow names those that it takes.",
    413: "The body of this request is larger than the service accepts here.",
}
CODES = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    422: "invalid",
    429: "too_many_requests",
    500: "broken",
    503: "busy",
}


def answer(request: HttpRequest, status: int, sentence: str = "", code: str = "") -> JsonResponse:
    """What a program gets in place of a page: a code to compare, a sentence to show, and the incident of a 5xx."""
    told = {"code": code or CODES[status], "sentence": sentence or FOR_PROGRAMS.get(status) or SENTENCES[status]}
    if status >= 500:
        told["incident"] = getattr(request, "request_id", "")
    return JsonResponse(told, status=status)


def page(request: HttpRequest, status: int, sentence: str = "", **context: Any) -> HttpResponse:
    """The page for a status, from the template `<status>.html`, or as plain text if there is none.

    Templates get `status`, `sentence`, `incident` (5xx only) and what the caller adds. Programs get JSON.
    """
    if request.path_info.startswith(API_PREFIX):
        return answer(request, status, sentence)
    context |= {"status": status, "sentence": sentence or SENTENCES[status]}
    name = f"{status}.html"
    try:
        if status < 500:
            text: str = loader.render_to_string(name, context, request)
        else:
            context["incident"] = getattr(request, "request_id", "")
            text = loader.render_to_string(name, context | site(request))
    except TemplateDoesNotExist:
        text = f"{context['sentence']} {context.get('incident', '')}".strip()
        return HttpResponse(text, status=status, content_type="text/plain; charset=utf-8")
    return HttpResponse(text, status=status)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400, or 413 where the body was larger than a form may be."""
    return page(request, 413 if isinstance(exception, RequestDataTooBig) else 400)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403, with the sentence that the view gave, if it gave one."""
    given = str(exception) if isinstance(exception, PermissionDenied) else ""
    return page(request, 403, given)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403 for a form without its token: most often a page that was open for too long."""
    return page(request, 403, "This page was open for too long, or cookies are off. Reload it and try again.")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404, the same for what is missing and for what belongs to somebody else."""
    assert isinstance(exception, Http404)  # noqa: S101 - Django calls this for nothing else
    return page(request, 404)


def too_many_requests(request: HttpRequest, retry_after_seconds: int, sentence: str = "") -> HttpResponse:
    """429, with the time to wait."""
    response = page(request, 429, sentence, retry_after_seconds=retry_after_seconds)
    response["Retry-After"] = str(retry_after_seconds)
    return response


def server_error(request: HttpRequest) -> HttpResponse:
    """500; or 503 where the database was away or too busy, wherever in the request that showed."""
    error = sys.exc_info()[1]
    if isinstance(error, OperationalError | InterfaceError):
        response = page(request, 503)
        response["Retry-After"] = str(RETRY_AFTER_SECONDS)
        return response
    if error is not None and (code := getattr(request, "request_id", "")):
        incidents.record(code, f"{request.method} {logs.route_of(request)}", error)
    return page(request, 500)
