"""Two phased variants in one codon: what they do together may not be what either does alone.

Each variant is described by itself, as VEP does. Where one haplotype of a sample carries two of
them in one codon of a transcript, the pair is counted and named in the summary: the residue that is
made is then neither of the two that are shown. Seen are neighbours in the file that lie within one
codon of an exon (a codon that an intron parts is not looked at). Genotypes are read for records
that touch the same codon, and for no other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from annotations.genomics.compiled import compiled
from annotations.genomics.consequence.pairs import Pairs
from annotations.genomics.vcf.records import ALT, REF, Alleles, Bytes, Int32s, Int64s, Records

EXAMPLES: Final = 100
"""Pairs that are named; all are counted."""
_REACH: Final = 2  # bases between the ends of two changes in one codon
_SAMPLES: Final = 9  # columns before the first sample

Codon = tuple[int, int]
"""(row of Reference.transcripts, number of the residue)."""


@dataclass(frozen=True)
class Neighbour:
    """A record of coding alleles that may share a codon with another. last: 1-based, of its REF.

    codons: by alt_index. tail: FORMAT and the samples, as they stand in the line.
    """

    name: bytes
    line: int
    pos: int
    last: int
    ref: str
    alts: tuple[str, ...]
    codons: dict[int, frozenset[Codon]]
    tail: bytes


@dataclass(frozen=True)
class Together:
    """Two alleles on one haplotype that change one codon; samples: how many carry both so."""

    first: Neighbour
    first_alt: int
    second: Neighbour
    second_alt: int
    codon: Codon
    samples: int


@dataclass(frozen=True)
class Carriers:
    """Samples (by number) with an allele: on every haplotype; on which haplotype of which phase set; at all."""

    homozygous: frozenset[int]
    phased: frozenset[tuple[int, int, bytes]]
    all: frozenset[int]


@compiled
def mark_neighbours(pos: Int64s, end: Int64s, name: Int32s, marked: Bytes) -> None:
    """Mark records with another within reach, and those within reach of the chunk's ends."""
    count = pos.size
    for i in range(1, count):
        if name[i] == name[i - 1] and pos[i] - end[i - 1] <= _REACH:
            marked[i - 1] = marked[i] = 1
    for i in range(count):
        if name[i] != name[0] or pos[i] - end[0] > _REACH:
            break
        marked[i] = 1
    if count:
        marked[count - 1] = 1


def find_neighbours(records: Records, alleles: Alleles, pairs: Pairs) -> tuple[Neighbour, ...]:
    """Of a chunk: the records that have to be compared. Files without samples have none."""
    marked = np.zeros(len(records), np.uint8)
    mark_neighbours(records.pos, records.end, records.name, marked)
    numbers = np.flatnonzero(marked)
    bounds = np.searchsorted(alleles.record, np.stack([numbers, numbers + 1]))
    found = (
        _neighbour(records, number, _coding(alleles, pairs, first, stop))
        for number, first, stop in zip(numbers.tolist(), *bounds.tolist(), strict=True)
    )
    return tuple(neighbour for neighbour in found if neighbour.codons)


def _coding(alleles: Alleles, pairs: Pairs, first: int, stop: int) -> dict[int, frozenset[Codon]]:
    """Codons of the alleles first to stop, by alt_index."""
    found = {}
    for allele in range(first, stop):
        rows = pairs.rows[pairs.allele_rows[allele] : pairs.allele_rows[allele + 1]]
        rows = rows[(rows["protein_first"] > 0) & (rows["protein_last"] > 0)]
        if rows.size:
            columns = (rows[name].tolist() for name in ("transcript", "protein_first", "protein_last"))
            ends = ((row, residue) for row, *both in zip(*columns, strict=True) for residue in both)
            found[int(alleles.alt_index[allele])] = frozenset(ends)
    return found


def _neighbour(records: Records, number: int, codons: dict[int, frozenset[Codon]]) -> Neighbour:
    tail = records.text[records.fields[number, 8] : records.line_end[number]].tobytes() if codons else b""
    return Neighbour(
        name=records.names[records.name[number]],
        line=int(records.number[number]),
        pos=int(records.pos[number]),
        last=int(records.end[number]),
        ref=records.field(number, REF),
        alts=tuple(records.field(number, ALT).split(",")),
        codons=codons,
        tail=tail,
    )


def read_carriers(tail: bytes, alt_index: int) -> Carriers:
    """Who carries an allele, from FORMAT and the samples of its line."""
    keys, *samples = tail.split(b"\t")
    places = {key: place for place, key in enumerate(keys.split(b":"))}
    wanted, homozygous, phased, carriers = str(alt_index).encode(), set(), set(), set()
    genotype, phase_set = places.get(b"GT", -1), places.get(b"PS", -1)
    for number, sample in enumerate(samples if genotype >= 0 else ()):
        values = sample.split(b":")
        calls = values[genotype].replace(b"/", b"|").split(b"|") if genotype < len(values) else []
        if wanted not in calls:
            continue
        carriers.add(number)
        if all(call == wanted for call in calls):
            homozygous.add(number)
        elif b"/" not in values[genotype]:
            named = values[phase_set] if 0 <= phase_set < len(values) else b""
            phased |= {(number, side, named) for side, call in enumerate(calls) if call == wanted}
    return Carriers(frozenset(homozygous), frozenset(phased), frozenset(carriers))


def count_together(first: Carriers, second: Carriers) -> int:
    """Samples in which one haplotype is known to carry both."""
    sure = (first.homozygous & second.all) | (second.homozygous & first.all)
    return len(sure | {number for number, _, _ in first.phased & second.phased})


@dataclass
class PhaseWatch:
    """Follows the neighbours of all chunks in the file's order."""

    count: int = 0
    examples: list[Together] = field(default_factory=list)
    _recent: list[Neighbour] = field(default_factory=list)

    def follow(self, neighbours: Sequence[Neighbour]) -> None:
        """Compare each with those before it that are near enough."""
        for neighbour in neighbours:
            self._recent = [
                recent
                for recent in self._recent
                if recent.name == neighbour.name
                and recent.pos <= neighbour.pos
                and neighbour.pos - recent.last <= _REACH
            ]
            for recent in self._recent:
                for together in _compare(recent, neighbour):
                    self.count += 1
                    if self.count <= EXAMPLES:
                        self.examples.append(together)
            self._recent.append(neighbour)


def _compare(first: Neighbour, second: Neighbour) -> Iterator[Together]:
    """Pairs of alleles, one of each, that change a codon together."""
    for first_alt, first_codons in first.codons.items():
        for second_alt, second_codons in second.codons.items():
            shared = first_codons & second_codons
            if not shared:
                continue
            samples = count_together(read_carriers(first.tail, first_alt), read_carriers(second.tail, second_alt))
            if samples:
                yield Together(first, first_alt, second, second_alt, min(shared), samples)
