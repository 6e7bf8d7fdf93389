"""Which exons, introns and splice windows an allele meets.

Splice windows are measured as depth into the intron from either of its edges: base 0 is the
intron's first base at that edge, base -1 the exon's last. At the 5' edge of the intron, as the
transcript runs, the windows are the donor's; at its 3' edge the acceptor's.

    window              donor edge     acceptor edge     (bases of the intron, 1-based)
    splice site         [0, 2)         [0, 2)            1-2
    donor 5th base      [4, 5)                           5
    donor region        [2, 6)                           3-6
    splice region       [2, 8) and [-3, 0) at both       3-8, and the exon's last 3
    polypyrimidine                     [2, 17)           3-17

An insertion must stand strictly inside a window, but counts as splice_region on four more exact
places (between exon and intron, and between the site and the rest), and for the polypyrimidine
tract with both its neighbours. Introns of up to 13 bp are frameshifts, not introns: they are
never spliced, but their windows reach into their exons. An allele that replaces several bases by
several is taken apart into the stretches that differ; each is tested by itself, and the verdict
on splice_region of a later stretch replaces that of an earlier one. (Ensembl VEP 115:
BaseTranscriptVariation, BaseTranscriptVariationAllele, VariationEffect.)
"""

from __future__ import annotations

from typing import Any, Final

from annotations.genomics.compiled import compiled
from annotations.genomics.consequence.mapping import find_exon, touches
from annotations.genomics.consequence.terms import (
    DONOR_5TH_BASE,
    DONOR_REGION,
    INTRON,
    POLYPYRIMIDINE_TRACT,
    SPLICE_ACCEPTOR,
    SPLICE_DONOR,
    SPLICE_REGION,
)
from annotations.genomics.reference.layout import FRAMESHIFT_INTRON
from annotations.genomics.reference.layout import FRAMESHIFT_INTRON_LENGTH as SHORTEST_INTRON

SITE_END: Final = 2
FIFTH_BASE: Final = 4
DONOR_REGION_END: Final = 6
REGION_END: Final = 8
EXON_REGION: Final = 3
TRACT_END: Final = 17
NEARBY: Final = 17
"""No window reaches further from an exon than this."""
STRETCHED: Final = 12
"""On transcripts with a frameshift intron VEP widens every exon by this when it asks for exons."""

# What scan_structure reports beside terms
IN_EXON: Final = 1 << 40
"""The allele, with its neighbours if it is an insertion, meets an exon."""
TOUCHES_EXON: Final = 1 << 41
"""The allele itself shares a base with an exon."""
IN_FRAMESHIFT_INTRON: Final = 1 << 42

# Verdicts at one edge; those of an intron's right edge on the genome are shifted by RIGHT.
_SITE: Final = 1
_FIFTH: Final = 2
_REGION: Final = 4
_TRACT: Final = 8
_RIGHT: Final = 8
_SPLICED: Final = 1 << 16
_INTRONIC: Final = 1 << 17
_FRAMESHIFT: Final = 1 << 18


@compiled
def edge_verdicts(start: int, end: int) -> int:
    """Verdicts on [start, end), a stretch in depths from one edge."""
    verdicts = 0
    if touches(start, end, 0, SITE_END):
        verdicts |= _SITE
    if touches(start, end, FIFTH_BASE, FIFTH_BASE + 1):
        verdicts |= _FIFTH
    if touches(start, end, SITE_END, DONOR_REGION_END):
        verdicts |= _REGION
    return verdicts


@compiled
def in_splice_region(start: int, end: int) -> bool:
    """Is [start, end), in depths from one edge, in the splice region there?"""
    if touches(start, end, SITE_END, REGION_END) or touches(start, end, -EXON_REGION, 0):
        return True
    return start == end and (start == 0 or start == SITE_END)


@compiled
def judge_stretch(start: int, end: int, intron_start: int, intron_end: int, near_edge: bool, verdicts: int) -> int:
    """Add to `verdicts` what one stretch of an allele does to one intron."""
    if intron_end - intron_start <= SHORTEST_INTRON and touches(start, end, intron_start, intron_end):
        return verdicts | _FRAMESHIFT
    left, left_end = start - intron_start, end - intron_start
    right, right_end = intron_end - end, intron_end - start
    if touches(start, end, intron_start + SITE_END, intron_end - SITE_END):
        verdicts |= _INTRONIC
    widen = 0
    if start == end:
        widen = 1
        if left == SITE_END or right == SITE_END:
            verdicts |= _INTRONIC
    if touches(left - widen, left_end + widen, SITE_END, TRACT_END):
        verdicts |= _TRACT
    if touches(right - widen, right_end + widen, SITE_END, TRACT_END):
        verdicts |= _TRACT << _RIGHT
    if near_edge:
        verdicts |= edge_verdicts(left, left_end) | edge_verdicts(right, right_end) << _RIGHT
        if not verdicts & (_SITE | _SITE << _RIGHT):
            verdicts &= ~_SPLICED
            if in_splice_region(left, left_end) or in_splice_region(right, right_end):
                verdicts |= _SPLICED
    return verdicts


@compiled
def judge_allele(
    start: int, end: int, ref: Any, alt: Any, ref_length: int, alt_length: int,
    intron_start: int, intron_end: int, near_edge: bool, verdicts: int,
) -> int:  # fmt: skip
    """Add to `verdicts` what an allele does to one intron, differing stretch by stretch."""
    if ref_length <= 1 or alt_length <= 1:
        return judge_stretch(start, end, intron_start, intron_end, near_edge, verdicts)
    longest = max(ref_length, alt_length)
    shared = min(ref_length, alt_length)
    at = 0
    while True:
        while at < shared and ref[at] == alt[at]:
            at += 1
        if at >= longest:
            return verdicts
        first = at
        while at < longest and not (at < shared and ref[at] == alt[at]):
            at += 1
        verdicts = judge_stretch(start + first, start + at, intron_start, intron_end, near_edge, verdicts)


@compiled
def splice_terms(verdicts: int, forward: bool, near_edge: bool, in_intron: bool, in_exon: bool) -> int:
    """The terms that all introns' verdicts together make."""
    left, right = verdicts & 0xFF, verdicts >> _RIGHT & 0xFF
    donor, acceptor = (left, right) if forward else (right, left)
    terms = 0
    if near_edge:
        if acceptor & _SITE:
            terms |= SPLICE_ACCEPTOR
        if donor & _SITE:
            terms |= SPLICE_DONOR
        if donor & _FIFTH:
            terms |= DONOR_5TH_BASE
        elif donor & _REGION:
            terms |= DONOR_REGION
        if verdicts & _SPLICED and not (acceptor & _SITE or donor & (_SITE | _FIFTH | _REGION)):
            terms |= SPLICE_REGION
    if acceptor & _TRACT and in_intron and not in_exon:
        terms |= POLYPYRIMIDINE_TRACT
    if verdicts & _INTRONIC and in_intron:
        terms |= INTRON
    return terms


@compiled
def scan_structure(
    transcript: Any, exons: Any, start: int, end: int,
    ref: Any, alt: Any, ref_length: int, alt_length: int, pair: Any,
) -> int:  # fmt: skip
    """Splice and intron terms of an allele on a transcript it overlaps, with the bits above.

    ref, alt: base codes on the contig's strand. Fills the pair's exon and intron numbers.
    """
    widen = 1 if start == end else 0
    low, high = start - widen, end + widen
    stretch = STRETCHED if transcript.flags & FRAMESHIFT_INTRON else 0
    verdicts = 0
    found = 0
    near_edge = in_intron = False
    exon_first = exon_last = intron_first = intron_last = -1
    row = max(find_exon(transcript, exons, low - NEARBY) - 1, transcript.exon_from)
    while row < transcript.exon_to and exons[row].start <= high + NEARBY:
        exon_start, exon_end = exons[row].start, exons[row].end
        if touches(low, high, exon_start - stretch, exon_end + stretch):
            found |= IN_EXON
        if touches(start, end, exon_start, exon_end):
            found |= TOUCHES_EXON
            exon_first = row if exon_first < 0 else exon_first
            exon_last = row
        row += 1
        if row == transcript.exon_to or exons[row].start <= exon_end:
            continue  # no intron follows, or the ribosome slips back
        intron_end = exons[row].start
        if touches(start, end, exon_end, intron_end):
            intron_first = row - 1 if intron_first < 0 else intron_first
            intron_last = row - 1
        near = touches(low, high, exon_end - EXON_REGION, exon_end + REGION_END) or touches(
            low, high, intron_end - REGION_END, intron_end + EXON_REGION
        )
        inside = touches(low, high, exon_end - EXON_REGION, intron_end + EXON_REGION)
        near_edge |= near
        in_intron |= inside
        if near or inside:
            verdicts = judge_allele(start, end, ref, alt, ref_length, alt_length, exon_end, intron_end, near, verdicts)
    number_parts(transcript, pair, exon_first, exon_last, intron_first, intron_last)
    if verdicts & _FRAMESHIFT:
        found |= IN_FRAMESHIFT_INTRON
    in_exon = found & IN_EXON != 0
    return found | splice_terms(verdicts, transcript.strand > 0, near_edge, in_intron, in_exon)


@compiled
def number_parts(
    transcript: Any, pair: Any, exon_first: int, exon_last: int, intron_first: int, intron_last: int
) -> None:
    """Rows on the genome -> numbers along the transcript, 1-based; 0 for none (row -1)."""
    low, high = transcript.exon_from, transcript.exon_to
    pair.exon_first = pair.exon_last = pair.intron_first = pair.intron_last = 0
    if transcript.strand > 0:
        if exon_first >= 0:
            pair.exon_first, pair.exon_last = exon_first - low + 1, exon_last - low + 1
        if intron_first >= 0:
            pair.intron_first, pair.intron_last = intron_first - low + 1, intron_last - low + 1
    else:
        if exon_first >= 0:
            pair.exon_first, pair.exon_last = high - exon_last, high - exon_first
        if intron_first >= 0:
            pair.intron_first, pair.intron_last = high - 1 - intron_last, high - 1 - intron_first
