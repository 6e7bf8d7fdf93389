"""What an allele does to a transcript: the specification, and the function that decides it.

Read this page first; the other modules of this package spell out its parts.

1. The allele is the trimmed one: where REF and ALT differ in length, all they share at the front
   is taken off, then all they share at the back; where they are equally long nothing is, so an
   MNV stays whole. Each ALT of a record is judged by itself.
2. Where the allele shares no base with the transcript (an insertion: where it does not stand
   between two of its bases) but lies within 5,000 bases, it is upstream_gene_variant before the
   5' end, downstream_gene_variant behind the 3' end; further away from every transcript it is
   intergenic_variant.
3. An allele that removes all of the transcript and is shorter than REF is transcript_ablation,
   and nothing else is said.
4. Splice terms and intron_variant: splicing.py, a table of windows around the exons' edges.
5. An allele that meets an exon (an insertion: with either neighbour)
   - in the coding region gets coding terms: coding.py. What no rule can tell, in the CDS, is
     coding_sequence_variant;
   - before or behind the coding region is 5_prime_UTR_variant or 3_prime_UTR_variant;
   - of a transcript that codes nothing is non_coding_transcript_exon_variant, or
     mature_miRNA_variant where it meets a mature miRNA; any other allele on such a transcript
     is non_coding_transcript_variant.
6. A transcript that undergoes nonsense-mediated decay adds NMD_transcript_variant.
7. Several terms may stand together; terms.py has their order and impact.
8. Symbolic alleles and breakends: structural.py. One transcript is picked: picking.py.

Coding, in short (coding.py; Ensembl VEP 115, VariationEffect):
   frameshift_variant        the CDS changes by a number of bases that 3 does not divide, unless
                             the stop is retained or the allele begins in an incomplete last codon
   inframe_deletion          what is left of the touched codons is the old ones less one stretch
   inframe_insertion         the touched residues stand unchanged before or behind the new ones
   protein_altering_variant  the number of residues changes in any other way
   missense_variant          as many residues as before, others
   synonymous_variant        the same residues
   stop_gained / stop_lost   a stop among the new residues and not the old / the reverse
   stop_retained_variant     the stop codon is met, and the protein still ends there
   start_lost                the first residue changes, no start codon stands at its place behind
                             a 5' UTR, or the CDS no longer follows
   start_retained_variant    the start codon is met and stands; can go with start_lost where the
                             changed sequence holds the old CDS at another place
   incomplete_terminal_codon_variant   it begins in the last codon of a CDS that is not complete

Coordinates here: start, end are 0-based and half-open on the contig; an insertion has
start == end. `transcript` is a row of layout.TRANSCRIPT, `pair` one of pairs.PAIR.
"""

from __future__ import annotations

from typing import Any, Final

from annotations.genomics.compiled import compiled
from annotations.genomics.consequence.coding import coding_terms
from annotations.genomics.consequence.mapping import UNKNOWN, map_stretch, touches
from annotations.genomics.consequence.splicing import IN_EXON, IN_FRAMESHIFT_INTRON, TOUCHES_EXON, scan_structure
from annotations.genomics.consequence.terms import (
    ABLATION,
    CODING_SEQUENCE,
    DOWNSTREAM,
    FIVE_PRIME_UTR,
    IMPACT_LIMITS,
    MATURE_MIRNA,
    NMD_TRANSCRIPT,
    NON_CODING_EXON,
    NON_CODING_TRANSCRIPT,
    THREE_PRIME_UTR,
    UPSTREAM,
)
from annotations.genomics.reference.layout import CODING, NMD, REACH

_TERMS_ONLY: Final = (1 << 40) - 1


@compiled
def impact_of(terms: int) -> int:
    """Index in terms.IMPACTS of the most severe term."""
    for impact in range(3):
        if terms & ((1 << IMPACT_LIMITS[impact]) - 1):
            return impact
    return 3


@compiled
def judge_outside(transcript: Any, start: int, end: int, pair: Any) -> bool:
    """Rule 2, for an allele that does not overlap; False where the transcript is too far away.

    distance: bases from the allele to the transcript, the transcript's own first base counted;
    an insertion stands between bases, so to it that base is one nearer.
    """
    before = end <= transcript.start
    gap = transcript.start - end if before else start - transcript.end
    pair.distance = gap if start == end else gap + 1
    pair.consequence = UPSTREAM if before == (transcript.strand > 0) else DOWNSTREAM
    return touches(start, end, transcript.start - REACH, transcript.end + REACH)


@compiled
def judge_allele_within(
    transcript: Any, exons: Any, mature: Any, spliced: Any, start: int, end: int,
    ref: Any, alt: Any, alt_along: Any, ref_length: int, alt_length: int,
    site: Any, window: Any, pair: Any,
) -> bool:  # fmt: skip
    """Rules 3 to 6, for an allele that overlaps. Fills the pair's terms and positions.

    ref, alt: base codes on the contig's strand; alt_along: in the transcript's direction.
    Returns True where site and window describe the allele on the coding sequence.
    """
    site.cdna_start, site.cdna_end = map_stretch(transcript, exons, start, end)
    found = scan_structure(transcript, exons, start, end, ref, alt, ref_length, alt_length, pair)
    terms = found & _TERMS_ONLY
    in_exon = found & IN_EXON != 0
    all_of_it = start <= transcript.start and end >= transcript.end
    pair.within, pair.distance = 1, -1
    if in_exon:
        number_stretch(site.cdna_start, site.cdna_end, pair)
    is_coding = False
    if transcript.flags & CODING:
        widen = 1 if start == end else 0
        low, high = start - widen, end + widen
        is_coding = in_exon and touches(low, high, transcript.coding_start, transcript.coding_end)
        if is_coding:
            told = coding_terms(transcript, spliced, site, alt_along, window, ref_length, alt_length)
            number_cds(site, pair)
            if told & CODING_SEQUENCE and (all_of_it or not in_cds(transcript, exons, start, end, site, found)):
                told &= ~CODING_SEQUENCE
            terms |= told
        if in_exon:
            terms |= utr_terms(transcript, start, end, site, found)
        if transcript.flags & NMD:
            terms |= NMD_TRANSCRIPT
    elif in_exon and found & TOUCHES_EXON and not all_of_it:
        terms |= MATURE_MIRNA if in_mature(transcript, mature, start, end) else NON_CODING_EXON
    else:
        terms |= NON_CODING_TRANSCRIPT
    if all_of_it and alt_length < ref_length:
        terms = ABLATION
    pair.consequence = terms
    return is_coding


@compiled
def number_stretch(start: int, end: int, pair: Any) -> None:
    """cdna start, end -> the pair's cdna_first, cdna_last; an insertion is its two neighbours."""
    if start != UNKNOWN and start == end:
        pair.cdna_first, pair.cdna_last = start, start + 1
    else:
        pair.cdna_first = start + 1 if start != UNKNOWN else 0
        pair.cdna_last = end if end != UNKNOWN else 0


@compiled
def number_cds(site: Any, pair: Any) -> None:
    """cds start, end -> the pair's CDS and protein numbers; an insertion is its two neighbours."""
    start, end = site.cds_start, site.cds_end
    if start >= 0 and start == end:
        pair.cds_first, pair.cds_last = start, start + 1
        pair.protein_first, pair.protein_last = (start + 2) // 3, (start + 3) // 3
        return
    if start >= 0:
        pair.cds_first, pair.protein_first = start + 1, start // 3 + 1
    if end >= 0:
        pair.cds_last, pair.protein_last = end, (end + 2) // 3


@compiled
def in_cds(transcript: Any, exons: Any, start: int, end: int, site: Any, found: int) -> bool:
    """Does any base of the allele belong to the CDS (a frameshift intron within it counts)?"""
    if site.cds_start != UNKNOWN or site.cds_end != UNKNOWN:
        return True
    low, high = transcript.coding_start, transcript.coding_end
    if found & IN_FRAMESHIFT_INTRON and touches(start, end, low, high):
        return True
    for row in range(transcript.exon_from, transcript.exon_to):
        if touches(start, end, max(exons[row].start, low), min(exons[row].end, high)) and touches(
            exons[row].start, exons[row].end, low, high
        ):
            return True
    return False


@compiled
def utr_terms(transcript: Any, start: int, end: int, site: Any, found: int) -> int:
    """5' and 3' UTR terms of an allele that meets an exon."""
    if not found & (TOUCHES_EXON | IN_FRAMESHIFT_INTRON) and site.cdna_start == UNKNOWN and site.cdna_end == UNKNOWN:
        return 0
    low, high = transcript.coding_start, transcript.coding_end
    is_insertion = start == end
    left = touches(start, end, transcript.start, low) or (is_insertion and start == low)
    right = touches(start, end, high, transcript.end) or (is_insertion and start == high)
    if transcript.strand < 0:
        left, right = right, left
    return (FIVE_PRIME_UTR if left else 0) | (THREE_PRIME_UTR if right else 0)


@compiled
def in_mature(transcript: Any, mature: Any, start: int, end: int) -> bool:
    """Does the allele meet a mature miRNA of the transcript?"""
    for row in range(transcript.mature_from, transcript.mature_to):
        if touches(start, end, mature[row].start, mature[row].end):
            return True
    return False
