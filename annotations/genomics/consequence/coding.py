"""What an allele does to the coding sequence and the protein: the rules, one function each.

Coordinates and the codon window are those of reading.py; consequences.py says what each term
means.
"""

from __future__ import annotations

from typing import Any

from annotations.genomics.compiled import compiled
from annotations.genomics.consequence.codons import STOP, TABLES, translate
from annotations.genomics.consequence.codons import UNKNOWN as ANY_RESIDUE
from annotations.genomics.consequence.mapping import UNKNOWN, touches
from annotations.genomics.consequence.reading import (
    ALT_BASES,
    ALT_RESIDUES,
    REF_BASES,
    REF_RESIDUES,
    alt_base,
    alt_residue,
    cds_length,
    ends_with,
    find_letter,
    is_start_codon,
    place_site,
    protein_length,
    read_window,
    reading_length,
    ref_residue,
    starts_with,
)
from annotations.genomics.consequence.terms import (
    CODING_SEQUENCE,
    FRAMESHIFT,
    INCOMPLETE_TERMINAL_CODON,
    INFRAME_DELETION,
    INFRAME_INSERTION,
    MISSENSE,
    PROTEIN_ALTERING,
    START_LOST,
    START_RETAINED,
    STOP_GAINED,
    STOP_LOST,
    STOP_RETAINED,
    SYNONYMOUS,
)


@compiled
def in_partial_codon(transcript: Any, site: Any) -> bool:
    """Does the allele begin in the incomplete last codon of the CDS?"""
    if site.cds_start == UNKNOWN:
        return False
    return bool(0 < cds_length(transcript) - site.cds_start // 3 * 3 < 3)


@compiled
def overlaps_cdna(site: Any, start: int, end: int) -> bool:
    """Does the allele, with both ends in exons, meet [start, end) of the transcript?"""
    if site.cdna_start == UNKNOWN or site.cdna_end == UNKNOWN:
        return False
    return touches(site.cdna_start, site.cdna_end, start, end)


@compiled
def alters_stop_codon(transcript: Any, spliced: Any, site: Any, alt: Any) -> bool:
    """Is there no stop codon any more at the place of the old one, after a change of length?"""
    if site.cds_start == UNKNOWN or not site.is_plain:
        return False
    removed = site.cdna_end - site.cdna_start
    end = cds_length(transcript)
    if reading_length(transcript) - removed + site.alt_length < end:
        return True
    known_end = site.cds_end
    site.cds_end = site.cds_start + removed  # it may lie beyond the CDS, in the 3' UTR
    residue = alt_residue(transcript, spliced, site, alt, end // 3 - 1)
    if end % 3 != 0:
        residue = translate(
            TABLES[transcript.codon_table], alt_base(transcript, spliced, site, alt, end - 3),
            alt_base(transcript, spliced, site, alt, end - 2), alt_base(transcript, spliced, site, alt, end - 1),
        )  # fmt: skip
    site.cds_end = known_end
    return residue != STOP


@compiled
def retains_stop(transcript: Any, spliced: Any, site: Any, window: Any) -> bool:
    """Does the protein still end where it ended, though the allele reaches its stop codon?"""
    ref, ref_size = window[REF_RESIDUES], site.ref_residues
    alt, alt_size = window[ALT_RESIDUES], site.alt_residues
    if alt_size == 0 or (ref_size == 1 and alt_size == 1 and ref[0] == ANY_RESIDUE and alt[0] == ANY_RESIDUE):
        return False
    length = protein_length(transcript, spliced)
    if site.codon_first >= length and alt[0] == STOP:
        return True
    ref_stop, alt_stop = find_letter(ref, ref_size, STOP), find_letter(alt, alt_size, STOP)
    # the first new residue is the only old one, and a stop follows in the inserted piece
    if ref_size == 1 and alt[0] == ref[0] and alt_stop >= 0:
        return True
    if ref_stop >= 0 and ref_stop == alt_stop:
        return True
    if site.codon_first > length:
        return False
    replaced = max(0, min(site.codon_end, length) - site.codon_first)
    if not 0 < alt_size - replaced < 3:
        return False
    for codon in range(site.codon_first + 1, length + 1):  # the protein, should it go on unchanged
        at = codon - 1 - site.codon_first
        residue = alt[at] if at < alt_size else ref_residue(transcript, spliced, codon - 1 - alt_size + replaced)
        if residue != ref_residue(transcript, spliced, codon - 1):
            return False
    return True


@compiled
def changed_cdna(transcript: Any, spliced: Any, site: Any, alt: Any, place: int) -> int:
    """The base at `place` of the transcript, up to the end of its CDS, after the change; else 4."""
    at = transcript.spliced_from
    if place < site.cdna_start:
        return spliced[at + place]  # type: ignore[no-any-return]
    if place < site.cdna_start + site.alt_length:
        return alt[place - site.cdna_start]  # type: ignore[no-any-return]
    place += site.cdna_end - site.cdna_start - site.alt_length
    return spliced[at + place] if place < transcript.cds_end else 4


@compiled
def keeps_start_codon(transcript: Any, spliced: Any, site: Any, alt: Any) -> bool:
    """Does a start codon stand at the old one's place after the change?"""
    at = transcript.cds_start
    return is_start_codon(
        transcript.codon_table, changed_cdna(transcript, spliced, site, alt, at),
        changed_cdna(transcript, spliced, site, alt, at + 1), changed_cdna(transcript, spliced, site, alt, at + 2),
    )  # fmt: skip


@compiled
def shifts_start(transcript: Any, spliced: Any, site: Any, alt: Any, keeps: bool) -> bool:
    """For a change of length at the start codon: does the CDS no longer follow unchanged?

    It does where the 5' UTR before a start codon is as it was, or where the changed sequence
    still ends in the whole old CDS.
    """
    at = transcript.spliced_from
    low, high = transcript.cds_start, transcript.cds_end
    if low > 0 and keeps:
        same = True
        for place in range(max(0, site.cdna_start), low):
            if changed_cdna(transcript, spliced, site, alt, place) != spliced[at + place]:
                same = False
                break
        if same:
            return False
    grown = site.alt_length - (site.cdna_end - site.cdna_start)
    if high + grown < high - low:
        return True
    for place in range(low, high):
        if changed_cdna(transcript, spliced, site, alt, place + grown) != spliced[at + place]:
            return True
    return False


@compiled
def is_inframe_deletion(site: Any, window: Any) -> bool:
    """Do the codons that are left make up the old ones with one stretch taken out?"""
    ref, ref_size = window[REF_BASES], site.ref_bases
    alt, alt_size = window[ALT_BASES], site.alt_bases
    if alt_size >= ref_size:
        return False
    if starts_with(ref, ref_size, alt, alt_size) or ends_with(ref, ref_size, alt, alt_size):
        return True
    front = 0
    while front < alt_size and ref[front] == alt[front]:
        front += 1
    back = 0
    while back < alt_size - front and ref[ref_size - 1 - back] == alt[alt_size - 1 - back]:
        back += 1
    return bool(front + back == alt_size and (ref_size - alt_size) % 3 == 0)


@compiled
def is_inframe_insertion(site: Any, window: Any, start_retained: bool) -> bool:
    """Do the old residues stand unchanged before or behind the new, up to the first new stop?"""
    ref, ref_size = window[REF_RESIDUES], site.ref_residues
    alt, alt_size = window[ALT_RESIDUES], site.alt_residues
    if site.alt_bases <= site.ref_bases:
        return False
    if start_retained and ends_with(alt, alt_size, ref, ref_size):
        return False  # it stands before the start codon
    stop = find_letter(alt, alt_size, STOP)
    size = alt_size if stop < 0 else stop + 1
    return starts_with(alt, size, ref, ref_size) or ends_with(alt, size, ref, ref_size)


# ---- the rules together ----


@compiled
def coding_terms(
    transcript: Any, spliced: Any, site: Any, alt: Any, window: Any, ref_length: int, alt_length: int
) -> int:
    """Coding terms of an allele whose site has its cdna places.

    Fills the rest of the site and the window. CODING_SEQUENCE in the answer means only that no
    rule could tell: the caller keeps it where the allele lies in the CDS.
    """
    site.ref_length, site.alt_length = ref_length, alt_length
    site.is_plain = 1
    for i in range(alt_length):
        if alt[i] > 3:
            site.is_plain = 0
    place_site(transcript, site)
    read_window(transcript, spliced, site, alt, window)
    partial = in_partial_codon(transcript, site)
    stop = stop_terms(transcript, spliced, site, alt, window, partial)
    shift = site.cds_end - site.cds_start - alt_length
    both_ends = site.cds_start != UNKNOWN and site.cds_end != UNKNOWN
    site.is_frameshift = both_ends and not partial and not stop & STOP_RETAINED and shift % 3 != 0
    start = start_terms(transcript, spliced, site, alt, window, partial)
    return protein_terms(site, window, partial, stop | start)


@compiled
def stop_terms(transcript: Any, spliced: Any, site: Any, alt: Any, window: Any, partial: bool) -> int:
    """STOP_LOST, STOP_RETAINED or neither."""
    high = transcript.cds_end
    resized = site.ref_length != site.alt_length
    at_stop = resized and overlaps_cdna(site, high - 3, high)
    altered = at_stop and alters_stop_codon(transcript, spliced, site, alt)
    if site.has_window:
        had = find_letter(window[REF_RESIDUES], site.ref_residues, STOP) >= 0
        lost = had and find_letter(window[ALT_RESIDUES], site.alt_residues, STOP) < 0
    else:
        lost = altered
    if lost:
        return STOP_LOST
    if partial:
        return 0
    if site.has_window and site.alt_residues > 0:
        return STOP_RETAINED if retains_stop(transcript, spliced, site, window) else 0
    return STOP_RETAINED if at_stop and not altered else 0


@compiled
def start_terms(transcript: Any, spliced: Any, site: Any, alt: Any, window: Any, partial: bool) -> int:
    """START_LOST, START_RETAINED (both can stand together), and the in-frame verdicts they turn on."""
    low = transcript.cds_start
    resized = site.alt_length != site.ref_length
    in_frame = site.has_window and not site.is_frameshift
    deletion = in_frame and site.alt_length < site.ref_length and not partial and is_inframe_deletion(site, window)
    at_start = overlaps_cdna(site, low, low + 3)
    terms = INFRAME_DELETION if deletion else 0
    keeps = shifted = False
    if at_start and site.is_plain:
        keeps = keeps_start_codon(transcript, spliced, site, alt)
        shifted = resized and shifts_start(transcript, spliced, site, alt, keeps)
        if (resized and not shifted) or (not resized and keeps):
            terms |= START_RETAINED
    grows = in_frame and site.alt_length > site.ref_length
    insertion = grows and is_inframe_insertion(site, window, terms & START_RETAINED != 0)
    if at_start and loses_start(transcript, site, window, keeps, shifted, insertion or deletion):
        return terms | START_LOST
    return terms | INFRAME_INSERTION if insertion else terms


@compiled
def loses_start(transcript: Any, site: Any, window: Any, keeps: bool, shifted: bool, in_frame: bool) -> bool:
    """Of an allele at the start codon: is the start lost?"""
    if shifted and not in_frame:
        return True
    if site.is_plain and transcript.cds_start > 0 and site.cdna_end <= transcript.cds_end and not keeps:
        return True
    ref, ref_size = window[REF_RESIDUES], site.ref_residues
    alt, alt_size = window[ALT_RESIDUES], site.alt_residues
    if not site.has_window or ref_size == 0 or alt_size == 0 or (alt_size == 1 and alt[0] == ANY_RESIDUE):
        return False
    if site.codon_first != 0:
        return False
    return not (ends_with(alt, alt_size, ref, ref_size) or starts_with(alt, alt_size, ref, ref_size))


@compiled
def protein_terms(site: Any, window: Any, partial: bool, terms: int) -> int:
    """Add what the residues of the window say to the stop, start and in-frame terms."""
    ref, ref_size = window[REF_RESIDUES], site.ref_residues
    alt, alt_size = window[ALT_RESIDUES], site.alt_residues
    has_window = site.has_window != 0
    resized = site.ref_length != site.alt_length
    same = has_window and ref_size == alt_size and starts_with(alt, alt_size, ref, ref_size)
    unclear = has_window and (
        find_letter(alt, alt_size, ANY_RESIDUE) >= 0 or find_letter(ref, ref_size, ANY_RESIDUE) >= 0
    )
    kept = terms & (STOP_RETAINED | START_RETAINED)
    had_stop = find_letter(ref, ref_size, STOP) >= 0
    if has_window and not terms & STOP_RETAINED and not had_stop and find_letter(alt, alt_size, STOP) >= 0:
        terms |= STOP_GAINED
    if site.is_frameshift and resized:
        terms |= FRAMESHIFT
    settled = terms & (START_LOST | STOP_LOST | STOP_GAINED | STOP_RETAINED)
    if has_window and not resized and not settled and not partial and not same and ref_size == alt_size:
        terms |= MISSENSE
    if has_window and ref_size != alt_size and not site.is_frameshift and not terms & (START_LOST | INFRAME_DELETION):
        opens_with_stop = (ref_size > 0 and ref[0] == STOP) or (alt_size > 0 and alt[0] == STOP)
        inserted = starts_with(alt, alt_size, ref, ref_size) or ends_with(alt, alt_size, ref, ref_size)
        if not opens_with_stop and not inserted:
            terms |= PROTEIN_ALTERING
    if partial:
        terms |= INCOMPLETE_TERMINAL_CODON
    if same and ref_size > 0 and not kept and not unclear:
        terms |= SYNONYMOUS
    told = FRAMESHIFT | INFRAME_DELETION | PROTEIN_ALTERING | START_RETAINED | START_LOST | STOP_RETAINED | STOP_LOST
    if (not has_window or unclear) and not terms & told and not site.is_frameshift:
        terms |= CODING_SEQUENCE
    return terms
