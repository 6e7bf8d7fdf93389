"""DuckDB over the files of a result: one database in a process, a cursor for each request.

The database sees the two folders and nothing else of the disk, and its settings are locked. What
reaches it is SQL of this package with bound parameters. A query that takes too long is
interrupted; more requests than memory allows wait for their turn.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import duckdb
from django.conf import settings

from annotations.areas import area
from annotations.explorer import files
from annotations.explorer.files import Tables
from annotations.models import Result

Beside = Mapping[str, tuple[Path, str]]
"""By the name of a view: the file and the table that it shows."""

AT_ONCE = 3
MAX_ATTACHED = 64
WAIT_SECONDS = 10


class BusyError(Exception):
    """More people look at tables than this process can serve at once."""


class TooSlowError(Exception):
    """The query took longer than a query may."""


_turns = threading.BoundedSemaphore(AT_ONCE)
_guard = threading.RLock()
_databases: dict[tuple[str, ...], Any] = {}


class Cursor:
    """Asks questions of one result: `alleles`, `rows` and, where asked for, `genotypes`; see the package."""

    def __init__(
        self, cursor: Any, tables: Tables, seconds: float, beside: Beside | None = None, genes: str = "genes"
    ) -> None:
        self._cursor = cursor
        self._seconds = seconds
        self._genes = genes
        self.tables = tables
        self.beside = beside or {}

    def with_genes(self, view: str) -> Cursor:
        """The same cursor, with the names of genes of another view beside."""
        return Cursor(self._cursor, self.tables, self._seconds, self.beside, view)

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        """The cursor, to fetch from. Raises TooSlowError."""
        with self._bounded():
            return self._cursor.execute(sql, list(parameters))

    def reader(self, sql: str, parameters: Sequence[Any], rows: int) -> Any:
        """The answer as a pyarrow.RecordBatchReader of so many rows at a time."""
        with self._bounded():
            return self._cursor.sql(sql, params=list(parameters)).to_arrow_reader(rows)

    @contextmanager
    def _bounded(self) -> Iterator[None]:
        timer = threading.Timer(self._seconds, self._cursor.interrupt)
        timer.start()
        try:
            yield
        except duckdb.InterruptException as error:
            raise TooSlowError from error
        finally:
            timer.cancel()

    def all(self, sql: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """All rows of an answer, as dictionaries."""
        found = self.execute(sql, parameters)
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def genes(self, names: Sequence[str]) -> dict[str, list[str]]:
        """The values of each column of genes that stand for one of the names, in any case, ids in any version."""
        upper = [name.upper() for name in names]
        wanted = [*upper, *(name.partition(".")[0] for name in upper)]
        values = "kind, list(DISTINCT value ORDER BY value)"
        sql = f"SELECT {values} FROM {self._genes} WHERE list_contains(?, name) GROUP BY kind"  # noqa: S608 - a view of ours
        found: dict[str, list[str]] = dict(self.execute(sql, [wanted]).fetchall())
        return found

    def samples(self) -> dict[str, int]:
        """The number of each sample, by its name; of a cursor that was opened with genotypes."""
        return dict(self.execute("SELECT name, number FROM samples ORDER BY number").fetchall())

    def columns(self, view: str = "alleles") -> dict[str, str]:
        """The columns of a view with their DuckDB types."""
        return {row["column_name"]: row["column_type"] for row in self.all(f"DESCRIBE {view}")}


@contextmanager
def opened(result: Result, seconds: float | None = None, *, genotypes: bool = False) -> Iterator[Cursor]:
    """A cursor on a result's tables; a question may take so many seconds, where others than a page's.

    Raises files.NotAtHandError, files.PreparingError, BusyError.
    """
    tables = files.with_genotypes(result) if genotypes else files.tables_of(result)
    with opened_files(tables, seconds, genotypes=genotypes) as cursor:
        yield cursor


@contextmanager
def opened_files(
    tables: Tables, seconds: float | None = None, *, genotypes: bool = False, beside: Beside | None = None
) -> Iterator[Cursor]:
    """A cursor on files below the folders that the settings name; `beside`: more views, of what is in other files.

    Raises BusyError, and files.PreparingError where one of them is gone or damaged.
    """
    views = {name: (tables.genotypes, name) for name in ("genotypes", "samples")} if genotypes else {}
    views |= dict(beside or {})
    others = {path for path, _ in views.values()} - {tables.alleles}
    if not _turns.acquire(timeout=WAIT_SECONDS):
        raise BusyError
    try:
        with files.watched(tables, *others), _database().cursor() as cursor:
            # The paths are made by us of ids and digits; these statements take no parameters.
            cursor.execute(f'USE "{_attached(tables.alleles)}"')
            cursor.execute(f"CREATE TEMP VIEW rows AS FROM read_parquet('{tables.rows}')")
            for name, (path, table) in views.items():
                cursor.execute(f'CREATE TEMP VIEW {name} AS FROM "{_attached(path)}".{table}')
            yield Cursor(cursor, tables, seconds or settings.EXPLORER_QUERY_SECONDS, beside)
    finally:
        _turns.release()


_attachments: dict[Path, int] = {}
"""What the process's database has open, by its inode: a file that was made again is another."""


def _attached(path: Path) -> str:
    """The name under which the process's database has a file; those that are deleted are let go."""
    inode = path.stat().st_ino if path.exists() else 0
    with _guard:
        for other, opened in [*_attachments.items()]:
            is_over = len(_attachments) >= MAX_ATTACHED and other == next(iter(_attachments)) and other != path
            is_gone = opened != inode if other == path else not other.exists()
            if is_over or is_gone:
                with suppress(duckdb.Error):  # somebody reads it: next time
                    _database().execute(f'DETACH DATABASE IF EXISTS "{other.stem}"')
                    del _attachments[other]
        _database().execute(f"ATTACH IF NOT EXISTS '{path}' AS \"{path.stem}\" (READ_ONLY)")
        _attachments.setdefault(path, inode)
    return path.stem


def _database() -> Any:
    """The process's database for the folders that the settings name."""
    places = _folders()
    with _guard:
        if places not in _databases:
            _databases[places] = _connect(places)
        return _databases[places]


def _folders() -> tuple[str, ...]:
    root = area("results").local_path("")
    return tuple(str(path) for path in (files.folder(), root) if path is not None)


def _connect(places: tuple[str, ...]) -> Any:
    spill = Path(places[0]) / "tmp"
    connection = duckdb.connect()
    quoted = ", ".join(f"'{place}/'" for place in places)
    for statement in (
        f"SET memory_limit = '{settings.EXPLORER_MEMORY_MB}MB'",
        f"SET threads = {settings.EXPLORER_THREADS}",
        f"SET temp_directory = '{spill}'",
        "SET max_temp_directory_size = '4GB'",
        "SET enable_progress_bar = false",
        "SET parquet_metadata_cache = true",
        f"SET allowed_directories = [{quoted}]",
        "SET enable_external_access = false",
        "SET lock_configuration = true",
    ):
        connection.execute(statement)
    return connection
