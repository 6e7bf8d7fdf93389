"""Charts: bars by name, columns along an axis, density along the chromosomes. Drawn to fit half a page, or a phone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.safestring import SafeString

from annotations.pictures.cytobands import Band
from annotations.pictures.svg import LETTER, drawing, element, line, link, rect, shorten, text

WIDTH: Final = 350
_ROW: Final = 22
_LABELS: Final = 205  # widest column of labels
_GAP: Final = 8


@dataclass(frozen=True)
class Bar:
    """One bar; css: the meaning whose colour it bears; href: where its members are listed; short: its label where
    there is little room."""

    label: str
    number: int
    css: str = ""
    href: str = ""
    short: str = ""

    @property
    def words(self) -> str:
        """What it says, in words."""
        return f"{self.label}: {intcomma(self.number)}"


def bars(name: str, rows: Sequence[Bar]) -> SafeString:
    """Bars from left to right, one below the other."""
    labels = min(max((len(row.short or row.label) for row in rows), default=0) * LETTER + _GAP, _LABELS)
    numbers = max((len(intcomma(row.number)) for row in rows), default=0) * LETTER + _GAP
    room = WIDTH - labels - numbers
    largest = max((row.number for row in rows), default=0) or 1
    drawn = []
    for place, row in enumerate(rows):
        top = place * _ROW
        length = max(room * row.number / largest, 1.5 if row.number else 0)
        drawn.append(
            link(
                row.href,
                row.words,
                rect(0, top, WIDTH, _ROW, "catch"),
                text(shorten(row.short or row.label, labels), labels - _GAP, top + 15, "name", "end"),
                rect(labels, top + 4, length, _ROW - 8, f"mark {row.css}".strip()),
                text(str(intcomma(row.number)), labels + length + 5, top + 15, "figure"),
            )
        )
    return drawing(name, WIDTH, max(len(rows), 1) * _ROW, *drawn)


def nice_step(largest: float, parts: int) -> float:
    """A step of 1, 2 or 5 times a power of ten that goes into `largest` about `parts` times."""
    rough = max(largest / parts, 1e-9)
    power: float = 10.0 ** math.floor(math.log10(rough))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= rough)


def compact(number: float) -> str:
    """12, 3.4k, 5M: for axes."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:g}{letter}"
    return f"{number:g}"


_LEFT: Final = 38
_PLOT_HEIGHT: Final = 130


def columns(name: str, rows: Sequence[Bar], ticks: Sequence[tuple[float, str]], axis: str) -> SafeString:
    """Columns side by side. ticks: (place in columns, words) under the axis; axis: what it measures."""
    largest = max((row.number for row in rows), default=0) or 1
    step = max(nice_step(largest, 3), 1)
    each = (WIDTH - _LEFT - 10) / max(len(rows), 1)
    top, bottom = 8, 8 + _PLOT_HEIGHT
    drawn = []
    for count in range(int(largest / step) + 1):
        y = bottom - _PLOT_HEIGHT * count * step / largest
        drawn += [line(_LEFT, y, WIDTH - 10, y, "grid"), text(compact(count * step), _LEFT - 6, y + 4, "tick", "end")]
    for place, row in enumerate(rows):
        if row.number:
            height = max(_PLOT_HEIGHT * row.number / largest, 1.5)
            x, gap = _LEFT + place * each, min(each * 0.15, 2)
            catch = rect(x, top, each, _PLOT_HEIGHT, "catch")
            mark = rect(x + gap / 2, bottom - height, each - gap, height, f"mark {row.css}".strip())
            drawn.append(link(row.href, row.words, catch, mark, is_tab_stop=False))
    for at, words in ticks:
        drawn.append(text(words, _LEFT + at * each, bottom + 15, "tick", "middle"))
    drawn.append(text(axis, (_LEFT + WIDTH - 10) / 2, bottom + 32, "name", "middle"))
    return drawing(name, WIDTH, bottom + 38, *drawn)


@dataclass(frozen=True)
class Chromosome:
    """One contig: its bands, and bars from its start on, each `step` bases wide."""

    name: str
    length: int
    number: int
    href: str
    bands: Sequence[Band]
    step: int
    density: Sequence[Bar]


_NAME: Final = 52
_DENSITY: Final = 22
_BODY: Final = 8
_CONTIG: Final = _DENSITY + _BODY + 8


def karyogram(name: str, contigs: Sequence[Chromosome]) -> SafeString:
    """Chromosomes to one scale, the density of variants above each."""
    longest = max((contig.length for contig in contigs), default=1)
    largest = max((bar.number for contig in contigs for bar in contig.density), default=0) or 1
    numbers = max((len(intcomma(contig.number)) for contig in contigs), default=0) * LETTER + _GAP
    scale = (WIDTH - _NAME - numbers) / longest
    drawn = []
    for place, contig in enumerate(contigs):
        floor = place * _CONTIG + _DENSITY
        words = f"{contig.name}: {intcomma(contig.number)}"
        label = text(shorten(contig.name, _NAME), _NAME - _GAP, floor + _BODY, "name", "end")
        drawn.append(link(contig.href, words, label))
        for at, bar in enumerate(contig.density):
            if bar.number:
                start = at * contig.step
                x, width = _NAME + start * scale, min(contig.step, contig.length - start) * scale
                height = max(_DENSITY * bar.number / largest, 1.0)
                catch = rect(x, floor - _DENSITY, width, _DENSITY + _BODY, "catch")
                mark = rect(x, floor - height, max(width - 0.5, 0.8), height, "mark")
                drawn.append(link(bar.href, bar.words, catch, mark, is_tab_stop=False))
        drawn += _body(contig, floor + 2, scale)
        end = _NAME + contig.length * scale
        drawn.append(text(str(intcomma(contig.number)), end + 5, floor + _BODY, "figure"))
    return drawing(name, WIDTH, max(len(contigs), 1) * _CONTIG, *drawn)


def _body(contig: Chromosome, top: float, scale: float) -> list[SafeString]:
    """The chromosome itself: its bands by stain, the centromere as two wedges."""
    outline = rect(_NAME, top, contig.length * scale, _BODY, "body", rx=3)
    if not contig.bands:
        return [outline]
    shapes = [rect(_NAME, top, contig.length * scale, _BODY, "ground", rx=3)]
    for band in contig.bands:
        x, end = _NAME + band.start * scale, _NAME + band.end * scale
        if band.stain == "acen":
            wide, narrow = (x, end) if band.name.startswith("p") else (end, x)
            points = f"{wide:.2f},{top:g} {narrow:.2f},{top + _BODY / 2:g} {wide:.2f},{top + _BODY:g}"
            shapes.append(rect(x, top - 0.5, end - x, _BODY + 1, "waist"))
            shapes.append(element("polygon", points=points, class_="stain acen"))
        elif band.stain != "gneg":
            shapes.append(rect(x, top, end - x, _BODY, f"stain {band.stain}"))
    return [*shapes, *_arms(contig, top, scale)]


def _arms(contig: Chromosome, top: float, scale: float) -> list[SafeString]:
    """The outline of each arm."""
    centre = [band for band in contig.bands if band.stain == "acen"]
    ends = [0, contig.length] if not centre else [0, centre[0].start, centre[-1].end, contig.length]
    arms = [pair for place, pair in enumerate(pairwise(ends)) if place != 1 or not centre]
    return [rect(_NAME + start * scale, top, (end - start) * scale, _BODY, "body", rx=3) for start, end in arms]
