"""A reference's transcripts as shapes to draw. Opens without the annotator's compiled loops."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from annotations.genomics.reference import layout, manifest
from annotations.genomics.reference.contigs import Contigs

_LETTERS = bytes(layout.BASES[code] if code < 4 else ord("N") for code in range(256))
"""Base code -> letter, as a table for bytes.translate."""


@dataclass(frozen=True, slots=True)
class Outline:
    """One transcript. Starts and ends are 0-based and half-open on the genome; exons ascend.

    coding: the CDS with its introns; None where nothing is coded.
    """

    transcript_id: str
    gene_symbol: str
    gene_id: str
    biotype: str
    strand: int
    start: int
    end: int
    exons: tuple[tuple[int, int], ...]
    coding: tuple[int, int] | None
    is_canonical: bool
    is_mane: bool

    def coding_exons(self) -> list[tuple[int, int]]:
        """The coding part of each exon that has one."""
        if self.coding is None:
            return []
        first, last = self.coding
        parts = [(max(start, first), min(end, last)) for start, end in self.exons]
        return [(start, end) for start, end in parts if start < end]


class Outlines:
    """The transcripts and the sequence of one reference."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.contigs: Contigs = manifest.read_contigs(manifest.read(folder))
        self._transcripts = np.load(folder / "transcripts.npy", mmap_mode="r")
        self._exons = np.load(folder / "exons.npy", mmap_mode="r")
        self._text = np.load(folder / "text.npy", mmap_mode="r")
        self._offsets = np.load(folder / "text_offsets.npy", mmap_mode="r")
        self._bounds = np.searchsorted(self._transcripts["contig"], np.arange(len(self.contigs) + 1))

    def between(self, contig: int, start: int, end: int) -> Iterator[Outline]:
        """Transcripts of the contig that overlap [start, end), by their start."""
        first, stop = int(self._bounds[contig]), int(self._bounds[contig + 1])
        rows = self._transcripts[first:stop]
        for row in np.flatnonzero((rows["start"] < end) & (rows["end"] > start)):
            yield self._outline(first + int(row))

    @property
    def sequence_bytes(self) -> int:
        """Bases of all contigs together."""
        return sum(contig.length for contig in self.contigs)

    def letters(self, start: int, stop: int) -> bytes:
        """Bases of all contigs one after the other; Contig.offset says where one begins."""
        with (self._folder / "sequence.bin").open("rb") as stream:
            stream.seek(start)
            return stream.read(stop - start).translate(_LETTERS)

    def _outline(self, row: int) -> Outline:
        record: Any = self._transcripts[row]
        exons = self._exons[record["exon_from"] : record["exon_to"]]
        flags = int(record["flags"])
        is_coding = bool(flags & layout.CODING)
        return Outline(
            transcript_id=self._word("transcript_id", row),
            gene_symbol=self._word("gene_symbol", row),
            gene_id=self._word("gene_id", row),
            biotype=self._word("biotype", row),
            strand=int(record["strand"]),
            start=int(record["start"]),
            end=int(record["end"]),
            exons=tuple((int(exon["start"]), int(exon["end"])) for exon in exons),
            coding=(int(record["coding_start"]), int(record["coding_end"])) if is_coding else None,
            is_canonical=bool(flags & layout.CANONICAL),
            is_mane=bool(flags & layout.MANE_SELECT),
        )

    def _word(self, column: str, row: int) -> str:
        offsets = self._offsets[layout.TEXT[column]]
        return bytes(self._text[offsets[row] : offsets[row + 1]]).decode()


def open_outlines(folder: Path) -> Outlines:
    """The reference of a folder, kept open; a new build in its place is opened anew.

    Raises AnnotationError(reference_missing | reference_outdated).
    """
    manifest.read(folder)
    return _opened(folder, (folder / manifest.FILE_NAME).stat().st_mtime_ns)


@lru_cache(maxsize=8)
def _opened(folder: Path, _built_at: int) -> Outlines:
    return Outlines(folder)
