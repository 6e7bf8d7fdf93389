"""What a worker made of a chunk, ready to be written."""

from __future__ import annotations

from dataclasses import dataclass

from annotations.genomics.consequence.phasing import Neighbour
from annotations.genomics.output.rows import Rows
from annotations.genomics.vcf.records import Bytes, Int64s, Records


@dataclass(frozen=True, slots=True)
class Answer:
    """lines: the VCF lines, a view of the worker's buffer; line_offsets: int64[n + 1] into them.

    skipped: lines of the list of skipped records. rows: for tables, None where none is asked for.
    neighbours: records that may share a codon with another.
    """

    records: Records
    lines: Bytes
    line_offsets: Int64s
    skipped: bytes
    rows: Rows | None
    neighbours: tuple[Neighbour, ...]
