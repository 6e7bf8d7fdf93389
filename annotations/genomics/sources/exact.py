"""Sources by allele: a VCF compiled to sorted arrays, and its rows found for a chunk's alleles."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from annotations.genomics.compiled import compiled
from annotations.genomics.errors import AnnotationError
from annotations.genomics.output.rows import copy_texts
from annotations.genomics.sources.declaration import Declaration, Field
from annotations.genomics.sources.layout import Compiled
from annotations.genomics.sources.normalise import NO_CODE, normalise
from annotations.genomics.sources.values import LISTS, ColumnMaker, binary_array
from annotations.genomics.vcf.alleles import info_value
from annotations.genomics.vcf.limits import Limits
from annotations.genomics.vcf.parse import Parser
from annotations.genomics.vcf.reader import VcfReader
from annotations.genomics.vcf.records import ALT, FILTER, ID, INFO, Alleles, Bytes, Int32s, Int64s, Records
from annotations.genomics.vcf.skips import SKIP_REASONS, Skip

if TYPE_CHECKING:
    from annotations.genomics.reference.load import Reference

_CHUNK: Final = 1 << 14
SOURCE_LIMITS: Final = Limits(ratio=1 << 20, records_at_position=1 << 20)
"""A source is the operator's own choice: its size is not held against it."""


@compiled
def find_values(
    text: Bytes, fields: Int64s, record: Int32s, alt_index: Int32s, key: Bytes, by_allele: bool,
    starts: Int64s, ends: Int64s,
) -> None:  # fmt: skip
    """The span of INFO's `key` (with "=") for each allele; empty where it is absent.

    by_allele: the allele's own part of a list, empty where the list is not as long as ALT.
    """
    for i in range(record.size):
        row = fields[record[i]]
        starts[i] = ends[i] = 0
        end = row[INFO + 1] - 1
        at = info_value(text, row[INFO], end, key)
        if at < 0:
            continue
        stop = at
        commas = 0
        while stop < end and text[stop] != 59:
            commas += text[stop] == 44
            stop += 1
        if by_allele:
            for p in range(row[ALT], row[ALT + 1] - 1):
                commas -= text[p] == 44
            if commas != 0:
                continue
            for _ in range(alt_index[i] - 1):
                while text[at] != 44:
                    at += 1
                at += 1
            last = stop
            stop = at
            while stop < last and text[stop] != 44:
                stop += 1
        starts[i] = at
        ends[i] = stop


@compiled
def find_rows(
    contig: Int32s, start: Int64s, code: Int64s, rows: Int64s, row_start: Int32s, row_code: Int64s, found: Int64s
) -> None:
    """found (int64[m]): the row of each allele, -1 for none.

    A walk along both: from the row of the allele before in growing steps, so that sorted alleles
    touch each page of the source once.
    """
    low = 0
    before = -1
    for i in range(contig.size):
        found[i] = -1
        if code[i] == NO_CODE:
            continue
        first = rows[contig[i]]
        end = rows[contig[i] + 1]
        if contig[i] != before or low >= end or (low > first and row_start[low - 1] >= start[i]):
            low = first
        before = contig[i]
        step = 1
        high = low
        while high < end and row_start[high] < start[i]:
            low = high + 1
            high += step
            step *= 2
        high = min(high, end)
        while low < high:
            middle = (low + high) // 2
            if row_start[middle] < start[i]:
                low = middle + 1
            else:
                high = middle
        row = low
        while row < end and row_start[row] == start[i] and row_code[row] < code[i]:
            row += 1
        if row < end and row_start[row] == start[i] and row_code[row] == code[i]:
            found[i] = row


def match_exact(arrays: dict[str, Any], normalised: tuple[Int32s, Int64s, Int64s]) -> Int64s:
    """The source's row of each allele (int64[m]), -1 for none."""
    found = np.empty(normalised[0].size, np.int64)
    find_rows(*normalised, arrays["rows"], arrays["start"], arrays["code"], found)
    return found


def field_missing(file: str, origin: str, source: str, key: str) -> AnnotationError:
    """A file that is not what the declaration says."""
    return AnnotationError(
        "source_field_missing",
        f"{file} has no INFO/{origin}, which source {source} takes {key} from: check that it is the right file.",
        field=origin,
    )


class _Collector:
    """What a source's files say, chunk after chunk."""

    def __init__(self, declaration: Declaration, reference: Reference) -> None:
        self._fields = declaration.fields
        self._name = declaration.name
        self._reference = reference
        self.keys: list[tuple[Int32s, Int64s, Int64s]] = []
        self.makers = [ColumnMaker(field, is_vcf=True) for field in declaration.fields]
        self.counts = {"records": 0, "alleles": 0}
        self.headers: dict[str, str] = {}
        self.found: set[str] = set()

    def read(self, path: Path) -> None:
        """Add a file. Raises AnnotationError where it is no VCF, or lacks a declared field."""
        with VcfReader(path, SOURCE_LIMITS) as reader:
            header = reader.header
            for line in header.lines:
                name, _, value = line[2:].partition("=")
                self.headers.setdefault(name, value)
            for field in self._fields:
                if not header.has_info(field.origin) and not (field.optional or field.origin in LISTS):
                    raise field_missing(path.name, field.origin, self._name, field.key)
                self.found.update({field.key} if header.has_info(field.origin) or field.origin in LISTS else ())
            parser = Parser(
                self._reference, SOURCE_LIMITS, header.columns, header.is_svlen_first, header.contig_lengths
            )
            for chunk in reader.chunks(_CHUNK):
                self._add(*parser.parse(chunk))

    def _add(self, records: Records, alleles: Alleles) -> None:
        contig, start, code = normalise(records, alleles, self._reference)
        kept = np.flatnonzero(code != NO_CODE)
        self.counts["records"] += len(records)
        self.counts["alleles"] += int(kept.size)
        count_skips(records, self.counts)
        self.keys.append((contig[kept], start[kept], code[kept]))
        record, alt_index = alleles.record[kept], alleles.alt_index[kept]
        for field, maker in zip(self._fields, self.makers, strict=True):
            texts = copy_texts(records.text, *_spans(records, record, alt_index, field))
            maker.add(binary_array(texts.offsets, texts.data))


def _spans(records: Records, record: Int32s, alt_index: Int32s, field: Field) -> tuple[Int64s, Int64s]:
    if field.origin in LISTS:
        column = ID if field.origin == "ID" else FILTER
        return records.fields[record, column], records.fields[record, column + 1] - 1
    starts, ends = np.empty(record.size, np.int64), np.empty(record.size, np.int64)
    key = np.frombuffer(f"{field.origin}=".encode(), np.uint8)
    find_values(records.text, records.fields, record, alt_index, key, field.by_allele, starts, ends)
    return starts, ends


def sort_alleles(keys: Sequence[tuple[Int32s, Int64s, Int64s]], contigs: int) -> tuple[dict[str, Any], Int64s]:
    """(arrays, order): all alleles by contig, start and code; order: int64[n], which row stands where.

    Equal ones stay in their order.
    """
    contig, start, code = (np.concatenate([part[place] for part in keys]) for place in range(3))
    order = np.lexsort((code, start, contig))
    contig = contig[order]
    rows = np.searchsorted(contig, np.arange(contigs + 1)).astype(np.int64)
    return {"rows": rows, "start": start[order].astype(np.int32), "code": code[order]}, order


def count_skips(records: Records, counts: dict[str, int]) -> None:
    """Count the records that a source's file has and that cannot be matched, by reason."""
    for skip, count in enumerate(np.bincount(records.skip).tolist()):
        if skip and count:
            reason = SKIP_REASONS[Skip(skip)].code
            counts[reason] = counts.get(reason, 0) + count


def compile_exact(declaration: Declaration, paths: Sequence[Path], reference: Reference) -> Compiled:
    """Compile a VCF; layout.py says what the arrays are.

    An allele that stands twice keeps what its first record says; counts["repeated"] tells how many.
    """
    collector = _Collector(declaration, reference)
    for path in paths:
        collector.read(path)
    nothing = (np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0, np.int64))
    arrays, order = sort_alleles([nothing, *collector.keys], len(reference.contigs))
    is_first = first_of_each(arrays)
    collector.counts["repeated"] = int((~is_first).sum())
    arrays = {
        "rows": np.concatenate([[0], np.cumsum(is_first)])[arrays["rows"]].astype(np.int64),
        "start": arrays["start"][is_first],
        "code": arrays["code"][is_first],
    }
    columns = [maker.finish(order[is_first]) for maker in collector.makers]
    return Compiled(arrays, columns, collector.counts, collector.headers, frozenset(collector.found))


def first_of_each(arrays: dict[str, Any]) -> Any:
    """bool[n]: no row before this one is the same allele."""
    is_first = np.ones(arrays["start"].size, bool)
    is_first[1:] = (np.diff(arrays["start"]) != 0) | (np.diff(arrays["code"]) != 0)
    begins = arrays["rows"][:-1]
    is_first[begins[begins < is_first.size]] = True
    return is_first
