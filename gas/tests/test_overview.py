import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.template.loader import render_to_string

from gas import metrics, overview
from gas.clock import database_now
from gas.models import OutboxMessage, SweepRun

pytestmark = pytest.mark.django_db
ALERTS = Path(__file__).resolve().parents[2] / "deploy" / "alerts.yml"


def test_trouble_comes_first_and_is_named():
    now = database_now()
    SweepRun.objects.create(name="outbox", finished_at=now - timedelta(seconds=10))
    SweepRun.objects.create(name="audit", finished_at=now - timedelta(seconds=400))
    OutboxMessage.objects.create(kind="mail", dedupe_key="1", due_at=now, status="failed")

    figures = overview.figures()

    states = [figure.is_trouble for figure in figures]
    assert states == sorted(states, reverse=True)
    troubles = {(figure.meaning, figure.label) for figure in figures if figure.is_trouble}
    assert ("Promised effects by status.", "failed") in troubles
    assert ("Since a sweep last finished.", "audit") in troubles
    assert ("Since a sweep last finished.", "outbox") not in troubles


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("gas_sweep_age_seconds", 3725.4, "1:02:05"),
        ("gas_sweep_age_seconds", float("inf"), "never"),
        ("gas_disk_free_ratio", 0.304, "30%"),
        ("gas_jobs_open", 1234567.0, "1,234,567"),
        ("gas_storage_bytes", 26_200_000.0, "26.2 MB"),
    ],
)
def test_figures_are_shown_as_a_person_reads_them(name, value, shown):
    assert overview.shown(name, value) == shown


def test_limits_are_those_of_the_alerts():
    alerts = ALERTS.read_text()
    exposed = metrics.exposition().decode()
    for limited, is_trouble in overview.LIMITS.items():
        name = limited.partition("{")[0]
        assert f"# TYPE {name} " in exposed
        found = re.search(rf"expr: {name}(?:\{{.*\}})? ([<>]) ([\d.]+)", alerts)
        assert found, name
        limit, above = float(found[2]), found[1] == ">"
        assert not is_trouble(limit)
        assert is_trouble(limit + 0.01 if above else limit - 0.01)


def test_the_admins_first_page_shows_them(rf):
    assert "Free part of the state folder" in render_to_string("admin/overview.html", {"figures": overview.figures()})
    from django.contrib import admin

    request = rf.get("/admin/")
    request.user = get_user_model().objects.create_superuser("boss@example.org", "a long password")
    page = admin.site.index(request).render().content.decode()
    assert "Doorbells that wait." in page
    assert page.index("Doorbells that wait.") < page.index("Outbox messages")
