"""Between the genome and a transcript.

start, end: 0-based, half-open on the contig. cdna: 0-based on the spliced transcript, from its 5'
end. An insertion stands between two bases, start == end. UNKNOWN (-1) is a place not in an exon.
`transcript` is a row of layout.TRANSCRIPT, `exons` the array of layout.EXON.
"""

from __future__ import annotations

from typing import Any, Final

from annotations.genomics.compiled import compiled

UNKNOWN: Final = -1


@compiled
def touches(start: int, end: int, window_start: int, window_end: int) -> bool:
    """Do two stretches share a base? An insertion must stand strictly inside the window."""
    return end > window_start and start < window_end


@compiled
def find_exon(transcript: Any, exons: Any, place: int) -> int:
    """Row of the first exon (on the genome) that ends beyond `place`; exon_to where none does."""
    low, high = transcript.exon_from, transcript.exon_to
    while low < high:
        middle = (low + high) >> 1
        if exons[middle].end <= place:
            low = middle + 1
        else:
            high = middle
    return int(low)


@compiled
def map_base(transcript: Any, exons: Any, place: int) -> int:
    """cdna of the base at `place` of the contig; UNKNOWN outside the exons."""
    row = find_exon(transcript, exons, place)
    if row == transcript.exon_to or exons[row].start > place:
        return UNKNOWN
    if transcript.strand > 0:
        return exons[row].cdna + place - exons[row].start  # type: ignore[no-any-return]
    return exons[row].cdna + exons[row].end - 1 - place  # type: ignore[no-any-return]


@compiled
def map_stretch(transcript: Any, exons: Any, start: int, end: int) -> tuple[int, int]:
    """cdna start and end of [start, end); each UNKNOWN where its base lies in no exon.

    An insertion on an exon's edge keeps the place that its exonic side gives it.
    """
    left = map_base(transcript, exons, start - 1) if start == end else map_base(transcript, exons, start)
    right = left if end == start + 1 else map_base(transcript, exons, end if start == end else end - 1)
    first, last = (left, right) if transcript.strand > 0 else (right, left)
    if start < end:
        return first, last + 1 if last != UNKNOWN else UNKNOWN
    if last != UNKNOWN:  # the base 3' of the insertion
        return last, last
    if first != UNKNOWN:
        return first + 1, first + 1
    return UNKNOWN, UNKNOWN


@compiled
def locate(transcript: Any, exons: Any, place: int) -> tuple[int, int]:
    """(cdna, offset) of a base between the transcript's ends, as HGVS counts.

    In an exon offset is 0. In an intron cdna is the nearest exonic base and offset the distance
    to it, positive after the exon; the exact middle belongs to the exon on the 5' side.
    """
    row = find_exon(transcript, exons, place)
    forward = transcript.strand > 0
    if exons[row].start <= place:
        inside = place - exons[row].start if forward else exons[row].end - 1 - place
        return exons[row].cdna + inside, 0
    from_left = place - exons[row - 1].end + 1
    from_right = exons[row].start - place
    if from_left < from_right or (from_left == from_right and forward):
        if forward:
            return exons[row - 1].cdna + exons[row - 1].end - exons[row - 1].start - 1, from_left
        return exons[row - 1].cdna, -from_left
    if forward:
        return exons[row].cdna, -from_right
    return exons[row].cdna + exons[row].end - exons[row].start - 1, from_right
