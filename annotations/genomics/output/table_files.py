"""The files that hold the table: TSV, Parquet, or both from the same batches."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any, Final

from annotations.genomics.output.files import OutputFiles
from annotations.genomics.output.parquet import ParquetSink
from annotations.genomics.output.rows import Rows
from annotations.genomics.output.summary import reference_digest
from annotations.genomics.output.tables import BatchEncoder, Group, GroupCutter, table_schema
from annotations.genomics.output.tsv import TsvSink
from annotations.genomics.output.vcf import PackedStream
from annotations.genomics.reference.load import Reference
from annotations.genomics.request import Request

_WAITING: Final = 1
"""Groups that may wait behind the one that is written: what bounds the memory."""


class TableFiles:
    """Feeds one stream of batches to every table that is asked for.

    The executor's threads make the batches, several at a time, and write them, one at a time and in
    order; the caller's thread only says what comes next.
    """

    def __init__(
        self,
        encoder: BatchEncoder,
        sinks: list[ParquetSink | TsvSink],
        finishers: list[Callable[[], None]],
        executor: Executor,
    ):
        self._encoder = encoder
        self._sinks = sinks
        self._finishers = finishers
        self._executor = executor
        self._cutter = GroupCutter()
        self._encoding: deque[Future[Any]] = deque()
        self._writing: Future[None] | None = None

    def write(self, rows: Rows) -> None:
        """Add a chunk's rows."""
        self._submit(self._cutter.cut(rows))
        self.advance()
        while len(self._encoding) > _WAITING:
            self._await_oldest()

    def advance(self) -> None:
        """Hand on what is done, without waiting."""
        while (task := self._oldest()) is not None and task.done():
            self._await_oldest()

    def finish(self) -> None:
        """Write what is left and complete the files."""
        self._submit(self._cutter.finish())
        while self._oldest() is not None:
            self._await_oldest()
        for finish in self._finishers:
            finish()

    def abandon(self) -> None:
        """Let go of files that will not be kept; no thread may be writing."""
        for sink in self._sinks:
            if isinstance(sink, ParquetSink):
                sink.abandon()

    def _submit(self, groups: Iterator[Group]) -> None:
        self._encoding.extend(self._executor.submit(self._encoder.encode, group) for group in groups)

    def _oldest(self) -> Future[Any] | None:
        """What has to be done before anything else can be written; None: nothing is left."""
        return self._writing or (self._encoding[0] if self._encoding else None)

    def _await_oldest(self) -> None:
        if self._writing is not None:
            self._writing.result()
            self._writing = None
        else:
            batch = self._encoding.popleft().result()
            self._writing = self._executor.submit(self._write_all, batch)

    def _write_all(self, batch: Any) -> None:
        for sink in self._sinks:
            sink.write(batch)


def open_tables(
    request: Request, reference: Reference, lengths: dict[str, int], files: OutputFiles, executor: Executor
) -> TableFiles:
    """Open request.parquet and request.tsv; a TSV whose name ends in .gz is packed as BGZF."""
    schema = table_schema(reference.sources)
    sinks: list[ParquetSink | TsvSink] = []
    finishers: list[Callable[[], None]] = []
    if request.parquet:
        metadata = {
            "gas.reference": reference.name,
            "gas.assembly": reference.assembly,
            "gas.manifest": reference_digest(reference),
        }
        parquet = ParquetSink(files.open(request.parquet), schema, metadata)
        sinks.append(parquet)
        finishers.append(parquet.finish)
    if request.tsv:
        sinks.append(_open_tsv(request.tsv, schema, files, executor, finishers))
    return TableFiles(BatchEncoder(reference, lengths), sinks, finishers, executor)


def _open_tsv(
    path: Path, schema: Any, files: OutputFiles, executor: Executor, finishers: list[Callable[[], None]]
) -> TsvSink:
    stream = files.open(path)
    if path.suffix != ".gz":
        return TsvSink(stream.write, schema)
    packed = PackedStream(stream, executor)
    finishers.append(packed.finish)

    def write(part: Any) -> None:
        packed.write(part)
        packed.flush(is_patient=False)

    return TsvSink(write, schema)
