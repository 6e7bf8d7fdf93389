"""The files that hold the table: TSV, Parquet, or both from the same batches."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

from annotations.genomics.output.files import OutputFiles
from annotations.genomics.output.parquet import ParquetSink
from annotations.genomics.output.rows import Rows
from annotations.genomics.output.summary import reference_digest
from annotations.genomics.output.tables import TableStream, table_schema
from annotations.genomics.output.tsv import TsvSink
from annotations.genomics.output.vcf import PackedStream
from annotations.genomics.reference.load import Reference
from annotations.genomics.request import Request


class TableFiles:
    """Feeds one stream of batches to every table that is asked for."""

    def __init__(self, stream: TableStream, sinks: list[ParquetSink | TsvSink], finishers: list[Callable[[], None]]):
        self._stream = stream
        self._sinks = sinks
        self._finishers = finishers

    def write(self, rows: Rows) -> None:
        """Add a chunk's rows."""
        self._write_all(self._stream.add(rows))

    def finish(self) -> None:
        """Write what is left and complete the files."""
        self._write_all(self._stream.finish())
        for finish in self._finishers:
            finish()

    def abandon(self) -> None:
        """Let go of files that will not be kept."""
        for sink in self._sinks:
            if isinstance(sink, ParquetSink):
                sink.abandon()

    def _write_all(self, batches: Any) -> None:
        for batch in batches:
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
    return TableFiles(TableStream(reference, lengths), sinks, finishers)


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
