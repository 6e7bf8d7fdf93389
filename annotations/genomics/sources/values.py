"""Values as INFO may hold them: no comma, semicolon, blank, `=` or control character inside one.

Such a character becomes `%` and its two hexadecimal digits (VCF 4.3, section 1.2). Numbers are
written plainly: 0.50 is 0.5. `.` and an empty value are no value; so is a number that is none.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from annotations.genomics.sources.declaration import Field, FieldType
from annotations.genomics.sources.layout import ValueColumn
from annotations.genomics.vcf.records import Int32s, Int64s

_UNSAFE: Final = {code: f"%{code:02X}" for code in (*range(33), 127, *b",;=")}
LISTS: Final = ("ID", "FILTER")
"""Columns of a VCF that hold lists; ours are joined with &."""
_SMALLEST: Final = -9
_LARGEST: Final = 15


def safe_value(raw: bytes, field: Field, *, is_vcf: bool) -> bytes:
    """The value as it stands in INFO; b"" for none. is_vcf: `%` in raw is an escape already."""
    if raw in (b"", b"."):
        return b""
    text = raw.decode("utf-8", "replace").strip()
    if field.words:
        text = field.words.get(text, "")
    if is_vcf and field.origin in LISTS:
        text = text.replace(";", "&")
    if field.type is not FieldType.STRING:
        return _number(text, field).encode()
    if not is_vcf:
        text = text.replace("%", "%25")
    return text.translate(_UNSAFE).encode()


def _number(text: str, field: Field) -> str:
    try:
        value = Decimal(text) * (field.scale or 1)
    except InvalidOperation:
        return ""
    if not value.is_finite():
        return ""
    if field.type is FieldType.INTEGER:
        return f"{value:f}".split(".")[0] if value == value.to_integral_value() else ""
    value = value.normalize()
    if value == 0:
        return "0"
    return f"{value:f}" if _SMALLEST <= value.adjusted() <= _LARGEST else f"{value:e}"


class ColumnMaker:
    """One field's values as they arrive: each different one is kept once, in order of appearance."""

    def __init__(self, field: Field, *, is_vcf: bool) -> None:
        self._field = field
        self._is_vcf = is_vcf
        self._places: dict[bytes, int] = {}
        self._words: dict[bytes, int] = {}
        self._parts: list[Int32s] = []

    def add(self, raw: Any) -> None:
        """More rows: an Arrow array of binary or text."""
        encoded = pc.fill_null(raw.cast(pa.large_binary()), b"").dictionary_encode()
        places = np.array([self._place(value) for value in encoded.dictionary.to_pylist()], np.int32)
        rows = encoded.indices.to_numpy(zero_copy_only=False)
        self._parts.append(places[rows] if places.size else np.empty(0, np.int32))

    def _place(self, raw: bytes) -> int:
        place = self._places.get(raw)
        if place is None:
            word = safe_value(raw, self._field, is_vcf=self._is_vcf)
            place = self._words.setdefault(word, len(self._words)) if word else -1
            self._places[raw] = place
        return place

    def finish(self, order: Int64s | None = None) -> ValueColumn:
        """The column; order: which row comes where, all as they came without it."""
        values = np.concatenate([np.empty(0, np.int32), *self._parts])
        lengths = np.fromiter(map(len, self._words), np.int64, len(self._words))
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        text = np.frombuffer(b"".join(self._words), np.uint8)
        return ValueColumn(values if order is None else values[order], offsets, text)


def binary_array(offsets: Any, data: Any) -> Any:
    """An Arrow array of the texts data[offsets[i]:offsets[i + 1]] (int64[n + 1], uint8)."""
    return pa.Array.from_buffers(
        pa.large_binary(),
        offsets.size - 1,
        [None, pa.py_buffer(np.ascontiguousarray(offsets, np.int64)), pa.py_buffer(np.ascontiguousarray(data))],
    )
