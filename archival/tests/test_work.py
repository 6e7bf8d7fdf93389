"""A move of many bytes outlasts the lease that it began with."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from threading import Event

import pytest

from annotations.areas import StorageAwayError
from annotations.models import StorageState
from archival import recalls, stores, sweep, transitions, work
from archival.models import Custody
from archival.tests.conftest import be_impatient, go_cold, ids, let_time_pass, make_due, state

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


@dataclass
class Leases:
    """The lease before and after each renewal: two while the store moves, and no more."""

    seen: list[tuple[datetime | None, datetime | None]] = field(default_factory=list)
    moving: Event = field(default_factory=Event)
    renewed: Event = field(default_factory=Event)


@pytest.fixture
def leases(monkeypatch, settings) -> Leases:
    found = Leases()
    true_renew = work.renew

    def renew(claimed):
        if not found.moving.is_set():
            return True
        before = Custody.objects.get().lease_until
        held = true_renew(claimed)
        found.seen.append((before, Custody.objects.get().lease_until))
        if len(found.seen) == 2:
            settings.HEARTBEAT_SECONDS = 3600
            found.renewed.set()
        return held

    monkeypatch.setattr(work, "renew", renew)
    settings.HEARTBEAT_SECONDS = 0.01
    return found


def slow(monkeypatch, move: str, leases: Leases) -> None:
    """The store moves nothing until the lease was renewed, and is away then."""

    def wait(store, *keys):
        leases.moving.set()
        leases.renewed.wait(10)
        raise StorageAwayError("gone, after a while")

    monkeypatch.setattr(stores.LocalStore, move, wait)


def assert_kept_and_put_off(leases: Leases) -> None:
    assert len(leases.seen) == 2
    assert all(before and after and before < after for before, after in leases.seen)
    custody = Custody.objects.get()
    # Only who still holds the lease may put a result off.
    assert (custody.tries, custody.lease_until) == (1, None)


def test_the_lease_is_renewed_while_a_result_goes_cold(result, monkeypatch, leases):
    slow(monkeypatch, "put", leases)
    make_due(result)
    sweep.sweep()
    assert state(result) == StorageState.ARCHIVING
    assert_kept_and_put_off(leases)


def test_the_lease_is_renewed_while_a_result_comes_back(user, result, monkeypatch, leases):
    go_cold(result)
    recalls.ask_back_by_hand(user, ids(result), "click")
    sweep.sweep()
    let_time_pass(2)
    be_impatient()
    slow(monkeypatch, "bring_back", leases)
    sweep.sweep()
    assert state(result) == StorageState.RESTORING
    assert_kept_and_put_off(leases)


def test_a_lease_that_another_took_is_not_renewed(result):
    make_due(result)
    transitions.begin_archiving_due(result.pk, "LOCAL")
    (held,) = work.claim(StorageState.ARCHIVING, 1)
    assert work.renew([held])
    Custody.objects.update(lease_until=None)
    (other,) = work.claim(StorageState.ARCHIVING, 1)
    assert not work.renew([held])
    work.put_off(held, StorageAwayError("late"))
    assert Custody.objects.get().lease_until == other.lease.until
