"""Tasks of the control queue that belong to no app."""

from __future__ import annotations

from celery import shared_task

from gas import audit, incidents, outbox


@shared_task(name=outbox.SWEEP_TASK)
def sweep_outbox() -> None:
    """Do the promised effects that are due."""
    outbox.sweep()


@shared_task(name=audit.SEAL_TASK)
def seal_audit() -> None:
    """Seal the audit entries that are not sealed yet, and forget old incidents."""
    audit.sweep()
    incidents.forget_old()
