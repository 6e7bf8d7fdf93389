"""Sources by place (overlap) and by gene: tables of some thousand lines, compiled to arrays."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from annotations.genomics.compiled import compiled
from annotations.genomics.errors import AnnotationError
from annotations.genomics.output.copying import copy_bytes
from annotations.genomics.reference.fasta import open_by_content
from annotations.genomics.sources.declaration import Declaration, Field
from annotations.genomics.sources.layout import Compiled, ValueColumn
from annotations.genomics.sources.values import ColumnMaker
from annotations.genomics.vcf.records import Bytes, Int32s, Int64s

if TYPE_CHECKING:
    from annotations.genomics.reference.load import Reference

Region = tuple[int, int, int, dict[str, bytes]]
"""(contig, start, end, the line's cells by column)."""
JOINED: Final = 16
"""Values of one allele at most; an allele over more regions names the first of them."""
FULL: Final = -1
_AMPERSAND: Final = 38


@compiled
def find_overlaps(
    contig: Int32s, start: Int64s, end: Int64s, rows: Int64s,
    row_start: Int32s, row_end: Int32s, reach: Int32s, found: Int64s,
) -> None:  # fmt: skip
    """found (int64[m, JOINED]): the rows that each allele lies in, by their start; -1 for none.

    An insertion (start == end) is where the base before it is.
    """
    for i in range(contig.size):
        for k in range(JOINED):
            found[i, k] = -1
        first = start[i] if end[i] > start[i] else start[i] - 1
        low = rows[contig[i]]
        high = rows[contig[i] + 1]
        while low < high:
            middle = (low + high) // 2
            if reach[middle] <= first:
                low = middle + 1
            else:
                high = middle
        count = 0
        stop = rows[contig[i] + 1]
        while low < stop and row_start[low] < max(end[i], first + 1) and count < JOINED:
            if row_end[low] > first:
                found[i, count] = low
                count += 1
            low += 1


@compiled
def join_values(found: Int64s, values: Int32s, offsets: Int64s, text: Bytes, out: Bytes, at: int, spans: Int64s) -> int:
    """Write the values of each allele's rows to out from `at` on, joined with &, one after the other.

    spans: int64[m, 2] of out; empty where an allele has none. A value is not said twice running.
    Returns where the last one ends, FULL where out is too small: to know before would mean to look
    up every value twice, and looking up is what a large source costs.
    """
    for i in range(found.shape[0]):
        spans[i, 0] = at
        last = -1
        for k in range(found.shape[1]):
            row = found[i, k]
            if row < 0 or values[row] < 0 or values[row] == last:
                continue
            start = offsets[values[row]]
            size = offsets[values[row] + 1] - start
            if at + size + 1 > out.size:
                return FULL
            if last >= 0:
                out[at] = _AMPERSAND
                at += 1
            last = values[row]
            copy_bytes(out, at, text, start, size)  # type: ignore[call-arg]
            at += size
        spans[i, 1] = at
    return at


@compiled
def picked_transcripts(pairs: Any, bounds: Int64s, found: Int64s) -> None:
    """found (int64[m, 1]): the transcript of each allele's picked row, -1 where it has none."""
    for i in range(bounds.size - 1):
        found[i, 0] = -1
        for row in range(bounds[i], bounds[i + 1]):
            if pairs[row].picked:
                found[i, 0] = pairs[row].transcript


def _lines(declaration: Declaration, paths: Sequence[Path]) -> Iterator[dict[str, bytes]]:
    """Cells by column; "" is the line's own place, for messages."""
    for path in paths:
        yield from read_lines(path, declaration.columns, declaration.name, declaration.separator, declaration.heading)


def read_lines(
    path: Path, columns: Sequence[str], source: str, separator: str = "\t", heading: bool = False
) -> Iterator[dict[str, bytes]]:
    """The same of one file. Raises AnnotationError(source_columns) for a line that is too short."""
    with open_by_content(path) as stream:
        for number, line in enumerate(stream, 1):
            if line.startswith((b"#", b"track", b"browser")) or not line.strip():
                continue
            if heading:
                heading = False
                continue
            cells = line.rstrip(b"\r\n").split(separator.encode())
            if len(cells) < len(columns):
                raise AnnotationError(
                    "source_columns",
                    f"{path.name}, line {number}: {len(cells)} columns, and source {source} declares {len(columns)}.",
                    line=number,
                )
            yield dict(zip(columns, cells, strict=False)) | {"": f"{path.name}, line {number}".encode()}


def _columns(fields: Sequence[Field], lines: list[dict[str, bytes]]) -> list[ValueColumn]:
    columns = []
    for field in fields:
        maker = ColumnMaker(field, is_vcf=False)
        maker.add(pa.array([line[field.origin] for line in lines], pa.large_binary()))
        columns.append(maker.finish())
    return columns


def read_regions(lines: Iterable[dict[str, bytes]], reference: Reference) -> tuple[list[Region], int]:
    """(regions by contig, start and end; lines on contigs that the reference lacks)."""
    kept, rest = [], 0
    for line in lines:
        contig = reference.contigs.find(line["contig"].decode("utf-8", "replace"))
        if contig < 0:
            rest += 1
            continue
        if not (line["start"].isdigit() and line["end"].isdigit() and int(line["start"]) < int(line["end"]) < 1 << 31):
            raise AnnotationError("source_place", f"{line[''].decode()}: start and end are no stretch of a contig.")
        kept.append((contig, int(line["start"]), int(line["end"]), line))
    kept.sort(key=lambda row: row[:3])
    return kept, rest


def compile_overlap(declaration: Declaration, paths: Sequence[Path], reference: Reference) -> Compiled:
    """Compile regions. Lines on contigs that the reference lacks are counted and left out."""
    kept, rest = read_regions(_lines(declaration, paths), reference)
    contigs = np.array([row[0] for row in kept], np.int32)
    end = np.array([row[2] for row in kept], np.int32)
    rows = np.searchsorted(contigs, np.arange(len(reference.contigs) + 1)).astype(np.int64)
    reach = end.copy()
    for first, stop in pairwise(rows.tolist()):
        reach[first:stop] = np.maximum.accumulate(end[first:stop])
    arrays = {"rows": rows, "start": np.array([row[1] for row in kept], np.int32), "end": end, "reach": reach}
    counts = {"regions": len(kept), "unknown_contig": rest}
    return Compiled(arrays, _columns(declaration.fields, [row[3] for row in kept]), counts)


def compile_gene(declaration: Declaration, paths: Sequence[Path], reference: Reference) -> Compiled:
    """Compile a table of genes; its columns are by transcript. A gene that stands twice keeps its first line."""
    lines = list(_lines(declaration, paths))
    places: dict[bytes, int] = {}
    for number, line in enumerate(lines):
        places.setdefault(line[declaration.join], number)
    names = [reference.text_value(declaration.join, row).encode() for row in range(reference.transcripts.size)]
    at = np.array([places.get(name, -1) if name else -1 for name in names], np.int64)
    columns = []
    for column in _columns(declaration.fields, lines):
        values = np.where(at >= 0, column.values[at], -1) if column.values.size else np.full(at.size, -1)
        columns.append(ValueColumn(values.astype(np.int32), column.offsets, column.text))
    matched = {name for name in names if name in places}
    return Compiled({}, columns, {"genes": len(places), "genes_matched": len(matched)})
