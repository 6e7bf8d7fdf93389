"""Files of the explorer that were whole once and are no more: cut short, overwritten, or in the format of a DuckDB
or a release of GAS that this one does not read.

    <the file's name>.damaged    it was so lately, and was thrown away to be made again

It is made again once. If the new one is damaged too while that note is there, it is a file that cannot be made
(see `failing`): the disk is broken, or somebody writes where only we should.
"""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import duckdb

from annotations.explorer import failing

ENDING: Final = ".damaged"
LATELY_SECONDS: Final = 24 * 3600
_HOLDS: Final = {
    ".alleles.duckdb": {"alleles", "genes"},
    ".genotypes.duckdb": {"genotypes", "samples"},
    ".comparison.duckdb": {"differences", "compared", "totals"},
}
_SAYS_SO: Final = (
    duckdb.IOException,
    duckdb.SerializationException,
    duckdb.InternalException,
    duckdb.CatalogException,
    duckdb.InvalidInputException,
)
_LIMITS: Final[dict[str, Any]] = {"memory_limit": "512MB", "threads": 2}


def is_suspected(error: duckdb.Error) -> bool:
    """The error may come of a damaged file: then it is worth to read it all."""
    # A corrupt block has no class of its own.
    return (isinstance(error, _SAYS_SO) or type(error) is duckdb.Error) and not failing.says_full(error)


def is_whole(path: Path) -> bool:
    """Read a file to its end, half a second for each million of alleles: whether all is there that belongs there."""
    try:
        with duckdb.connect(config=_LIMITS) as connection:
            for source in _sources(connection, path):
                # Values, for of some kinds the largest is known without a look at them.
                connection.execute(f"SELECT max(hash(COLUMNS(*))) FROM {source}").fetchall()  # noqa: S608
    except duckdb.Error:
        return False
    return True


def _sources(connection: Any, path: Path) -> list[str]:
    """What to read FROM, by fixed names: what is missing is an error of the database."""
    holds = next((names for ending, names in _HOLDS.items() if path.name.endswith(ending)), None)
    if holds is None:
        return [f"read_parquet('{path}')"]
    connection.execute(f"ATTACH '{path}' AS looked_at (READ_ONLY)")
    return [f"looked_at.{name}" for name in sorted(holds)]


def throw_away(path: Path, error: duckdb.Error) -> bool:
    """Delete a damaged file, to be made again; False: it was so lately, and is noted as one that cannot be made.

    Raises OSError where it cannot be deleted.
    """
    note = path.with_name(path.name + ENDING)
    path.unlink(missing_ok=True)
    is_first = time.time() - _written_at(note) > LATELY_SECONDS
    if not is_first:
        failing.note(path, failing.failure_of(error))
    note.touch()
    return is_first


def _written_at(note: Path) -> float:
    with suppress(FileNotFoundError):
        return note.stat().st_mtime
    return 0.0
