"""The annotated VCF: lines in, BGZF blocks and an index out."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np

from annotations.genomics.output.bgzf import BGZF_END, BlockCutter, pack_blocks, virtual_offsets
from annotations.genomics.output.files import OutputFiles
from annotations.genomics.output.tabix import IndexBuilder, Offsets
from annotations.genomics.vcf.records import Bytes, Int64s, Records

_BATCH: Final = 16
"""Blocks that one task packs: about 1 ms."""


class PackedStream:
    """A BGZF file that is packed by an executor and written in order by the caller's thread."""

    def __init__(self, stream: BinaryIO, executor: Executor) -> None:
        self._stream = stream
        self._executor = executor
        self._cutter = BlockCutter()
        self._tasks: deque[tuple[Future[list[bytes]], Callable[[], None] | None]] = deque()
        self._block_ends: list[int] = [0]

    @property
    def written(self) -> int:
        """Bytes of the stream so far, unpacked."""
        return self._cutter.written

    @property
    def is_busy(self) -> bool:
        """Something is being packed or waits to be written."""
        return bool(self._tasks)

    def write(self, part: Bytes, release: Callable[[], None] | None = None) -> None:
        """Add bytes. They must stay as they are until release is called."""
        self._pack(self._cutter.cut(part), release)

    def _pack(self, blocks: list[memoryview], release: Callable[[], None] | None) -> None:
        batches = [blocks[at : at + _BATCH] for at in range(0, len(blocks), _BATCH)] or [[]]
        for batch in batches:
            last = release if batch is batches[-1] else None
            self._tasks.append((self._executor.submit(pack_blocks, batch), last))

    def flush(self, *, is_patient: bool) -> None:
        """Write what is packed; is_patient: wait for the oldest task at least."""
        while self._tasks and (is_patient or self._tasks[0][0].done()):
            task, release = self._tasks.popleft()
            for block in task.result():
                self._stream.write(block)
                self._block_ends.append(self._block_ends[-1] + len(block))
            if release is not None:
                release()
                is_patient = False

    def finish(self) -> None:
        """Write all that is left, and the mark of a complete file."""
        self._pack(self._cutter.finish(), None)
        while self._tasks:
            self.flush(is_patient=True)
        self._stream.write(BGZF_END)

    def to_virtual(self, offsets: Int64s) -> Offsets:
        """Virtual offsets of places in the stream; after finish."""
        return virtual_offsets(offsets, np.array([*self._block_ends, self._block_ends[-1]], np.int64))


class VcfWriter:
    """Writes the annotated VCF at path, packed, with an index beside it where it is sorted."""

    def __init__(self, path: Path, files: OutputFiles, executor: Executor) -> None:
        self._path = path
        self._files = files
        self._executor = executor
        files.remove_indexes(path)
        self.stream = PackedStream(files.open(path), executor)
        self._index = IndexBuilder()

    def write_header(self, header: bytes) -> None:
        """The header's lines, before any record."""
        self.stream.write(np.frombuffer(header, np.uint8))

    def write(
        self, records: Records, lines: Bytes, offsets: Int64s, *, is_sorted: bool, release: Callable[[], None]
    ) -> None:
        """Add a chunk's lines; offsets: int64[n + 1], where each begins in lines, and the end."""
        if is_sorted:
            self._index.add(records, offsets, self.stream.written)
        self.stream.write(lines, release)

    def finish(self, *, is_sorted: bool) -> Path | None:
        """Complete the file; the index's path, None where the records were not sorted."""
        self.stream.finish()
        if not is_sorted:
            return None
        path = self._path.with_name(self._path.name + self._index.suffix)
        packed = PackedStream(self._files.open(path), self._executor)
        packed.write(np.frombuffer(self._index.build(self.stream.to_virtual), np.uint8))
        packed.finish()
        return path
