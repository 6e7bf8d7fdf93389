"""The files of a result's table on this machine: made at the first look, bounded, deleted when not needed.

    <explorer folder>/<owner>.<job>.<attempt>.rows.parquet       copy of the result's table, where storage is S3
    <explorer folder>/<owner>.<job>.<attempt>.alleles.duckdb    one row for each allele, see `index`
    <explorer folder>/<owner>.<job>.<attempt>.genotypes.duckdb  what each sample has of each, see `genotypes`
    <explorer folder>/<of one result>+<of another>.comparison.duckdb  see annotations.comparison.differences

A file that is being written has another ending until it is whole. Which results may be looked at,
the database says; `tidy` deletes the files of all others, and the least used ones over the bound.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from uuid import UUID, uuid4

from django.conf import settings

from annotations.areas import CHUNK, Area, ObjectChangedError, area
from annotations.explorer.annotated import NotOfOneResultError, sample_names
from annotations.genomics.errors import AnnotationError
from annotations.models import Job, Output, OutputKind, Result, StorageState

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
class _Wanted:
    """What is to be made, and of what; holds no row, for threads use it."""

    area: Area
    key: str
    size_bytes: int
    sha256: str
    tables: Tables
    is_copied: bool

    def make(self, beside: Path, hear: Callable[[float], None]) -> None:
        """Write the alleles to `beside`, of the result's table, which is fetched first if it is away."""
        from annotations.explorer.index import write_alleles  # Arrow: only for who makes a table

        if self.is_copied:
            _copy(self)
        write_alleles(self.tables.rows, beside, hear)


def folder() -> Path:
    """Where the files are; made if it is missing."""
    place: Path = settings.EXPLORER_DIR
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    return place


def tables_of(result: Result, wait_seconds: float | None = None) -> Tables:
    """The files of a result, made now if they are small.

    Raises NotAtHandError, or PreparingError where they take longer than `wait_seconds`, else WAIT_SECONDS.
    """
    wanted = _wanted(result)
    _tidy_now_and_then()
    if _is_ready(wanted):
        os.utime(wanted.tables.alleles)
        return wanted.tables
    maker = _makers.start(wanted.tables.alleles, lambda: _is_ready(wanted), wanted.make)
    maker.thread.join(WAIT_SECONDS if wait_seconds is None else wait_seconds)
    if _is_ready(wanted):
        return wanted.tables
    raise PreparingError(int(100 * maker.share))


def with_genotypes(result: Result, wait_seconds: float | None = None) -> Tables:
    """The same with the genotypes beside, read now from the annotated VCF if that is small.

    Raises what `tables_of` raises, and NoGenotypesError.
    """
    tables = tables_of(result, wait_seconds)
    if tables.genotypes.exists():
        os.utime(tables.genotypes)
        return tables
    vcf = _annotated(result)
    results = area("results")

    def make(beside: Path, hear: Callable[[float], None]) -> None:
        from annotations.explorer.genotypes import write_genotypes  # Arrow and numba: only for who makes a file

        with results.open(vcf.storage_key) as stream:
            write_genotypes(stream, tables.alleles, beside, lambda read: hear(read / max(vcf.size_bytes, 1)))

    maker = _makers.start(tables.genotypes, tables.genotypes.exists, make)
    maker.thread.join(WAIT_SECONDS if wait_seconds is None else wait_seconds)
    if tables.genotypes.exists():
        return tables
    if not maker.thread.is_alive():  # it cannot be read: see the log
        raise NoGenotypesError
    raise PreparingError(int(100 * maker.share))


def comparison_of(left: Tables, right: Tables) -> Path:
    """The file that says where two results differ, made now if they are small. Raises PreparingError."""
    names = [tables.alleles.name.removesuffix(_ALLELES) for tables in (left, right)]
    target = folder() / f"{'+'.join(names)}{_COMPARISON}"
    if target.exists():
        os.utime(target)
        return target

    def make(beside: Path, hear: Callable[[float], None]) -> None:
        from annotations.comparison.differences import write_differences

        write_differences(left.alleles, right.alleles, beside, hear)

    maker = _makers.start(target, target.exists, make)
    maker.thread.join(WAIT_SECONDS)
    if target.exists():
        return target
    raise PreparingError(int(100 * maker.share))


def samples_of(result: Result) -> tuple[str, ...]:
    """The samples of a result's VCF; none where it cannot be read now."""
    with suppress(NotAtHandError, OSError):
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
    with suppress(NotAtHandError, PreparingError):
        tables_of(result, wait_seconds=0)


def _wanted(result: Result) -> _Wanted:
    output = Output.objects.filter(result=result, kind=OutputKind.PARQUET).first()
    if output is None or result.storage not in AT_HAND:
        raise NotAtHandError
    results = area("results")
    stem = output.storage_key.rpartition("/")[0].replace("/", ".")
    local = results.local_path(output.storage_key)
    tables = Tables(local or folder() / f"{stem}{_ROWS}", folder() / f"{stem}{_ALLELES}")
    return _Wanted(results, output.storage_key, output.size_bytes, output.sha256, tables, is_copied=local is None)


def _is_ready(wanted: _Wanted) -> bool:
    return wanted.tables.alleles.exists() and wanted.tables.rows.exists()


# --- Making ------------------------------------------------------------------------------------
class _Maker:
    """One thread that makes one file."""

    def __init__(self, target: Path, is_ready: Callable[[], bool], make: Make) -> None:
        self.share = 0.0
        self.thread = threading.Thread(
            target=self._run, args=(target, is_ready, make), daemon=True, name="explorer-files"
        )  # fmt: skip

    def _run(self, target: Path, is_ready: Callable[[], bool], make: Make) -> None:
        lock = target.with_suffix(".lock")
        try:
            with _makers.turn, lock.open("w") as held:
                fcntl.flock(held, fcntl.LOCK_EX)  # another process may be at it: then it is done when we wake
                if not is_ready():
                    self._make(target, make)
        except Exception:
            logger.exception("%s could not be made.", target.name)
        finally:
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
            self._by_file = {path: maker for path, maker in self._by_file.items() if maker.thread.is_alive()}
            maker = self._by_file.get(target)
            if maker is None:
                maker = self._by_file[target] = _Maker(target, is_ready, make)
                maker.thread.start()
            return maker


_makers = _Makers()


def _copy(wanted: _Wanted) -> None:
    """Fetch the result's table; only the bytes that were recorded become the file."""
    beside = wanted.tables.rows.with_suffix(f".{uuid4().hex}{_PART}")
    digest, size = hashlib.sha256(), 0
    try:
        with wanted.area.open(wanted.key) as source, beside.open("wb") as copy:
            while chunk := source.read(CHUNK):
                digest.update(chunk)
                size += len(chunk)
                copy.write(chunk)
        if (size, digest.hexdigest()) != (wanted.size_bytes, wanted.sha256):
            raise ObjectChangedError(f"{wanted.key} is not what was recorded")
        beside.replace(wanted.tables.rows)
    finally:
        beside.unlink(missing_ok=True)


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
    for path in folder().glob(f"*{_PART}*"):
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
