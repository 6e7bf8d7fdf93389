"""Turns: one sweep of a name runs at a time, on whatever machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic

from django.db.models import Q
from django.db.models.functions import Now

from gas.clock import database_now
from gas.models import SweepRun


@dataclass(frozen=True)
class Turn:
    """The right to sweep, for a bounded time."""

    name: str
    running_until: datetime
    ends: float  # time.monotonic() of this process

    def has_time(self) -> bool:
        """There is time left for one more step."""
        return monotonic() < self.ends


@contextmanager
def turn(name: str, seconds: float = 20) -> Iterator[Turn | None]:
    """Take the turn of a sweep; None when another has it.

    The turn ends by itself after `seconds`, so a sweeper that died blocks nobody for longer.
    `finished_at` is written only when the body did not raise: its age tells that sweeps work.
    """
    mine = _take(name, seconds)
    if mine is None:
        yield None
        return
    own_row = SweepRun.objects.filter(name=name, running_until=mine.running_until)
    try:
        yield mine
    except BaseException:
        own_row.update(running_until=None)
        raise
    own_row.update(running_until=None, finished_at=Now())


def _take(name: str, seconds: float) -> Turn | None:
    ends = monotonic() + seconds
    now = database_now()
    until = now + timedelta(seconds=seconds)
    free = SweepRun.objects.filter(Q(running_until__isnull=True) | Q(running_until__lt=Now()), name=name)
    SweepRun.objects.bulk_create([SweepRun(name=name)], ignore_conflicts=True)
    if not free.update(running_until=until, started_at=now):
        return None
    return Turn(name, until, ends)
