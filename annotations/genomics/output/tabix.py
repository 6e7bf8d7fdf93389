"""The index of a sorted, BGZF-packed VCF, made from the offsets kept while writing.

.tbi (Tabix specification) where every contig ends below 2^29, else .csi (CSIv1 specification).
Bins of both are the levels of an octree over each contig. We collect at the seven levels of the
larger tree (up to 2^32 bases) and renumber at the end.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from annotations.genomics.compiled import compiled
from annotations.genomics.output.bgzf import BLOCK
from annotations.genomics.vcf.order import contig_runs
from annotations.genomics.vcf.records import Int64s, Records

_SHIFT: Final = 14
_DEPTH: Final = 6
TBI_LIMIT: Final = 1 << 29
_CONF: Final = struct.pack("<6i", 2, 1, 2, 0, ord("#"), 0)  # VCF: CHROM is column 1, POS 2
Offsets = npt.NDArray[np.uint64]


@compiled
def find_bin(start: int, end: int) -> int:
    """Smallest bin of the depth-6 tree that holds [start, end)."""
    last = end - 1
    shift = 14
    first = 37449  # bins above the leaves: (8^6 - 1) / 7
    level = 6
    while level > 0:
        if start >> shift == last >> shift:
            return first + (start >> shift)
        level -= 1
        shift += 3
        first -= 1 << (3 * level)
    return 0


@compiled
def add_runs(pos: Int64s, end: Int64s, offsets: Int64s, base: int, runs: Int64s, linear: Int64s, state: Int64s) -> None:
    """Add one contig's next records. runs: int64[:, 3]: bin, from, to in the stream.

    offsets[i], offsets[i + 1]: where record i begins and ends in the stream, less base.
    linear: first record over each 16-kb window. state: runs, windows filled, largest end, first
    and last offset of the contig, records.
    """
    count = state[0]
    filled = state[1]
    for i in range(pos.size):
        start = max(pos[i] - 1, 0)
        stop = max(end[i], start + 1)
        number = find_bin(start, stop)
        begin = base + offsets[i]
        finish = base + offsets[i + 1]
        if count > 0 and runs[count - 1, 0] == number:
            runs[count - 1, 2] = finish
        else:
            runs[count, 0] = number
            runs[count, 1] = begin
            runs[count, 2] = finish
            count += 1
        last = (stop - 1) >> 14
        while filled <= last:
            linear[filled] = begin  # windows before this record's own take the next record's place
            filled += 1
        state[2] = max(state[2], stop)
        if state[5] == 0:
            state[3] = begin
        state[4] = finish
        state[5] += 1
    state[0] = count
    state[1] = filled


@dataclass
class _Contig:
    """What is known of one contig; see add_runs."""

    name: bytes
    runs: Int64s
    linear: Int64s
    state: Int64s

    def trim(self) -> None:
        """Give back what was held ready for more records."""
        self.runs = self.runs[: int(self.state[0])].copy()
        self.linear = self.linear[: int(self.state[1])].copy()

    def reserve(self, records: int, windows: int) -> None:
        """Room for that many more runs, and windows up to that number."""
        if len(self.runs) < self.state[0] + records:
            self.runs = np.concatenate([self.runs, np.empty((len(self.runs) + records, 3), np.int64)])
        if len(self.linear) < windows:
            self.linear = np.concatenate([self.linear, np.empty(len(self.linear) + windows, np.int64)])


class IndexBuilder:
    """Collects the places of records while a sorted file is written."""

    def __init__(self) -> None:
        self._contigs: list[_Contig] = []

    def add(self, records: Records, offsets: Int64s, base: int) -> None:
        """offsets: int64[n + 1]: where each record begins in the stream, less base, and the end."""
        for name, first, stop in contig_runs(records):
            if not self._contigs or self._contigs[-1].name != name:
                if self._contigs:
                    self._contigs[-1].trim()
                empty = np.empty((0, 3), np.int64), np.empty(0, np.int64), np.zeros(6, np.int64)
                self._contigs.append(_Contig(name, *empty))
            contig = self._contigs[-1]
            pos, end = records.pos[first:stop], records.end[first:stop]
            windows = (int(max(end.max(), pos.max())) >> _SHIFT) + 1
            contig.reserve(stop - first, windows)
            add_runs(pos, end, offsets[first : stop + 1], base, contig.runs, contig.linear, contig.state)

    @property
    def suffix(self) -> str:
        """ ".tbi", or ".csi" where a contig is too long for it."""
        longest = max((int(contig.state[2]) for contig in self._contigs), default=0)
        return ".tbi" if longest <= TBI_LIMIT else ".csi"

    def build(self, to_virtual: Callable[[Int64s], Offsets]) -> bytes:
        """The index, not yet packed. to_virtual: offsets in the stream -> virtual offsets."""
        if self._contigs:
            self._contigs[-1].trim()
        names = b"".join(contig.name + b"\0" for contig in self._contigs)
        conf = _CONF + struct.pack("<i", len(names)) + names
        if self.suffix == ".tbi":
            parts = [b"TBI\x01", struct.pack("<i", len(self._contigs)), conf]
        else:
            head = struct.pack("<3i", _SHIFT, _DEPTH, len(conf))
            parts = [b"CSI\x01", head, conf, struct.pack("<i", len(self._contigs))]
        for contig in self._contigs:
            parts += _contig_index(contig, to_virtual, self.suffix == ".tbi")
        parts.append(struct.pack("<Q", 0))  # records without a place: a VCF has none
        return b"".join(parts)


def _contig_index(contig: _Contig, to_virtual: Callable[[Int64s], Offsets], is_tbi: bool) -> list[bytes]:
    """Bins with their chunks, the pseudo-bin with the contig's extent and count, the windows."""
    runs = _merge_runs(contig.runs)
    bins, first, counts = np.unique(runs[:, 0], return_index=True, return_counts=True)
    virtual = to_virtual(np.ascontiguousarray(runs[:, 1:]).ravel()).reshape(-1, 2)
    linear = to_virtual(contig.linear)
    extent = to_virtual(contig.state[3:5])
    pseudo = (37449 if is_tbi else 299593) + 1
    numbers = _tbi_bins(bins) if is_tbi else bins
    parts = [struct.pack("<i", len(bins) + 1)]
    loffsets = linear[np.minimum(_first_windows(bins), len(linear) - 1)]
    for number, at, count, loffset in zip(numbers.tolist(), first.tolist(), counts.tolist(), loffsets, strict=True):
        parts.append(struct.pack("<I", number) + (b"" if is_tbi else loffset.tobytes()) + struct.pack("<i", count))
        parts.append(virtual[at : at + count].tobytes())
    parts.append(struct.pack("<I", pseudo) + (b"" if is_tbi else bytes(8)) + struct.pack("<i", 2))
    parts.append(extent.tobytes() + struct.pack("<QQ", int(contig.state[5]), 0))
    if is_tbi:
        parts.append(struct.pack("<i", len(linear)) + linear.tobytes())
    return parts


def _merge_runs(runs: Int64s) -> Int64s:
    """Sorted by bin and place; runs of a bin that meet within a block become one."""
    runs = runs[np.lexsort((runs[:, 1], runs[:, 0]))]
    parted = np.ones(len(runs), bool)
    parted[1:] = (runs[1:, 0] != runs[:-1, 0]) | (runs[1:, 1] // BLOCK > runs[:-1, 2] // BLOCK)
    starts = np.flatnonzero(parted)
    merged = runs[starts].copy()
    merged[:, 2] = np.maximum.reduceat(runs[:, 2], starts)
    return merged


def _levels(bins: Int64s) -> Int64s:
    """Level of each bin of the depth-6 tree: 0 the whole contig, 6 the leaves of 16 kb."""
    firsts = np.array([((1 << 3 * level) - 1) // 7 for level in range(_DEPTH + 1)])
    return np.searchsorted(firsts, bins, side="right") - 1


def _tbi_bins(bins: Int64s) -> Int64s:
    """The same bins numbered in the tree of depth 5; all lie below 2^29."""
    level = _levels(bins)
    numbers: Int64s = bins - ((1 << 3 * level) - 1) // 7 + ((1 << 3 * (level - 1)) - 1) // 7
    return numbers


def _first_windows(bins: Int64s) -> Int64s:
    """The first 16-kb window that each bin covers."""
    level = _levels(bins)
    windows: Int64s = (bins - ((1 << 3 * level) - 1) // 7) << 3 * (_DEPTH - level)
    return windows
