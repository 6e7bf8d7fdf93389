"""The making of the explorer's files: by a thread for each, one at work at a time, whoever asks waits a moment."""

from __future__ import annotations

import fcntl
import logging
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final
from uuid import UUID, uuid4

from annotations.explorer import failing
from annotations.explorer.failing import Failure, Reason
from gas import incidents, logs

logger = logging.getLogger(__name__)

WAIT_SECONDS = 1.5
PART: Final = ".part"
_LOCK: Final = ".lock"
_UUID: Final = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_OF_RESULT: Final = re.compile(rf"{_UUID}\.({_UUID})\.\d+(\..+)?")
Make = Callable[[Path, Callable[[float], None]], None]


class NoGenotypesError(Exception):
    """The VCF has no samples, too many, or is not the table's."""


class NotMadeError(Exception):
    """The files cannot be made: see `failing`. `job_id`: of the result whose file it is."""

    def __init__(self, target: Path, failure: Failure) -> None:
        super().__init__(f"{target.name}: {failure.reason}")
        self.job_id = jobs_in(target)[0]
        self.code = failure.code
        self.sentence = failing.SENTENCES[failure.reason]
        self.of_the_files = failing.OF_THE_FILES[failure.reason]


class PreparingError(Exception):
    """The files are being made: ask again in a moment."""

    def __init__(self, percent: int) -> None:
        super().__init__(f"{percent} %")
        self.percent = percent


def jobs_in(path: Path) -> list[UUID]:
    """The jobs that a file is of: two of a comparison; none of a file that is not one of ours."""
    found = [_OF_RESULT.fullmatch(part) for part in path.name.split("+")]
    return [UUID(part[1]) for part in found if part] if all(found) else []


def have(
    target: Path, make: Make, wait_seconds: float | None = None, is_ready: Callable[[], bool] | None = None
) -> None:
    """Have a file made, if it is not there, and wait for it.

    Raises PreparingError where that takes longer, NotMadeError, NoGenotypesError.
    """
    is_ready = is_ready or target.exists
    if is_ready():
        with suppress(OSError):  # a folder that cannot be written to is read all the same
            os.utime(target)
        return
    failure = failing.noted(target)
    if failure is None:
        maker = makers.start(target, is_ready, make)
        maker.thread.join(WAIT_SECONDS if wait_seconds is None else wait_seconds)
        if is_ready():
            return
        failure = maker.failure
        if failure is None:
            raise PreparingError(_percent(target))
        makers.heard(target)
    place = f"{target.name.rpartition('.')[0].rpartition('.')[2]} of job {jobs_in(target)[0]}"
    incidents.keep(failure.code, place, failure.error, failure.traceback)
    if failure.reason == Reason.NO_GENOTYPES:
        raise NoGenotypesError
    raise NotMadeError(target, failure)


@contextmanager
def locked(target: Path) -> Iterator[IO[str]]:
    """Nobody else, in whichever process, makes the file or throws it away; the lock's file, for `_percent`."""
    lock = target.with_suffix(_LOCK)
    try:
        with lock.open("a") as held:  # whoever waits must not empty it
            fcntl.flock(held, fcntl.LOCK_EX)
            held.truncate(0)
            yield held
    finally:
        with suppress(OSError):
            lock.unlink(missing_ok=True)


def _percent(target: Path) -> int:
    """How far whoever makes the file has come."""
    with suppress(OSError, ValueError, IndexError):
        return int(target.with_suffix(_LOCK).read_text().split()[-1])
    return 0


class _Maker:
    """One thread that makes one file; `failure` is why it could not."""

    def __init__(self, target: Path, is_ready: Callable[[], bool], make: Make) -> None:
        self._percent = 0
        self._told: IO[str] | None = None
        self.failure: Failure | None = None
        self.thread = threading.Thread(
            target=self._run, args=(target, is_ready, make), daemon=True, name="explorer-files"
        )  # fmt: skip

    def _run(self, target: Path, is_ready: Callable[[], bool], make: Make) -> None:
        try:
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with makers.turn, locked(target) as self._told:  # another process may be at it: then it is done now
                if not is_ready():
                    self.failure = failing.noted(target)  # or has just failed
                    if self.failure is None:
                        self._make(target, make)
        except PreparingError:
            pass  # what it is made of is to be made first: whoever asks again finds out
        except Exception as error:
            self.failure = failing.failure_of(error)
            with logs.bind(job=jobs_in(target)[0]):
                logger.exception("%s could not be made: incident %s.", target.name, self.failure.code)
            failing.note(target, self.failure)

    def _make(self, target: Path, make: Make) -> None:
        began = time.monotonic()
        beside = target.with_suffix(f".{uuid4().hex}{PART}")
        try:
            make(beside, self._hear)
            beside.replace(target)
        finally:
            beside.unlink(missing_ok=True)
        logger.info("Made %s in %.1f s.", target.name, time.monotonic() - began)

    @property
    def is_of_use(self) -> bool:
        """It is at work, or failed and nobody has heard of it."""
        return self.thread.is_alive() or self.failure is not None

    def _hear(self, share: float) -> None:
        """Write each whole percent into the lock's file: the next who asks may ask another process."""
        percent = int(100 * share)
        if percent > self._percent and self._told is not None:
            self._percent = percent
            self._told.write(f"{percent}\n")
            self._told.flush()


class _Makers:
    """The makers of this process: one for a file, one at work at a time."""

    def __init__(self) -> None:
        self.turn = threading.Lock()
        self._guard = threading.Lock()
        self._by_file: dict[Path, _Maker] = {}

    def start(self, target: Path, is_ready: Callable[[], bool], make: Make) -> _Maker:
        """The maker of this file, started if there is none at work."""
        with self._guard:
            self._by_file = {path: maker for path, maker in self._by_file.items() if maker.is_of_use}
            maker = self._by_file.get(target)
            if maker is None:
                maker = self._by_file[target] = _Maker(target, is_ready, make)
                maker.thread.start()
            return maker

    def heard(self, target: Path) -> None:
        """Somebody was told that the file could not be made; from now on the note says so."""
        with self._guard:
            self._by_file.pop(target, None)


makers = _Makers()
