"""Values as INFO may hold them: no comma, semicolon, blank, `=` or control character inside one.

Such a character becomes `%` and its two hexadecimal digits (VCF 4.3, section 1.2). Numbers are
written plainly: 0.50 is 0.5. `.` and an empty value are no value; so is a number that is none.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any, Final

import numpy as np
import pyarrow as pa

from annotations.genomics.sources.declaration import Field, FieldType
from annotations.genomics.sources.layout import ValueColumn

_UNSAFE: Final = {code: f"%{code:02X}" for code in (*range(33), 127, *b",;=")}
_SMALLEST: Final = -9
_LARGEST: Final = 15


def safe_value(raw: bytes, field: Field, *, is_vcf: bool) -> bytes:
    """The value as it stands in INFO; b"" for none. is_vcf: `%` in raw is an escape already."""
    if raw in (b"", b"."):
        return b""
    text = raw.decode("utf-8", "replace").strip()
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


def make_column(parts: list[Any], field: Field, *, is_vcf: bool) -> ValueColumn:
    """parts: Arrow binary arrays, one after the other the raw values of all rows."""
    encoded = pa.chunked_array(parts, pa.large_binary()).combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    words: dict[bytes, int] = {}
    places = np.array(
        [
            words.setdefault(word, len(words)) if word else -1
            for word in (safe_value(raw, field, is_vcf=is_vcf) for raw in encoded.dictionary.to_pylist())
        ],
        np.int32,
    )
    raw_places = encoded.indices.to_numpy(zero_copy_only=False)
    values = places[raw_places] if places.size else np.empty(0, np.int32)
    offsets = np.concatenate([[0], np.cumsum([len(word) for word in words])]).astype(np.int64)
    return ValueColumn(values.astype(np.int32), offsets, np.frombuffer(b"".join(words), np.uint8))


def binary_array(offsets: Any, data: Any) -> Any:
    """An Arrow array of the texts data[offsets[i]:offsets[i + 1]] (int64[n + 1], uint8)."""
    return pa.Array.from_buffers(
        pa.large_binary(),
        offsets.size - 1,
        [None, pa.py_buffer(np.ascontiguousarray(offsets, np.int64)), pa.py_buffer(np.ascontiguousarray(data))],
    )
