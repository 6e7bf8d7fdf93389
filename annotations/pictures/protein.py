"""A protein with the result's variants on it: lollipops, as high as many variants share a place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from django.utils.safestring import SafeString

from annotations.genomics.consequence.terms import IMPACTS
from annotations.genomics.reference.outline import Outline
from annotations.pictures.charts import nice_step
from annotations.pictures.svg import drawing, element, line, link, rect, text

_WIDTH: Final = 480
_SIDE: Final = 16
_STEMS: Final = 70
_BODY: Final = 14
_RADIUS: Final = 5
_SMALL: Final = 3  # of many, for they lie close
_MANY: Final = 40


@dataclass(frozen=True)
class Lollipop:
    """One variant; place: amino acid, 1-based."""

    place: int
    words: str
    impact: str
    href: str
    is_chosen: bool = False


def protein_length(outline: Outline) -> int:
    """Amino acids, without the stop codon."""
    return max((sum(end - start for start, end in outline.coding_exons()) + 2) // 3 - 1, 1)


def lollipops(name: str, outline: Outline, variants: Sequence[Lollipop]) -> SafeString:
    """The protein from its start to its end, where its exons meet, and the variants by place."""
    length = max(protein_length(outline), *(variant.place for variant in variants), 1)
    scale = (_WIDTH - 2 * _SIDE) / length
    floor = _STEMS + 2 * _RADIUS
    drawn: list[SafeString] = [rect(_SIDE, floor, length * scale, _BODY, "protein", rx=3)]
    drawn += [line(_SIDE + at * scale, floor, _SIDE + at * scale, floor + _BODY, "axis") for at in _exon_ends(outline)]
    by_place = [(place, list(found)) for place, found in groupby(variants, key=lambda variant: variant.place)]
    most = max((len(found) for _, found in by_place), default=1)
    # What weighs more lies on top, the chosen one above all.
    for place, found in sorted(by_place, key=lambda entry: _weight(entry[1])):
        drawn.append(_stem(_SIDE + (place - 0.5) * scale, floor, found, most, is_crowded=len(by_place) > _MANY))
    step = max(int(nice_step(length, 5)), 1)
    for at in range(step, length - step // 3, step):
        drawn.append(text(f"{at:,}", _SIDE + at * scale, floor + _BODY + 16, "tick", "middle"))
    drawn.append(text("1", _SIDE, floor + _BODY + 16, "tick", "middle"))
    drawn.append(text(f"{length:,}", _SIDE + length * scale, floor + _BODY + 16, "tick", "end"))
    return drawing(name, _WIDTH, floor + _BODY + 22, *drawn)


def _weight(found: Sequence[Lollipop]) -> tuple[bool, int]:
    return any(variant.is_chosen for variant in found), -min(IMPACTS.index(variant.impact) for variant in found)


def _stem(x: float, floor: float, found: Sequence[Lollipop], most: int, *, is_crowded: bool) -> SafeString:
    """All variants of one place; the gravest gives the colour, the first the link.

    Where it is crowded, the table behind the picture has the ways of who uses a keyboard.
    """
    gravest = min(found, key=lambda variant: IMPACTS.index(variant.impact))
    chosen = next((variant for variant in found if variant.is_chosen), None)
    top = floor - _STEMS * (0.45 + 0.55 * len(found) / most)
    words = "; ".join(variant.words for variant in found[:8]) + ("; …" if len(found) > 8 else "")
    radius = _RADIUS + 2 if chosen else _SMALL if is_crowded else _RADIUS
    css = f"mark {gravest.impact.lower()}" + (" chosen" if chosen else "")
    return link(
        (chosen or gravest).href,
        words,
        line(x, top, x, floor, "axis"),
        element("circle", cx=float(x), cy=float(top), r=float(radius), class_=css),
        is_tab_stop=not is_crowded,
    )


def _exon_ends(outline: Outline) -> list[float]:
    """Where exons meet, in amino acids from the start of the protein."""
    parts = outline.coding_exons()
    if outline.strand < 0:
        parts.reverse()
    ends, at = [], 0
    for start, end in parts[:-1]:
        at += end - start
        ends.append(at / 3)
    return ends
