"""What the sources say of a chunk's alleles, and how INFO says it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from annotations.genomics.compiled import compiled
from annotations.genomics.consequence.pairs import Pairs
from annotations.genomics.output.copying import copy_bytes
from annotations.genomics.output.text import join_words
from annotations.genomics.sources.declaration import Field, SourceKind
from annotations.genomics.sources.exact import match_exact
from annotations.genomics.sources.layout import Source
from annotations.genomics.sources.normalise import normalise
from annotations.genomics.sources.places import JOINED, find_overlaps, join_values, picked_transcripts, size_joined
from annotations.genomics.vcf.alleles import info_value
from annotations.genomics.vcf.records import INFO, Alleles, Bytes, Int32s, Int64s, Kind, Records

if TYPE_CHECKING:
    from annotations.genomics.reference.load import Reference

_LAST_PLACED: Final = int(Kind.BND)


@dataclass(frozen=True, slots=True)
class Found:
    """Of m alleles, by the fields of all sources, one after the other.

    text: uint8[:]. spans: int64[fields, m, 2]: the value of each allele in text, empty for none.
    hits: int64[sources]: alleles with a value. info: uint8[:] with the INFO text of record r at
    info_offsets[r]:info_offsets[r + 1] (int64[n + 1]), such as `A=0.1,.;B=x,y`.
    clash: (record, field) of a key that the record has already, or None.
    """

    text: Bytes
    spans: Int64s
    hits: Int64s
    info: Bytes
    info_offsets: Int64s
    clash: tuple[int, Field] | None


def source_fields(sources: tuple[Source, ...]) -> list[Field]:
    """The fields of all sources, in the order that every output has them."""
    return [field for source in sources for field in source.declaration.fields]


@compiled
def put_info_values(
    given: Bytes, fields: Int64s, record: Int32s, text: Bytes, spans: Int64s, keys: Bytes, key_offsets: Int64s,
    out: Bytes, offsets: Int64s, clash: Int64s,
) -> None:  # fmt: skip
    """Write `KEY=value,.;…` of each record to out; keys come with their "=". clash: see Found."""
    at = 0
    first = 0
    for i in range(fields.shape[0]):
        offsets[i] = at
        stop = first
        while stop < record.size and record[stop] == i:
            stop += 1
        for f in range(spans.shape[0]):
            is_found = False
            for a in range(first, stop):
                is_found |= spans[f, a, 0] < spans[f, a, 1]
            if not is_found:
                continue
            key = keys[key_offsets[f] : key_offsets[f + 1]]
            if info_value(given, fields[i, INFO], fields[i, INFO + 1] - 1, key) >= 0 and clash[0] < 0:
                clash[0] = i
                clash[1] = f
            if at > offsets[i]:
                out[at] = 59
                at += 1
            copy_bytes(out, at, keys, key_offsets[f], key.size)  # type: ignore[call-arg]
            at += key.size
            for a in range(first, stop):
                if a > first:
                    out[at] = 44
                    at += 1
                size = spans[f, a, 1] - spans[f, a, 0]
                if size == 0:
                    out[at] = 46
                    at += 1
                else:
                    copy_bytes(out, at, text, spans[f, a, 0], size)
                    at += size
        first = stop
    offsets[fields.shape[0]] = at


class Matcher:
    """Looks up the alleles of one chunk after another in a reference's sources."""

    def __init__(self, reference: Reference) -> None:
        self._reference = reference
        self._sources = reference.sources
        self._fields = source_fields(self._sources)
        self._keys, self._key_offsets = join_words(tuple(f"{field.key}=" for field in self._fields))
        self._needs_names = any(source.declaration.kind is SourceKind.EXACT for source in self._sources)

    def match(self, records: Records, alleles: Alleles, pairs: Pairs) -> Found:
        """What the sources say of the chunk; arrays of their own."""
        normalised = normalise(records, alleles, self._reference) if self._needs_names else None
        found = [self._rows(source, records, alleles, pairs, normalised) for source in self._sources]
        sizes = [
            size_joined(rows, column.values, column.offsets)
            for source, rows in zip(self._sources, found, strict=True)
            for column in source.columns
        ]
        text = np.empty(sum(sizes), np.uint8)
        spans = np.zeros((len(self._fields), len(alleles), 2), np.int64)
        hits = np.zeros(len(self._sources), np.int64)
        place, at = 0, 0
        for number, (source, rows) in enumerate(zip(self._sources, found, strict=True)):
            begun = place
            for column in source.columns:
                if sizes[place]:
                    join_values(rows, column.values, column.offsets, column.text, text, at, spans[place])
                    at += sizes[place]
                place += 1
            hits[number] = (spans[begun:place, :, 0] < spans[begun:place, :, 1]).any(axis=0).sum()
        return self._compose(records, alleles, text, spans, hits)

    def _rows(
        self, source: Source, records: Records, alleles: Alleles, pairs: Pairs,
        normalised: tuple[Int32s, Int64s, Int64s] | None,
    ) -> Int64s:  # fmt: skip
        """int64[m, k]: rows of the source for each allele, -1 for none."""
        count = len(alleles)
        if source.declaration.kind is SourceKind.EXACT and normalised is not None:
            return match_exact(source.arrays, normalised).reshape(count, 1)
        if source.declaration.kind is SourceKind.GENE:
            rows = np.empty((count, 1), np.int64)
            picked_transcripts(pairs.rows, pairs.allele_rows, rows)
            return rows
        rows = np.empty((count, JOINED), np.int64)
        arrays = source.arrays
        find_overlaps(
            records.contig[alleles.record], alleles.start, alleles.end, arrays["rows"],
            arrays["start"], arrays["end"], arrays["reach"], rows,
        )  # fmt: skip
        rows[alleles.kind > _LAST_PLACED] = -1
        return rows

    def _compose(self, records: Records, alleles: Alleles, text: Bytes, spans: Int64s, hits: Int64s) -> Found:
        offsets = np.zeros(len(records) + 1, np.int64)
        if not text.size:
            return Found(text, spans, hits, text, offsets, None)
        counts = (spans[:, :, 0] < spans[:, :, 1]).sum(axis=1)
        room = text.size + int(counts @ (np.diff(self._key_offsets) + 2)) + 2 * len(alleles) * len(self._fields)
        info = np.empty(room, np.uint8)
        clash = np.full(2, -1, np.int64)
        put_info_values(
            records.text, records.fields, alleles.record, text, spans, self._keys, self._key_offsets,
            info, offsets, clash,
        )  # fmt: skip
        place = (int(clash[0]), self._fields[int(clash[1])]) if clash[0] >= 0 else None
        return Found(text, spans, hits, info, offsets, place)
