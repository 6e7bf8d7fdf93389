"""The table as Parquet, ready for DuckDB and others."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, BinaryIO, Final

import pyarrow.parquet as pq

from annotations.genomics.output.tables import dictionary_columns

_DELTA: Final = dict.fromkeys(("row", "allele_row", "line"), "DELTA_BINARY_PACKED")
_STATISTICS: Final = ["row", "allele_row", "line", "contig_index", "contig", "pos", "gene_symbol", "gene_id"]
_DICTIONARY_BYTES: Final = 64 << 20  # larger than any group's: no column falls back half-way


class ParquetSink:
    """Writes one row group for each batch."""

    def __init__(self, stream: BinaryIO, schema: Any, metadata: dict[str, str]) -> None:
        self._writer = pq.ParquetWriter(
            stream,
            schema.with_metadata(metadata),
            compression="zstd",
            compression_level=1,
            use_dictionary=dictionary_columns(schema),
            column_encoding=_DELTA,
            write_statistics=_STATISTICS,
            dictionary_pagesize_limit=_DICTIONARY_BYTES,
        )

    def write(self, batch: Any) -> None:
        """Add a row group."""
        self._writer.write_batch(batch, row_group_size=batch.num_rows)

    def finish(self) -> None:
        """Write the footer; the stream stays open."""
        self._writer.close()

    def abandon(self) -> None:
        """Let go of a file that will not be kept, while its stream is still open."""
        with suppress(OSError):
            self._writer.close()
