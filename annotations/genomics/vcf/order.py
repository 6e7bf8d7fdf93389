"""In which order a file's records stand: sorted or not, and never too many at one place."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from annotations.genomics.compiled import compiled
from annotations.genomics.errors import AnnotationError
from annotations.genomics.vcf.limits import Limits
from annotations.genomics.vcf.records import Int64s, Records


@compiled
def follow_positions(pos: Int64s, limit: int, state: Int64s) -> int:
    """Go through the POS of records of one contig; index of the record that is one too many, or -1.

    state: int64[3]: the last POS, how many records in a row have it, 1 once a POS was smaller
    than the one before.
    """
    last = state[0]
    run = state[1]
    for i in range(pos.size):
        if pos[i] == last:
            run += 1
            if run > limit:
                return i
        else:
            if pos[i] < last:
                state[2] = 1
            last = pos[i]
            run = 1
    state[0] = last
    state[1] = run
    return -1


def contig_runs(records: Records) -> Iterator[tuple[bytes, int, int]]:
    """(CHROM, first, stop) for each run of records with one CHROM."""
    if not len(records):
        return
    firsts = [0, *(np.flatnonzero(np.diff(records.name)) + 1).tolist(), len(records)]
    for first, stop in itertools.pairwise(firsts):
        yield records.names[records.name[first]], first, stop


class RecordOrder:
    """Follows all records of a file. is_sorted: contigs stand together and POS never falls."""

    def __init__(self, limits: Limits) -> None:
        self.is_sorted = True
        self._limit = limits.records_at_position
        self._name = b""
        self._seen: set[bytes] = set()
        self._state = np.zeros(3, np.int64)

    def follow(self, records: Records) -> None:
        """Raises AnnotationError(position_flood) beyond limits.records_at_position."""
        for name, first, stop in contig_runs(records):
            if name != self._name:
                self.is_sorted &= name not in self._seen
                self._seen.add(name)
                self._name = name
                self._state[:2] = -1, 0
            over = follow_positions(records.pos[first:stop], self._limit, self._state)
            if over >= 0:
                raise self._flood(records, first + over)
        self.is_sorted &= not self._state[2]

    def _flood(self, records: Records, index: int) -> AnnotationError:
        line, pos = int(records.number[index]), int(records.pos[index])
        return AnnotationError(
            "position_flood",
            f"Line {line}: more than {self._limit:,} records stand at {records.field(index, 0)}:{pos}; "
            "merge them (bcftools norm -m+, bcftools merge).",
            line=line,
            field="POS",
            value=str(pos),
        )
