"""Counts for the summary, added up chunk by chunk in compiled loops."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np

from annotations.genomics.compiled import compiled
from annotations.genomics.consequence.pairs import Pairs
from annotations.genomics.consequence.terms import IMPACTS, TERMS, VARIANT_CLASSES
from annotations.genomics.output.bins import DENSITY_STEP, FREQUENCY_EDGES, INDEL_LIMIT, QUALITY_BINS, QUALITY_STEP
from annotations.genomics.output.numbers import AC_KEY, AF_KEY, AN_KEY, allele_frequency, read_decimal
from annotations.genomics.reference.load import Reference
from annotations.genomics.vcf.records import INFO, QUAL, Alleles, Bytes, Int32s, Int64s, Kind, Records

_EDGES: Final = np.array(FREQUENCY_EDGES)
_MEGABASE: Final = DENSITY_STEP
_SEQUENCE: Final = int(Kind.SEQUENCE)
_BND: Final = int(Kind.BND)


@dataclass(frozen=True, slots=True)
class Tally:
    """Of annotated alleles (those with rows), unless it says otherwise; all int64.

    terms: by most severe term of all transcripts. picked_terms: of the picked transcript.
    all_terms: rows by each of their terms. impacts, picked_impacts: likewise. classes: variant
    classes. hiding: [alleles whose picked transcript is less severe than another]. ti_tv:
    transitions, transversions. indels: bases gained, from -50 (and less) to 50 (and more).
    frequencies, qualities: the last bin is "not known". genes: by gene number, alleles whose
    picked transcript overlaps it; severe_genes: those of HIGH or MODERATE impact there. density:
    megabases, contig after contig. carried: alleles without rows, by Kind. totals: alleles, rows.
    sources: alleles of which each source of the reference says something.
    """

    terms: Int64s
    picked_terms: Int64s
    all_terms: Int64s
    impacts: Int64s
    picked_impacts: Int64s
    classes: Int64s
    hiding: Int64s
    ti_tv: Int64s
    indels: Int64s
    frequencies: Int64s
    qualities: Int64s
    genes: Int64s
    severe_genes: Int64s
    density: Int64s
    carried: Int64s
    totals: Int64s
    sources: Int64s

    def add(self, other: Tally) -> None:
        """Add another's counts to these."""
        for item in fields(self):
            getattr(self, item.name)[:] += getattr(other, item.name)


def density_offsets(reference: Reference) -> Int64s:
    """int64[contigs + 1]: where each contig's megabases begin in Tally.density."""
    bins = reference.contig_rows[:, 1] // DENSITY_STEP + 1
    return np.concatenate([[0], np.cumsum(bins)]).astype(np.int64)


def empty_tally(reference: Reference) -> Tally:
    """Nothing counted yet."""
    genes = int(reference.transcripts["gene"].max(initial=-1)) + 1
    sizes = {
        "terms": len(TERMS), "picked_terms": len(TERMS), "all_terms": len(TERMS),
        "impacts": len(IMPACTS), "picked_impacts": len(IMPACTS), "classes": len(VARIANT_CLASSES),
        "hiding": 1, "ti_tv": 2, "indels": 2 * INDEL_LIMIT + 1,
        "frequencies": len(FREQUENCY_EDGES) + 2, "qualities": QUALITY_BINS + 1,
        "genes": genes, "severe_genes": genes, "density": int(density_offsets(reference)[-1]),
        "carried": len(Kind), "totals": 2, "sources": len(reference.sources),
    }  # fmt: skip
    return Tally(**{name: np.zeros(size, np.int64) for name, size in sizes.items()})


@compiled
def lowest_bit(mask: int) -> int:
    """Number of the lowest bit that is set: the most severe term. mask is not 0."""
    bit = 0
    while not mask & 1:
        mask >>= 1
        bit += 1
    return bit


@compiled
def count_terms(mask: int, counts: Int64s) -> None:
    """Add 1 for each bit of the mask."""
    bit = 0
    while mask:
        if mask & 1:
            counts[bit] += 1
        mask >>= 1
        bit += 1


@compiled
def tally_pairs(
    pairs: Any, bounds: Int64s, genes_of: Int32s, terms: Int64s, picked_terms: Int64s, all_terms: Int64s,
    impacts: Int64s, picked_impacts: Int64s, hiding: Int64s, genes: Int64s, severe_genes: Int64s, totals: Int64s,
) -> None:  # fmt: skip
    """Count what the rows of each allele say. bounds: Pairs.allele_rows; genes_of: by transcript."""
    for allele in range(bounds.size - 1):
        if bounds[allele] == bounds[allele + 1]:
            continue
        joined = 0
        worst = 3
        for row in range(bounds[allele], bounds[allele + 1]):
            mask = pairs[row].consequence
            joined |= mask
            worst = min(worst, pairs[row].impact)
            count_terms(mask, all_terms)
            if pairs[row].picked:
                picked_terms[lowest_bit(mask)] += 1
                picked_impacts[pairs[row].impact] += 1
                hiding[0] += pairs[row].hides
                if pairs[row].within:
                    gene = genes_of[pairs[row].transcript]
                    genes[gene] += 1
                    severe_genes[gene] += pairs[row].impact < 2
        terms[lowest_bit(joined)] += 1
        impacts[worst] += 1
        totals[0] += 1
    totals[1] += bounds[bounds.size - 1]


@compiled
def is_transition(ref: int, alt: int) -> bool:
    """A<->G or C<->T (letters, either case)."""
    a = ref & 0xDF
    b = alt & 0xDF
    return (a == 65 and b == 71) or (a == 71 and b == 65) or (a == 67 and b == 84) or (a == 84 and b == 67)


@compiled
def tally_alleles(
    text: Bytes, fields_: Int64s, pos: Int64s, contig: Int32s, record: Int32s, alt_index: Int32s, kind: Bytes,
    ref_from: Int64s, ref_to: Int64s, alt_from: Int64s, alt_to: Int64s, variant_class: Bytes,
    density_from: Int64s, edges: Any, af_key: Bytes, ac_key: Bytes, an_key: Bytes,
    classes: Int64s, ti_tv: Int64s, indels: Int64s, frequencies: Int64s, qualities: Int64s,
    density: Int64s, carried: Int64s,
) -> None:  # fmt: skip
    """Count what the alleles themselves are."""
    for i in range(record.size):
        if kind[i] > _BND:
            carried[kind[i]] += 1
            continue
        row = fields_[record[i]]
        classes[variant_class[i]] += 1
        density[density_from[contig[record[i]]] + (pos[record[i]] - 1) // _MEGABASE] += 1
        if kind[i] == _SEQUENCE:
            gained = (alt_to[i] - alt_from[i]) - (ref_to[i] - ref_from[i])
            if gained != 0:
                indels[max(-INDEL_LIMIT, min(INDEL_LIMIT, gained)) + INDEL_LIMIT] += 1
            elif ref_to[i] - ref_from[i] == 1:
                ti_tv[0 if is_transition(text[ref_from[i]], text[alt_from[i]]) else 1] += 1
        frequency = allele_frequency(text, row[INFO], row[8] - 1, alt_index[i] - 1, af_key, ac_key, an_key)
        place = edges.size + 1
        if frequency >= 0.0:
            place = 0
            while place < edges.size and frequency > edges[place]:
                place += 1
        frequencies[place] += 1
        quality = read_decimal(text, row[QUAL], row[QUAL + 1] - 1)
        if quality < 0.0:
            qualities[QUALITY_BINS] += 1
        else:
            qualities[int(min(quality / QUALITY_STEP, QUALITY_BINS - 1.0))] += 1


def tally_chunk(tally: Tally, records: Records, alleles: Alleles, pairs: Pairs, reference: Reference) -> None:
    """Add a chunk's counts."""
    tally_pairs(
        pairs.rows, pairs.allele_rows, np.ascontiguousarray(reference.transcripts["gene"]),
        tally.terms, tally.picked_terms, tally.all_terms, tally.impacts, tally.picked_impacts,
        tally.hiding, tally.genes, tally.severe_genes, tally.totals,
    )  # fmt: skip
    tally_alleles(
        records.text, records.fields, records.pos, records.contig, alleles.record, alleles.alt_index, alleles.kind,
        alleles.ref_from, alleles.ref_to, alleles.alt_from, alleles.alt_to, pairs.variant_class,
        density_offsets(reference), _EDGES, AF_KEY, AC_KEY, AN_KEY,
        tally.classes, tally.ti_tv, tally.indels, tally.frequencies, tally.qualities,
        tally.density, tally.carried,
    )  # fmt: skip
