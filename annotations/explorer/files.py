"""The files of a result's table on this machine: made at the first look, bounded, deleted when not needed.

    <explorer folder>/<owner>.<job>.<attempt>.rows.parquet       copy of the result's table, where storage is S3
    <explorer folder>/<owner>.<job>.<attempt>.alleles.duckdb    one row for each allele, see `index`
    <explorer folder>/<owner>.<job>.<attempt>.genotypes.duckdb  what each sample has of each, see `genotypes`
    <explorer folder>/<of one result>+<of another>.comparison.duckdb  see annotations.comparison.differences

A file that is being written has another ending until it is whole; of one that cannot be made, a note says why
(see `failing`). Which results may be looked at,
the database says; `tidy` deletes the files of all others, and the least used ones over the bound.
"""

from __future__ import annotations

import fcntl
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from uuid import UUID, uuid4

from django.conf import settings

from annotations.areas import Area, ObjectChangedError, StorageAwayError, area, digest_of
from annotations.explorer import failing
from annotations.explorer.annotated import NotOfOneResultError, sample_names
from annotations.explorer.failing import Failure, Reason
from annotations.genomics.errors import AnnotationError
from annotations.models import Job, Output, OutputKind, Result, StorageState
from gas import incidents, logs

logger = logging.getLogger(__name__)

AT_HAND = (StorageState.HOT, StorageState.ARCHIVING)
WAIT_SECONDS = 1.5
TIDY_SECONDS = 60
ABANDONED_SECONDS = 24 * 3600  # a process that was killed left it
_PART = ".part"
_ROWS, _ALLELES, _GENOTYPES = ".rows.parquet", ".alleles.duckdb", ".genotypes.duckdb"
_COMPARISON = ".comparison.duckdb"
Make = Callable[[Path, Callable[[float], None]], None]


class NotAtHandError(Exception):
    """The result's table is archived, on its way back, deleted, or was never made."""


class NoGenotypesError(Exception):
    """The VCF has no samples, too many, or is not the table's."""


class NotMadeError(Exception):
    """The files cannot be made: see `failing`. `job_id`: of the result whose file it is."""

    def __init__(self, target: Path, failure: Failure) -> None:
        super().__init__(f"{target.name}: {failure.reason}")
        self.job_id = _jobs_in(target)[0]
        self.code = failure.code
        self.sentence = failing.SENTENCES[failure.reason]


class PreparingError(Exception):
    """The files are being made: ask again in a moment."""

    def __init__(self, percent: int) -> None:
        super().__init__(f"{percent} %")
        self.percent = percent


@dataclass(frozen=True)
class Tables:
    """The files of a result."""

    rows: Path
    alleles: Path

    @property
    def genotypes(self) -> Path:
        """Made when somebody first asks for one: see `with_genotypes`."""
        return self.alleles.with_name(self.alleles.name.replace(_ALLELES, _GENOTYPES))


@dataclass(frozen=True)
class _Stored:
    """A file of a result as it was recorded; holds no row, for threads use it."""

    area: Area
    key: str
    size_bytes: int
    sha256: str

    @classmethod
    def of(cls, output: Output) -> _Stored:
        return cls(area("results"), output.storage_key, output.size_bytes, output.sha256)

    def copy(self, target: Path) -> None:
        """Fetch it; only the bytes that were recorded become the file."""
        beside = target.with_suffix(f".{uuid4().hex}{_PART}")
        try:
            with self.area.open(self.key) as source, beside.open("wb") as copy:
                self._compare(digest_of(source, copy))
            beside.replace(target)
        finally:
            beside.unlink(missing_ok=True)

    @contextmanager
    def blamed(self) -> Iterator[None]:
        """What fails because the stored file is not what was recorded, raises ObjectChangedError."""
        try:
            yield
        except Exception:
            with self.area.open(self.key) as stream:
                self._compare(digest_of(stream))
            raise

    def _compare(self, found: tuple[int, str]) -> None:
        if found != (self.size_bytes, self.sha256):
            raise ObjectChangedError(f"{self.key} is not what was recorded")


@dataclass(frozen=True)
class _Wanted:
    """What is to be made, and of what."""

    stored: _Stored
    tables: Tables
    is_copied: bool

    def make(self, beside: Path, hear: Callable[[float], None]) -> None:
        """Write the alleles to `beside`, of the result's table, which is fetched first if it is away."""
        from annotations.explorer.index import write_alleles  # Arrow: only for who makes a table

        if self.is_copied:
            self.stored.copy(self.tables.rows)
        with self.stored.blamed():
            write_alleles(self.tables.rows, beside, hear)


def folder() -> Path:
    """Where the files are; whoever makes one makes it if it is missing."""
    place: Path = settings.EXPLORER_DIR
    return place


def tables_of(result: Result, wait_seconds: float | None = None) -> Tables:
    """The files of a result, made now if they are small.

    Raises NotAtHandError, NotMadeError, or PreparingError where they take longer than `wait_seconds`,
    else WAIT_SECONDS.
    """
    wanted = _wanted(result)
    _tidy_now_and_then()
    _have(wanted.tables.alleles, wanted.make, wait_seconds, is_ready=lambda: _is_ready(wanted))
    return wanted.tables


def with_genotypes(result: Result, wait_seconds: float | None = None) -> Tables:
    """The same with the genotypes beside, read now from the annotated VCF if that is small.

    Raises what `tables_of` raises, and NoGenotypesError.
    """
    tables = tables_of(result, wait_seconds)
    stored = _Stored.of(_annotated(result))

    def make(beside: Path, hear: Callable[[float], None]) -> None:
        from annotations.explorer.genotypes import write_genotypes  # Arrow and numba: only for who makes a file

        with stored.blamed(), stored.area.open(stored.key) as stream:
            write_genotypes(stream, tables.alleles, beside, lambda read: hear(read / max(stored.size_bytes, 1)))

    _have(tables.genotypes, make, wait_seconds)
    return tables


def comparison_of(left: Tables, right: Tables, samples: tuple[int, int] | None = None) -> Path:
    """The file that says where two results differ, made now if they are small.

    samples: the number of a sample of each, whose genotypes are compared too; those are at hand.
    Raises PreparingError, NotMadeError.
    """
    names = [tables.alleles.name.removesuffix(_ALLELES) for tables in (left, right)]
    of_samples = f".{samples[0]}-{samples[1]}" if samples else ""
    target = folder() / f"{'+'.join(names)}{of_samples}{_COMPARISON}"

    def make(beside: Path, hear: Callable[[float], None]) -> None:
        from annotations.comparison.differences import Side, write_differences

        sides = [Side(tables.alleles) for tables in (left, right)]
        if samples:
            pairs = zip((left, right), samples, strict=True)
            sides = [Side(tables.alleles, tables.genotypes, f"s{number}") for tables, number in pairs]
        write_differences(sides[0], sides[1], beside, hear)

    _have(target, make)
    return target


def samples_of(result: Result) -> tuple[str, ...]:
    """The samples of a result's VCF; none where it cannot be read now."""
    with suppress(NotAtHandError, ObjectChangedError, StorageAwayError, OSError):
        return _samples_in(result) if result.storage in AT_HAND else ()
    return ()


@lru_cache(maxsize=256)  # a result never changes, and equals itself by its key
def _samples_in(result: Result) -> tuple[str, ...]:
    with suppress(AnnotationError, NotOfOneResultError), area("results").open(_annotated(result).storage_key) as stream:
        return sample_names(stream)
    return ()


def _annotated(result: Result) -> Output:
    output = Output.objects.filter(result=result, kind=OutputKind.VCF).first()
    if output is None or result.storage not in AT_HAND:
        raise NotAtHandError
    return output


def prepare(result: Result) -> None:
    """Begin to make a result's files, so that they are there when somebody looks."""
    with suppress(NotAtHandError, NotMadeError, PreparingError):
        tables_of(result, wait_seconds=0)


def try_again(job_id: UUID) -> None:
    """Forget that files of a result could not be made: the next who asks has them tried again."""
    for path in folder().glob(f"*.{job_id}.*{failing.ENDING}"):
        path.unlink(missing_ok=True)


def _wanted(result: Result) -> _Wanted:
    # All of them: a page that shows a result has them already.
    output = next((output for output in result.outputs.all() if output.kind == OutputKind.PARQUET), None)
    if output is None or result.storage not in AT_HAND:
        raise NotAtHandError
    stored = _Stored.of(output)
    stem = output.storage_key.rpartition("/")[0].replace("/", ".")
    local = stored.area.local_path(stored.key)
    tables = Tables(local or folder() / f"{stem}{_ROWS}", folder() / f"{stem}{_ALLELES}")
    return _Wanted(stored, tables, is_copied=local is None)


def _is_ready(wanted: _Wanted) -> bool:
    return wanted.tables.alleles.exists() and wanted.tables.rows.exists()


# --- Making ------------------------------------------------------------------------------------
def _have(
    target: Path, make: Make, wait_seconds: float | None = None, is_ready: Callable[[], bool] | None = None
) -> None:
    """Have a file made, if it is not there, and wait for it.

    Raises PreparingError where that takes longer, NotMadeError, NoGenotypesError.
    """
    is_ready = is_ready or target.exists
    if is_ready():
        os.utime(target)
        return
    failure = failing.noted(target)
    if failure is None:
        maker = _makers.start(target, is_ready, make)
        maker.thread.join(WAIT_SECONDS if wait_seconds is None else wait_seconds)
        if is_ready():
            return
        failure = maker.failure
        if failure is None:
            raise PreparingError(int(100 * maker.share))
        _makers.heard(target)
    place = f"{target.name.rpartition('.')[0].rpartition('.')[2]} of job {_jobs_in(target)[0]}"
    incidents.keep(failure.code, place, failure.error, failure.traceback)
    if failure.reason == Reason.NO_GENOTYPES:
        raise NoGenotypesError
    raise NotMadeError(target, failure)


class _Maker:
    """One thread that makes one file; `failure` is why it could not."""

    def __init__(self, target: Path, is_ready: Callable[[], bool], make: Make) -> None:
        self.share = 0.0
        self.failure: Failure | None = None
        self.thread = threading.Thread(
            target=self._run, args=(target, is_ready, make), daemon=True, name="explorer-files"
        )  # fmt: skip

    def _run(self, target: Path, is_ready: Callable[[], bool], make: Make) -> None:
        lock = target.with_suffix(".lock")
        try:
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with _makers.turn, lock.open("w") as held:
                fcntl.flock(held, fcntl.LOCK_EX)  # another process may be at it: then it is done when we wake
                if not is_ready():
                    self.failure = failing.noted(target)  # or has just failed
                    if self.failure is None:
                        self._make(target, make)
        except Exception as error:
            self.failure = failing.failure_of(error)
            with logs.bind(job=_jobs_in(target)[0]):
                logger.exception("%s could not be made: incident %s.", target.name, self.failure.code)
            failing.note(target, self.failure)
        finally:
            with suppress(OSError):
                lock.unlink(missing_ok=True)

    def _make(self, target: Path, make: Make) -> None:
        began = time.monotonic()
        beside = target.with_suffix(f".{uuid4().hex}{_PART}")
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
        self.share = share


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


_makers = _Makers()


# --- Tidying -----------------------------------------------------------------------------------
_tidied_at = 0.0


def _tidy_now_and_then() -> None:
    global _tidied_at
    if time.monotonic() - _tidied_at > TIDY_SECONDS:
        _tidied_at = time.monotonic()
        tidy()


def tidy() -> None:
    """Delete the files of results that are gone or archived, then the least used over the bound."""
    endings = (_ROWS, _ALLELES, _GENOTYPES, _COMPARISON)
    paths = [path for ending in endings for path in folder().glob(f"*{ending}")]
    by_job: dict[UUID, list[Path]] = {}
    for path in paths:
        by_job.setdefault(_jobs_in(path)[0], []).append(path)
    jobs = {job_id for path in paths for job_id in _jobs_in(path)}
    kept = set(Job.objects.filter(pk__in=jobs, result__storage__in=AT_HAND).values_list("pk", flat=True))
    bound = settings.EXPLORER_CACHE_MB * 1_000_000
    used = 0
    for _, of_job in sorted(by_job.items(), key=lambda entry: -max(_used_at(path) for path in entry[1])):
        used += sum(_size(path) for path in of_job)
        for path in of_job:
            if used > bound or not kept.issuperset(_jobs_in(path)):
                path.unlink(missing_ok=True)
    for path in (*folder().glob(f"*{_PART}*"), *folder().glob(f"*{failing.ENDING}")):
        if path.is_file() and time.time() - _used_at(path) > ABANDONED_SECONDS:
            path.unlink(missing_ok=True)


def _jobs_in(path: Path) -> list[UUID]:
    """The jobs that a file is of: two of a comparison."""
    return [UUID(part.split(".")[1]) for part in path.name.split("+")]


def forget(prefix: str) -> None:
    """Delete the files of all results whose keys begin with `prefix`, which ends in `/`."""
    name = prefix.replace("/", ".")
    for path in (*folder().glob(f"{name}*"), *folder().glob(f"*+{name}*")):
        path.unlink(missing_ok=True)


def _size(path: Path) -> int:
    with suppress(FileNotFoundError):
        return path.stat().st_size
    return 0


def _used_at(path: Path) -> float:
    with suppress(FileNotFoundError):
        return path.stat().st_mtime
    return 0.0
