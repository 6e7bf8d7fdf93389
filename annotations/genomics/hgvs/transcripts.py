"""HGVSc: c. names on coding transcripts, n. names on the others.

Counting (https://hgvs-nomenclature.org/stable/background/numbering): c.1 is the first base of the
CDS, c.-1 the base before it, c.*1 the first behind the stop codon; a base in an intron is counted
from the nearest exonic base (c.88+2, c.89-1). On a transcript whose 5' end is incomplete the
missing bases of the first codon are counted, in exons and introns alike. Behind the last base of
the stop codon an intron is counted from that base (VEP writes c.*N there, without an offset).

start, end: 0-based, half-open on the contig.
"""

from __future__ import annotations

from typing import Any

from annotations.genomics.compiled import compiled
from annotations.genomics.consequence.mapping import locate
from annotations.genomics.hgvs.edits import describe_edit, put_change, rotate
from annotations.genomics.output.text import put_byte, put_number
from annotations.genomics.reference.layout import CODING


@compiled
def put_position(out: Any, at: int, transcript: Any, exons: Any, place: int) -> int:
    """The c. or n. position of the base at `place` of the contig."""
    cdna, offset = locate(transcript, exons, place)
    if not transcript.flags & CODING:
        at = put_number(out, at, cdna + 1)
    elif cdna >= transcript.cds_end:
        at = put_number(out, put_byte(out, at, 42), cdna - transcript.cds_end + 1)
    elif cdna < transcript.cds_start:
        at = put_number(out, at, cdna - transcript.cds_start)
    else:
        at = put_number(out, at, cdna - transcript.cds_start + transcript.padding + 1)
    if offset > 0:
        at = put_byte(out, at, 43)
    if offset != 0:
        at = put_number(out, at, offset)
    return at


@compiled
def put_transcript_name(
    out: Any, at: int, transcript: Any, exons: Any, sequence: Any, start: int, end: int,
    ref: Any, alt: Any, ref_length: int, alt_length: int, moved: int, rotated: Any, edit: Any,
) -> int:  # fmt: skip
    """The name behind `ENST…:c.` of an allele that the 3' rule moves by `moved` bases along the
    transcript; nothing where it, moved or not, is not wholly within the transcript."""
    low, high = transcript.start, transcript.end
    forward = transcript.strand > 0
    if start < low or end > high or end == low or start == high:
        return at
    shift = moved if forward else -moved
    start, end = start + shift, end + shift
    if start < low or end > high:
        return at
    letters = alt
    if ref_length == 0:
        rotate(alt, alt_length, moved, forward, rotated)
        letters = rotated
    describe_edit(sequence, low, high, forward, start, end, ref, letters, ref_length, alt_length, edit)
    start, end = edit.start, edit.end
    if start == end:
        if start == low or start == high:
            return at
        start, end = start - 1, end + 1  # named by its neighbours
    first, last = (start, end - 1) if forward else (end - 1, start)
    at = put_position(out, at, transcript, exons, first)
    if first != last:
        at = put_position(out, put_byte(out, at, 95), transcript, exons, last)
    return put_change(out, at, edit, ref, letters, forward)
