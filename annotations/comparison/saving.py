"""The differences of two results as a file: TSV, or a worksheet where they are few."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from annotations.comparison import questions
from annotations.comparison.questions import Which
from annotations.explorer.database import Cursor

TYPES: Final = {
    "tsv": "text/tab-separated-values",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
SHEET_AT_MOST: Final = 20_000  # differences; the browser waits, and a worksheet of more takes minutes
_FORMULA: Final = ("=", "+", "-", "@")


def write(kind: str, tables: Cursor, which: Which, target: Path) -> None:
    """Write the file of one of TYPES."""
    if kind == "xlsx":
        from annotations.explorer.writers import write_sheet  # Arrow and numba: only for who writes

        write_sheet(target, "Differences", questions.heads(tables), questions.rows(tables, which), lambda done: None)
        return
    with target.open("wb") as file:
        for line in _lines(tables, which):
            file.write(("\t".join(line) + "\n").encode())


def _lines(tables: Cursor, which: Which) -> Iterator[list[str]]:
    yield questions.heads(tables)
    for part in questions.rows(tables, which):
        yield from ([_as_text(value) for value in row] for row in part)


def _as_text(value: Any) -> str:
    """A text that a spreadsheet would take for a formula gets an apostrophe in front."""
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return "" if value is None else str(value)
