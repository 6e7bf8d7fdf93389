
"""A chunk's answer as columns of its own, for the tables that are written after the chunk is gone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from annotations.genomics.compiled import compiled
from annotations.genomics.consequence.pairs import Pairs
from annotations.genomics.vcf.records import ALT, FILTER, ID, QUAL, REF, Alleles, Bytes, Int32s, Int64s, Records

PAIR_TEXTS: Final = ("hgvsc", "hgvsp", "amino_acids", "codons")
ALLELE_TEXTS: Final = ("id", "ref", "alt", "qual", "filter", "hgvsg")


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
    worst_impact: uint8[a]. variant_class: uint8[a]. pairs: PAIR[p]; its `allele` is not used.
    allele_texts, pair_texts: by the names above.
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
    pairs: np.ndarray[Any, Any]
    allele_texts: dict[str, Texts]
    pair_texts: dict[str, Texts]

    def __len__(self) -> int:
        return int(self.counts.size)

    def weights(self) -> Int64s:
        """int64[a]: about how many bytes each allele's rows take in memory."""
        bounds = np.concatenate([[0], np.cumsum(self.counts)])
        texts = sum(texts.offsets[bounds] for texts in self.pair_texts.values())
        return np.diff(texts) + 64 * self.counts

    def part(self, first: int, stop: int) -> Rows:
        """The alleles first to stop with their rows."""
        before, after = int(self.counts[:first].sum()), int(self.counts[:stop].sum())
        return Rows(
            self.names, self.name[first:stop], self.line[first:stop], self.pos[first:stop],
            self.alt_index[first:stop], self.counts[first:stop], self.worst_terms[first:stop],
            self.worst_impact[first:stop], self.variant_class[first:stop], self.pairs[before:after],
            {key: texts.part(first, stop) for key, texts in self.allele_texts.items()},
            {key: texts.part(before, after) for key, texts in self.pair_texts.items()},
        )  # fmt: skip


@compiled
def copy_spans(text: Bytes, starts: Int64s, ends: Int64s, out: Bytes, offsets: Int64s) -> None:
    """Copy text[starts[i]:ends[i]] one after the other, with `%3D` as the `=` that it stands for."""
    at = 0
    for i in range(starts.size):
        offsets[i] = at
        p = starts[i]
        end = ends[i]
        while p < end:
            byte = text[p]
            if byte == 37 and p + 2 < end and text[p + 1] == 51 and text[p + 2] == 68:
                byte = np.uint8(61)
                p += 2
            out[at] = byte
            at += 1
            p += 1
    offsets[starts.size] = at


def copy_texts(text: Bytes, starts: Int64s, ends: Int64s) -> Texts:
    """The texts at these spans, as a column of its own."""
    offsets = np.empty(starts.size + 1, np.int64)
    out = np.empty(int((ends - starts).sum()), np.uint8)
    copy_spans(text, starts, ends, out, offsets)
    return Texts(offsets, out[: int(offsets[-1])])


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


def collect_rows(records: Records, alleles: Alleles, pairs: Pairs) -> Rows:
    """Copy out of the chunk and the kernel's buffers what the tables need."""
    counts = np.diff(pairs.allele_rows)
    kept = np.flatnonzero(counts)
    record, alt_index = alleles.record[kept], alleles.alt_index[kept]
    terms, impact = np.empty(kept.size, np.int64), np.empty(kept.size, np.uint8)
    reduce_pairs(pairs.rows, pairs.allele_rows, kept, terms, impact)
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
        pairs=pairs.rows.copy(),
        allele_texts=_allele_texts(records, record, alt_index, pairs, kept),
        pair_texts={
            key: copy_texts(
                pairs.text, pairs.rows[f"{key}_from"], pairs.rows[f"{key}_from"] + pairs.rows[f"{key}_length"]
            )
            for key in PAIR_TEXTS
        },
    )


def _allele_texts(records: Records, record: Int32s, alt_index: Int32s, pairs: Pairs, kept: Int64s) -> dict[str, Texts]:
    spans = np.empty((record.size, 2), np.int64)
    find_alts(records.text, records.fields, record, alt_index, spans)
    found = {
        key: copy_texts(records.text, records.fields[record, column], records.fields[record, column + 1] - 1)
        for key, column in (("id", ID), ("ref", REF), ("qual", QUAL), ("filter", FILTER))
    }
    found["alt"] = copy_texts(records.text, spans[:, 0].copy(), spans[:, 1].copy())
    hgvsg = pairs.hgvsg[kept]
    found["hgvsg"] = copy_texts(pairs.text, hgvsg[:, 0].copy(), hgvsg[:, 1].copy())
    return found


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
        pairs=join([part.pairs for part in parts]),
        allele_texts={key: _join_texts([part.allele_texts[key] for part in parts]) for key in ALLELE_TEXTS},
        pair_texts={key: _join_texts([part.pair_texts[key] for part in parts]) for key in PAIR_TEXTS},
    )


def _join_texts(parts: Sequence[Texts]) -> Texts:
    starts = np.cumsum([0, *(part.offsets[-1] for part in parts)])
    offsets = [part.offsets[:-1] + start for part, start in zip(parts, starts, strict=False)]
    return Texts(
        np.concatenate([*offsets, starts[-1:]]).astype(np.int64), np.concatenate([part.data for part in parts])
    )
