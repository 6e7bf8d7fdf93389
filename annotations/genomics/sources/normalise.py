"""One name for each allele: trimmed of what REF and ALT share, pushed as far left as it goes.

The same deletion can be written at every place of a repeat; here all of these become the same
(start, code). start: 0-based place of the first replaced base. code: how many bases are replaced
and by which ones, exact for up to 22 new bases in place of up to 4,095; beyond that 62 bits of a
hash, so two alleles at one start are taken for one with a chance of 2^-62.
The rule is that of `bcftools norm` and of Tan, Abecasis & Kang, Bioinformatics 2015.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from annotations.genomics.compiled import compiled
from annotations.genomics.reference.layout import BASE_CODES
from annotations.genomics.vcf.records import Alleles, Bytes, Int32s, Int64s, Kind, Records

if TYPE_CHECKING:
    from annotations.genomics.reference.load import Reference

SHIFT_LIMIT: Final = 1 << 14
"""Steps to the left at most: what repeats for longer may stay unfound, and is never confused."""
EXACT_ALT: Final = 22
EXACT_REF: Final = 1 << 12
NO_CODE: Final = -1
_CODES: Final = BASE_CODES
_SEQUENCE: Final = int(Kind.SEQUENCE)
_HASHED: Final = 1 << 62
_HASH_MASK: Final = _HASHED - 1
_PRIME: Final = 1099511628211


@compiled
def shifted_base(sequence: Bytes, start: int, text: Bytes, alt: int, shift: int, index: int, codes: Bytes) -> int:
    """The index-th new base, after an insertion at `start` was moved `shift` places to the left."""
    if index < shift:
        return int(sequence[start - shift + index])
    return int(codes[text[alt + index - shift]])


@compiled
def count_shift(
    sequence: Bytes, floor: int, start: int, end: int, text: Bytes, alt: int, alt_length: int, codes: Bytes
) -> int:
    """Places that a pure insertion or deletion at sequence[start:end] can move left; never below floor."""
    shift = 0
    while start - shift > floor and shift < SHIFT_LIMIT:
        before = sequence[start - shift - 1]
        if before > 3:
            break
        if alt_length == 0:
            last = int(sequence[end - shift - 1])
        else:
            last = shifted_base(sequence, start, text, alt, shift, alt_length - 1, codes)
        if before != last:
            break
        shift += 1
    return shift


@compiled
def allele_code(
    sequence: Bytes, start: int, ref_length: int, text: Bytes, alt: int, alt_length: int, shift: int, codes: Bytes
) -> int:
    """The code of the allele, NO_CODE where a new base is not A, C, G or T."""
    is_exact = alt_length <= EXACT_ALT and ref_length < EXACT_REF
    packed = (ref_length << 5) | alt_length
    for index in range(alt_length):
        base = shifted_base(sequence, start, text, alt, shift, index, codes)
        if base > 3:
            return NO_CODE
        if is_exact:
            packed = (packed << 2) | base
        else:
            packed = ((packed ^ (base + 1)) * _PRIME) & _HASH_MASK
            packed ^= packed >> 29
    return packed if is_exact else packed | _HASHED


@compiled
def normalise_alleles(
    text: Bytes, record: Int32s, contig: Int32s, kind: Bytes, start: Int64s, ref_from: Int64s, ref_to: Int64s,
    alt_from: Int64s, alt_to: Int64s, contig_rows: Int64s, sequence: Bytes, codes: Bytes,
    out_contig: Int32s, out_start: Int64s, out_code: Int64s,
) -> None:  # fmt: skip
    """Fill out_contig, out_start, out_code for alleles as vcf.records has them.

    out_code is NO_CODE where the allele is not spelled out in bases, or changes nothing.
    """
    for i in range(record.size):
        out_contig[i] = contig[record[i]]
        out_start[i] = start[i]
        out_code[i] = NO_CODE
        if kind[i] != _SEQUENCE:
            continue
        ref, ref_end, alt, alt_end = ref_from[i], ref_to[i], alt_from[i], alt_to[i]
        while ref < ref_end and alt < alt_end and (text[ref_end - 1] & 0xDF) == (text[alt_end - 1] & 0xDF):
            ref_end -= 1
            alt_end -= 1
        while ref < ref_end and alt < alt_end and (text[ref] & 0xDF) == (text[alt] & 0xDF):
            ref += 1
            alt += 1
        if ref == ref_end and alt == alt_end:
            continue
        floor = contig_rows[contig[record[i]], 0]
        first = floor + start[i] + ref - ref_from[i]
        shift = 0
        if ref == ref_end or alt == alt_end:
            shift = count_shift(sequence, floor, first, first + ref_end - ref, text, alt, alt_end - alt, codes)
        out_start[i] = first - floor - shift
        out_code[i] = allele_code(sequence, first, ref_end - ref, text, alt, alt_end - alt, shift, codes)


def normalise(records: Records, alleles: Alleles, reference: Reference) -> tuple[Int32s, Int64s, Int64s]:
    """(contig int32[m], start int64[m], code int64[m]) of a chunk's alleles; see normalise_alleles."""
    count = len(alleles)
    contig, start, code = np.empty(count, np.int32), np.empty(count, np.int64), np.empty(count, np.int64)
    normalise_alleles(
        records.text, alleles.record, records.contig, alleles.kind, alleles.start, alleles.ref_from,
        alleles.ref_to, alleles.alt_from, alleles.alt_to, reference.contig_rows, reference.all_sequence, _CODES,
        contig, start, code,
    )  # fmt: skip
    return contig, start, code
