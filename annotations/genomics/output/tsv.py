"""The table as tab-separated text: a header line, an empty cell for null, 1 or 0 for yes or no.

A cell of the user's own text that begins with = + - or @ is a formula to a spreadsheet; such a cell
gets an apostrophe in front.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_OF_USER: Final = frozenset({"contig", "id", "ref", "alt", "filter"})
_FORMULA: Final = "^[=+@-]"
_SLICE: Final = 1 << 13
"""Rows that are text at a time: all columns of a whole batch would take hundreds of megabytes."""
_NOTHING: Final = pa.scalar("", pa.large_string())
_TAB: Final = pa.scalar("\t", pa.large_string())
_LF: Final = pa.scalar("\n", pa.large_string())


class TsvSink:
    """Writes batches through `write_bytes`."""

    def __init__(self, write_bytes: Callable[[Any], Any], schema: Any) -> None:
        self._write = write_bytes
        self._names = schema.names
        self._write(np.frombuffer(("\t".join(self._names) + "\n").encode(), np.uint8))

    def write(self, batch: Any) -> None:
        """Add a batch's rows."""
        for first in range(0, batch.num_rows, _SLICE):
            self._write_slice(batch.slice(first, _SLICE))

    def _write_slice(self, batch: Any) -> None:
        columns = [_as_text(name, column) for name, column in zip(self._names, batch.columns, strict=True)]
        ended = pc.binary_join_element_wise(columns[-1], _NOTHING, _LF, null_handling="replace", null_replacement="")
        lines = pc.binary_join_element_wise(*columns[:-1], ended, _TAB, null_handling="replace", null_replacement="")
        _, offsets, data = lines.buffers()
        bounds = np.frombuffer(offsets, np.int64)
        first, last = int(bounds[lines.offset]), int(bounds[lines.offset + len(lines)])
        self._write(np.frombuffer(data, np.uint8)[first:last])


def _as_text(name: str, column: Any) -> Any:
    if name in _OF_USER:
        safe = pc.replace_substring_regex(column.dictionary, pattern=_FORMULA, replacement=r"'\0")
        column = pa.DictionaryArray.from_arrays(column.indices, safe)
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    return column.cast(pa.large_string())
