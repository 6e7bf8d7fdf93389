"""Three states of a frequency: found, looked up and not seen, not covered.

A source that lacks an allele says little as long as nobody knows whether it could have seen it. A
callable file, a BED of the stretches that its makers could judge, tells the two apart.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from annotations.genomics.compiled import compiled
from annotations.genomics.output.text import join_words
from annotations.genomics.sources.declaration import Field, FieldType
from annotations.genomics.sources.layout import Source, ValueColumn
from annotations.genomics.sources.normalise import NO_CODE
from annotations.genomics.sources.places import read_lines, read_regions
from annotations.genomics.vcf.records import Alleles, Int32s, Int64s

if TYPE_CHECKING:
    from annotations.genomics.reference.load import Reference

STATES: Final = ("found", "not_seen", "not_covered")
_FOUND, _NOT_SEEN, _NOT_COVERED = range(len(STATES))
_ROWS, _START, _END = (f"callable.{name}" for name in ("rows", "start", "end"))


def compile_callable(path: Path, name: str, reference: Reference) -> dict[str, Any]:
    """Arrays of a BED file's stretches, those that touch joined; see layout.py."""
    regions, _ = read_regions(read_lines(path, ("contig", "start", "end"), name), reference)
    joined: list[tuple[int, int, int]] = []
    for contig, start, end, _line in regions:
        if joined and joined[-1][0] == contig and start <= joined[-1][2]:
            joined[-1] = (contig, joined[-1][1], max(end, joined[-1][2]))
        else:
            joined.append((contig, start, end))
    contigs, starts, ends = (np.array([row[place] for row in joined], np.int32) for place in range(3))
    rows = np.searchsorted(contigs, np.arange(len(reference.contigs) + 1)).astype(np.int64)
    return {_ROWS: rows, _START: starts, _END: ends}


def has_states(source: Source) -> bool:
    """It was compiled with a callable file."""
    return _ROWS in source.arrays


def with_states(source: Source) -> Source:
    """The source with one more field: the state of each allele."""
    if not has_states(source):
        return source
    declaration = source.declaration
    described = f"{declaration.title}: found, looked up and not_seen, or not_covered"
    field = Field(declaration.status, "", FieldType.STRING, described)
    words, offsets = join_words(STATES)
    offsets.setflags(write=False)
    places = np.arange(len(STATES), dtype=np.int32)
    places.setflags(write=False)
    return replace(
        source,
        declaration=replace(declaration, fields=(*declaration.fields, field)),
        columns=(*source.columns, ValueColumn(places, offsets, words)),
    )


@compiled
def find_states(
    contig: Int32s, start: Int64s, end: Int64s, code: Int64s, found: Int64s,
    rows: Int64s, row_start: Int32s, row_end: Int32s, states: Int64s,
) -> None:  # fmt: skip
    """states (int64[m]): place in STATES, -1 for an allele that cannot be looked up.

    An allele is covered where all bases that it replaces are, an insertion where the base before it is.
    """
    for i in range(contig.size):
        states[i] = -1
        if code[i] == NO_CODE:
            continue
        if found[i] >= 0:
            states[i] = _FOUND
            continue
        first = start[i] if end[i] > start[i] else start[i] - 1
        last = max(end[i], first + 1)
        low = rows[contig[i]]
        high = rows[contig[i] + 1]
        while low < high:
            middle = (low + high) // 2
            if row_end[middle] < last:
                low = middle + 1
            else:
                high = middle
        is_covered = low < rows[contig[i] + 1] and row_start[low] <= first
        states[i] = _NOT_SEEN if is_covered else _NOT_COVERED


def match_states(source: Source, contig: Int32s, alleles: Alleles, code: Int64s, found: Int64s) -> Int64s:
    """The state of each allele (int64[m]); see find_states."""
    states = np.empty(found.size, np.int64)
    arrays = source.arrays
    find_states(contig, alleles.start, alleles.end, code, found, arrays[_ROWS], arrays[_START], arrays[_END], states)
    return states
