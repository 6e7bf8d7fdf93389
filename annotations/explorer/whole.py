"""A database of DuckDB's own that is written to the end or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb


@contextmanager
def database_at(target: Path) -> Iterator[Any]:
    """A connection that makes `target`; an error on the way leaves nothing beside it."""
    spill, log = Path(f"{target}.spill"), Path(f"{target}.wal")
    config: dict[str, Any] = {"memory_limit": "512MB", "threads": 2, "temp_directory": str(spill)}
    try:
        with duckdb.connect(str(target), config=config) as connection:
            yield connection
            connection.execute("CHECKPOINT")  # closing does it too, and is silent where the disk is full
    finally:
        shutil.rmtree(spill, ignore_errors=True)
        log.unlink(missing_ok=True)
