"""What the sources say of a chunk's alleles, and how INFO says it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from annotations.genomics.compiled import compiled
from annotations.genomics.consequence.pairs import Pairs
from annotations.genomics.output.copying import copy_bytes
from annotations.genomics.output.text import join_words
from annotations.genomics.sources.coverage import has_states, match_states
from annotations.genomics.sources.declaration import Field, SourceKind
from annotations.genomics.sources.exact import match_exact
from annotations.genomics.sources.layout import Source, ValueColumn
from annotations.genomics.sources.normalise import normalise
from annotations.genomics.sources.places import FULL, JOINED, find_overlaps, join_values, picked_transcripts
from annotations.genomics.sources.score import find_pair_rows, picked_pair_rows
from annotations.genomics.vcf.alleles import info_value
from annotations.genomics.vcf.records import INFO, Alleles, Bytes, Int32s, Int64s, Kind, Records

if TYPE_CHECKING:
    from annotations.genomics.reference.load import Reference

_LAST_PLACED: Final = int(Kind.BND)
_ROOM: Final = 8  # bytes of one value, as a first guess
_MORE: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class LookedUp:
    """What can be known of m alleles before they are annotated.

    normalised: see normalise(). rows: by source, int64[m, k], -1 for none; None where it takes
    transcripts to tell. existing, spans: what CSQ says as Existing_variation of each allele,
    existing[spans[i, 0] : spans[i, 1]] (int64[m, 2]).
    """

    records: Records
    alleles: Alleles
    normalised: tuple[Int32s, Int64s, Int64s] | None
    rows: list[Int64s | None]
    existing: Bytes
    spans: Int64s


@dataclass(frozen=True, slots=True)
class Found:
    """Of m alleles, by the fields of all sources, one after the other.

    text: uint8[:]. spans: int64[fields, m, 2]: the value of each allele in text, empty for none.
    by_pair: of scores by transcript or gene, text and spans (int64[p, 2]) by column.
    hits: int64[sources]: alleles that each source holds. info: uint8[:] with the INFO text of record r at
    info_offsets[r]:info_offsets[r + 1] (int64[n + 1]), such as `A=0.1,.;B=x,y`.
    clash: (record, field) of a key that the record has already, or None.
    """

    text: Bytes
    spans: Int64s
    by_pair: dict[str, tuple[Bytes, Int64s]]
    hits: Int64s
    info: Bytes
    info_offsets: Int64s
    clash: tuple[int, Field] | None


def source_fields(sources: tuple[Source, ...]) -> list[Field]:
    """The fields of all sources, in the order that every output has them."""
    return [field for source in sources for field in source.declaration.fields]


def info_fields(sources: tuple[Source, ...]) -> list[Field]:
    """Those that are keys of INFO."""
    return [field for field in source_fields(sources) if not field.existing]


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


@compiled
def join_existing(text: Bytes, spans: Int64s, out: Bytes, out_spans: Int64s) -> None:
    """Write the values of each allele (spans: int64[fields, m, 2]) to out, joined with &."""
    at = 0
    for a in range(spans.shape[1]):
        out_spans[a, 0] = at
        for f in range(spans.shape[0]):
            size = spans[f, a, 1] - spans[f, a, 0]
            if size == 0:
                continue
            if at > out_spans[a, 0]:
                out[at] = 38
                at += 1
            copy_bytes(out, at, text, spans[f, a, 0], size)  # type: ignore[call-arg]
            at += size
        out_spans[a, 1] = at


Wanted = list[tuple[Int64s, ValueColumn]]
"""Rows of alleles or pairs (int64[m, k], -1 for none), and the column that they are rows of."""


def write_values(wanted: Wanted, count: int) -> tuple[Bytes, Int64s]:
    """(text, spans int64[wanted, count, 2]): the values of each row, joined with &."""
    text = np.empty(_ROOM * len(wanted) * count, np.uint8)
    spans = np.zeros((len(wanted), count, 2), np.int64)
    at = 0
    for place, (rows, column) in enumerate(wanted):
        if not column.values.size:
            continue
        given = rows, column.values, column.offsets, column.text
        while (end := join_values(*given, text, at, spans[place])) == FULL:
            text = np.concatenate([text, np.empty(text.size + _MORE, np.uint8)])
        at = end
    return text[:at].copy(), spans


class Matcher:
    """Looks up the alleles of one chunk after another in a reference's sources."""

    def __init__(self, reference: Reference) -> None:
        self._reference = reference
        self._sources = reference.sources
        self._fields = source_fields(self._sources)
        self._in_info = [place for place, field in enumerate(self._fields) if not field.existing]
        self._info_fields = info_fields(self._sources)
        self._keys, self._key_offsets = join_words(tuple(f"{field.key}=" for field in self._info_fields))
        by_allele = (SourceKind.EXACT, SourceKind.SCORE)
        self._needs_names = any(source.declaration.kind in by_allele for source in self._sources)

    def look_up(self, records: Records, alleles: Alleles) -> LookedUp:
        """Find the chunk's alleles in the sources by allele and by place."""
        normalised = normalise(records, alleles, self._reference) if self._needs_names else None
        rows = [self._rows(source, records, alleles, normalised) for source in self._sources]
        wanted: Wanted = [
            (found, column)
            for source, found in zip(self._sources, rows, strict=True)
            for field, column in zip(source.declaration.fields, source.columns, strict=True)
            if field.existing and found is not None
        ]
        text, spans = write_values(wanted, len(alleles))
        existing = np.empty(text.size, np.uint8)
        existing_spans = np.zeros((len(alleles), 2), np.int64)
        if text.size:
            join_existing(text, spans, existing, existing_spans)
        return LookedUp(records, alleles, normalised, rows, existing, existing_spans)

    def match(self, looked_up: LookedUp, pairs: Pairs, *, wants_rows: bool) -> Found:
        """What the sources say of the chunk; arrays of their own. wants_rows: by_pair is filled."""
        wanted: Wanted = []
        by_pair: dict[str, tuple[Bytes, Int64s]] = {}
        hits = np.zeros(len(self._sources), np.int64)
        for number, source in enumerate(self._sources):
            rows = looked_up.rows[number]
            if rows is None:
                rows, pair_rows = self._rows_of_pairs(source, looked_up, pairs)
                if pair_rows is not None and wants_rows:
                    by_pair |= _values_of_pairs(source, pair_rows)
            hits[number] = self._count_hits(source, rows)
            wanted += [(rows, column) for column in source.columns[: len(source.columns) - has_states(source)]]
            if has_states(source):
                wanted.append((self._states(source, rows, looked_up), source.columns[-1]))
        text, spans = write_values(wanted, len(looked_up.alleles))
        return self._compose(looked_up, text, spans, by_pair, hits)

    def _rows(
        self, source: Source, records: Records, alleles: Alleles, normalised: tuple[Int32s, Int64s, Int64s] | None
    ) -> Int64s | None:
        """int64[m, k]: rows of the source for each allele, -1 for none; None where it takes transcripts."""
        declaration, count = source.declaration, len(alleles)
        if declaration.kind is SourceKind.OVERLAP:
            rows = np.empty((count, JOINED), np.int64)
            arrays = source.arrays
            find_overlaps(
                records.contig[alleles.record], alleles.start, alleles.end, arrays["rows"],
                arrays["start"], arrays["end"], arrays["reach"], rows,
            )  # fmt: skip
            rows[alleles.kind > _LAST_PLACED] = -1
            return rows
        if not declaration.is_by_allele or normalised is None:
            return None
        return match_exact(source.arrays, normalised).reshape(count, 1)

    @staticmethod
    def _rows_of_pairs(source: Source, looked_up: LookedUp, pairs: Pairs) -> tuple[Int64s, Int64s | None]:
        """(int64[m, 1]: the row of each allele's picked pair, int64[p]: of each pair, for scores)."""
        picked = np.empty((len(looked_up.alleles), 1), np.int64)
        if source.declaration.kind is SourceKind.GENE or looked_up.normalised is None:
            picked_transcripts(pairs.rows, pairs.allele_rows, picked)
            return picked, None
        by_pair = np.empty(pairs.rows.size, np.int64)
        arrays = source.arrays
        find_pair_rows(
            pairs.rows, pairs.allele_rows, looked_up.normalised[0], match_exact(arrays, looked_up.normalised),
            arrays["rows"], arrays["start"], arrays["code"], arrays["join"], arrays["names"], by_pair,
        )  # fmt: skip
        picked_pair_rows(pairs.rows, pairs.allele_rows, by_pair, picked)
        return picked, by_pair

    @staticmethod
    def _states(source: Source, rows: Int64s, looked_up: LookedUp) -> Int64s:
        if looked_up.normalised is None:
            raise AssertionError("a source with states is matched by allele")
        contig, _, code = looked_up.normalised
        return match_states(source, contig, looked_up.alleles, code, rows[:, 0].copy()).reshape(-1, 1)

    @staticmethod
    def _count_hits(source: Source, rows: Int64s) -> int:
        """Alleles of which a column has a value."""
        allele, place = np.nonzero(rows >= 0)
        row = rows[allele, place]
        is_known = np.zeros(row.size, bool)
        for column in source.columns[: len(source.columns) - has_states(source)]:
            if column.values.size:
                is_known |= column.values[row] >= 0
            if is_known.all():
                break
        return int(np.unique(allele[is_known]).size)

    def _compose(
        self, looked_up: LookedUp, text: Bytes, spans: Int64s, by_pair: dict[str, tuple[Bytes, Int64s]], hits: Int64s
    ) -> Found:
        records, alleles = looked_up.records, looked_up.alleles
        offsets = np.zeros(len(records) + 1, np.int64)
        if not text.size or not self._in_info:
            return Found(text, spans, by_pair, hits, text[:0], offsets, None)
        shown = np.ascontiguousarray(spans[self._in_info])
        counts = (shown[:, :, 0] < shown[:, :, 1]).sum(axis=1)
        room = text.size + int(counts @ (np.diff(self._key_offsets) + 2)) + 2 * len(alleles) * len(self._in_info)
        info = np.empty(room, np.uint8)
        clash = np.full(2, -1, np.int64)
        put_info_values(
            records.text, records.fields, alleles.record, text, shown, self._keys, self._key_offsets,
            info, offsets, clash,
        )  # fmt: skip
        place = (int(clash[0]), self._info_fields[int(clash[1])]) if clash[0] >= 0 else None
        return Found(text, spans, by_pair, hits, info, offsets, place)


def _values_of_pairs(source: Source, rows: Int64s) -> dict[str, tuple[Bytes, Int64s]]:
    """Text and spans of each of the source's columns, by pair."""
    text, spans = write_values([(rows.reshape(-1, 1), column) for column in source.columns], rows.size)
    return {field.column: (text, spans[place]) for place, field in enumerate(source.declaration.fields)}
