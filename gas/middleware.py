"""What every request passes: an id, a log line, and the headers that close the page."""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Callable
from time import perf_counter

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from gas import errors, logs

logger = logging.getLogger("gas.web")

View = Callable[[HttpRequest], HttpResponseBase]
# Asked every second or so, by programs and by live pages: logged only when they fail.
QUIET_ENDINGS = ("/healthz", "/readyz", "/metrics", "/live")
PROBES = ("/healthz", "/readyz", "/metrics")
_REQUEST_ID = re.compile(r"[0-9A-Za-z-]{8,64}")


def request_context(get_response: View) -> View:
    """Give the request an id, on its log lines and in `X-Request-ID`: the incident code of error pages."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        request.request_id = _request_id(request)  # type: ignore[attr-defined]
        token = logs.current_request.set(request)
        started = perf_counter()
        try:
            response = get_response(request)
            response["X-Request-ID"] = request.request_id  # type: ignore[attr-defined]
            route = logs.route_of(request)
            if response.status_code >= 400 or not (route.endswith(QUIET_ENDINGS) or _is_static(request)):
                milliseconds = (perf_counter() - started) * 1000
                logger.info("%s %s %d in %.0f ms", request.method, route, response.status_code, milliseconds)
            return response
        finally:
            logs.current_request.reset(token)

    return middleware


def _request_id(request: HttpRequest) -> str:
    """One of our own; where a proxy is trusted it begins with the proxy's, so that one search finds both logs.

    A load balancer may pass on what a client chose: on its own that could be the code of another incident.
    """
    own = secrets.token_hex(6)
    given = request.headers.get("X-Request-ID", "")
    if settings.TRUSTED_PROXIES and _REQUEST_ID.fullmatch(given):
        return f"{given}.{own}"
    return own


def _is_static(request: HttpRequest) -> bool:
    return request.path_info.startswith(settings.STATIC_URL)


def say_what_is_allowed(get_response: View) -> View:
    """A page, or JSON for programs, in place of the few words that a view answers to a method it does not take.

    Innermost, for the page shows who is signed in.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        if response.status_code != 405:
            return response
        told = errors.page(request, 405)
        told["Allow"] = response["Allow"]
        return told

    return middleware


def probes_by_address(get_response: View) -> View:
    """Load balancers and Prometheus ask a machine by its address, which is no name that the service answers to.

    What they are told depends on no name, so it is taken for the service's own.
    """
    own_name = next((name.lstrip(".") for name in settings.ALLOWED_HOSTS if name.strip(".*")), "localhost")

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if request.path_info in PROBES:
            request.META["HTTP_HOST"] = own_name
        return get_response(request)

    return middleware


def security_headers(get_response: View) -> View:
    """Nothing inline, nothing from elsewhere, nothing kept by caches: pages tell about genomes."""
    policy = "; ".join(" ".join((name, *sources)) for name, sources in settings.CONTENT_SECURITY_POLICY.items())

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        response["Content-Security-Policy"] = policy
        response["Permissions-Policy"] = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"
        response["Cross-Origin-Resource-Policy"] = "same-origin"
        if not _is_static(request):
            response["Cache-Control"] = "private, no-store"
        return response

    return middleware
