"""Tasks of the control queue."""

from __future__ import annotations

from celery import shared_task

from accounts import sweep as sweeping
from accounts.billing import sweep as billing
from accounts.erasure import work as erasure


@shared_task(name=sweeping.TASK, ignore_result=True)
def sweep() -> None:
    """Beat's turn for accounts."""
    sweeping.sweep()


@shared_task(name=billing.TASK, ignore_result=True)
def sweep_billing() -> None:
    """Beat's turn for billing."""
    billing.sweep()


@shared_task(name=erasure.TASK, ignore_result=True)
def sweep_erasures() -> None:
    """Beat's turn for accounts that are being deleted."""
    erasure.sweep()
