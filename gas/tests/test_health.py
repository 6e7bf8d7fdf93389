import re
import threading
import time
from datetime import timedelta

import pytest
from django.db import OperationalError

from gas import health, registry
from gas.clock import database_now
from gas.models import SweepRun

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


@pytest.fixture(autouse=True)
def _sweep_ran():
    SweepRun.objects.all().delete()
    for sweep in registry.sweeps():
        SweepRun.objects.create(name=sweep.name, finished_at=database_now())


def answer(rf):
    import json

    response = health.readyz(rf.get("/readyz"))
    return response.status_code, json.loads(response.content)


def test_healthz_asks_nothing(rf, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert health.healthz(rf.get("/healthz")).content == b"ok\n"


def test_a_service_with_everything_is_ready(rf):
    assert answer(rf) == (200, {"state": "ready", "failed": {}, "degraded": {}})


BROWSER = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


def test_a_person_reads_a_page_where_a_probe_reads_json(client):
    SweepRun.objects.filter(name="outbox").update(finished_at=database_now() - timedelta(hours=1))
    page = client.get("/readyz", headers=BROWSER)

    assert page["Content-Type"].startswith("text/html")
    assert page["Vary"].startswith("Accept")
    assert "Working, with delays" in page.text
    assert "<dt>Sweep outbox</dt>" in page.text
    assert re.search(r"last finished 36\d\d s ago", page.text)
    for probe in ({}, {"accept": "*/*"}, {"accept": "application/json"}):
        assert client.get("/readyz", headers=probe).json()["state"] == "degraded"


def test_probes_may_name_the_machine_by_its_address_and_nothing_else_may(client, settings):
    settings.ALLOWED_HOSTS = ["gas.example.org"]
    for probe in ("/healthz", "/readyz", "/metrics"):
        assert client.get(probe, headers={"host": "10.0.3.7:8000"}).status_code == 200
    assert client.get("/accounts/sign-in/", headers={"host": "10.0.3.7:8000"}).status_code == 400


def test_the_page_asks_no_database_that_is_away(client, monkeypatch, django_assert_num_queries):
    def away():
        raise OperationalError("connection refused")

    monkeypatch.setattr(health, "probe_database", away)
    with django_assert_num_queries(0):
        page = client.get("/readyz", headers=BROWSER)

    assert page.status_code == 503
    assert "Not working just now" in page.text
    assert "OperationalError" in page.text


def test_without_its_database_it_is_not_ready(rf, monkeypatch):
    def away():
        raise OperationalError("connection refused")

    monkeypatch.setattr(health, "probe_database", away)

    assert answer(rf) == (503, {"state": "failed", "failed": {"database": "OperationalError"}, "degraded": {}})


def test_without_its_storage_it_is_not_ready(rf, settings, tmp_path):
    blocked = tmp_path / "a file where the folder should be"
    blocked.write_text("")
    settings.STORAGES = settings.STORAGES | {
        "results": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": blocked}}
    }

    status, body = answer(rf)

    assert (status, body["failed"]) == (503, {"storage": "FileExistsError"})


def test_a_dead_broker_is_degraded_and_still_ready(rf, settings, tmp_path):
    settings.CELERY_BROKER_DIR = tmp_path / "file"
    settings.CELERY_BROKER_DIR.write_text("")

    status, body = answer(rf)

    assert (status, body["state"], body["degraded"]) == (200, "degraded", {"broker": "NotADirectoryError"})


def test_a_late_sweep_is_degraded_and_still_ready(rf, settings):
    late = health.LATE_PERIODS * settings.SWEEP_SECONDS + 5
    SweepRun.objects.filter(name="outbox").update(finished_at=database_now() - timedelta(seconds=late))
    SweepRun.objects.filter(name="audit").delete()

    status, body = answer(rf)

    assert (status, body["state"]) == (200, "degraded")
    assert body["degraded"]["sweep outbox"].startswith("last finished 30")
    assert body["degraded"]["sweep audit"] == "has not run yet"


def test_a_probe_that_hangs_is_asked_once_and_answered_in_time(monkeypatch):
    calls, free = [], threading.Event()

    def hang():
        calls.append(1)
        free.wait(30)

    monkeypatch.setattr(health, "PROBE_SECONDS", 0.05)
    started = time.monotonic()
    try:
        assert [health._ask("hang", hang) for _ in range(3)] == ["no answer in 0.05 s"] * 3
        assert (len(calls), time.monotonic() - started < 5) == (1, True)
    finally:
        free.set()
