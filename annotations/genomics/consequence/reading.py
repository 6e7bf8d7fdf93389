"""The coding sequence before and after a change, read codon by codon.

Coordinates. cdna: 0-based, half-open on the spliced transcript. cds: 0-based, half-open on the
coding sequence filled up at its 5' end with `padding` unknown bases, so that codon n is
cds [3n, 3n + 3) also where the first codon is incomplete. Alleles are base codes in the
transcript's direction. UNKNOWN (-1) marks an end that lies in no exon, or not in the CDS.

The window is the run of whole codons that the allele touches, before and after: it is empty
where an insertion falls between two codons. It stops where the CDS stops before the change, and
where the transcript stops after it. Leftover bases make an X.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from annotations.genomics.compiled import compiled
from annotations.genomics.consequence.codons import START_CODONS, STOP, TABLES, translate
from annotations.genomics.consequence.codons import UNKNOWN as ANY_RESIDUE
from annotations.genomics.consequence.mapping import UNKNOWN

SITE: Final = np.dtype(
    [
        ("cdna_start", "<i8"),
        ("cdna_end", "<i8"),
        ("cds_start", "<i8"),
        ("cds_end", "<i8"),
        ("alt_length", "<i8"),
        ("ref_length", "<i8"),
        ("codon_first", "<i8"),  # number of the window's first codon, 0-based
        ("codon_end", "<i8"),  # and one past its last
        ("ref_bases", "<i8"),  # how much of each row of the window is filled
        ("alt_bases", "<i8"),
        ("ref_residues", "<i8"),
        ("alt_residues", "<i8"),
        ("has_window", "<i8"),
        ("is_frameshift", "<i8"),
        ("is_plain", "<i8"),  # every letter of ALT is A, C, G or T
    ],
    align=True,
)
"""Where an allele lies on one coding transcript, and what its codon window holds."""

# Rows of the window array, uint8[4, capacity]: codons as base codes, residues as letters
REF_BASES: Final = 0
ALT_BASES: Final = 1
REF_RESIDUES: Final = 2
ALT_RESIDUES: Final = 3

METHIONINE: Final = ord("M")


# ---- the sequence before and after ----


@compiled
def cds_length(transcript: Any) -> int:
    """Bases of the padded CDS."""
    return int(transcript.cds_end - transcript.cds_start + transcript.padding)


@compiled
def reading_length(transcript: Any) -> int:
    """Bases from the padded CDS's start to the transcript's end."""
    return int(transcript.length - transcript.cds_start + transcript.padding)


@compiled
def ref_base(transcript: Any, spliced: Any, place: int) -> int:
    """The base at `place` of the padded CDS or the 3' UTR behind it; 4 in the padding."""
    if place < transcript.padding:
        return 4
    return spliced[transcript.spliced_from + transcript.cds_start + place - transcript.padding]  # type: ignore[no-any-return]


@compiled
def alt_base(transcript: Any, spliced: Any, site: Any, alt: Any, place: int) -> int:
    """The base at `place` of the padded CDS after the change."""
    if place < site.cds_start:
        return ref_base(transcript, spliced, place)
    if place < site.cds_start + site.alt_length:
        return alt[place - site.cds_start]  # type: ignore[no-any-return]
    removed = site.cds_end - site.cds_start
    return ref_base(transcript, spliced, place - site.alt_length + removed)


@compiled
def read_codon(transcript: Any, codon: int, first: int, second: int, third: int) -> int:
    """The residue of codon number `codon`; a start codon that opens a complete CDS reads as Met."""
    row = transcript.codon_table
    if codon == 0 and transcript.padding == 0 and is_start_codon(row, first, second, third):
        return METHIONINE
    return translate(TABLES[row], first, second, third)


@compiled
def is_start_codon(row: int, first: int, second: int, third: int) -> bool:
    """May translation begin with this codon, under the code in TABLES[row]?"""
    return max(first, second, third) < 4 and START_CODONS[row, first * 16 + second * 4 + third] != 0


@compiled
def ref_residue(transcript: Any, spliced: Any, codon: int) -> int:
    """Residue of the reference protein; 0 at its final stop codon and beyond."""
    place = 3 * codon
    end = cds_length(transcript)
    if place + 3 > end:
        return 0
    residue = read_codon(
        transcript, codon, ref_base(transcript, spliced, place),
        ref_base(transcript, spliced, place + 1), ref_base(transcript, spliced, place + 2),
    )  # fmt: skip
    return 0 if residue == STOP and place + 3 == end else residue


@compiled
def alt_residue(transcript: Any, spliced: Any, site: Any, alt: Any, codon: int) -> int:
    """Residue of codon number `codon` after the change, into the 3' UTR."""
    place = 3 * codon
    return read_codon(
        transcript, codon, alt_base(transcript, spliced, site, alt, place),
        alt_base(transcript, spliced, site, alt, place + 1), alt_base(transcript, spliced, site, alt, place + 2),
    )  # fmt: skip


@compiled
def protein_length(transcript: Any, spliced: Any) -> int:
    """Residues of the reference protein, its final stop codon not counted."""
    codons = cds_length(transcript) // 3
    if codons > 0 and cds_length(transcript) % 3 == 0 and ref_residue(transcript, spliced, codons - 1) == 0:
        return codons - 1
    return codons


# ---- where the allele lies ----


@compiled
def place_site(transcript: Any, site: Any) -> None:
    """Fill the site's cds_start and cds_end from its cdna places."""
    low, high = transcript.cds_start, transcript.cds_end
    shift = transcript.padding - low
    start, end = site.cdna_start, site.cdna_end
    site.cds_start = site.cds_end = UNKNOWN
    if start != UNKNOWN and start == end:
        if low < start < high:
            site.cds_start = site.cds_end = start + shift
        return
    if start != UNKNOWN and low <= start < high:
        site.cds_start = start + shift
    if end != UNKNOWN and low < end <= high:
        site.cds_end = end + shift


@compiled
def read_window(transcript: Any, spliced: Any, site: Any, alt: Any, window: Any) -> None:
    """Fill the window and its lengths; has_window stays 0 where an end is UNKNOWN."""
    site.has_window = site.ref_bases = site.alt_bases = site.ref_residues = site.alt_residues = 0
    if site.cds_start == UNKNOWN or site.cds_end == UNKNOWN or not site.is_plain:
        return
    site.codon_first = site.cds_start // 3
    site.codon_end = (site.cds_end + 2) // 3
    first = 3 * site.codon_first
    grown = site.alt_length - (site.cds_end - site.cds_start)
    size = 3 * (site.codon_end - site.codon_first)
    ref_size = max(0, min(size, cds_length(transcript) - first))
    alt_size = max(0, min(size + grown, reading_length(transcript) + grown - first))
    if max(ref_size, alt_size) > window.shape[1]:
        return
    for i in range(ref_size):
        window[REF_BASES, i] = ref_base(transcript, spliced, first + i)
    for i in range(alt_size):
        window[ALT_BASES, i] = alt_base(transcript, spliced, site, alt, first + i)
    site.ref_bases, site.alt_bases = ref_size, alt_size
    site.ref_residues = translate_row(transcript, window[REF_BASES], ref_size, site.codon_first, window[REF_RESIDUES])
    site.alt_residues = translate_row(transcript, window[ALT_BASES], alt_size, site.codon_first, window[ALT_RESIDUES])
    site.has_window = 1


@compiled
def translate_row(transcript: Any, bases: Any, size: int, codon: int, residues: Any) -> int:
    """Translate bases[:size]; returns the number of residues. Leftover bases are an X, unless
    a single stop codon stands before them."""
    count = 0
    for at in range(0, size - 2, 3):
        residues[count] = read_codon(transcript, codon + count, bases[at], bases[at + 1], bases[at + 2])
        count += 1
    if size % 3 and not (count == 1 and residues[0] == STOP):
        residues[count] = ANY_RESIDUE
        count += 1
    return count


# ---- comparing runs of bases or residues ----


@compiled
def find_letter(letters: Any, size: int, letter: int) -> int:
    """Index of a letter in letters[:size], -1 where it is missing."""
    for i in range(size):
        if letters[i] == letter:
            return i
    return -1


@compiled
def starts_with(letters: Any, size: int, part: Any, part_size: int) -> bool:
    """Does letters[:size] begin with part[:part_size]?"""
    if part_size > size:
        return False
    for i in range(part_size):
        if letters[i] != part[i]:
            return False
    return True


@compiled
def ends_with(letters: Any, size: int, part: Any, part_size: int) -> bool:
    """Does letters[:size] end with part[:part_size]?"""
    if part_size > size:
        return False
    for i in range(part_size):
        if letters[size - part_size + i] != part[i]:
            return False
    return True
