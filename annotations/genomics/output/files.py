"""Files that are written beside their place and stand there only when everything is done."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

_INDEXES = (".tbi", ".csi")


class OutputFiles:
    """Opens files beside their names; commit() puts all in place, leaving the block removes them.

    The order of commit is the order of opening, so open last what says that all is there.
    """

    def __init__(self) -> None:
        self._open: list[tuple[BinaryIO, Path, Path]] = []
        self._stale: list[Path] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for stream, beside, _ in self._open:
            stream.close()
            beside.unlink(missing_ok=True)

    def open(self, path: Path) -> BinaryIO:
        """A new file that will stand at path. Raises OSError where it cannot be made."""
        beside = path.with_name(f".{path.name}.{os.getpid()}.partial")
        stream = beside.open("xb")
        self._open.append((stream, beside, path))
        return stream

    def remove_indexes(self, path: Path) -> None:
        """At commit no index of an earlier run may stay beside path, unless it is written anew."""
        self._stale += [path.with_name(path.name + suffix) for suffix in _INDEXES]

    def commit(self) -> None:
        """Bytes to the disk, then names in place."""
        for stream, _, _ in self._open:
            stream.flush()
            os.fsync(stream.fileno())
        for path in self._stale:
            path.unlink(missing_ok=True)
        while self._open:
            stream, beside, path = self._open[0]
            stream.close()
            beside.replace(path)
            del self._open[0]
