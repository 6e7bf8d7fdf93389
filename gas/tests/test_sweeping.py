from datetime import timedelta

import pytest

from gas.clock import database_now
from gas.models import SweepRun
from gas.sweeping import turn

pytestmark = pytest.mark.django_db


def test_one_sweep_of_a_name_runs_at_a_time():
    with turn("uploads") as mine:
        assert mine
        with turn("uploads") as second:
            assert second is None
        with turn("leases") as other:
            assert other
    with turn("uploads") as again:
        assert again


def test_a_turn_that_ended_well_is_recorded():
    with turn("uploads"):
        assert SweepRun.objects.get(name="uploads").finished_at is None

    row = SweepRun.objects.get(name="uploads")
    assert row.running_until is None
    assert row.started_at
    assert row.finished_at
    assert row.started_at <= row.finished_at


def test_a_turn_that_raised_is_free_again_but_does_not_count_as_finished():
    with pytest.raises(RuntimeError), turn("uploads"):
        raise RuntimeError

    row = SweepRun.objects.get(name="uploads")
    assert (row.running_until, row.finished_at) == (None, None)


def test_the_turn_of_a_dead_sweeper_ends_by_itself():
    SweepRun.objects.create(name="uploads", running_until=database_now() - timedelta(milliseconds=1))

    with turn("uploads") as mine:
        assert mine


def test_a_sweeper_that_overran_its_turn_does_not_end_the_next_ones():
    slow = turn("uploads", seconds=10)  # or both would end in the same millisecond
    assert slow.__enter__()
    SweepRun.objects.update(running_until=database_now() - timedelta(seconds=1))
    with turn("uploads") as second:
        assert second
        slow.__exit__(None, None, None)

        row = SweepRun.objects.get()
        assert row.running_until == second.running_until
        assert row.finished_at is None


def test_a_turn_says_when_its_time_is_over():
    with turn("uploads", seconds=60) as long, turn("leases", seconds=0) as none:
        assert long
        assert long.has_time()
        assert none
        assert not none.has_time()
