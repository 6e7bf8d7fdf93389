"""The exons or CDS pieces of a gene file, by what they belong to.

A genome's gene file has millions of them in any order, so they are kept in columns: a line costs
20 bytes, and what it says beside its place is kept once for all pieces that say the same.
"""

from __future__ import annotations

from array import array
from collections.abc import Hashable, Iterable, Iterator
from typing import Any, Final, Generic, NamedTuple, TypeVar

import numpy as np

from annotations.genomics.reference.genes import Row, Span

Owner = TypeVar("Owner", bound=Hashable)
_COLUMNS: Final = 5  # owner, start, end, phase, number of the row that says what it says
_OF_A_PROTEIN: Final = ("ID", "protein_id", "protein_version")


class Piece(NamedTuple):
    """One line's place, 0-based and half-open; row: a line of the same owner that says the same of it."""

    start: int
    end: int
    phase: int
    row: Row


class Pieces(Generic[Owner]):
    """Pieces by owner. Iterates over the owners in the order in which the file first names them."""

    def __init__(self) -> None:
        self._owners: dict[Owner, int] = {}
        self._cells = array("i")
        self._rows: list[Row] = []
        self._last: list[int] = []  # by owner: the row of its piece before
        self._grouped: np.ndarray[Any, np.dtype[np.int32]] | None = None  # the cells by owner
        self._bounds: list[int] = []  # where each owner's begin

    def add(self, owner: Owner, row: Row) -> None:
        """Keep a line under its owner."""
        number = self._owners.setdefault(owner, len(self._last))
        if number == len(self._last):
            self._last.append(-1)
        said = self._last[number]
        if said < 0 or not _says_the_same(self._rows[said], row):
            said = self._last[number] = len(self._rows)
            self._rows.append(row)
        self._cells.extend((number, row.start, row.end, row.phase, said))
        self._grouped = None

    def of(self, owner: Owner) -> list[Piece]:
        """An owner's pieces in the order of the file; none where it has none."""
        number = self._owners.get(owner)
        if number is None:
            return []
        cells = self._by_owner()[self._bounds[number] : self._bounds[number + 1]]
        return [Piece(start, end, phase, self._rows[said]) for _, start, end, phase, said in cells.tolist()]

    def __iter__(self) -> Iterator[Owner]:
        return iter(self._owners)

    def _by_owner(self) -> np.ndarray[Any, np.dtype[np.int32]]:
        if self._grouped is None:
            cells = np.frombuffer(self._cells, np.int32).reshape(-1, _COLUMNS)
            self._grouped = cells[np.argsort(cells[:, 0], kind="stable")]
            self._bounds = np.searchsorted(self._grouped[:, 0], np.arange(len(self._owners) + 1)).tolist()
        return self._grouped


def _says_the_same(row: Row, other: Row) -> bool:
    """Exons have ids of their own, which no transcript asks for; those of a CDS tell its protein."""
    if (row.contig, row.source, row.type, row.strand) != (other.contig, other.source, other.type, other.strand):
        return False
    return row.type == "exon" or all(row.attributes.get(key) == other.attributes.get(key) for key in _OF_A_PROTEIN)


def ascending(pieces: Iterable[Piece]) -> tuple[Span, ...]:
    """The pieces' spans in the order of the genome, each once."""
    return tuple(sorted({(piece.start, piece.end) for piece in pieces}))
