"""The files of a result's table on this machine: made at the first look, bounded, deleted when not needed.

    <explorer folder>/<owner>.<job>.<attempt>.rows.parquet       copy of the result's table, where storage is S3
    <explorer folder>/<owner>.<job>.<attempt>.alleles.duckdb    one row for each allele, see `index`
    <explorer folder>/<owner>.<job>.<attempt>.genotypes.duckdb  what each sample has of each, see `genotypes`
    <explorer folder>/<of one result>+<of another>.comparison.duckdb  see annotations.comparison.differences

A file that is being written has another ending until it is whole (see `making`); of one that cannot be made, a note
says why (see `failing`); one that is damaged is thrown away and made again (see `damage`). Which results may be looked
at, the database says; `tidy` deletes the files of all others, and the least used ones over the bound.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from uuid import UUID, uuid4

import duckdb
from django.conf import settings

from annotations.areas import Area, ObjectChangedError, StorageAwayError, area, digest_of
from annotations.explorer import damage, failing, making
from annotations.explorer.annotated import NotOfOneResultError, sample_names
from annotations.explorer.making import PART, have, jobs_in
from annotations.genomics.errors import AnnotationError
from annotations.models import Job, Output, OutputKind, Result, StorageState
from gas import logs

logger = logging.getLogger(__name__)

AT_HAND = (StorageState.HOT, StorageState.ARCHIVING)
TIDY_SECONDS = 60
ABANDONED_SECONDS = 24 * 3600  # a process that was killed left it
_ROWS, _ALLELES, _GENOTYPES = ".rows.parquet", ".alleles.duckdb", ".genotypes.duckdb"
_COMPARISON = ".comparison.duckdb"

# What asking for a file raises, whichever it is.
NoGenotypesError = making.NoGenotypesError
NotMadeError = making.NotMadeError
PreparingError = making.PreparingError


class NotAtHandError(Exception):
    """The result's table is archived, on its way back, deleted, or was never made."""


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
        beside = target.with_suffix(f".{uuid4().hex}{PART}")
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
    have(wanted.tables.alleles, wanted.make, wait_seconds, is_ready=lambda: _is_ready(wanted))
    return wanted.tables


def with_genotypes(result: Result, wait_seconds: float | None = None) -> Tables:
    """The same with the genotypes beside, read now from the annotated VCF if that is small.

    Raises what `tables_of` raises, and NoGenotypesError.
    """
    tables = tables_of(result, wait_seconds)
    stored = _Stored.of(_annotated(result))

    def make(beside: Path, hear: Callable[[float], None]) -> None:
        from annotations.explorer.genotypes import write_genotypes  # Arrow and numba: only for who makes a file

        with watched(tables), stored.blamed(), stored.area.open(stored.key) as stream:
            write_genotypes(stream, tables.alleles, beside, lambda read: hear(read / max(stored.size_bytes, 1)))

    have(tables.genotypes, make, wait_seconds)
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
        genotypes = [tables.genotypes for tables in (left, right) if samples]
        with watched(left, *genotypes), watched(right):
            write_differences(sides[0], sides[1], beside, hear)

    have(target, make)
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
    for ending in (failing.ENDING, damage.ENDING):
        for path in folder().glob(f"*.{job_id}.*{ending}"):
            _delete(path)


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


# --- Damage ------------------------------------------------------------------------------------
@contextmanager
def watched(tables: Tables, *others: Path) -> Iterator[None]:
    """An error of the database that a damaged file explains: the file goes, to be made again.

    Raises PreparingError then, as for a file that was never made.
    """
    parts = {tables.alleles: (tables.alleles, tables.rows)} | {path: (path,) for path in others}
    read = {part: _inode(part) for of_target in parts.values() for part in of_target}
    try:
        yield
    except duckdb.Error as error:
        # All that are damaged go at once, so that nobody waits for one after another.
        lost = [path for path in parts if damage.is_suspected(error) and _is_lost(path, parts[path], read, error)]
        if lost:
            raise PreparingError(0) from error
        raise


def _is_lost(target: Path, parts: tuple[Path, ...], read: dict[Path, int], error: duckdb.Error) -> bool:
    """Whether a file that was read is there no more, or is damaged and thus thrown away now."""
    with making.locked(target):
        if any(_inode(part) != read[part] for part in parts):
            return True  # somebody else was faster
        if all(damage.is_whole(part) for part in parts):
            return False
        is_first = damage.throw_away(target, error)
        for part in parts:
            if part.parent == target.parent:  # a copy; the stored table itself is not ours to delete
                part.unlink(missing_ok=True)
    with logs.bind(job=jobs_in(target)[0]):
        what = "it is made again" if is_first else "so was the one before, and nobody tries again for a while"
        logger.error("%s was damaged: %s.", target.name, what, exc_info=error)
    return True


def _inode(path: Path) -> int:
    with suppress(FileNotFoundError):
        return path.stat().st_ino
    return 0


# --- Tidying -----------------------------------------------------------------------------------
_tidied_at = 0.0


def _tidy_now_and_then() -> None:
    global _tidied_at
    if time.monotonic() - _tidied_at > TIDY_SECONDS:
        _tidied_at = time.monotonic()
        tidy()


def tidy() -> None:
    """Delete the files of results that are gone or archived, then the least used over the bound.

    Raises nothing: whoever asked for a table has it all the same, and the next run tries again.
    """
    try:
        for path in (*_unneeded(), *_abandoned()):
            _delete(path)
    except Exception:
        logger.exception("The folder of the tables could not be tidied.")


def _unneeded() -> Iterator[Path]:
    endings = (_ROWS, _ALLELES, _GENOTYPES, _COMPARISON)
    paths = [path for ending in endings for path in folder().glob(f"*{ending}") if jobs_in(path)]
    by_job: dict[UUID, list[Path]] = {}
    for path in paths:
        by_job.setdefault(jobs_in(path)[0], []).append(path)
    jobs = {job_id for path in paths for job_id in jobs_in(path)}
    kept = set(Job.objects.filter(pk__in=jobs, result__storage__in=AT_HAND).values_list("pk", flat=True))
    bound = settings.EXPLORER_CACHE_MB * 1_000_000
    used = 0
    for _, of_job in sorted(by_job.items(), key=lambda entry: -max(_used_at(path) for path in entry[1])):
        used += sum(_size(path) for path in of_job)
        yield from (path for path in of_job if used > bound or not kept.issuperset(jobs_in(path)))


def _abandoned() -> Iterator[Path]:
    """What is half made, and notes, of which nobody has taken care for long."""
    for kind in (PART, failing.ENDING, damage.ENDING):
        for path in folder().glob(f"*{kind}*"):
            if jobs_in(path) and path.is_file() and time.time() - _used_at(path) > ABANDONED_SECONDS:
                yield path


def _delete(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        logger.warning("%s could not be deleted: %s.", path.name, error.strerror)


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
