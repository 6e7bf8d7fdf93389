"""Rows as Arrow record batches: one row for each allele and transcript, typed, dictionary-encoded.

A column says no more than CSQ does, in types that a query can use. `first` and `last` are 1-based
and inclusive, as HGVS and CSQ count. What is not known or does not apply is null.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from annotations.genomics.compiled import compiled
from annotations.genomics.consequence.terms import IMPACTS, TERMS, VARIANT_CLASSES, term_names
from annotations.genomics.output.numbers import read_decimal
from annotations.genomics.output.rows import PAIR_NUMBERS, PAIR_TEXTS, Rows, Texts, join_rows
from annotations.genomics.output.tally import lowest_bit
from annotations.genomics.reference import layout
from annotations.genomics.reference.load import Reference
from annotations.genomics.sources.declaration import FieldType, SourceKind
from annotations.genomics.sources.layout import Source
from annotations.genomics.sources.match import source_fields
from annotations.genomics.vcf.records import Bytes, Int32s, Int64s

_TEXT: Final = pa.dictionary(pa.int32(), pa.string())
SCHEMA: Final = pa.schema(
    [
        ("row", pa.int64()),  # 0, 1, 2 … through the file
        ("allele_row", pa.int64()),  # the same for all rows of an allele
        ("line", pa.int64()),  # of the input
        ("contig_index", pa.int32()),  # in the reference: genome order
        ("contig", _TEXT),  # as the input's CHROM
        ("pos", pa.int32()),
        ("id", _TEXT),
        ("ref", _TEXT),
        ("alt", _TEXT),
        ("alt_index", pa.int16()),
        ("qual", pa.float64()),
        ("filter", _TEXT),
        ("allele_frequency", pa.float64()),  # in the file: its AF, else AC / AN
        ("variant_class", _TEXT),
        ("picked", pa.bool_()),
        ("consequence", _TEXT),  # terms joined with &, most severe first
        ("impact", _TEXT),
        ("is_worst", pa.bool_()),  # this row has the allele's most severe term
        ("worst_consequence", _TEXT),  # that term
        ("worst_impact", _TEXT),
        ("hides_more_severe", pa.bool_()),  # picked, though another transcript has a higher impact
        ("gene_symbol", _TEXT),
        ("gene_id", _TEXT),
        ("transcript_id", _TEXT),
        ("biotype", _TEXT),
        ("strand", pa.int8()),
        ("canonical", pa.bool_()),
        ("mane", _TEXT),
        ("mane_select", _TEXT),
        ("mane_plus_clinical", _TEXT),
        ("protein_id", _TEXT),
        ("exon", _TEXT),  # 3/12, 3-4/12
        ("intron", _TEXT),
        ("hgvsc", pa.string()),
        ("hgvsp", pa.string()),
        ("hgvsg", _TEXT),
        ("cdna_first", pa.int32()),
        ("cdna_last", pa.int32()),
        ("cds_first", pa.int32()),
        ("cds_last", pa.int32()),
        ("protein_first", pa.int32()),
        ("protein_last", pa.int32()),
        ("amino_acids", pa.string()),
        ("codons", pa.string()),
        ("distance", pa.int32()),  # bases to an up- or downstream transcript
        ("hgvs_offset", pa.int32()),
    ]
)
_TYPES: Final = {FieldType.INTEGER: pa.int64(), FieldType.FLOAT: pa.float64(), FieldType.STRING: _TEXT}


def table_schema(sources: tuple[Source, ...]) -> Any:
    """The columns of every table and, behind them, those of the sources."""
    return pa.schema([*SCHEMA, *(pa.field(field.column, _TYPES[field.type]) for field in source_fields(sources))])


def dictionary_columns(schema: Any) -> list[str]:
    """The columns whose values repeat."""
    return [field.name for field in schema if field.type == _TEXT]


_OF_TRANSCRIPT: Final = (
    "gene_symbol", "gene_id", "transcript_id", "biotype", "mane", "mane_select", "mane_plus_clinical", "protein_id",
)  # fmt: skip
_NUMBERS: Final = ("cdna_first", "cdna_last", "cds_first", "cds_last", "protein_first", "protein_last", "hgvs_offset")
GROUP_WEIGHT: Final = 20 << 20
"""Rows.weights() of a group: about 130,000 rows, fewer where names are long."""
_PARTS_SHIFT: Final = 20


@compiled
def encode_values(values: Int64s, keys: Int64s, slots: Int32s, codes: Int32s, found: Int64s) -> int:
    """Number equal values: codes[i] is the place of values[i] in found, in order of appearance.

    keys, slots: an open hash table of 2^k places, slots all -1 on entry. Returns how many
    different values there are, or -1 where the table is too small for them.
    """
    mask = keys.size - 1
    count = 0
    for i in range(values.size):
        value = values[i]
        place = (value ^ (value >> 17) ^ (value >> 33)) & mask
        while slots[place] >= 0 and keys[place] != value:
            place = (place + 1) & mask
        if slots[place] < 0:
            if 2 * count >= keys.size:
                return -1
            keys[place] = value
            slots[place] = count
            found[count] = value
            count += 1
        codes[i] = slots[place]
    return count


@compiled
def read_numbers(text: Bytes, offsets: Int64s, out: Any) -> None:
    """Texts as numbers; NaN where one is none."""
    for i in range(out.size):
        start = offsets[i]
        end = offsets[i + 1]
        sign = 1.0
        if end - start > 1 and text[start] == 45:
            sign = -1.0
            start += 1
        value = read_decimal(text, start, end)
        out[i] = sign * value if value >= 0.0 else np.nan


def number_values(values: Int64s) -> tuple[Int32s, Int64s]:
    """(codes int32[n], the different values in order of appearance)."""
    codes = np.empty(values.size, np.int32)
    size = 1 << 12
    while True:
        keys, slots = np.empty(size, np.int64), np.full(size, -1, np.int32)
        found = np.empty(size, np.int64)
        count = encode_values(values, keys, slots, codes, found)
        if count >= 0:
            return codes, found[:count]
        size *= 4


@dataclass(frozen=True, slots=True)
class Group:
    """Rows that make one batch, and the numbers of the first row and allele among them in the file."""

    parts: list[Rows]
    first_row: int
    first_allele: int


class GroupCutter:
    """Cuts rows into groups by their own weight, however they arrive, and numbers them."""

    def __init__(self) -> None:
        self._parts: list[Rows] = []
        self._weight = 0
        self._rows = 0
        self._alleles = 0

    def cut(self, rows: Rows) -> Iterator[Group]:
        """The groups that these rows complete."""
        weights = np.cumsum(rows.weights())
        first, before = 0, 0
        while weights.size and self._weight + weights[-1] - before >= GROUP_WEIGHT:
            stop = int(np.searchsorted(weights, GROUP_WEIGHT - self._weight + before)) + 1
            self._parts.append(rows.part(first, stop))
            yield self._close()
            first, before = stop, int(weights[stop - 1])
        if first < len(rows):
            self._parts.append(rows.part(first, len(rows)) if first else rows)
            self._weight += int(weights[-1]) - before

    def finish(self) -> Iterator[Group]:
        """The last group, if anything is left."""
        if self._parts:
            yield self._close()

    def _close(self) -> Group:
        group = Group(self._parts, self._rows, self._alleles)
        self._rows += sum(part.terms.size for part in group.parts)
        self._alleles += sum(len(part) for part in group.parts)
        self._parts, self._weight = [], 0
        return group


class BatchEncoder:
    """Makes record batches, in any thread; holds the reference's names as Arrow columns."""

    def __init__(self, reference: Reference, declared_lengths: dict[str, int]) -> None:
        self._reference = reference
        self._lengths = declared_lengths
        self._schema = table_schema(reference.sources)
        self._names = {name: _reference_text(reference, name) for name in _OF_TRANSCRIPT}
        self._types = dict(zip(self._schema.names, self._schema.types, strict=True))
        self._by_allele: list[str] = []
        self._by_pair: list[str] = []
        for source in reference.sources:
            for field, column in zip(source.declaration.fields, source.columns, strict=True):
                if source.declaration.kind is SourceKind.GENE:
                    self._names[field.column] = _dictionary(column.values, column.words()).cast(pa.string())
                elif source.declaration.is_by_allele:
                    self._by_allele.append(field.column)
                else:
                    self._by_pair.append(field.column)
        transcripts = reference.transcripts
        self._strand = transcripts["strand"].astype(np.int8)
        self._canonical = (transcripts["flags"] & layout.CANONICAL) != 0
        self._exons = (transcripts["exon_to"] - transcripts["exon_from"]).astype(np.int64)

    def encode(self, group: Group) -> Any:
        """A batch of all rows; the group is empty then."""
        rows = join_rows(group.parts)
        group.parts.clear()  # not held while the batch is made
        allele = np.repeat(np.arange(len(rows), dtype=np.int32), rows.counts)
        pairs = dict(zip(PAIR_NUMBERS, rows.numbers, strict=True))
        columns = {
            "row": pa.array(np.arange(group.first_row, group.first_row + allele.size)),
            "allele_row": pa.array(allele + np.int64(group.first_allele)),
            "impact": _dictionary(pairs["impact"], IMPACTS),
            "picked": pa.array(pairs["picked"] == 1),
            "hides_more_severe": pa.array(pairs["hides"] == 1),
            "distance": pa.array(pairs["distance"], mask=pairs["distance"] < 0),
            **{name: pa.array(pairs[name], mask=pairs[name] == 0) for name in _NUMBERS},
            **{name: _plain_text(rows.pair_texts[name]) for name in PAIR_TEXTS},
            **self._pair_columns(rows),
            **self._allele_columns(rows, allele),
            **self._term_columns(rows, allele),
            **self._transcript_columns(pairs),
        }
        return pa.record_batch([columns[name] for name in self._schema.names], schema=self._schema)

    def _pair_columns(self, rows: Rows) -> dict[str, Any]:
        """What sources say of each allele on each transcript."""
        each = np.arange(rows.terms.size, dtype=np.int32)
        return {name: _spread_value(rows.pair_texts[name], each, self._types[name]) for name in self._by_pair}

    def _allele_columns(self, rows: Rows, allele: Int32s) -> dict[str, Any]:
        find = self._reference.contigs.find
        indexes = np.array([find(name, self._lengths.get(name)) for name in rows.names], np.int32)
        quality = np.empty(len(rows))
        read_numbers(rows.allele_texts["qual"].data, rows.allele_texts["qual"].offsets, quality)
        quality, frequency = quality[allele], rows.frequency[allele]
        texts = {
            name: _spread_text(rows.allele_texts[name], allele) for name in ("id", "ref", "alt", "filter", "hgvsg")
        }
        return {
            "line": pa.array(rows.line[allele]),
            "contig_index": pa.array(indexes[rows.name][allele]),
            "contig": _dictionary(rows.name[allele], rows.names),
            "pos": pa.array(rows.pos[allele].astype(np.int32)),
            "alt_index": pa.array(rows.alt_index[allele].astype(np.int16)),
            "qual": pa.array(quality, mask=np.isnan(quality)),
            "allele_frequency": pa.array(frequency, mask=np.isnan(frequency)),
            "variant_class": _dictionary(rows.variant_class[allele].astype(np.int32), VARIANT_CLASSES),
            "worst_impact": _dictionary(rows.worst_impact[allele].astype(np.int32), IMPACTS),
            **texts,
            **{name: _spread_value(rows.allele_texts[name], allele, self._types[name]) for name in self._by_allele},
        }

    def _term_columns(self, rows: Rows, allele: Int32s) -> dict[str, Any]:
        codes, masks = number_values(rows.terms)
        worst_bits = rows.worst_terms & -rows.worst_terms
        worst_codes, bits = number_values(worst_bits)
        lowest = rows.terms & -rows.terms
        return {
            "consequence": _dictionary(codes, ["&".join(term_names(mask)) for mask in masks.tolist()]),
            "is_worst": pa.array(lowest == worst_bits[allele]),
            "worst_consequence": _dictionary(worst_codes[allele], [TERMS[lowest_bit(bit)] for bit in bits.tolist()]),
        }

    def _transcript_columns(self, pairs: dict[str, Any]) -> dict[str, Any]:
        transcript = pairs["transcript"]
        known = transcript >= 0
        absent = None if known.all() else ~known
        at = np.where(known, transcript, 0)
        is_used = np.zeros(self._strand.size, bool)
        is_used[at] = True
        used = np.flatnonzero(is_used)
        places = np.empty(self._strand.size, np.int32)
        places[used] = np.arange(used.size, dtype=np.int32)
        local = places[at]
        columns: dict[str, Any] = {
            "strand": pa.array(self._strand[at], mask=absent),
            "canonical": pa.array(self._canonical[at] & known),
        }
        for name, values in self._names.items():
            encoded = values.take(pa.array(used)).dictionary_encode()
            codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32)[local]
            if absent is not None:
                codes[absent] = -1
            columns[name] = _dictionary(codes, encoded.dictionary)
            if self._types[name] != _TEXT:
                columns[name] = encoded.dictionary.cast(self._types[name]).take(columns[name].indices)
        exons = self._exons[at]
        columns["exon"] = _parts(pairs["exon_first"], pairs["exon_last"], exons)
        columns["intron"] = _parts(pairs["intron_first"], pairs["intron_last"], exons - 1)
        return columns


def _reference_text(reference: Reference, name: str) -> Any:
    """A text column of the reference as an Arrow array, null where it is empty."""
    offsets, data = reference.text_column(name)
    column = pa.StringArray.from_buffers(
        offsets.size - 1, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(data))
    )
    return pc.if_else(pc.equal(column, ""), None, column)


def _dictionary(codes: Int32s, values: Any) -> Any:
    """codes: int32, -1 for null."""
    dictionary = values if isinstance(values, pa.Array) else pa.array(list(values), pa.string())
    absent = codes < 0
    indexes = pa.array(codes, mask=absent) if absent.any() else pa.array(codes)
    return pa.DictionaryArray.from_arrays(indexes, dictionary, safe=False)


def _plain_text(texts: Texts) -> Any:
    """A text column, null where a text is empty."""
    lengths = np.diff(texts.offsets)
    valid = np.packbits(lengths > 0, bitorder="little")
    offsets = texts.offsets.astype(np.int32)
    return pa.StringArray.from_buffers(
        lengths.size, pa.py_buffer(offsets), pa.py_buffer(texts.data), pa.py_buffer(valid), int((lengths == 0).sum())
    )


def _spread_text(texts: Texts, allele: Int32s) -> Any:
    """A text of each allele, for each of its rows; null where it is empty or '.'."""
    encoded = pc.dictionary_encode(_plain_text(texts))
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32)
    values = encoded.dictionary
    dot = pc.index(values, ".").as_py()
    if dot >= 0:
        codes[codes == dot] = -1
    return _dictionary(codes[allele], values)


def _spread_value(texts: Texts, allele: Int32s, kind: Any) -> Any:
    """A source's value of each allele, for each of its rows; null where it has none."""
    if not texts.data.size:
        return pa.nulls(allele.size, kind)
    if kind == _TEXT:
        return _spread_text(texts, allele)
    numbers = np.empty(texts.offsets.size - 1)
    read_numbers(texts.data, texts.offsets, numbers)
    absent = np.isnan(numbers)
    numbers[absent] = 0
    values = numbers.astype(kind.to_pandas_dtype(), copy=False)
    return pa.array(values, mask=absent).take(pa.array(allele))


def _parts(first: Int32s, last: Int32s, count: Int64s) -> Any:
    """`3/12` or `3-4/12`: exons or introns; null where first is 0."""
    packed = (first.astype(np.int64) << 2 * _PARTS_SHIFT) | (last.astype(np.int64) << _PARTS_SHIFT) | count
    packed[first == 0] = 0
    codes, values = number_values(packed)
    mask = (1 << _PARTS_SHIFT) - 1
    words = [
        None if value == 0 else _part_word(value >> 2 * _PARTS_SHIFT, value >> _PARTS_SHIFT & mask, value & mask)
        for value in values.tolist()
    ]
    empty = words.index(None) if None in words else -1
    codes[codes == empty] = -1
    return _dictionary(codes, ["" if word is None else word for word in words])


def _part_word(first: int, last: int, count: int) -> str:
    return f"{first}/{count}" if first == last else f"{first}-{last}/{count}"
