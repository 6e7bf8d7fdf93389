"""The worker's sign of life: while it works on a job, a thread of its own renews the lease.

It looks at the row every second or so, so that a cancelled job stops within seconds, and renews
the lease when that is due or when there is progress to show. It never decides about the job; it
only tells the worker that the job is no longer its own.
"""

from __future__ import annotations

import logging
from enum import Enum
from threading import Event, Thread
from time import monotonic
from types import TracebackType

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection

from annotations import transitions
from annotations.claims import Claim, Progress

logger = logging.getLogger(__name__)

LOOK_SECONDS = min(1.0, settings.HEARTBEAT_SECONDS)


class Loss(Enum):
    """Why a worker must stop."""

    FENCED = "the job was cancelled, deleted, requeued or taken over"
    DATABASE_AWAY = "the database could not be reached for as long as the lease"


class LostError(Exception):
    """The job is no longer this worker's."""

    def __init__(self, loss: Loss) -> None:
        super().__init__(loss.value)
        self.loss = loss


class Heartbeat:
    """`with Heartbeat(claim) as heartbeat:` around all work on a job.

    `progress` is set by the worker and stored by the thread; `check()` raises when the job is lost.
    """

    def __init__(self, claim: Claim) -> None:
        self.progress = Progress()
        self._claim = claim
        self._loss: Loss | None = None
        self._ended = Event()
        self._thread = Thread(target=self._beat, name=f"heartbeat-{claim}", daemon=True)
        # By our own clock, a moment after the lease was written; what is at stake is an early end of
        # useless work, for the attempt fences the rest.
        self._renewed_at = monotonic()
        self._stored = self.progress

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def check(self) -> None:
        """Raise LostError when the job is no longer ours."""
        if self._loss is not None:
            raise LostError(self._loss)

    def _beat(self) -> None:
        try:
            while self._loss is None and not self._ended.wait(LOOK_SECONDS):
                self._loss = self._look()
        finally:
            connection.close()

    def _look(self) -> Loss | None:
        now = monotonic()
        try:
            is_mine = self._renew(now) if self._is_due(now) else transitions.is_mine(self._claim)
        except (DatabaseError, InterfaceError) as error:
            connection.close()  # the next try opens a new one
            logger.warning("The heartbeat of %s did not reach the database: %s.", self._claim, type(error).__name__)
            return Loss.DATABASE_AWAY if now - self._renewed_at > settings.LEASE_SECONDS else None
        return None if is_mine else Loss.FENCED

    def _is_due(self, now: float) -> bool:
        return now - self._renewed_at >= settings.HEARTBEAT_SECONDS or self.progress != self._stored

    def _renew(self, now: float) -> bool:
        progress = self.progress
        if not transitions.renew(self._claim, progress):
            return False
        self._renewed_at, self._stored = now, progress
        return True
