from datetime import timedelta

import pytest
from django.db import OperationalError
from django.test import Client

from accounts.models import User
from accounts.tests.people import sign_in_staff
from gas import incidents
from gas.clock import database_now
from gas.models import Incident

pytestmark = pytest.mark.django_db


def broken(message: str = "ann@example.org was here") -> ValueError:
    try:
        raise ValueError(message)
    except ValueError as error:
        return error


def test_the_code_on_an_error_page_leads_the_staff_to_its_traceback(client, monkeypatch):
    def fall(*_: object) -> None:
        raise ValueError("no such column for ann@example.org")

    monkeypatch.setattr("annotations.views.render", fall)
    client.raise_request_exception = False
    page = client.get("/")
    code = page.headers["X-Request-ID"]
    assert page.status_code == 500
    assert code in page.content.decode()

    staff = Client()
    sign_in_staff(staff, User.objects.create_superuser("boss@example.org", "a long password"))
    assert code in staff.get("/admin/gas/incident/", {"q": code}).content.decode()
    told = staff.get(f"/admin/gas/incident/{code}/change/").content.decode()
    assert "no such column" in told
    assert "ann@example.org" not in told
    assert "GET /" in told


def test_a_client_that_chooses_its_request_id_reaches_no_other_incident(client, settings, monkeypatch):
    """A load balancer that passes the header on makes every client a proxy."""
    settings.TRUSTED_PROXIES = 1
    client.raise_request_exception = False
    for said in ("first", "second"):

        def fall(*_: object, said: str = said) -> None:
            raise ValueError(said)

        monkeypatch.setattr("annotations.views.render", fall)
        page = client.get("/", headers={"X-Request-ID": "chosen-by-a-client"})
        code = page.headers["X-Request-ID"]
        assert f"ValueError: {said}" in Incident.objects.get(pk=code).traceback
        assert code in page.content.decode()
    assert Incident.objects.count() == 2


def test_an_incident_is_not_overwritten():
    incidents.record("code", "GET /", broken("first"))
    incidents.record("code", "GET /", broken("second"))
    assert "ValueError: first" in Incident.objects.get().traceback


def test_a_database_that_is_away_is_not_asked_to_write_that_down():
    incidents.record("a", "GET /", OperationalError("server closed the connection"))
    assert not Incident.objects.exists()


def test_a_flood_of_errors_does_not_fill_the_database(monkeypatch):
    monkeypatch.setattr(incidents, "MAX_IN_A_MINUTE", 2)
    for code in "abc":
        incidents.record(code, "GET /", broken())
    assert set(Incident.objects.values_list("pk", flat=True)) == {"a", "b"}


def test_old_incidents_are_forgotten():
    incidents.record("old", "GET /", broken())
    incidents.record("new", "GET /", broken())
    Incident.objects.filter(pk="old").update(at=database_now() - timedelta(days=incidents.KEPT_DAYS + 1))
    incidents.forget_old()
    assert Incident.objects.get().pk == "new"
