import pytest
from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpResponse
from django.urls import path
from django.views.decorators.http import require_POST

from gas import errors

SECRET = "secret-detail"


def fail(request, kind):
    if kind == "form":
        return HttpResponse(str(len(request.POST)))
    raise {
        "missing": Http404(SECRET),
        "forbidden": PermissionDenied("Only its owner may delete a job."),
        "away": OperationalError(SECRET),
        "closed": InterfaceError(SECRET),
        "bug": ValueError(SECRET),
    }[kind]


urlpatterns = [path("only-posted/", require_POST(fail), {"kind": "form"}), path("<str:kind>/", fail)]
handler400, handler403 = errors.bad_request, errors.permission_denied
handler404, handler500 = errors.not_found, errors.server_error

TEMPLATES = {
    f"{status}.html": "{{ status }} {{ sentence }} [{{ incident }}] v{{ site.version }} {{ request.user }}"
    for status in (400, 403, 404, 405, 413, 429, 500, 503)
}


@pytest.fixture(autouse=True)
def _site(settings, client):
    settings.ROOT_URLCONF = __name__
    settings.MIDDLEWARE = [
        "gas.middleware.request_context",
        "django.middleware.csrf.CsrfViewMiddleware",
        "gas.middleware.say_what_is_allowed",
    ]
    engine = settings.TEMPLATES[0]
    loaders = [("django.template.loaders.locmem.Loader", TEMPLATES)]
    options = {
        "loaders": loaders,
        "context_processors": ["gas.context.site", "django.template.context_processors.request"],
    }
    settings.TEMPLATES = [{"BACKEND": engine["BACKEND"], "OPTIONS": options}]
    client.raise_request_exception = False


def test_what_is_missing_says_so_without_the_details(client):
    response = client.get("/missing/")

    assert response.status_code == 404
    assert errors.SENTENCES[404] in response.text
    assert SECRET not in response.text


def test_an_address_that_only_takes_forms_says_so_to_who_opens_it(client):
    response = client.get("/only-posted/")

    assert (response.status_code, response["Allow"]) == (405, "POST")
    assert errors.SENTENCES[405] in response.text


def test_a_refusal_shows_the_sentence_of_the_view(client):
    response = client.get("/forbidden/")

    assert (response.status_code, "Only its owner may delete a job." in response.text) == (403, True)


@pytest.mark.parametrize("kind", ["away", "closed"])
def test_a_database_that_is_away_is_a_503_with_the_time_to_come_back(client, kind):
    response = client.get(f"/{kind}/")

    assert response.status_code == 503
    assert response["Retry-After"] == str(errors.RETRY_AFTER_SECONDS)
    assert f"[{response['X-Request-ID']}]" in response.text
    assert SECRET not in response.text


def test_a_bug_shows_the_code_that_finds_its_traceback_in_the_log(client, caplog):
    from gas.logs import ContextFilter, TextFormatter

    caplog.handler.addFilter(ContextFilter())
    caplog.handler.setFormatter(TextFormatter())
    response = client.get("/bug/")

    incident = response["X-Request-ID"]
    assert response.status_code == 500
    assert f"[{incident}]" in response.text
    assert SECRET not in response.text
    assert f"request={incident}" in caplog.text
    assert "ValueError: secret-detail" in caplog.text


def test_a_form_that_is_too_large_is_a_413(client, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10

    response = client.post("/form/", {"name": "x" * 100}, content_type="application/x-www-form-urlencoded")

    assert response.status_code == 413


def test_a_form_without_its_token_says_to_reload():
    from django.test import Client

    response = Client(enforce_csrf_checks=True).post("/form/", {"name": "x"})

    assert response.status_code == 403
    assert "Reload it and try again" in response.text


def test_too_many_tries_say_how_long_to_wait(rf):
    response = errors.too_many_requests(rf.get("/"), 90)

    assert (response.status_code, response["Retry-After"]) == (429, "90")


def test_a_page_without_its_template_is_plain_text(rf, settings):
    settings.TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates"}]

    response = errors.server_error(rf.get("/"))

    assert response.status_code == 500
    assert response["Content-Type"].startswith("text/plain")
    assert errors.SENTENCES[500] in response.text
