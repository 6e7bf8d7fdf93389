# ruff: noqa: SIM102 (compiled loops: many arrays, plain comparisons)
"""The compiled loops that decide what a record's alleles are and whether it is annotated.

Each function fills arrays that its caller (parse.py) has sized: nothing here allocates or raises.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from annotations.genomics.compiled import compiled
from annotations.genomics.reference.layout import BASE_CODES, BASE_SETS
from annotations.genomics.vcf.lines import read_number
from annotations.genomics.vcf.records import ALT, INFO, REF, Bytes, Int32s, Int64s, Kind
from annotations.genomics.vcf.skips import Skip


def _letter_sets() -> Bytes:
    sets = np.zeros(256, np.uint8)
    for letter in b"ACGTNRYSWKMBDHV":
        sets[letter] = sets[letter + 32] = BASE_SETS[BASE_CODES[letter]]
    return sets


LETTER_SETS: Final = _letter_sets()
"""uint8[256]: letter, in either case -> bases it may stand for (A=1 C=2 G=4 T=8); 0: no base."""

_DEL, _DUP, _INV, _INS = int(Kind.DEL), int(Kind.DUP), int(Kind.INV), int(Kind.INS)
_CNV, _BND, _STAR = int(Kind.CNV), int(Kind.BND), int(Kind.STAR)
_NON_REF, _OTHER, _SEQUENCE = int(Kind.NON_REF), int(Kind.OTHER), int(Kind.SEQUENCE)
_INVALID: Final = 100
_NO_EXTENT: Final = 102
_MISSING: Final = 103


@compiled
def info_value(text: Bytes, start: int, end: int, key: Bytes) -> int:
    """Where the value of `key` (with its "=") begins in the INFO text[start:end]; -1: not there."""
    i = start
    while i + key.size <= end:
        same = True
        for k in range(key.size):
            if text[i + k] != key[k]:
                same = False
                break
        if same:
            return i + key.size
        while i < end and text[i] != 59:
            i += 1
        i += 1
    return -1


@compiled
def list_number(text: Bytes, start: int, end: int, index: int) -> int:
    """The index-th number, without its sign, of a comma list that begins at start; -1: none.

    A list of one value is that value for every index.
    """
    item = 0
    first = start
    i = start
    while True:
        if i >= end or text[i] == 59 or text[i] == 44:
            if item == index or (item == 0 and (i >= end or text[i] == 59)):
                if first < i and text[first] == 45:
                    first += 1
                return read_number(text, first, i)
            if i >= end or text[i] == 59:
                return -1
            item += 1
            first = i + 1
        i += 1


@compiled
def symbolic_kind(text: Bytes, start: int, end: int) -> int:
    """Kind of the ALT text[start:end] = "<...>"."""
    if end - start == 3 and text[start + 1] == 42:
        return _NON_REF
    if end - start < 5:
        return _OTHER
    a = text[start + 1]
    b = text[start + 2]
    c = text[start + 3]
    after = text[start + 4]
    if after == 62 or after == 58:
        if a == 68 and b == 69 and c == 76:
            return _DEL
        if a == 68 and b == 85 and c == 80:
            return _DUP
        if a == 73 and b == 78 and c == 86:
            return _INV
        if a == 73 and b == 78 and c == 83:
            return _INS
        if a == 67 and b == 78 and c == 86:
            return _CNV
    if end - start == 9 and a == 78 and b == 79 and c == 78 and after == 95:
        if text[start + 5] == 82 and text[start + 6] == 69 and text[start + 7] == 70:
            return _NON_REF
    return _OTHER


@compiled
def alt_kind(text: Bytes, start: int, end: int, ref: int, ref_end: int, sets: Bytes) -> int:
    """Kind of the ALT text[start:end]; _INVALID or _MISSING where it has none."""
    if start == end:
        return _INVALID
    first = text[start]
    last = text[end - 1]
    if end - start == 1:
        if first == 42:
            return _STAR
        if first == 46:
            return _MISSING
    if first == 60 and last == 62:
        return symbolic_kind(text, start, end)
    letters = True
    for i in range(start, end):
        if text[i] == 91 or text[i] == 93:
            return _BND
        letters &= sets[text[i]] != 0
    if letters:
        same = end - start == ref_end - ref
        if same:
            for i in range(end - start):
                same &= (text[start + i] & 0xDF) == (text[ref + i] & 0xDF)
        return _OTHER if same else _SEQUENCE
    if (first == 46) != (last == 46):
        for i in range(start + (first == 46), end - (last == 46)):
            if sets[text[i]] == 0:
                return _INVALID
        return _BND
    return _INVALID


@compiled
def symbolic_end(
    text: Bytes,
    info: int,
    info_end: int,
    pos: int,
    index: int,
    svlen_first: bool,
    end_key: Bytes,
    svlen_key: Bytes,
) -> int:
    """0-based, half-open end of a symbolic allele; -1 where INFO does not tell.

    From VCF 4.4 on SVLEN decides (svlen_first), before that END does; SVLEN may have either sign.
    """
    at = info_value(text, info, info_end, end_key)
    by_end = list_number(text, at, info_end, 0) if at >= 0 else -1
    if by_end < pos:
        by_end = -1
    at = info_value(text, info, info_end, svlen_key)
    length = list_number(text, at, info_end, index) if at >= 0 else -1
    by_length = pos + length if length >= 0 else -1
    if svlen_first:
        return by_length if by_length >= 0 else by_end
    return by_end if by_end >= 0 else by_length


@compiled
def ref_problem(
    text: Bytes,
    ref: int,
    ref_end: int,
    pos: int,
    offset: int,
    length: int,
    sequence: Bytes,
    sets: Bytes,
) -> int:
    """0, or the Skip that REF at pos deserves on a contig of `length` bases at sequence[offset].

    A letter agrees with a base that it may stand for; where the reference itself knows no base
    (code 4), with any.
    """
    if pos == 0 or pos == length + 1:
        return Skip.TELOMERE.value
    if ref == ref_end:
        return Skip.REF_INVALID.value
    for i in range(ref, ref_end):
        if sets[text[i]] == 0:
            return Skip.REF_INVALID.value
    if pos - 1 + ref_end - ref > length:
        return Skip.OUTSIDE_CONTIG.value
    base = offset + pos - 1
    for i in range(ref_end - ref):
        code = sequence[base + i]
        if code < 4 and not (sets[text[ref + i]] >> code) & 1:
            return Skip.REF_MISMATCH.value
    return 0


@compiled
def unannotated_reason(seen: int) -> int:
    """The Skip of a record without one allele to annotate. seen: bits of what its ALTs are."""
    if seen & 4:
        return Skip.NO_EXTENT.value
    if seen & 1:
        return Skip.REFERENCE_BLOCK.value
    if seen & 2:
        return Skip.STAR_ONLY.value
    if seen & 8:
        return Skip.UNSUPPORTED_SYMBOLIC.value
    return Skip.NO_ALTERNATE.value


@compiled
def scan_alts(
    text: Bytes,
    row: Int64s,
    pos: int,
    svlen_first: bool,
    allele_length: int,
    sets: Bytes,
    end_key: Bytes,
    svlen_key: Bytes,
    kinds: Bytes,
    ends: Int64s,
) -> tuple[int, int, int]:
    """Classify the ALTs of one record into kinds and ends (one entry an allele, while they fit).

    Returns how many ALTs there are, the record's Skip as far as they decide it (0: annotate), and
    the 0-based, half-open end of the longest symbolic one (0 without).
    """
    ref = row[REF]
    ref_end = row[REF + 1] - 1
    last = row[ALT + 1] - 1
    first = row[ALT]
    count = 0
    good = 0
    seen = 0
    worst = 0
    longest = 0
    too_long = ref_end - ref > allele_length
    i = first
    while i <= last:
        if i == last or text[i] == 44:
            kind = alt_kind(text, first, i, ref, ref_end, sets)
            extent = 0
            if (kind >= _DEL and kind <= _CNV) or kind == _NON_REF:
                extent = symbolic_end(text, row[INFO], row[8] - 1, pos, count, svlen_first, end_key, svlen_key)
                longest = max(longest, extent)
                if extent < 0 and kind != _INS and kind != _NON_REF:
                    kind = _NO_EXTENT
            if kind == _INVALID:
                worst = Skip.ALT_INVALID.value
            elif kind <= _BND:
                good += 1
                too_long |= i - first > allele_length
            elif kind == _NON_REF:
                seen |= 1
            elif kind == _STAR:
                seen |= 2
            elif kind == _NO_EXTENT:
                seen |= 4
                kind = _OTHER
            elif kind == _OTHER:
                seen |= 8
            else:
                kind = _OTHER
            if count < kinds.size:
                kinds[count] = kind
                ends[count] = extent
            count += 1
            first = i + 1
        i += 1
    if worst == 0 and too_long:
        worst = Skip.ALLELE_TOO_LONG.value
    if worst == 0 and good == 0:
        worst = unannotated_reason(seen)
    return count, worst, longest


@compiled
def scan_records(
    text: Bytes,
    fields: Int64s,
    pos: Int64s,
    contig: Int32s,
    offsets: Int64s,
    lengths: Int64s,
    sequence: Bytes,
    allele_length: int,
    svlen_first: bool,
    sets: Bytes,
    end_key: Bytes,
    svlen_key: Bytes,
    kinds: Bytes,
    extents: Int64s,
    skip: Bytes,
    end: Int64s,
    alts: Int32s,
) -> None:
    """Decide for each record whether it is annotated (skip), its end, and its number of ALTs.

    offsets, lengths: of the reference's contigs in sequence. kinds, extents: scratch.
    """
    for i in range(pos.size):
        row = fields[i]
        count, reason, longest = scan_alts(
            text, row, pos[i], svlen_first, allele_length, sets, end_key, svlen_key, kinds, extents
        )
        end[i] = max(pos[i] - 1 + row[REF + 1] - 1 - row[REF], longest)
        alts[i] = count
        if contig[i] < 0:
            skip[i] = Skip.UNKNOWN_CONTIG.value
            continue
        problem = ref_problem(
            text,
            row[REF],
            row[REF + 1] - 1,
            pos[i],
            offsets[contig[i]],
            lengths[contig[i]],
            sequence,
            sets,
        )
        skip[i] = problem if problem else reason


@compiled
def trim(text: Bytes, ref: int, ref_end: int, alt: int, alt_end: int) -> tuple[int, int]:
    """Letters that both alleles share at the front, then at the back, where lengths differ."""
    shorter = min(ref_end - ref, alt_end - alt)
    if ref_end - ref == alt_end - alt:
        return 0, 0
    front = 0
    while front < shorter and (text[ref + front] & 0xDF) == (text[alt + front] & 0xDF):
        front += 1
    back = 0
    while back < shorter - front and (text[ref_end - 1 - back] & 0xDF) == (text[alt_end - 1 - back] & 0xDF):
        back += 1
    return front, back


@compiled
def fill_alleles(
    text: Bytes,
    fields: Int64s,
    pos: Int64s,
    skip: Bytes,
    contig: Int32s,
    lengths: Int64s,
    svlen_first: bool,
    sets: Bytes,
    end_key: Bytes,
    svlen_key: Bytes,
    kinds: Bytes,
    extents: Int64s,
    record: Int32s,
    alt_index: Int32s,
    kind: Bytes,
    start: Int64s,
    end: Int64s,
    ref_from: Int64s,
    ref_to: Int64s,
    alt_from: Int64s,
    alt_to: Int64s,
) -> None:
    """Fill the columns of records.Alleles for the records with skip == 0."""
    m = 0
    for i in range(pos.size):
        if skip[i]:
            continue
        row = fields[i]
        scan_alts(text, row, pos[i], svlen_first, text.size, sets, end_key, svlen_key, kinds, extents)
        ref = row[REF]
        ref_end = row[REF + 1] - 1
        first = row[ALT]
        index = 0
        for q in range(row[ALT], row[ALT + 1]):
            if q != row[ALT + 1] - 1 and text[q] != 44:
                continue
            record[m] = i
            alt_index[m] = index + 1
            kind[m] = kinds[index]
            ref_from[m] = ref_to[m] = alt_from[m] = alt_to[m] = ref
            if kinds[index] == _SEQUENCE:
                front, back = trim(text, ref, ref_end, first, q)
                start[m] = pos[i] - 1 + front
                end[m] = pos[i] - 1 + ref_end - ref - back
                ref_from[m] = ref + front
                ref_to[m] = ref_end - back
                alt_from[m] = first + front
                alt_to[m] = q - back
            elif kinds[index] >= _DEL and kinds[index] <= _CNV:
                start[m] = pos[i]
                end[m] = pos[i]
                if kinds[index] != _INS:
                    end[m] = max(pos[i], min(extents[index], lengths[contig[i]]))
            else:
                start[m] = pos[i] - 1
                end[m] = pos[i]
            m += 1
            index += 1
            first = q + 1
