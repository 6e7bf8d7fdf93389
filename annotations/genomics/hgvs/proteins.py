"""HGVSp: names on the protein, three-letter, without the brackets of a prediction, as VEP has them.

Written from the codon window (consequence/coding.py) of the allele at its 3'-most place. Residue
numbers in the text are 1-based; `codon` in the code is 0-based. Forms, and when:

    p.Met1?                  the start is lost
    p.Lys62SerfsTer100       frameshift: the first residue that changes, the new one, and the codon
                             of the new stop counted from it, found in the transcript's own
                             sequence with its 3' UTR; fsTer? where none follows
    p.Gln6Ter                a new stop at the first changed place
    p.Ter110GlnextTer17      the stop is lost: how far the next one is, extTer? where none follows
    p.Leu5=                  nothing changes; p.LeuVal5= for neighbours, as VEP has it
    p.Lys2_Met3insGln, p.Lys2dup, p.Gln8_Gly10del, p.Cys28delinsTrpVal, moved towards the C terminus;
                             nothing is written behind a stop that is part of the new residues

No name where the moved allele crosses an exon's edge or the end of the CDS, or its window is
incomplete. (https://hgvs-nomenclature.org: protein recommendations.)
"""

from __future__ import annotations

from typing import Any, Final

from annotations.genomics.compiled import compiled
from annotations.genomics.consequence.codons import STOP
from annotations.genomics.consequence.codons import UNKNOWN as ANY_RESIDUE
from annotations.genomics.consequence.reading import (
    ALT_RESIDUES,
    REF_RESIDUES,
    alt_residue,
    cds_length,
    find_letter,
    protein_length,
    reading_length,
    ref_residue,
    starts_with,
)
from annotations.genomics.consequence.terms import START_LOST, STOP_LOST
from annotations.genomics.output.text import join_words, put_byte, put_number, put_residue, put_word

WORDS, WORD_OFFSETS = join_words(("Met1?", "fsTer", "extTer", "%3D", "del", "ins", "dup", "delins"))
_START, _SHIFT, _EXTENSION, _SAME, _DEL, _INS, _DUP, _DELINS = range(8)
_QUESTION: Final = 63
_UNDERSCORE: Final = 95


@compiled
def put_protein_name(
    out: Any, at: int, transcript: Any, spliced: Any, site: Any, alt: Any, window: Any,
    terms: int, is_frameshift: bool,
) -> int:  # fmt: skip
    """The name behind `ENSP…:p.`.

    alt: base codes along the transcript, moved. terms: coding terms at the moved place;
    is_frameshift: as decided at the place given in the file.
    """
    if not site.has_window:
        return at
    if terms & START_LOST:
        return put_word(out, at, WORDS, WORD_OFFSETS, _START)
    if is_frameshift:
        return put_frameshift(out, at, transcript, spliced, site, alt)
    ref, ref_size = window[REF_RESIDUES], site.ref_residues
    new, new_size = window[ALT_RESIDUES], site.alt_residues
    if ref_size == new_size and starts_with(new, new_size, ref, ref_size):
        return put_unchanged(out, at, ref, ref_size, site.codon_first)
    if terms & STOP_LOST:
        return put_stop_loss(out, at, transcript, spliced, site, alt)
    front = 0
    while front < ref_size and front < new_size and ref[front] == new[front]:
        if ref[front] == STOP:
            return put_unchanged(out, at, ref[front:], 1, site.codon_first + front)
        front += 1
    back = 0
    while back < min(ref_size, new_size) - front and ref[ref_size - 1 - back] == new[new_size - 1 - back]:
        back += 1
    codon = site.codon_first + front
    if front + back == ref_size:
        return put_inserted(out, at, transcript, spliced, codon, new[front:], new_size - front - back)
    if front + back == new_size:
        return put_deleted(out, at, transcript, spliced, codon, ref[front:], ref_size - front - back)
    return put_replaced(out, at, codon, ref[front:], ref_size - front - back, new[front:], new_size - front - back)


@compiled
def put_place(out: Any, at: int, residue: int, codon: int) -> int:
    """`Lys2`."""
    return put_number(out, put_residue(out, at, residue), codon + 1)


@compiled
def put_places(out: Any, at: int, first: int, codon: int, last: int, last_codon: int) -> int:
    """`Lys2` or `Lys2_Met3`."""
    at = put_place(out, at, first, codon)
    if last_codon != codon:
        at = put_place(out, put_byte(out, at, _UNDERSCORE), last, last_codon)
    return at


@compiled
def put_unchanged(out: Any, at: int, residues: Any, size: int, codon: int) -> int:
    """`Leu5=`, `LeuVal5=`; nothing for no residue, or one that is not known."""
    if find_letter(residues, size, ANY_RESIDUE) >= 0:
        return at
    if size == 0:
        return at
    for i in range(size):
        at = put_residue(out, at, residues[i])
    return put_word(out, put_number(out, at, codon + 1), WORDS, WORD_OFFSETS, _SAME)


@compiled
def put_residues(out: Any, at: int, residues: Any, size: int, turn: int) -> int:
    """residues[:size], begun at `turn` and continued in a circle, up to the first stop."""
    for i in range(size):
        letter = residues[(i + turn) % size]
        at = put_residue(out, at, letter)
        if letter == STOP:
            break
    return at


@compiled
def codons_after(transcript: Any, site: Any) -> int:
    """Whole codons from the CDS's start to the transcript's end after the change."""
    return (reading_length(transcript) - (site.cds_end - site.cds_start) + site.alt_length) // 3  # type: ignore[no-any-return]


@compiled
def find_next_stop(transcript: Any, spliced: Any, site: Any, alt: Any, codon: int) -> int:
    """The first codon from `codon` on that stops the changed reading frame; -1 where none does."""
    for number in range(codon, codons_after(transcript, site)):
        if alt_residue(transcript, spliced, site, alt, number) == STOP:
            return number
    return -1


@compiled
def find_first_change(transcript: Any, spliced: Any, site: Any, alt: Any) -> int:
    """The first codon from the site on whose residue changes; -1 where the protein ends unchanged,
    or the transcript ends first."""
    length = protein_length(transcript, spliced)
    for codon in range(site.codon_first, min(codons_after(transcript, site), length + 1)):
        new = alt_residue(transcript, spliced, site, alt, codon)
        old = old_residue(transcript, spliced, codon, length)
        if new != old:
            return codon
        if new == STOP:
            return -1
    return -1


@compiled
def old_residue(transcript: Any, spliced: Any, codon: int, length: int) -> int:
    """Residue of the reference protein, its final stop included."""
    return STOP if codon >= length else ref_residue(transcript, spliced, codon)


@compiled
def put_frameshift(out: Any, at: int, transcript: Any, spliced: Any, site: Any, alt: Any) -> int:
    """`Lys62SerfsTer100`, `Gln6Ter` where the first new residue is a stop, an extension where the
    old stop is the first to change, `Ter9=` where the protein ends as before."""
    length = protein_length(transcript, spliced)
    codon = find_first_change(transcript, spliced, site, alt)
    if codon < 0:
        keeps_stop = codons_after(transcript, site) > length and 3 * length < cds_length(transcript)
        if not keeps_stop:
            return at
        return put_word(out, put_place(out, at, STOP, length), WORDS, WORD_OFFSETS, _SAME)
    if codon == length:
        return put_stop_loss(out, at, transcript, spliced, site, alt)
    new = alt_residue(transcript, spliced, site, alt, codon)
    at = put_place(out, at, ref_residue(transcript, spliced, codon), codon)
    at = put_residue(out, at, new)
    if new == STOP:
        return at
    at = put_word(out, at, WORDS, WORD_OFFSETS, _SHIFT)
    stop = find_next_stop(transcript, spliced, site, alt, codon)
    return put_number(out, at, stop - codon + 1) if stop >= 0 else put_byte(out, at, _QUESTION)


@compiled
def put_stop_loss(out: Any, at: int, transcript: Any, spliced: Any, site: Any, alt: Any) -> int:
    """An extension where the stop codon itself is the first change; else the whole new end."""
    length = protein_length(transcript, spliced)
    codon = find_first_change(transcript, spliced, site, alt)
    if codon < 0:
        return at
    stop = find_next_stop(transcript, spliced, site, alt, codon)
    if codon == length:
        at = put_place(out, at, STOP, codon)
        at = put_residue(out, at, alt_residue(transcript, spliced, site, alt, codon))
        at = put_word(out, at, WORDS, WORD_OFFSETS, _EXTENSION)
        return put_number(out, at, stop - codon) if stop >= 0 else put_byte(out, at, _QUESTION)
    if stop < 0 or stop - codon > 200:
        return at
    at = put_places(out, at, ref_residue(transcript, spliced, codon), codon, STOP, length)
    at = put_word(out, at, WORDS, WORD_OFFSETS, _DELINS)
    for number in range(codon, stop + 1):
        at = put_residue(out, at, alt_residue(transcript, spliced, site, alt, number))
    return at


@compiled
def put_inserted(out: Any, at: int, transcript: Any, spliced: Any, codon: int, new: Any, size: int) -> int:
    """new[:size] stand before residue `codon` of the reference: moved on while it repeats them."""
    turn = 0
    while ref_residue(transcript, spliced, codon) == new[turn % size]:
        codon += 1
        turn += 1
    if find_letter(new, size, STOP) < 0 and repeats_before(transcript, spliced, codon, new, size, turn):
        first, last = new[turn % size], new[(turn + size - 1) % size]
        at = put_places(out, at, first, codon - size, last, codon - 1)
        return put_word(out, at, WORDS, WORD_OFFSETS, _DUP)
    left = ref_residue(transcript, spliced, codon - 1) if codon > 0 else 0
    right = ref_residue(transcript, spliced, codon)
    length = protein_length(transcript, spliced)
    if right == 0 and codon == length and 3 * length < cds_length(transcript):
        right = STOP
    if left == 0 or right == 0:
        return at
    at = put_places(out, at, left, codon - 1, right, codon)
    at = put_word(out, at, WORDS, WORD_OFFSETS, _INS)
    return put_residues(out, at, new, size, turn)


@compiled
def repeats_before(transcript: Any, spliced: Any, codon: int, new: Any, size: int, turn: int) -> bool:
    """Do the inserted residues stand already just before residue `codon`?"""
    if codon < size:
        return False
    for i in range(size):
        if ref_residue(transcript, spliced, codon - size + i) != new[(turn + i) % size]:
            return False
    return True


@compiled
def put_deleted(out: Any, at: int, transcript: Any, spliced: Any, codon: int, old: Any, size: int) -> int:
    """old[:size] of the reference, from residue `codon` on, are gone: moved on while they repeat."""
    turn = 0
    while ref_residue(transcript, spliced, codon + size) == old[turn % size]:
        codon += 1
        turn += 1
    first, last = old[turn % size], old[(turn + size - 1) % size]
    at = put_places(out, at, first, codon, last, codon + size - 1)
    return put_word(out, at, WORDS, WORD_OFFSETS, _DEL)


@compiled
def put_replaced(out: Any, at: int, codon: int, old: Any, old_size: int, new: Any, new_size: int) -> int:
    """One residue for one, or a delins."""
    at = put_places(out, at, old[0], codon, old[old_size - 1], codon + old_size - 1)
    if old_size == 1 and new_size == 1:
        return put_residue(out, at, new[0])
    at = put_word(out, at, WORDS, WORD_OFFSETS, _DELINS)
    return put_residues(out, at, new, new_size, 0)
