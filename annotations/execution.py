"""A worker runs one job: claim, fetch, annotate, store, finish.

Whatever goes wrong ends in exactly one move of `transitions`, chosen in `_settle`; if even that
cannot be written, the lease runs out and the sweep moves the job.

Fault points, in the order in which a job passes them (see gas.faults):

    after_claim        the row says RUNNING, nothing else has happened
    after_fetch        the input is on the worker's disk
    during_annotation  the child runs; passed about five times a second
    before_store       the outputs are on the worker's disk, none is stored
    during_store       the first output is stored, the others are not
    after_store        all outputs are stored and read back, the row still says RUNNING
    after_commit       the job is completed in the database, nothing was told to anybody
"""

from __future__ import annotations

import errno
import logging
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, current_thread, main_thread
from time import monotonic, time
from uuid import UUID

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

from annotations import child, choices, failures, outcome, storage, transitions
from annotations.areas import ObjectChangedError, StorageAwayError, free_percent
from annotations.claims import Claim, Finished, Progress
from annotations.heartbeat import Heartbeat, Loss, LostError
from annotations.models import Job, JobStatus
from gas import incidents, logs, stopping
from gas.faults import fault

logger = logging.getLogger(__name__)

FAIL_AT_ONCE = ("cpu_limit", "output_too_large")  # the same file would meet the same limit again
MAX_EXIT = 1000  # characters of the child's end that the timeline keeps
LEFTOVER_SECONDS = 24 * 3600  # longer than any download of a result is made for
PATIENCE_SECONDS = 300  # with a database that is away, before the sweep is left to settle the job


class StoppingError(Exception):
    """This worker was told to stop, and the grace is over."""


class WallLimitError(Exception):
    """The annotation took too long."""


class OwnSourceGoneError(Exception):
    """The user deleted a source after the job was submitted."""


def run_next() -> bool:
    """Claim the next job and run it to its end, or its attempt's. False: nothing to do, or no room to do it."""
    settings.WORK_DIR.mkdir(parents=True, exist_ok=True)
    _clear_leftovers()
    free = free_percent(settings.WORK_DIR)
    if free < settings.MIN_FREE_PERCENT:
        logger.error("Only %.1f %% of the disk is free: this worker claims no job.", free)
        return False
    if stopping.seconds() is not None:
        return False
    with _sigterm_asks_for_a_stop():
        return _claim_and_run()


def _claim_and_run() -> bool:
    claim = transitions.claim_next(transitions.worker_name())
    if claim is None:
        return False
    fault("after_claim")
    with logs.bind(request=claim.request_id, user=claim.owner_id, job=claim.job_id, attempt=claim.attempt):
        _run(claim)
    return True


def _run(claim: Claim) -> None:
    logger.info("Started.")
    began = monotonic()
    try:
        with _workspace(claim) as space, Heartbeat(claim) as heartbeat:
            finished = _Attempt(claim, space, heartbeat).run()
            is_done = _patiently(lambda: transitions.complete(claim, finished))
        fault("after_commit")
        if is_done:
            logger.info("Completed: %d records in %.1f s.", finished.records_total, monotonic() - began)
        else:
            logger.warning("Fenced: this attempt's result came too late and changed nothing.")
    except Exception as error:
        _settle(claim, error)


class _Attempt:
    """The steps between claim and end; each can be stopped by the heartbeat, a stop or the wall clock."""

    def __init__(self, claim: Claim, space: child.Workspace, heartbeat: Heartbeat) -> None:
        self._claim = claim
        self._space = space
        self._heartbeat = heartbeat
        self._ends = monotonic() + settings.CHILD_WALL_SECONDS

    def run(self) -> Finished:
        """Fetch, annotate, store."""
        claim, space = self._claim, self._space
        storage.fetch_input(claim, space.path("input"), self._check_transfer)
        own = self._fetch_own_sources()
        fault("after_fetch")
        child.annotate(space, claim.reference_name, claim.options, self._tick, own)
        files = outcome.output_files(space)
        outcome.check_receipt(space)
        fault("before_store")
        outputs = []
        for file in files:
            outputs.append(storage.store_output(claim, file, self._check_transfer))
            fault("during_store")
        fault("after_store")
        self._heartbeat.check()
        return outcome.read(space, outputs)

    def _fetch_own_sources(self) -> list[str]:
        """Keys of the user's own sources that the job quotes; their files are in the workspace then."""
        found = choices.own_files(self._claim.options)
        if len(found) < len(self._claim.options.get("own_sources", [])):
            raise OwnSourceGoneError
        for source in found:
            storage.fetch_upload(source.upload, self._space.own_source(source.key), self._check_transfer)
        return [source.key for source in found]

    def _tick(self, progress: Progress) -> None:
        fault("during_annotation")
        self._heartbeat.progress = progress
        self._check()
        if monotonic() > self._ends:
            raise WallLimitError

    def _check_transfer(self) -> None:
        self._check()
        if monotonic() > self._ends:
            raise StorageAwayError("storage was so slow that the job's time is over")

    def _check(self) -> None:
        self._heartbeat.check()
        if _grace_is_over():
            raise StoppingError


def _settle(claim: Claim, error: Exception) -> None:
    """The one move that an attempt's failure leads to: whose fault it is decides."""
    move = _move_for(claim, error)
    if move is None:
        logger.warning("Fenced: %s.", error)
        return
    try:
        if not _patiently(move):
            logger.warning("Fenced: this attempt's end came too late and changed nothing.")
    except (OperationalError, InterfaceError):
        logger.exception("The database stayed away; the lease runs out and the sweep settles the job.")


def _move_for(claim: Claim, error: Exception) -> Callable[[], bool] | None:
    """None: the job is somebody else's by now."""
    match error:
        case LostError(loss=Loss.FENCED):
            return None
        case LostError() | OperationalError() | InterfaceError():
            return lambda: transitions.give_back(claim, "database_away") or transitions.forgive_lost_lease(claim)
        case StoppingError():
            logger.info("Given back: this worker stops.")
            return lambda: transitions.give_back(claim, "stopping")
        case child.FileRefusedError():
            code, detail = failures.of_the_file(error.report)
            logger.info("The file was refused: %s.", code)
            return lambda: transitions.fail(claim, code, detail)
        case OwnSourceGoneError():
            return lambda: transitions.fail(claim, "own_source_gone", {})
        case WallLimitError():
            return lambda: transitions.fail(claim, "wall_limit", {}, limit=_limit("wall_limit"))
        case child.ChildCrashedError(code=code) if code in FAIL_AT_ONCE:
            return lambda: transitions.fail(claim, code, {}, **_seen(error, code))
    if isinstance(error, StorageAwayError):
        logger.warning("Given back: %s.", error)
        return lambda: transitions.give_back(claim, "storage_away")
    if _is_disk_full(error):
        logger.error("Given back: the disk is full.")
        return lambda: transitions.give_back(claim, "disk_full")
    code = _crash_code(error)
    logger.error("This attempt broke: %s.", code, exc_info=error)
    incidents.record(str(claim), f"annotate on {transitions.worker_name()}", error)
    return lambda: transitions.crash(claim, code, {"memory_mb": settings.CHILD_MEMORY_MB}, **_seen(error, code))


def _seen(error: Exception, code: str) -> dict[str, str]:
    """What the staff reads of an attempt's end."""
    how = error.how if isinstance(error, child.ChildCrashedError) else type(error).__name__
    return {"exit": how[:MAX_EXIT]} | ({"limit": limit} if (limit := _limit(code)) else {})


def _limit(code: str) -> str:
    """The limit behind a code, in words; "" where none is."""
    return {
        "out_of_memory": f"memory: {settings.CHILD_MEMORY_MB:,} MB",
        "cpu_limit": f"computing time: {settings.CHILD_CPU_SECONDS:,} s",
        "wall_limit": f"time: {settings.CHILD_WALL_SECONDS:,g} s",
        "output_too_large": f"size of a file: {settings.CHILD_OUTPUT_MB:,} MB",
    }.get(code, "")


def _is_disk_full(error: Exception) -> bool:
    if isinstance(error, child.ChildCrashedError):
        return error.code == "disk_full"
    return isinstance(error, OSError) and error.errno == errno.ENOSPC


def _crash_code(error: Exception) -> str:
    """What the owner is told when the third attempt broke like this one; see annotations.failures."""
    match error:
        case child.ChildCrashedError():
            return error.code
        case ObjectChangedError():
            return "input_changed"
        case storage.ChecksumError():
            return "checksum_differs"
        case outcome.ReceiptError():
            return "receipt_differs"
    return "gave_up"


def _patiently(move: Callable[[], bool]) -> bool:
    """Try a move until the database answers; each is safe to repeat, for the attempt fences it."""
    ends = monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return move()
        except (OperationalError, InterfaceError):
            connection.close()
            if monotonic() > ends or _grace_is_over():
                raise
            logger.warning("The database did not answer; trying again.")
            Event().wait(1)


# --- Stops -------------------------------------------------------------------------------------
_signalled_at: list[float] = []  # when this very process got SIGTERM


@contextmanager
def _sigterm_asks_for_a_stop() -> Iterator[None]:
    """A SIGTERM to this pool process waits until the job is finished or given back, then has its effect.

    Celery's main process shares its own with us (gas.stopping), but systemd, for one, signals the
    whole group; dying on the spot would look like a crash of the job.
    """
    if current_thread() is not main_thread():  # signals are not ours to handle
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda *_: _signalled_at.append(monotonic()))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)
        if _signalled_at:
            os.kill(os.getpid(), signal.SIGTERM)


def _grace_is_over() -> bool:
    asked = [stopping.seconds(), *(monotonic() - moment for moment in _signalled_at[:1])]
    return any(seconds is not None and seconds > settings.GRACE_SECONDS for seconds in asked)


# --- The worker's disk -------------------------------------------------------------------------
@contextmanager
def _workspace(claim: Claim) -> Iterator[child.Workspace]:
    folder = settings.WORK_DIR / f"{claim.job_id}-{claim.attempt}"
    folder.mkdir(mode=0o700)
    try:
        yield child.Workspace(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _clear_leftovers() -> None:
    """Delete what killed workers left: the folders of attempts that do not run any more, and of downloads."""
    for folder in settings.WORK_DIR.iterdir():
        job_id, _, attempt = folder.name.rpartition("-")
        try:
            wanted = Job.objects.filter(pk=UUID(job_id), attempt=int(attempt), status=JobStatus.RUNNING)
        except ValueError:  # not ours
            continue
        if not wanted.exists():
            shutil.rmtree(folder, ignore_errors=True)
    for folder in settings.WORK_DIR.glob("export-*"):
        with suppress(FileNotFoundError):  # it was ready meanwhile
            if time() - folder.stat().st_mtime > LEFTOVER_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)
