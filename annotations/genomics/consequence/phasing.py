"""Two phased variants in one codon: what they do together may not be what either does alone.

Each variant is described by itself, as VEP does. Where one haplotype of a sample carries two of
them in one codon of a transcript, the pair is counted and named in the summary: the residue that is
made is then neither of the two that are shown. Seen are neighbours in the file that lie within one
codon of an exon (a codon that an intron parts is not looked at). Most records have no neighbour, and
most neighbours are not phased: compiled code drops these before anything is made of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from annotations.genomics.compiled import compiled
from annotations.genomics.consequence.pairs import Pairs
from annotations.genomics.vcf.records import ALT, REF, Alleles, Bytes, Int32s, Int64s, Records

EXAMPLES: Final = 100
"""Pairs that are named; all are counted."""
_REACH: Final = 2  # bases between the ends of two changes in one codon
_SIDES: Final = 63  # calls of one GT that fit a bit each
_TAB, _SLASH, _ZERO, _NINE, _COLON, _G, _T, _BAR = 9, 47, 48, 57, 58, 71, 84, 124
_SHORTEST: Final = 4  # bytes of FORMAT and a sample: "GT", a tab, a call
_UNREAD: Final = 255
_FNV_START: Final = 0xCBF29CE484222325
_FNV_PRIME: Final = 0x100000001B3

Bools = npt.NDArray[np.bool_]
UInt64s = npt.NDArray[np.uint64]

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
    _carriers: dict[int, Carriers] = field(default_factory=dict)

    def carriers(self, alt_index: int) -> Carriers:
        """Who carries an allele: read once, for it is compared with every neighbour."""
        if alt_index not in self._carriers:
            self._carriers[alt_index] = read_carriers(self.tail, alt_index)
        return self._carriers[alt_index]


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
    """By sample: which haplotypes have an allele.

    sides: int64, bit n for the n-th call of GT. is_on_all: bool, every call is this allele.
    is_phased: bool, some are and it is known which. sets: uint64, digest (FNV-1a) of the phase set's name.
    """

    sides: Int64s
    is_on_all: Bools
    is_phased: Bools
    sets: UInt64s


@compiled
def strength_of_calls(text: Bytes, first: int, last: int) -> int:
    """How much FORMAT and samples in text[first:last] tell of haplotypes, before any allele is looked at.

    0: nobody carries an ALT. 1: somebody does, on a haplotype that is not known. 2: somebody does on a known one
    or on all; or GT is not the first key, where it should be, and nothing is known. Alleles of two records are
    together on a haplotype only if one record has 2 and the other at least 1.
    """
    if last - first < _SHORTEST or text[first] != _G or text[first + 1] != _T:
        return 2
    strength, call = 0, -1
    is_genotype = has_alt = has_other = is_slashed = False
    for i in range(first + 2, last + 1):
        letter = text[i] if i < last else _TAB
        if is_genotype and _ZERO <= letter <= _NINE:
            call = max(call, 0) * 10 + letter - _ZERO
        elif is_genotype and (letter == _BAR or letter == _SLASH or letter == _COLON or letter == _TAB):
            has_alt, has_other = has_alt or call > 0, has_other or call <= 0
            is_slashed, call = is_slashed or letter == _SLASH, -1
            if letter == _COLON or letter == _TAB:
                if has_alt:
                    strength = 1
                    if not (has_other and is_slashed):
                        return 2
                is_genotype = has_alt = has_other = is_slashed = False
        is_genotype = is_genotype or letter == _TAB
    return strength


@compiled
def mark_neighbours(
    text: Bytes, pos: Int64s, end: Int64s, name: Int32s, tails: Int64s, line_end: Int64s, strength: Bytes, marked: Bytes
) -> None:
    """Mark records that may share a haplotype with another within reach, or with one of the next or last chunk.

    tails: where FORMAT begins. strength: for the function's own use, all _UNREAD.
    """
    count = pos.size
    for i in range(count):
        is_at_end = pos[i] - end[0] <= _REACH and name[i] == name[0]
        is_at_end = is_at_end or (pos[count - 1] - end[i] <= _REACH and name[i] == name[count - 1])
        marked[i] |= is_at_end
        for j in range(i + 1, count):
            if name[j] != name[i] or pos[j] < pos[i] or pos[j] - end[i] > _REACH:
                break
            for k in (i, j):
                if strength[k] == _UNREAD:
                    strength[k] = strength_of_calls(text, tails[k], line_end[k])
            if strength[i] and strength[j] and strength[i] + strength[j] > 2:
                marked[i] = marked[j] = 1


def find_neighbours(records: Records, alleles: Alleles, pairs: Pairs) -> tuple[Neighbour, ...]:
    """Of a chunk: the records that have to be compared. Files without samples have none."""
    marked = np.zeros(len(records), np.uint8)
    strength = np.full(len(records), _UNREAD, np.uint8)
    tails = records.fields[:, 8]
    mark_neighbours(records.text, records.pos, records.end, records.name, tails, records.line_end, strength, marked)
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


@compiled
def scan_calls(
    tail: Bytes,
    wanted: int,
    genotype: int,
    phase_set: int,
    sides: Int64s,
    is_on_all: Bools,
    is_phased: Bools,
    sets: UInt64s,
) -> None:
    """Fill the arrays of Carriers. tail: samples without FORMAT; genotype, phase_set: places of GT and PS, or -1."""
    sample = field_place = side = others = 0
    call, is_slashed, digest = -1, False, np.uint64(_FNV_START)
    for i in range(tail.size + 1):
        letter = tail[i] if i < tail.size else _TAB
        is_end = letter == _TAB or letter == _COLON
        if field_place == genotype:
            if is_end or letter == _BAR or letter == _SLASH:
                if call == wanted and side < _SIDES:
                    sides[sample] |= 1 << side
                else:
                    others += 1
                is_slashed = is_slashed or letter == _SLASH
                side, call = side + 1, -1
            elif _ZERO <= letter <= _NINE:
                call = max(call, 0) * 10 + letter - _ZERO
        elif field_place == phase_set and not is_end:
            digest = (digest ^ np.uint64(letter)) * np.uint64(_FNV_PRIME)
        field_place += is_end
        if letter == _TAB:
            is_on_all[sample] = sides[sample] != 0 and others == 0
            is_phased[sample] = sides[sample] != 0 and others > 0 and not is_slashed
            sets[sample] = digest
            sample, field_place, side, others = sample + 1, 0, 0, 0
            call, is_slashed, digest = -1, False, np.uint64(_FNV_START)


def read_carriers(tail: bytes, alt_index: int) -> Carriers:
    """Who carries an allele, from FORMAT and the samples of its line."""
    keys, _, samples = tail.partition(b"\t")
    places = {key: place for place, key in enumerate(keys.split(b":"))}
    count = tail.count(b"\t") if b"GT" in places else 0
    found = Carriers(
        sides=np.zeros(count, np.int64),
        is_on_all=np.zeros(count, np.bool_),
        is_phased=np.zeros(count, np.bool_),
        sets=np.zeros(count, np.uint64),
    )
    if count:
        arrays = (found.sides, found.is_on_all, found.is_phased, found.sets)
        scan_calls(np.frombuffer(samples, np.uint8), alt_index, places[b"GT"], places.get(b"PS", -1), *arrays)
    return found


def count_together(first: Carriers, second: Carriers) -> int:
    """Samples in which one haplotype is known to carry both."""
    if first.sides.size != second.sides.size:  # one of the records has no genotypes
        return 0
    is_same_side = (first.sides & second.sides) != 0
    is_sure = first.is_phased & second.is_phased & is_same_side & (first.sets == second.sets)
    is_sure |= first.is_on_all & (second.sides != 0)
    is_sure |= second.is_on_all & (first.sides != 0)
    return int(np.count_nonzero(is_sure))


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
            samples = count_together(first.carriers(first_alt), second.carriers(second_alt))
            if samples:
                yield Together(first, first_alt, second, second_alt, min(shared), samples)
