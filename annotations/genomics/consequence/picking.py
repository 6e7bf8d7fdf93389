"""Which transcript of an allele is shown first (PICK=1).

Within a gene: MANE Select, then MANE Plus Clinical, then the canonical transcript, then one of
CCDS or the basic set (the order that pick_rank of layout.TRANSCRIPT holds), then the longest CDS,
then the first on the contig. Across genes: a transcript that the allele overlaps before one it
only lies near, then the more severe impact, then the same order.
"""

from __future__ import annotations

from typing import Any, Final

from annotations.genomics.compiled import compiled

_LONGEST: Final = (1 << 31) - 1


@compiled
def rank_of(transcript: Any) -> int:
    """Smaller is picked first within a gene."""
    return (transcript.pick_rank << 32) + _LONGEST - (transcript.cds_end - transcript.cds_start)  # type: ignore[no-any-return]


@compiled
def comes_first(rows: Any, transcripts: Any, row: int, other: int) -> bool:
    """Across genes: is pairs row `row` shown before row `other`?"""
    if rows[row].within != rows[other].within:
        return rows[row].within > rows[other].within  # type: ignore[no-any-return]
    if rows[row].impact != rows[other].impact:
        return rows[row].impact < rows[other].impact  # type: ignore[no-any-return]
    return rank_of(transcripts[rows[row].transcript]) < rank_of(transcripts[rows[other].transcript])


@compiled
def pick_row(rows: Any, first: int, last: int, transcripts: Any, winners: Any) -> None:
    """Mark one of rows[first:last], the pairs of one allele.

    winners: int64[genes], all -1 on entry and on return.
    """
    for row in range(first, last):
        transcript = transcripts[rows[row].transcript]
        best = winners[transcript.gene]
        if best < 0 or rank_of(transcript) < rank_of(transcripts[rows[best].transcript]):
            winners[transcript.gene] = row
    picked = -1
    worst = 3
    for row in range(first, last):
        worst = min(worst, rows[row].impact)
        gene = transcripts[rows[row].transcript].gene
        if winners[gene] == row and (picked < 0 or comes_first(rows, transcripts, row, picked)):
            picked = row
    for row in range(first, last):
        winners[transcripts[rows[row].transcript].gene] = -1
    rows[picked].picked = 1
    rows[picked].hides = 1 if worst < rows[picked].impact else 0
