"""A file whose bytes somebody else holds: each part is asked for over a pipe.

So the service can judge a file in storage without a copy of it, in a process that can reach neither
the storage nor its secrets. The asker writes a line `read OFFSET LENGTH` and gets exactly these
bytes; at the end it writes one line of JSON. Whoever will not answer closes the pipe.
"""

from __future__ import annotations

import io
import json
import os
from typing import Any, BinaryIO, Final, Literal, cast

_BUFFER: Final = 128 << 10


class AskedFile:
    """Opens as a stream; `size` is in bytes."""

    def __init__(self, size: int, incoming: BinaryIO, outgoing: BinaryIO) -> None:
        self.size = size
        self._incoming = incoming
        self._outgoing = outgoing

    def open(self, mode: Literal["rb"], /) -> BinaryIO:
        """A stream that asks as it is read."""
        return cast(BinaryIO, io.BufferedReader(_Stream(self), _BUFFER))

    def read(self, offset: int, length: int) -> bytes:
        """The bytes from `offset` on: `length` of them, fewer at the end. Raises EOFError unanswered."""
        length = max(0, min(length, self.size - offset))
        if not length:
            return b""
        self._write(f"read {offset} {length}")
        data = self._incoming.read(length)
        if len(data) != length:
            raise EOFError("whoever holds the file does not answer")
        return data

    def answer(self, content: dict[str, Any]) -> None:
        """What was found: the last line."""
        self._write(json.dumps(content))

    def _write(self, line: str) -> None:
        self._outgoing.write(line.encode() + b"\n")
        self._outgoing.flush()


class _Stream(io.RawIOBase):
    """One pass over an AskedFile."""

    def __init__(self, file: AskedFile) -> None:
        self._file = file
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._file.size}[whence]
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any, /) -> int:
        data = self._file.read(self._at, len(buffer))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)
