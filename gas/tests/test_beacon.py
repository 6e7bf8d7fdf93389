from datetime import timedelta

import pytest

from gas import beacon, metrics, overview
from gas.clock import database_now
from gas.models import WorkerSeen


def workers_of(kind: str) -> float:
    return next(
        sample.value for family in beacon.collect() for sample in family.samples if sample.labels["kind"] == kind
    )


@pytest.mark.django_db
def test_a_worker_is_there_until_it_was_silent_for_a_minute():
    beacon.say("annotate@one:1", "annotate")
    assert workers_of("annotate") == 1
    assert workers_of("control") == 0
    WorkerSeen.objects.update(seen_at=database_now() - timedelta(seconds=beacon.GONE_SECONDS + 1))
    assert workers_of("annotate") == 0
    assert b'gas_workers{kind="annotate"} 0.0' in metrics.exposition()
    (row,) = overview.workers().rows
    assert row[:2] == ("annotate@one:1", "gone")


@pytest.mark.django_db
def test_a_worker_keeps_the_time_it_started_and_is_forgotten_after_a_day():
    beacon.say("annotate@one:1", "annotate")
    started = WorkerSeen.objects.get().started_at
    beacon.say("annotate@one:1", "annotate")
    assert WorkerSeen.objects.get().started_at == started
    WorkerSeen.objects.update(seen_at=database_now() - timedelta(days=2))
    beacon.say("control@one:2", "control")
    assert WorkerSeen.objects.get().name == "control@one:2"
