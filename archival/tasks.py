"""Tasks of the control queue."""

from __future__ import annotations

from celery import shared_task

from archival import sweep as sweeping
from archival.follow_plan import SWEEP_TASK


@shared_task(name=SWEEP_TASK, ignore_result=True)
def sweep() -> None:
    """Beat's turn, or somebody rang."""
    sweeping.sweep()
