"""The names under which Celery finds the work; the work itself is elsewhere."""

from __future__ import annotations

from celery import shared_task

from annotations import execution, sweep
from annotations.explorer import exports


@shared_task(name="annotations.annotate_next", acks_late=True, ignore_result=True)
def annotate_next() -> None:
    """The doorbell rang: claim the next job, if there is one, and run it."""
    execution.run_next()


@shared_task(name="annotations.export_next", acks_late=True, ignore_result=True)
def export_next() -> None:
    """The doorbell rang: make the next download of filtered variants, if one is asked for."""
    exports.run_next()


@shared_task(name="annotations.sweep", acks_late=True, ignore_result=True)
def sweep_jobs() -> None:
    """The period is over: find what no message told."""
    sweep.run()
