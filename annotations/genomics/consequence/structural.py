"""What symbolic alleles and breakends do to a transcript: only what their extent tells.

    allele            all of the transcript        part of it
    <DEL>             transcript_ablation          feature_truncation, and where it lies
    <DUP>             transcript_amplification     feature_elongation, and where it lies
    <INS>             -                            feature_elongation, and where it lies
    <INV>, <CNV>      where it lies                where it lies
    breakend          -                            where the base at POS lies

Where it lies: splice sites, coding_sequence_variant, UTRs, introns, non-coding exons. The letters
of a breakend's ALT are never read as sequence. start, end: 0-based, half-open on the contig; an
<INS> has start == end.
"""

from __future__ import annotations

from typing import Any

from annotations.genomics.compiled import compiled
from annotations.genomics.consequence.consequences import in_cds, in_mature, number_cds, number_stretch, utr_terms
from annotations.genomics.consequence.mapping import map_stretch
from annotations.genomics.consequence.reading import place_site
from annotations.genomics.consequence.splicing import IN_EXON, TOUCHES_EXON, scan_structure
from annotations.genomics.consequence.terms import (
    ABLATION,
    AMPLIFICATION,
    CODING_SEQUENCE,
    ELONGATION,
    MATURE_MIRNA,
    NMD_TRANSCRIPT,
    NON_CODING_EXON,
    NON_CODING_TRANSCRIPT,
    TRUNCATION,
)
from annotations.genomics.reference.layout import CODING, NMD
from annotations.genomics.vcf.records import Kind

_DEL, _DUP, _INS = int(Kind.DEL), int(Kind.DUP), int(Kind.INS)
_TERMS_ONLY = (1 << 40) - 1


@compiled
def judge_structural(
    transcript: Any, exons: Any, mature: Any, start: int, end: int, kind: int, letters: Any, site: Any, pair: Any
) -> None:
    """Fill the pair of a structural allele that overlaps the transcript. letters: any base codes."""
    pair.within, pair.distance = 1, -1
    all_of_it = start <= transcript.start and end >= transcript.end
    found = scan_structure(transcript, exons, start, end, letters, letters, 0, 0, pair)
    if all_of_it and kind in (_DEL, _DUP):
        pair.consequence = ABLATION if kind == _DEL else AMPLIFICATION
        return
    terms = found & _TERMS_ONLY
    if not all_of_it:
        if kind == _DEL:
            terms |= TRUNCATION
        if kind in (_DUP, _INS):
            terms |= ELONGATION
    site.cdna_start, site.cdna_end = map_stretch(transcript, exons, start, end)
    if found & IN_EXON:
        number_stretch(site.cdna_start, site.cdna_end, pair)
    if transcript.flags & CODING:
        place_site(transcript, site)
        if found & IN_EXON and in_cds(transcript, exons, start, end, site, found):
            terms |= CODING_SEQUENCE
            number_cds(site, pair)
        if found & IN_EXON:
            terms |= utr_terms(transcript, start, end, site, found)
        if transcript.flags & NMD:
            terms |= NMD_TRANSCRIPT
    elif found & TOUCHES_EXON:
        terms |= MATURE_MIRNA if in_mature(transcript, mature, start, end) else NON_CODING_EXON
    else:
        terms |= NON_CODING_TRANSCRIPT
    pair.consequence = terms
