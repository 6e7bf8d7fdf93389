"""Transcripts to scale, each a strip of its own: they lie below one another in a table whose words are HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.utils.safestring import SafeString

from annotations.genomics.reference.outline import Outline
from annotations.pictures.svg import NAMESPACE, element, rect

_WIDTH: Final = 1000
_HEIGHT: Final = 20
_LEAST: Final = 2.0
"""Width of the smallest exon, in thousandths of the strip: it would not be seen otherwise."""


@dataclass(frozen=True)
class Frame:
    """The stretch of the contig that all strips of a page show: 0-based, half-open."""

    start: int
    end: int

    def x(self, place: int) -> float:
        """A place of the contig as a place of the strip."""
        return _WIDTH * (place - self.start) / (self.end - self.start)


def frame_around(outlines: Sequence[Outline], variant: tuple[int, int]) -> Frame:
    """The frame that holds the transcripts and the variant, with a little room."""
    start = min([variant[0], *(outline.start for outline in outlines)])
    end = max([variant[1], *(outline.end for outline in outlines)])
    room = max((end - start) // 50, 10)
    return Frame(max(start - room, 0), end + room)


def strip(outline: Outline, frame: Frame, variant: tuple[int, int], impact: str) -> SafeString:
    """One transcript: introns a line, untranslated exons low, coding ones high; the variant across it."""
    shapes = [rect(frame.x(outline.start), 9.5, frame.x(outline.end) - frame.x(outline.start), 1, "intron")]
    shapes += [_box(frame, exon, 6, 8, "exon") for exon in outline.exons]
    shapes += [_box(frame, part, 3, 14, "exon coding") for part in outline.coding_exons()]
    shapes.append(_box(frame, variant, 0, _HEIGHT, f"here mark {impact.lower()}", least=7.0))
    return element(
        "svg", *shapes, xmlns=NAMESPACE, class_="chart strip", viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
        preserveAspectRatio="none", role="img", aria_label=_words(outline, variant),
    )  # fmt: skip


def _box(frame: Frame, span: tuple[int, int], top: float, height: float, css: str, least: float = _LEAST) -> SafeString:
    x, end = frame.x(span[0]), frame.x(span[1])
    width = max(end - x, least)
    return rect((x + end - width) / 2, top, width, height, css)


def _words(outline: Outline, variant: tuple[int, int]) -> str:
    exons = len(outline.exons)
    strand = "forward" if outline.strand > 0 else "reverse"
    hit = [place for place, (start, end) in enumerate(outline.exons, 1) if start < variant[1] and end > variant[0]]
    if hit:
        where = f"in exon {hit[0] if outline.strand > 0 else exons + 1 - hit[-1]}"
    else:
        is_outside = variant[1] <= outline.start or variant[0] >= outline.end
        where = "outside" if is_outside else "in no exon"
    return f"{exons} exon{'s' if exons != 1 else ''}, {strand} strand, the variant {where}"
