"""A VCF as a header and chunks of whole lines."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Final, Self

import numpy as np

from annotations.genomics.errors import AnnotationError
from annotations.genomics.vcf.containers import Openable, Packed, check_is_text
from annotations.genomics.vcf.header import Header, header_too_long, parse_header
from annotations.genomics.vcf.limits import Limits
from annotations.genomics.vcf.lines import cut_lines
from annotations.genomics.vcf.parse import Chunk, line_too_long

_CHUNK_BYTES: Final = 1 << 20


class VcfReader:
    """Opens a file and reads its header; chunks() then goes once through the records.

    header: see Header. Raises AnnotationError for what is no VCF or beyond the limits.
    """

    def __init__(self, path: Openable, limits: Limits) -> None:
        self._limits = limits
        self._packed = Packed(path, limits)
        self._pieces = self._packed.pieces()
        try:
            raw, self._rest = self._split_header()
            self._next_line = raw.count(b"\n") + 1
            self.header: Header = parse_header(raw, limits)
        except BaseException:
            self._packed.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._packed.close()

    @property
    def packed(self) -> Packed:
        """The file itself: how it is packed, how much of it has been read."""
        return self._packed

    def _split_header(self) -> tuple[bytes, bytes]:
        """All leading lines that begin with '#', and what was read beyond them."""
        data = next(self._pieces, b"")
        check_is_text(data.removeprefix(b"\xef\xbb\xbf"))
        if not data.removeprefix(b"\xef\xbb\xbf").startswith(b"#"):
            return data.split(b"\n", 1)[0][:200] + b"\n", b""
        at = 0
        while True:
            if at < len(data) and data[at : at + 1] != b"#":
                return data[:at], data[at:]
            feed = data.find(b"\n", at)
            at = feed + 1 or at
            if at > self._limits.header_bytes or len(data) - at > self._limits.header_bytes:
                raise header_too_long(self._limits)
            if feed < 0 or at == len(data):
                more = next(self._pieces, None)
                if more is None:
                    return data if data.endswith(b"\n") else data + b"\n", b""
                data += more

    def chunks(self, records: int) -> Iterator[Chunk]:
        """Whole lines: `records` at a time, fewer where they are long. A missing last line end is added."""
        data, at, index = self._rest, 0, 0
        for piece in self._pieces:
            data, at = data[at:] + piece, 0
            text = np.frombuffer(data, np.uint8)
            words = np.frombuffer(data, np.uint64, len(data) // 8)
            while (cut := cut_lines(text, words, at, records, _CHUNK_BYTES)) > 0:
                yield self._chunk(index, data[at:cut])
                at, index = cut, index + 1
            if len(data) - at > self._limits.line_bytes + _CHUNK_BYTES:
                raise line_too_long(self._next_line, self._limits)
        data = data[at:]
        while data:
            whole = data if data.endswith(b"\n") else self._end_line(data)
            text = np.frombuffer(whole, np.uint8)
            words = np.frombuffer(whole, np.uint64, len(whole) // 8)
            cut = cut_lines(text, words, 0, records, _CHUNK_BYTES)
            yield self._chunk(index, whole[:cut] if cut > 0 else whole)
            data, index = whole[cut:] if cut > 0 else b"", index + 1

    def _chunk(self, index: int, data: bytes) -> Chunk:
        chunk = Chunk(index, self._next_line, data)
        self._next_line += data.count(b"\n")
        return chunk

    def _end_line(self, data: bytes) -> bytes:
        """The last lines with a line end. Raises where the last one stops short of its columns."""
        last = data[data.rfind(b"\n") + 1 :]
        found = last.count(b"\t") + 1
        if found < self.header.columns and last.strip():
            line = self._next_line + data.count(b"\n")
            raise AnnotationError(
                "truncated",
                f"The file was cut off: its last line ({line}) ends after {found} of {self.header.columns} columns; "
                "send it again.",
                line=line,
            )
        return data + b"\n"
