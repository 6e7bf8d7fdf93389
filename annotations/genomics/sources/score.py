"""Scores by allele and, often, by transcript or gene: tables, or entries in a VCF's INFO.

An allele has one row for each name (transcript or gene) that its file scores it on. Names are
matched without their version: a score of ENST00000335137.4 is that of ENST00000335137.6.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from annotations.genomics.compiled import compiled
from annotations.genomics.errors import AnnotationError
from annotations.genomics.output.rows import copy_texts, find_alts
from annotations.genomics.reference.fasta import open_by_content
from annotations.genomics.sources.declaration import Declaration
from annotations.genomics.sources.exact import SOURCE_LIMITS, count_skips, field_missing, find_values, sort_alleles
from annotations.genomics.sources.layout import Compiled
from annotations.genomics.sources.normalise import NO_CODE, normalise
from annotations.genomics.sources.values import ColumnMaker, binary_array
from annotations.genomics.vcf.parse import Chunk, Parser
from annotations.genomics.vcf.reader import VcfReader
from annotations.genomics.vcf.records import Bytes, Int32s, Int64s, Records

if TYPE_CHECKING:
    from annotations.genomics.reference.load import Reference

Batch = tuple[tuple[Int32s, Int64s, Int64s], dict[str, Any]]
"""(contig, start, code) of some rows as normalise() has them, and their cells as Arrow texts by column."""
_BLOCK: Final = 1 << 22
_CHUNK: Final = 1 << 14
_VCF_COLUMNS: Final = 8
_LISTED: Final = ";"
"""Between several names in one cell, as REVEL writes its transcripts."""
_VERSION: Final = r"\.\d+$"


@compiled
def find_pair_rows(
    pairs: Any, bounds: Int64s, contig: Int32s, first: Int64s, rows: Int64s, row_start: Int32s, row_code: Int64s,
    join: Int32s, names: Int32s, found: Int64s,
) -> None:  # fmt: skip
    """found (int64[p]): the row of each pair, -1 for none. first (int64[m]): of each allele."""
    for a in range(first.size):
        for p in range(bounds[a], bounds[a + 1]):
            found[p] = -1
            transcript = pairs[p].transcript
            if first[a] < 0 or transcript < 0 or names[transcript] < 0:
                continue
            row = first[a]
            while row < rows[contig[a] + 1] and row_start[row] == row_start[first[a]]:
                if row_code[row] != row_code[first[a]]:
                    break
                if join[row] == names[transcript]:
                    found[p] = row
                    break
                row += 1


@compiled
def picked_pair_rows(pairs: Any, bounds: Int64s, by_pair: Int64s, found: Int64s) -> None:
    """found (int64[m, 1]): the row of each allele's picked pair, -1 for none."""
    for a in range(bounds.size - 1):
        found[a, 0] = -1
        for p in range(bounds[a], bounds[a + 1]):
            if pairs[p].picked:
                found[a, 0] = by_pair[p]


class _TableReader:
    """A table with a line for each allele: CADD, REVEL, AlphaMissense."""

    def __init__(self, declaration: Declaration, reference: Reference, counts: dict[str, int]) -> None:
        self._declaration = declaration
        self._reference = reference
        self._counts = counts
        self._parser = Parser(reference, SOURCE_LIMITS, _VCF_COLUMNS, False, {})

    def read(self, path: Path) -> Iterator[Batch]:
        """Batches of a file. Raises AnnotationError(source_columns) where it is not as declared."""
        with open_by_content(path) as stream:
            first = self._first_line(stream)
            if not first:
                return
            names = self._names(first, path)
            options = {
                "read_options": pa.csv.ReadOptions(column_names=names, block_size=_BLOCK),
                "parse_options": pa.csv.ParseOptions(delimiter=self._declaration.separator, quote_char=False),
                "convert_options": pa.csv.ConvertOptions(
                    column_types=dict.fromkeys(names, pa.string()), include_columns=self._declaration.columns
                ),
            }
            try:
                for batch in pa.csv.open_csv(_Rest(first, stream), **options):
                    yield self._place(batch)
            except pa.ArrowInvalid as error:
                raise AnnotationError(
                    "source_columns",
                    f"{path.name} is not what source {self._declaration.name} declares: {error}.",
                ) from None

    def _first_line(self, stream: Any) -> bytes:
        """The first line of data: behind comments and, where one is declared, the heading."""
        skipped = not self._declaration.heading
        for line in stream:
            if line.startswith(b"#") or not line.strip():
                continue
            if skipped:
                return bytes(line)
            skipped = True
        return b""

    def _names(self, first: bytes, path: Path) -> list[str]:
        columns = self._declaration.columns
        count = len(first.split(self._declaration.separator.encode()))
        if count < len(columns):
            raise AnnotationError(
                "source_columns",
                f"{path.name}: {count} columns, and source {self._declaration.name} declares {len(columns)}.",
            )
        return [*columns, *(f"more {number}" for number in range(count - len(columns)))]

    def _place(self, batch: Any) -> Batch:
        """Lines of a VCF are made of the rows, so that they are read and checked as every other allele is."""
        placed = batch.filter(pc.match_substring_regex(batch.column("pos"), r"^\d{1,10}$"))
        self._counts["records"] += batch.num_rows
        self._counts["no_place"] += batch.num_rows - placed.num_rows
        cells = [placed.column(name) for name in ("contig", "pos", "ref", "alt")]
        dots = [pa.scalar(".")] * 3
        joined = pc.binary_join_element_wise(cells[0], cells[1], ".", cells[2], cells[3], *dots, "\t")
        data = "".join(f"{line}\n" for line in joined.to_pylist()).encode()
        records, alleles = self._parser.parse(Chunk(0, 1, data))
        count_skips(records, self._counts)
        contig, start, code = normalise(records, alleles, self._reference)
        kept = np.flatnonzero(code != NO_CODE)
        rows = pa.array(alleles.record[kept])
        return (
            (contig[kept], start[kept], code[kept]),
            {name: placed.column(name).take(rows) for name in placed.schema.names},
        )


class _Rest:
    """A stream that begins with a line which was read from it already."""

    closed = False

    def __init__(self, first: bytes, stream: Any) -> None:
        self._first = first
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        """As much as there is, up to size bytes."""
        first, self._first = self._first, b""
        return first + bytes(self._stream.read(max(size - len(first), 0) if size >= 0 else -1))

    def readable(self) -> bool:
        """Arrow asks."""
        return True

    def close(self) -> None:
        """Whoever opened the stream closes it."""


class _EntryReader:
    """A VCF whose INFO holds a list of entries such as `A|GENE|0.1|0.2`: SpliceAI."""

    def __init__(self, declaration: Declaration, reference: Reference, counts: dict[str, int]) -> None:
        self._declaration = declaration
        self._reference = reference
        self._counts = counts
        self._key = np.frombuffer(f"{declaration.entries}=".encode(), np.uint8)

    def read(self, path: Path) -> Iterator[Batch]:
        """Batches of a file. Raises AnnotationError where it lacks the key, or an entry has other parts."""
        with VcfReader(path, SOURCE_LIMITS) as reader:
            header, declaration = reader.header, self._declaration
            if not header.has_info(declaration.entries):
                raise field_missing(path.name, declaration.entries, declaration.name, declaration.fields[0].key)
            parser = Parser(
                self._reference, SOURCE_LIMITS, header.columns, header.is_svlen_first, header.contig_lengths
            )
            for chunk in reader.chunks(_CHUNK):
                records, alleles = parser.parse(chunk)
                self._counts["records"] += len(records)
                count_skips(records, self._counts)
                keys = normalise(records, alleles, self._reference)
                kept = np.flatnonzero(keys[2] != NO_CODE)
                entries, owner = self._entries(records, alleles.record[kept], alleles.alt_index[kept], path)
                row = kept[owner]
                yield (keys[0][row], keys[1][row], keys[2][row]), entries

    def _entries(
        self, records: Records, record: Int32s, alt_index: Int32s, path: Path
    ) -> tuple[dict[str, Any], Int64s]:
        """(cells by column, int64[entries]: the allele of each); only those that name their allele."""
        starts, ends = np.empty(record.size, np.int64), np.empty(record.size, np.int64)
        find_values(records.text, records.fields, record, alt_index, self._key, False, starts, ends)
        listed = pc.split_pattern(_texts(records.text, starts, ends), ",")
        owner = pc.list_parent_indices(listed).to_numpy(zero_copy_only=False)
        entries = pc.list_flatten(listed)
        parts = pc.split_pattern(entries, "|")
        width = len(self._declaration.columns)
        is_entry = pc.not_equal(entries, "")
        odd = pc.filter(entries, pc.and_(is_entry, pc.not_equal(pc.list_value_length(parts), width)))
        if len(odd):
            raise AnnotationError(
                "source_columns",
                f"{path.name}: {odd[0].as_py()!r} has not the {width} parts that source {self._declaration.name} "
                "declares.",
            )
        owner = owner[is_entry.to_numpy(zero_copy_only=False)]
        flat = pc.list_flatten(pc.filter(parts, is_entry))
        place = np.arange(owner.size, dtype=np.int64) * width
        cells = {name: flat.take(pa.array(place + number)) for number, name in enumerate(self._declaration.columns)}
        spans = np.empty((record.size, 2), np.int64)
        find_alts(records.text, records.fields, record, alt_index, spans)
        own = _texts(records.text, spans[:, 0].copy(), spans[:, 1].copy()).take(pa.array(owner))
        is_own = pc.equal(cells["alt"], own)
        chosen = owner[is_own.to_numpy(zero_copy_only=False)]
        return {name: pc.filter(column, is_own) for name, column in cells.items()}, chosen


def _texts(text: Bytes, starts: Int64s, ends: Int64s) -> Any:
    texts = copy_texts(text, starts, ends)
    return binary_array(texts.offsets, texts.data).cast(pa.large_string())


class _Names:
    """The reference's transcripts or genes, numbered: what a row is joined to."""

    def __init__(self, join: str, reference: Reference) -> None:
        texts = pa.array([reference.text_value(join, row) for row in range(reference.transcripts.size)], pa.string())
        texts = self._plain(texts)
        self._known = pc.unique(pc.filter(texts, pc.not_equal(texts, "")))
        self.of_transcripts = self.numbers(texts)

    @staticmethod
    def _plain(texts: Any) -> Any:
        return pc.replace_substring_regex(texts, _VERSION, "")

    def numbers(self, texts: Any) -> Int32s:
        """int32[n]: number of each name, -1 for one that the reference lacks."""
        found = pc.index_in(self._plain(texts.cast(pa.string())), value_set=self._known)
        numbers: Int32s = pc.fill_null(found, -1).to_numpy(zero_copy_only=False).astype(np.int32)
        return numbers

    def spread(self, cells: Any) -> tuple[Int64s, Int32s]:
        """(row of each name that the reference has, its number) of cells that may hold several."""
        listed = pc.split_pattern(cells, _LISTED)
        numbers = self.numbers(pc.list_flatten(listed))
        owner = pc.list_parent_indices(listed).to_numpy(zero_copy_only=False).astype(np.int64)
        return owner[numbers >= 0], numbers[numbers >= 0]


def compile_score(declaration: Declaration, paths: Sequence[Path], reference: Reference) -> Compiled:
    """Compile scores; rows that name no transcript or gene of the reference are left out."""
    counts = {"records": 0, "no_place": 0}
    reader = (_EntryReader if declaration.entries else _TableReader)(declaration, reference, counts)
    names = _Names(declaration.join, reference) if declaration.join else None
    makers = [ColumnMaker(field, is_vcf=False) for field in declaration.fields]
    keys = [(np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0, np.int64))]
    joins = [np.empty(0, np.int32)]
    for path in paths:
        for key, cells in reader.read(path):
            row, join = names.spread(cells[declaration.join]) if names else (np.arange(key[0].size), joins[0])
            keys.append((key[0][row], key[1][row], key[2][row]))
            joins.append(join)
            for field, maker in zip(declaration.fields, makers, strict=True):
                maker.add(cells[field.origin].take(pa.array(row)))
    arrays, order = sort_alleles(keys, len(reference.contigs))
    if names:
        arrays |= {"join": np.concatenate(joins)[order], "names": names.of_transcripts}
    counts["rows"] = order.size
    return Compiled(arrays, [maker.finish(order) for maker in makers], counts)
