"""What each sample has of each allele, read from the lines of a VCF: see Genotype for the codes."""

from __future__ import annotations

from typing import Final

import numpy as np

from annotations.genomics.compiled import compiled
from annotations.genomics.vcf.lines import STATE_NUMBER, STATE_TROUBLE, scan_lines
from annotations.genomics.vcf.records import Bytes, Int32s, Int64s

_LINE_LIMIT: Final = 1 << 62  # the file was read before


@compiled
def read_call(text: Bytes, start: int, end: int, alt_index: int) -> int:
    """Genotype of one GT, text[start:end], of any ploidy and phase."""
    copies = 0
    called = 0
    missing = 0
    i = start
    while i < end:
        if text[i] == 47 or text[i] == 124:  # a slash or a bar; VCF 4.5 lets one stand first
            i += 1
            continue
        if text[i] == 46:
            missing += 1
            i += 1
            continue
        value = 0
        first = i
        while i < end and text[i] >= 48 and text[i] <= 57:
            value = value * 10 + text[i] - 48
            i += 1
        if i == first:
            return 0
        called += 1
        copies += value == alt_index
    if copies == 0:
        return 1 if called > 0 and missing == 0 else 0
    if copies < called:
        return 2
    if missing > 0:
        return 5
    return 3 if copies > 1 else 4


@compiled
def find_genotype(text: Bytes, start: int, end: int) -> int:
    """Which of the keys of FORMAT, text[start:end], is GT; -1: none is."""
    place = 0
    i = start
    while i < end:
        stop = i
        while stop < end and text[stop] != 58:
            stop += 1
        if stop - i == 2 and text[i] == 71 and text[i + 1] == 84:
            return place
        place += 1
        i = stop + 1
    return -1


@compiled
def read_calls(
    text: Bytes, fields: Int64s, line_end: Int64s, record: Int32s, alt_index: Int32s, codes: Bytes
) -> None:  # fmt: skip
    """Fill codes (uint8[m, samples], all 0 on entry) for the alleles of these records."""
    for a in range(record.size):
        line = record[a]
        end = line_end[line]
        i = fields[line, 8]
        stop = i
        while stop < end and text[stop] != 9:
            stop += 1
        place = find_genotype(text, i, stop)
        if place < 0:
            continue
        i = stop + 1
        sample = 0
        while i <= end and sample < codes.shape[1]:
            skipped = 0
            while skipped < place and i < end and text[i] != 9:
                skipped += text[i] == 58
                i += 1
            stop = i
            while stop < end and text[stop] != 9 and text[stop] != 58:
                stop += 1
            if skipped == place:
                codes[a, sample] = read_call(text, i, stop, alt_index[a])
            while stop < end and text[stop] != 9:
                stop += 1
            i = stop + 1
            sample += 1


@compiled
def same_text(text: Bytes, start: int, end: int, other: Bytes, first: int, last: int) -> bool:
    """text[start:end] == other[first:last]; an empty one stands for '.'."""
    if first == last:
        return end - start == 1 and text[start] == 46
    if end - start != last - first:
        return False
    for k in range(end - start):
        if text[start + k] != other[first + k]:
            return False
    return True


@compiled
def has_alt(text: Bytes, start: int, end: int, alt_index: int, other: Bytes, first: int, last: int) -> bool:
    """The alt_index-th of the ALTs text[start:end] is other[first:last]."""
    number = 1
    i = start
    while i <= end:
        stop = i
        while stop < end and text[stop] != 44:
            stop += 1
        if number == alt_index:
            return same_text(text, i, stop, other, first, last)
        number += 1
        i = stop + 1
    return False


@compiled
def place_alleles(
    text: Bytes,
    fields: Int64s,
    pos: Int64s,
    contigs: Bytes,
    contig_offsets: Int32s,
    allele_pos: Int32s,
    refs: Bytes,
    ref_offsets: Int32s,
    alts: Bytes,
    alt_offsets: Int32s,
    alt_index: Int32s,
    line: Int64s,
    record: Int32s,
    state: Int64s,
) -> None:
    """Find the record of each allele; alleles and records are in one order.

    state: int64[4]: the next record, the next allele, the record that was found last (-1: none of
    this text) and the line of its allele. Stops where either is at its end.
    """
    r = state[0]
    a = state[1]
    found = state[2]
    of_line = state[3]
    while a < line.size and r < pos.size:
        is_of = (
            (line[a] == of_line if r == found else line[a] != of_line)
            and pos[r] == allele_pos[a]
            and same_text(text, fields[r, 0], fields[r, 1] - 1, contigs, contig_offsets[a], contig_offsets[a + 1])
            and same_text(text, fields[r, 3], fields[r, 4] - 1, refs, ref_offsets[a], ref_offsets[a + 1])
            and has_alt(text, fields[r, 4], fields[r, 5] - 1, alt_index[a], alts, alt_offsets[a], alt_offsets[a + 1])
        )
        if is_of:
            record[a] = r
            found = r
            of_line = line[a]
            a += 1
        else:
            r += 1
    state[0] = r
    state[1] = a
    state[2] = found
    state[3] = of_line


class Lines:
    """Whole records' lines, and where their fields are."""

    def __init__(self, data: bytes) -> None:
        self.text = np.frombuffer(data, np.uint8)
        count = data.count(b"\n")
        self.fields = np.empty((count, 9), np.int64)
        self.line_end, number, self.pos, csq, changes = np.empty((5, count), np.int64)
        state = np.zeros(5, np.int64)
        state[STATE_NUMBER] = 1
        words = np.frombuffer(data, np.uint64, len(data) // 8)
        scan_lines(
            self.text, words, _LINE_LIMIT, self.fields, self.line_end, number, self.pos, csq, changes, state
        )  # fmt: skip
        if state[STATE_TROUBLE]:
            raise ValueError(f"not a record of a VCF: line {state[STATE_NUMBER]} of a part")

    def __len__(self) -> int:
        return int(self.pos.size)

    def calls(self, record: Int32s, alt_index: Int32s, samples: int) -> Bytes:
        """Codes (uint8[m, samples]) of alleles, each given by its record here and its place among the ALTs."""
        codes = np.zeros((record.size, samples), np.uint8)
        read_calls(self.text, self.fields, self.line_end, record, alt_index, codes)
        return codes
