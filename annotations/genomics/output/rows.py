"""A chunk's answer as columns of its own, for the tables that are written after the chunk is gone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from annotations.genomics.compiled import compiled
from annotations.genomics.consequence.pairs import Pairs
from annotations.genomics.output.copying import copy_bytes
from annotations.genomics.output.numbers import AC_KEY, AF_KEY, AN_KEY, allele_frequencies
from annotations.genomics.vcf.records import ALT, FILTER, ID, QUAL, REF, Alleles, Bytes, Int32s, Int64s, Records

PAIR_NUMBERS: Final = (
    "transcript", "impact", "picked", "hides", "distance", "exon_first", "exon_last", "intron_first", "intron_last",
    "cdna_first", "cdna_last", "cds_first", "cds_last", "protein_first", "protein_last", "hgvs_offset",
)  # fmt: skip
"""Columns of PAIR that the tables show, in the order of Rows.numbers."""
PAIR_TEXTS: Final = ("hgvsc", "hgvsp", "amino_acids", "codons")


@dataclass(frozen=True, slots=True)
class Texts:
    """A column of texts: text i is data[offsets[i] : offsets[i + 1]] (UTF-8). offsets: int64[n + 1]."""

    offsets: Int64s
    data: Bytes

    def part(self, first: int, stop: int) -> Texts:
        """Texts first to stop, without copying."""
        start = self.offsets[first]
        return Texts(self.offsets[first : stop + 1] - start, self.data[start : self.offsets[stop]])


@dataclass(frozen=True, slots=True)
class Rows:
    """a alleles that have rows, p rows in their order. Nothing here is a view of the chunk.

    names: CHROMs; name int32[a]: index in them. line, pos, alt_index: of the allele's record.
    counts: int64[a], rows of each allele. worst_terms: int64[a], all terms of all its transcripts.
    worst_impact: uint8[a]. variant_class: uint8[a]. frequency: float64[a], the file's own, NaN for
    none. terms: int64[p], set of terms. numbers: int32[PAIR_NUMBERS, p]. allele_texts: id, ref, alt,
    qual, filter, hgvsg and the sources' columns by allele. pair_texts: PAIR_TEXTS and their columns by pair.
    """

    names: tuple[str, ...]
    name: Int32s
    line: Int64s
    pos: Int64s
    alt_index: Int32s
    counts: Int64s
    worst_terms: Int64s
    worst_impact: Bytes
    variant_class: Bytes
    frequency: Any
    terms: Int64s
    numbers: Int32s
    allele_texts: dict[str, Texts]
    pair_texts: dict[str, Texts]

    def __len__(self) -> int:
        return int(self.counts.size)

    def weights(self) -> Int64s:
        """int64[a]: about how many bytes each allele's rows take in memory."""
        bounds = np.concatenate([[0], np.cumsum(self.counts)])
        texts = sum(texts.offsets[bounds] for texts in self.pair_texts.values())
        weights: Int64s = np.diff(texts) + 64 * self.counts
        return weights

    def part(self, first: int, stop: int) -> Rows:
        """The alleles first to stop with their rows."""
        before, after = int(self.counts[:first].sum()), int(self.counts[:stop].sum())
        return Rows(
            self.names, self.name[first:stop], self.line[first:stop], self.pos[first:stop],
            self.alt_index[first:stop], self.counts[first:stop], self.worst_terms[first:stop],
            self.worst_impact[first:stop], self.variant_class[first:stop], self.frequency[first:stop],
            self.terms[before:after], self.numbers[:, before:after],
            {key: texts.part(first, stop) for key, texts in self.allele_texts.items()},
            {key: texts.part(before, after) for key, texts in self.pair_texts.items()},
        )  # fmt: skip


@compiled
def copy_spans(text: Bytes, starts: Int64s, ends: Int64s, is_escaped: bool, out: Bytes, offsets: Int64s) -> None:
    """Copy text[starts[i]:ends[i]] one after the other; is_escaped: a last `%3D` becomes `=`."""
    at = 0
    for i in range(starts.size):
        offsets[i] = at
        start = starts[i]
        size = ends[i] - start
        copy_bytes(out, at, text, start, size)  # type: ignore[call-arg]
        at += size
        if is_escaped and size > 3 and out[at - 1] == 68 and out[at - 2] == 51 and out[at - 3] == 37:
            at -= 2
            out[at - 1] = 61
    offsets[starts.size] = at


def copy_texts(text: Bytes, starts: Int64s, ends: Int64s, *, is_escaped: bool = False) -> Texts:
    """The texts at these spans, as a column of its own. is_escaped: names as CSQ writes them."""
    offsets = np.empty(starts.size + 1, np.int64)
    out = np.empty(int((ends - starts).sum()), np.uint8)
    copy_spans(text, starts, ends, is_escaped, out, offsets)
    return Texts(offsets, out[: int(offsets[-1])])


@compiled
def copy_pairs(pairs: Any, terms: Int64s, numbers: Int32s, spans: Int64s) -> None:
    """Turn rows of PAIR into columns; spans (int64[8, p]): from and to of each of PAIR_TEXTS."""
    for i in range(terms.size):
        pair = pairs[i]
        terms[i] = pair.consequence
        numbers[0, i] = pair.transcript
        numbers[1, i] = pair.impact
        numbers[2, i] = pair.picked
        numbers[3, i] = pair.hides
        numbers[4, i] = pair.distance
        numbers[5, i] = pair.exon_first
        numbers[6, i] = pair.exon_last
        numbers[7, i] = pair.intron_first
        numbers[8, i] = pair.intron_last
        numbers[9, i] = pair.cdna_first
        numbers[10, i] = pair.cdna_last
        numbers[11, i] = pair.cds_first
        numbers[12, i] = pair.cds_last
        numbers[13, i] = pair.protein_first
        numbers[14, i] = pair.protein_last
        numbers[15, i] = pair.hgvs_offset
        spans[0, i] = pair.hgvsc_from
        spans[1, i] = pair.hgvsc_from + pair.hgvsc_length
        spans[2, i] = pair.hgvsp_from
        spans[3, i] = pair.hgvsp_from + pair.hgvsp_length
        spans[4, i] = pair.amino_acids_from
        spans[5, i] = pair.amino_acids_from + pair.amino_acids_length
        spans[6, i] = pair.codons_from
        spans[7, i] = pair.codons_from + pair.codons_length


@compiled
def find_alts(text: Bytes, fields: Int64s, record: Int32s, alt_index: Int32s, spans: Int64s) -> None:
    """spans (int64[a, 2]): the ALT of each allele as the record spells it."""
    for i in range(record.size):
        start = fields[record[i], ALT]
        end = fields[record[i], ALT + 1] - 1
        for _ in range(alt_index[i] - 1):
            while text[start] != 44:
                start += 1
            start += 1
        stop = start
        while stop < end and text[stop] != 44:
            stop += 1
        spans[i, 0] = start
        spans[i, 1] = stop


@compiled
def reduce_pairs(pairs: Any, bounds: Int64s, kept: Int64s, terms: Int64s, impact: Bytes) -> None:
    """All terms, and the most severe impact, of the rows of each kept allele."""
    for i in range(kept.size):
        joined = 0
        worst = 255
        for row in range(bounds[kept[i]], bounds[kept[i] + 1]):
            joined |= pairs[row].consequence
            worst = min(worst, pairs[row].impact)
        terms[i] = joined
        impact[i] = worst


def collect_rows(
    records: Records, alleles: Alleles, pairs: Pairs,
    known: Mapping[str, tuple[Bytes, Int64s]], known_of_pairs: Mapping[str, tuple[Bytes, Int64s]],
) -> Rows:  # fmt: skip
    """Copy out of the chunk and the kernel's buffers what the tables need.

    known: text and spans (int64[alleles, 2]) of the sources' columns by allele; known_of_pairs: by pair.
    """
    counts = np.diff(pairs.allele_rows)
    kept = np.flatnonzero(counts)
    record, alt_index = alleles.record[kept], alleles.alt_index[kept]
    terms, impact = np.empty(kept.size, np.int64), np.empty(kept.size, np.uint8)
    reduce_pairs(pairs.rows, pairs.allele_rows, kept, terms, impact)
    count = pairs.rows.size
    all_terms, numbers = np.empty(count, np.int64), np.empty((len(PAIR_NUMBERS), count), np.int32)
    spans = np.empty((2 * len(PAIR_TEXTS), count), np.int64)
    copy_pairs(pairs.rows, all_terms, numbers, spans)
    return Rows(
        names=tuple(name.decode() for name in records.names),
        name=records.name[record],
        line=records.number[record],
        pos=records.pos[record],
        alt_index=alt_index,
        counts=counts[kept],
        worst_terms=terms,
        worst_impact=impact,
        variant_class=pairs.variant_class[kept],
        frequency=_frequencies(records, record, alt_index),
        terms=all_terms,
        numbers=numbers,
        allele_texts=_allele_texts(records, record, alt_index, pairs, kept)
        | {name: _copy_columns(text, spans[kept]) for name, (text, spans) in known.items()},
        pair_texts={
            key: copy_texts(pairs.text, spans[2 * place], spans[2 * place + 1], is_escaped=key.startswith("hgvs"))
            for place, key in enumerate(PAIR_TEXTS)
        }
        | {name: _copy_columns(text, spans) for name, (text, spans) in known_of_pairs.items()},
    )


def _frequencies(records: Records, record: Int32s, alt_index: Int32s) -> Any:
    found = np.empty(record.size)
    allele_frequencies(records.text, records.fields, record, alt_index, AF_KEY, AC_KEY, AN_KEY, found)
    return found


def _allele_texts(records: Records, record: Int32s, alt_index: Int32s, pairs: Pairs, kept: Int64s) -> dict[str, Texts]:
    spans = np.empty((record.size, 2), np.int64)
    find_alts(records.text, records.fields, record, alt_index, spans)
    found = {
        key: copy_texts(records.text, records.fields[record, column], records.fields[record, column + 1] - 1)
        for key, column in (("id", ID), ("ref", REF), ("qual", QUAL), ("filter", FILTER))
    }
    found["alt"] = _copy_columns(records.text, spans)
    found["hgvsg"] = _copy_columns(pairs.text, pairs.hgvsg[kept], is_escaped=True)
    return found


def _copy_columns(text: Bytes, spans: Int64s, *, is_escaped: bool = False) -> Texts:
    return copy_texts(text, spans[:, 0].copy(), spans[:, 1].copy(), is_escaped=is_escaped)


def join_rows(parts: Sequence[Rows]) -> Rows:
    """One after the other, with one list of names."""
    if len(parts) == 1:
        return parts[0]
    names: dict[str, int] = {}
    codes = []
    for part in parts:
        mapping = np.array([names.setdefault(name, len(names)) for name in part.names], np.int32)
        codes.append(mapping[part.name] if len(part) else part.name)
    join = np.concatenate
    return Rows(
        names=tuple(names),
        name=join(codes),
        line=join([part.line for part in parts]),
        pos=join([part.pos for part in parts]),
        alt_index=join([part.alt_index for part in parts]),
        counts=join([part.counts for part in parts]),
        worst_terms=join([part.worst_terms for part in parts]),
        worst_impact=join([part.worst_impact for part in parts]),
        variant_class=join([part.variant_class for part in parts]),
        frequency=join([part.frequency for part in parts]),
        terms=join([part.terms for part in parts]),
        numbers=join([part.numbers for part in parts], axis=1),
        allele_texts={key: _join_texts([part.allele_texts[key] for part in parts]) for key in parts[0].allele_texts},
        pair_texts={key: _join_texts([part.pair_texts[key] for part in parts]) for key in parts[0].pair_texts},
    )


def _join_texts(parts: Sequence[Texts]) -> Texts:
    starts = np.cumsum([0, *(part.offsets[-1] for part in parts)])
    offsets = [part.offsets[:-1] + start for part, start in zip(parts, starts, strict=False)]
    return Texts(
        np.concatenate([*offsets, starts[-1:]]).astype(np.int64), np.concatenate([part.data for part in parts])
    )
