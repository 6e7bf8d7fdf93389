"""Tasks of the control queue."""

from __future__ import annotations

from celery import shared_task

from accounts import sweep as sweeping


@shared_task(name=sweeping.TASK, ignore_result=True)
def sweep() -> None:
    """Beat's turn for accounts."""
    sweeping.sweep()
