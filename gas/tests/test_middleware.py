import re

import pytest
from django.http import HttpResponse
from django.urls import path

from gas import logs, middleware

LOGGED = "gas.web"


def hello(request, token=""):
    return HttpResponse("hello")


urlpatterns = [
    path("hello/", hello),
    path("reset/<str:token>/", hello),
    path("healthz", hello),
    path("jobs/live", hello),
    path("gone/live", lambda request: HttpResponse(status=410)),
    path("static/site.css", hello),
]


@pytest.fixture(autouse=True)
def _urls(settings):
    settings.ROOT_URLCONF = __name__
    settings.MIDDLEWARE = settings.MIDDLEWARE[:2]


def test_each_request_gets_an_id_of_its_own(client):
    first, second = client.get("/hello/")["X-Request-ID"], client.get("/hello/")["X-Request-ID"]

    assert re.fullmatch(r"[0-9a-f]{12}", first)
    assert first != second
    assert logs.current_request.get() is None


@pytest.mark.parametrize(
    ("proxies", "given", "is_taken"),
    [
        (1, "abcDEF-12345678", True),
        (0, "abcDEF-12345678", False),
        (1, "short", False),
        (1, "two\nlines-12345", False),
        (1, "a" * 65, False),
        (1, "<b>12345678</b>", False),
    ],
)
def test_an_id_from_a_trusted_proxy_begins_ours(client, settings, proxies, given, is_taken):
    settings.TRUSTED_PROXIES = proxies

    response = client.get("/hello/", headers={"X-Request-ID": given})

    assert re.fullmatch((rf"{given}\." if is_taken else "") + r"[0-9a-f]{12}", response["X-Request-ID"])


def test_the_log_names_the_route_and_not_the_token(client, caplog):
    with caplog.at_level("INFO", LOGGED):
        client.get("/reset/very-secret/")

    assert re.search(r"GET /reset/<str:token>/ 200 in \d+ ms", caplog.text)
    assert "very-secret" not in caplog.text


def test_probes_live_parts_and_static_files_are_logged_only_when_they_fail(client, caplog):
    with caplog.at_level("INFO", LOGGED):
        client.get("/healthz")
        client.get("/jobs/live")
        client.get("/static/site.css")

        assert caplog.text == ""
        client.get("/gone/live")

    assert "GET /gone/live 410" in caplog.text


def test_pages_allow_nothing_inline_and_nothing_from_elsewhere(client):
    policy = client.get("/hello/")["Content-Security-Policy"]

    directives = dict(part.split(" ", 1) for part in policy.split("; "))
    assert directives["default-src"] == "'none'"
    assert directives["script-src"] == directives["connect-src"] == "'self'"
    own, *known = directives["style-src"].split()
    assert own == "'self'"
    assert all(style.startswith("'sha256-") for style in known)
    assert directives["frame-ancestors"] == directives["base-uri"] == "'none'"
    assert "unsafe" not in policy


def test_pages_are_kept_by_no_cache_and_static_files_may_be(client, rf):
    assert client.get("/hello/")["Cache-Control"] == "private, no-store"

    cached = HttpResponse(headers={"Cache-Control": "max-age=31536000"})
    static = middleware.security_headers(lambda request: cached)(rf.get("/static/site.css"))
    assert static["Cache-Control"] == "max-age=31536000"


def test_a_view_cannot_make_its_page_cacheable(rf):
    cached = HttpResponse(headers={"Cache-Control": "public, max-age=600"})

    assert middleware.security_headers(lambda request: cached)(rf.get("/jobs/"))["Cache-Control"] == "private, no-store"
