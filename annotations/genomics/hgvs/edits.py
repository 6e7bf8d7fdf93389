"""What HGVS calls a change of sequence, and where the 3' rule puts it.

start, end: 0-based, half-open on the contig; an insertion has start == end. Letters are base
codes on the contig's strand. forward: the description runs along the contig (g. names, and
transcripts of its + strand), so that 3' is to the right.
(https://hgvs-nomenclature.org: DNA recommendations, prioritisation and the 3' rule.)
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from annotations.genomics.compiled import compiled
from annotations.genomics.output.text import join_words, put_base, put_word
from annotations.genomics.reference.layout import COMPLEMENT

EDIT: Final = np.dtype(
    [("kind", "<i8"), ("start", "<i8"), ("end", "<i8"), ("alt_from", "<i8"), ("alt_to", "<i8")], align=True
)
"""A described change: [start, end) and the letters alt[alt_from:alt_to] that are written out."""

SUBSTITUTION: Final = 0
DELETION: Final = 1
INSERTION: Final = 2
DUPLICATION: Final = 3
INVERSION: Final = 4
DELINS: Final = 5
WORDS, WORD_OFFSETS = join_words((">", "del", "ins", "dup", "inv", "delins"))

SHIFT_LIMIT: Final = 10_000
"""Bases after which the search for the 3'-most place ends: no repeat in a gene is that long."""


@compiled
def shift_length(sequence: Any, start: int, end: int, letters: Any, size: int, forward: bool) -> int:
    """How many bases a pure insertion or deletion of letters[:size] can move in the 3' direction.

    sequence: base codes of the whole contig. Unknown bases (N) stop it.
    """
    moved = 0
    if forward:
        while moved < SHIFT_LIMIT and end + moved < sequence.size:
            base = sequence[end + moved]
            if base > 3 or base != (letters[moved] if moved < size else sequence[end + moved - size]):
                break
            moved += 1
    else:
        while moved < SHIFT_LIMIT and start - 1 - moved >= 0:
            base = sequence[start - 1 - moved]
            if base > 3 or base != (letters[size - 1 - moved] if moved < size else sequence[start - 1 - moved + size]):
                break
            moved += 1
    return moved


@compiled
def rotate(letters: Any, size: int, moved: int, forward: bool, rotated: Any) -> None:
    """The letters of an insertion after it has moved: rotated[:size]."""
    turn = moved % size if size > 0 else 0
    if not forward:
        turn = size - turn
    for i in range(size):
        source = i + turn
        rotated[i] = letters[source - size if source >= size else source]


@compiled
def repeats_at(sequence: Any, place: int, letters: Any, size: int, low: int, high: int) -> bool:
    """Do letters[:size] stand at `place`, within [low, high) of the contig?"""
    if place < low or place + size > high:
        return False
    for i in range(size):
        if sequence[place + i] != letters[i]:
            return False
    return True


@compiled
def describe_edit(
    sequence: Any, low: int, high: int, forward: bool, start: int, end: int,
    ref: Any, alt: Any, ref_length: int, alt_length: int, edit: Any,
) -> None:  # fmt: skip
    """Fill `edit` with what HGVS calls the allele, already moved and rotated.

    [low, high): what the description may reach, the transcript or the contig. A duplication is
    an insertion of what stands beside it; an inversion takes at least two bases.
    """
    edit.start, edit.end, edit.alt_from, edit.alt_to = start, end, 0, alt_length
    if alt_length == 0:
        edit.kind = DELETION
        return
    if ref_length == 0:
        describe_insertion(sequence, low, high, forward, start, alt, alt_length, edit)
        return
    edit.kind = DELINS
    if ref_length == alt_length:
        if is_inversion(ref, alt, ref_length):
            edit.kind = INVERSION
        clip_shared(ref, alt, ref_length, edit)
        if edit.end - edit.start == 1:
            edit.kind = SUBSTITUTION


@compiled
def describe_insertion(
    sequence: Any, low: int, high: int, forward: bool, place: int, alt: Any, size: int, edit: Any
) -> None:
    """A dup of the 3' or, failing that, of the 5' neighbour; else an ins."""
    right = repeats_at(sequence, place, alt, size, low, high)
    left = repeats_at(sequence, place - size, alt, size, low, high)
    edit.kind = DUPLICATION if left or right else INSERTION
    if right and (forward or not left):
        edit.end = place + size
    elif left:
        edit.start = place - size


@compiled
def clip_shared(ref: Any, alt: Any, size: int, edit: Any) -> None:
    """Take what equally long alleles share at either end off the edit; they differ somewhere."""
    front = 0
    while front < size - 1 and ref[front] == alt[front]:
        front += 1
    back = size
    while back > front + 1 and ref[back - 1] == alt[back - 1]:
        back -= 1
    edit.end = edit.start + back
    edit.start += front
    edit.alt_from, edit.alt_to = front, back


@compiled
def is_inversion(ref: Any, alt: Any, size: int) -> bool:
    """Is the ALT, as the record has it, the reverse complement of its REF?

    Asked before shared ends are clipped, as VEP asks it: CCA>GGA is a delins to both.
    """
    for i in range(size):
        if alt[i] > 3 or alt[i] != COMPLEMENT[ref[size - 1 - i]]:
            return False
    return True


@compiled
def put_change(out: Any, at: int, edit: Any, ref: Any, alt: Any, forward: bool) -> int:
    """`A>G`, `del`, `insTTA`, `dup`, `inv`, `delinsTT`, in the description's direction."""
    if edit.kind == SUBSTITUTION:
        before = ref[edit.alt_from]
        at = put_base(out, at, before if forward else COMPLEMENT[before])
    at = put_word(out, at, WORDS, WORD_OFFSETS, edit.kind)
    if edit.kind in (SUBSTITUTION, INSERTION, DELINS):
        for i in range(edit.alt_to - edit.alt_from):
            if forward:
                at = put_base(out, at, alt[edit.alt_from + i])
            else:
                at = put_base(out, at, COMPLEMENT[alt[edit.alt_to - 1 - i]])
    return at
