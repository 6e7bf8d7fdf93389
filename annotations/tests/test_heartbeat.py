from __future__ import annotations

from threading import Event

import pytest
from django.db import OperationalError, connection

from annotations import heartbeat, transitions
from annotations.claims import Claim, Progress
from annotations.heartbeat import Heartbeat, Loss, LostError
from annotations.models import Job

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


@pytest.fixture
def looks(monkeypatch, settings) -> Event:
    """The heart beats quickly; set at each look at the database that has ended."""
    monkeypatch.setattr(heartbeat, "LOOK_SECONDS", 0.01)
    settings.HEARTBEAT_SECONDS = 3600.0
    looked = Event()
    look = Heartbeat._look

    def spy(self):
        loss = look(self)
        self._loss = self._loss or loss
        looked.set()
        return loss

    monkeypatch.setattr(Heartbeat, "_look", spy)
    return looked


def next_look(looks: Event) -> None:
    looks.clear()
    assert looks.wait(10)


def lease(claim: Claim):
    return Job.objects.values_list("lease_until", flat=True).get(pk=claim.job_id)


def test_the_lease_is_renewed_when_that_is_due(claim, looks, settings):
    before = lease(claim)
    with Heartbeat(claim):
        next_look(looks)
        assert lease(claim) == before
        settings.HEARTBEAT_SECONDS = 0.0
        next_look(looks)
        next_look(looks)
        assert lease(claim) > before


def test_progress_is_stored_when_there_is_some(claim, looks):
    with Heartbeat(claim) as beat:
        beat.progress = Progress(5, 50, 500)
        next_look(looks)
        next_look(looks)
        job = Job.objects.get(pk=claim.job_id)
        assert (job.records_done, job.bytes_done, job.bytes_total) == (5, 50, 500)


def test_a_job_that_is_ours_no_more_is_seen_at_the_next_look(claim, looks):
    with Heartbeat(claim) as beat:
        beat.check()
        transitions.cancel(claim.job_id, by="owner")
        beat._thread.join(10)  # it has nothing to do any more
        with pytest.raises(LostError) as caught:
            beat.check()
    assert caught.value.loss is Loss.FENCED


def test_a_database_error_is_borne_as_long_as_the_lease_lasts(claim, looks, settings, monkeypatch):
    is_mine = transitions.is_mine

    def away(_: Claim) -> bool:
        raise OperationalError

    monkeypatch.setattr(transitions, "is_mine", away)
    with Heartbeat(claim) as beat:
        next_look(looks)
        beat.check()
        monkeypatch.setattr(transitions, "is_mine", is_mine)
        next_look(looks)
        beat.check()
        monkeypatch.setattr(transitions, "is_mine", away)
        settings.LEASE_SECONDS = 0.0
        beat._thread.join(10)
        with pytest.raises(LostError) as caught:
            beat.check()
    assert caught.value.loss is Loss.DATABASE_AWAY


def test_the_thread_ends_with_the_block_and_takes_its_connection_along(claim, looks):
    with Heartbeat(claim) as beat:
        next_look(looks)
    assert not beat._thread.is_alive()
    assert connection.connection is not None
