"""HGVSg: names on the contig's accession, g. or for the mitochondrion m.

start, end: 0-based, half-open on the contig, as given (not yet moved).
"""

from __future__ import annotations

from typing import Any

from annotations.genomics.compiled import compiled
from annotations.genomics.hgvs.edits import (
    DELETION,
    DUPLICATION,
    INVERSION,
    WORD_OFFSETS,
    WORDS,
    describe_edit,
    put_change,
    rotate,
)
from annotations.genomics.output.text import put_byte, put_number, put_word


@compiled
def put_genomic_range(out: Any, at: int, start: int, end: int) -> int:
    """[start, end) as HGVS counts: the base, the first and last base, or an insertion's neighbours."""
    first, last = (start, start + 1) if start == end else (start + 1, end)
    at = put_number(out, at, first)
    if first != last:
        at = put_number(out, put_byte(out, at, 95), last)
    return at


@compiled
def put_genomic_name(
    out: Any, at: int, sequence: Any, start: int, end: int,
    ref: Any, alt: Any, ref_length: int, alt_length: int, moved: int, rotated: Any, edit: Any,
) -> int:  # fmt: skip
    """The name behind `NC_…:g.` of a sequence allele that the 3' rule moves by `moved` bases.

    Nothing for an insertion before the contig's first base or behind its last.
    """
    letters = alt
    if ref_length == 0:
        rotate(alt, alt_length, moved, True, rotated)
        letters = rotated
    describe_edit(
        sequence, 0, sequence.size, True, start + moved, end + moved, ref, letters, ref_length, alt_length, edit
    )
    if edit.start == edit.end and (edit.start == 0 or edit.start == sequence.size):
        return at
    at = put_genomic_range(out, at, edit.start, edit.end)
    return put_change(out, at, edit, ref, letters, True)


@compiled
def put_structural_name(out: Any, at: int, start: int, end: int, kind: int) -> int:
    """The name of a symbolic deletion, duplication or inversion (kind: see edits) of [start, end)."""
    if start < end and kind in (DELETION, DUPLICATION, INVERSION):
        at = put_genomic_range(out, at, start, end)
        at = put_word(out, at, WORDS, WORD_OFFSETS, kind)
    return at
