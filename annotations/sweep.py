"""The sweep: finds what no message told, so that every message is optional.

Leases that ran out, jobs that wait without a doorbell, uploads whose time is up, objects that no
row needs. Each step is bounded and may be done twice at once without harm.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from django.db.models.functions import Now

from annotations import storage, transitions
from annotations.areas import AreaName, StorageAwayError, area
from annotations.explorer import exports, files
from annotations.models import COUNTED_FOR, DeletedJob, Job, JobStatus, OrphanScan, Upload, UploadStatus
from annotations.notices import telling
from annotations.own_sources import folders
from annotations.sharing import granting
from annotations.webhooks import deliveries
from gas import doorbell, queues
from gas.clock import from_now
from gas.sweeping import turn

if TYPE_CHECKING:
    from gas.sweeping import Turn

logger = logging.getLogger(__name__)

MAX_LEASES = 500
MAX_DOORBELLS = 32
MAX_UPLOADS = 200
MAX_OBJECTS = 1000  # of an area in one run; the next run goes on behind them


def run() -> None:
    """One sweep, unless another is at it: rows first, then what needs storage."""
    with turn("annotations") as mine:
        if mine is None:
            return
        end_lost_leases(mine)
        ring_for_waiting_jobs(mine)
        transitions.expire_due_uploads()
        granting.forget_ended()
        DeletedJob.objects.filter(submitted_at__lte=from_now(-COUNTED_FOR)).delete()
        telling.forget_old()
        deliveries.forget_old()
        files.tidy()
        folders.clear_leftovers()
        try:
            delete_expired_uploads(mine)
            exports.sweep()
            areas: tuple[AreaName, ...] = ("results", "inputs")
            for name in areas:
                delete_orphans(name, mine)
        except StorageAwayError as error:
            logger.warning("The sweep did not reach storage (%s); the next one tries again.", error)


def end_lost_leases(mine: Turn) -> None:
    """Put back, or after three crashes fail, the jobs whose worker gave no sign of life."""
    lost = Job.objects.filter(status=JobStatus.RUNNING, lease_until__lt=Now()).order_by("lease_until")
    for job_id in list(lost.values_list("pk", flat=True)[:MAX_LEASES]):
        if not mine.has_time():
            return
        if transitions.lose_lease(job_id):
            logger.warning("The lease of job %s ran out: its worker is taken for dead.", job_id)


def ring_for_waiting_jobs(mine: Turn) -> None:
    """Have a doorbell wait for each job that waits, up to a bound: doorbells get lost, and back-offs end.

    Those that wait in the queue already are enough: whoever takes one claims whichever job is next.
    """
    waiting = Job.objects.filter(status=JobStatus.PENDING, due_at__lte=Now()).values("pk")[:MAX_DOORBELLS].count()
    for _ in range(waiting - (_doorbells_that_wait() if waiting else 0)):
        if not mine.has_time():
            return
        doorbell.ring(transitions.ANNOTATE_TASK, queue="annotate")


def _doorbells_that_wait() -> int:
    """How many lie in the queue; 0 where the broker does not say."""
    try:
        return queues.waiting()["annotate"]
    except Exception as error:  # whatever a broker may raise: one doorbell too many does no harm
        logger.warning("The queue could not be counted (%s); every waiting job is rung for.", type(error).__name__)
        return 0


def delete_expired_uploads(mine: Turn) -> None:
    """Delete the objects of expired uploads, then their rows."""
    expired = Upload.objects.filter(status=UploadStatus.EXPIRED, jobs__isnull=True).order_by("id")
    for upload in expired[:MAX_UPLOADS]:
        if not mine.has_time():
            return
        storage.delete_input(upload)
        upload.delete()


def delete_orphans(name: AreaName, mine: Turn) -> None:
    """Look at the next keys of an area and delete those that no row needs; a walk without end."""
    if not mine.has_time():
        return
    objects = area(name)
    scan, _ = OrphanScan.objects.get_or_create(area=name)
    keys = objects.keys(scan.after_key, MAX_OBJECTS)
    orphans = storage.orphans(name, keys)
    objects.delete(orphans)
    scan.after_key = keys[-1] if len(keys) == MAX_OBJECTS else ""
    scan.save(update_fields=["after_key"])
    unfinished = list(objects.unfinished())
    abandoned = set(storage.orphans(name, [key for key, _ in unfinished]))
    for key, upload_id in unfinished:
        if key in abandoned:
            objects.abort(key, upload_id)
    if orphans or abandoned:
        logger.info("Deleted %d objects of %s that no row needs.", len(orphans) + len(abandoned), name)
