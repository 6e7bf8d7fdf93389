from datetime import timedelta

import pytest
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from gas import metrics, registry
from gas.clock import database_now
from gas.models import OutboxMessage, SweepRun

pytestmark = pytest.mark.django_db


def samples():
    found = {}
    for family in text_string_to_metric_families(metrics.exposition().decode()):
        for sample in family.samples:
            found[sample.name, *sample.labels.values()] = sample.value
    return found


def get(rf, **headers):
    address = headers.pop("REMOTE_ADDR", "127.0.0.1")
    return metrics.metrics(rf.get("/metrics", REMOTE_ADDR=address, headers=headers)).status_code


def test_this_machine_may_read(rf):
    assert get(rf) == 200
    assert get(rf, REMOTE_ADDR="::1") == 200


def test_others_may_not_nor_who_comes_through_a_proxy(rf):
    assert get(rf, REMOTE_ADDR="10.0.0.8") == 403
    for header in ("X-Forwarded-For", "Forwarded", "X-Real-IP"):
        assert get(rf, **{header: "127.0.0.1"}) == 403


def test_the_token_opens_it_from_elsewhere_and_only_the_right_one(rf, settings):
    settings.METRICS_TOKEN = "t0ken"

    assert get(rf, REMOTE_ADDR="10.0.0.8", Authorization="Bearer t0ken") == 200
    assert get(rf, REMOTE_ADDR="10.0.0.8", Authorization="Bearer wrong") == 403
    settings.METRICS_TOKEN = ""
    assert get(rf, REMOTE_ADDR="10.0.0.8", Authorization="Bearer ") == 403


def test_an_address_that_cannot_be_read_may_not(rf):
    assert get(rf, REMOTE_ADDR="") == 403


def test_sweeps_outbox_and_disk_are_told():
    now = database_now()
    SweepRun.objects.create(name="outbox", finished_at=now - timedelta(seconds=100))
    OutboxMessage.objects.create(kind="mail", dedupe_key="1", due_at=now - timedelta(seconds=50))
    OutboxMessage.objects.create(kind="mail", dedupe_key="2", due_at=now + timedelta(seconds=50))
    OutboxMessage.objects.create(kind="mail", dedupe_key="3", due_at=now, status="failed")

    found = samples()

    assert 100 <= found["gas_sweep_age_seconds", "outbox"] < 110
    assert found["gas_sweep_age_seconds", "audit"] == float("inf")
    assert found["gas_outbox_messages", "pending"] == 2
    assert found["gas_outbox_messages", "failed"] == 1
    assert 50 <= found["gas_outbox_lag_seconds",] < 60
    assert 0 < found["gas_disk_free_ratio",] < 1


def test_doorbells_that_wait_are_counted_by_queue(settings, tmp_path):
    settings.CELERY_BROKER_DIR = tmp_path
    (tmp_path / "messages").mkdir()
    for name in ("1_a.annotate.msg", "2_b.annotate.msg", "3_c.control.msg", ".4_d.annotate.msg", "5_e.other.msg"):
        (tmp_path / "messages" / name).write_text("{}")

    found = samples()

    assert (found["gas_queue_messages", "annotate"], found["gas_queue_messages", "control"]) == (2, 1)
    assert found["gas_dead_letters",] == 0


def test_a_broker_that_is_away_takes_only_its_own_figures(settings, tmp_path):
    settings.CELERY_BROKER_DIR = tmp_path / "file"
    settings.CELERY_BROKER_DIR.write_text("")

    found = samples()

    assert ("gas_outbox_lag_seconds",) in found
    assert ("gas_queue_messages", "annotate") not in found


def test_every_registered_collector_is_asked(monkeypatch):
    from prometheus_client.core import GaugeMetricFamily

    monkeypatch.setitem(registry._collectors, "more", lambda: iter([GaugeMetricFamily("gas_more", "More.", value=7)]))

    assert samples()["gas_more",] == 7


def test_the_address_answers_a_client_on_this_machine():
    assert b"gas_build_info" in Client().get("/metrics").content
