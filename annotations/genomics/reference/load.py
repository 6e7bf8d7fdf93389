"""Opens a built reference: memory-mapped arrays, well under a second."""

from __future__ import annotations

import mmap
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from annotations.genomics.errors import AnnotationError
from annotations.genomics.reference import layout, manifest
from annotations.genomics.reference.contigs import Contigs
from annotations.genomics.reference.tables import bin_counts
from annotations.genomics.sources.layout import Source
from annotations.genomics.sources.load import load_sources

Codes = np.ndarray[tuple[int], np.dtype[np.uint8]]


@dataclass(frozen=True)
class Reference:
    """A compiled reference. Arrays are read-only maps; layout.py says what they hold.

    contig_rows: int64[contigs, 3]: offset into all_sequence, length, first bin.
    maps: what the arrays are views of, those of the sources aside.
    """

    folder: Path
    name: str
    assembly: str
    manifest: dict[str, Any]
    contigs: Contigs
    contig_rows: np.ndarray[Any, np.dtype[np.int64]]
    maps: tuple[mmap.mmap, ...]
    all_sequence: Codes
    transcripts: np.ndarray[Any, Any]
    exons: np.ndarray[Any, Any]
    mature: np.ndarray[Any, Any]
    spliced: Codes
    bins: np.ndarray[Any, np.dtype[np.int64]]
    bin_transcripts: np.ndarray[Any, np.dtype[np.int32]]
    text: Codes
    text_offsets: np.ndarray[Any, np.dtype[np.int64]]
    sources: tuple[Source, ...]

    def sequence(self, contig: int) -> Codes:
        """uint8 base codes of a contig: A C G T = 0 1 2 3, anything else 4; index = 0-based place."""
        offset, length, _ = self.contig_rows[contig]
        return self.all_sequence[offset : offset + length]

    def text_column(self, name: str) -> tuple[np.ndarray[Any, np.dtype[np.int32]], Codes]:
        """(offsets int32[transcripts + 1], bytes uint8) of a TEXT_COLUMNS column, as Arrow has strings."""
        offsets = self.text_offsets[layout.TEXT[name]]
        start = offsets[0]
        return (offsets - start).astype(np.int32), self.text[start : offsets[-1]]

    def text_value(self, name: str, transcript: int) -> str:
        """One cell of a TEXT_COLUMNS column."""
        offsets = self.text_offsets[layout.TEXT[name]]
        return bytes(self.text[offsets[transcript] : offsets[transcript + 1]]).decode()

    def release_pages(self) -> None:
        """Let the mapped pages go, which count as resident memory. They come back when read."""
        for mapped in (*self.maps, *(source.mapped for source in self.sources)):
            mapped.madvise(mmap.MADV_DONTNEED)


def with_sources(reference: Reference, names: Sequence[str] | None) -> Reference:
    """The reference with these of its sources, in its own order; None: with all.

    Raises AnnotationError(source_missing) for one that it does not have.
    """
    if names is None:
        return reference
    known = [source.declaration.name for source in reference.sources]
    for name in names:
        if name not in known:
            listed = ", ".join(known) or "none"
            raise AnnotationError(
                "source_missing", f"Reference {reference.name} has no source {name}; it has {listed}.", value=name
            )
    return replace(reference, sources=tuple(s for s in reference.sources if s.declaration.name in names))


def references_folder() -> Path:
    """$GAS_REFERENCES_DIR, else $GAS_VAR_DIR/references, else var/references under the project."""
    if named := os.environ.get("GAS_REFERENCES_DIR"):
        return Path(named)
    var = os.environ.get("GAS_VAR_DIR") or str(Path(__file__).resolve().parents[3] / "var")
    return Path(var) / "references"


def load_reference(folder: Path) -> Reference:
    """Open <folder>. Raises AnnotationError(reference_missing | reference_outdated)."""
    content = manifest.read(folder)
    contigs = manifest.read_contigs(content)
    rows = np.empty((len(contigs), 3), np.int64)
    rows[:, 0] = [contig.offset for contig in contigs]
    rows[:, 1] = [contig.length for contig in contigs]
    rows[:, 2] = bin_counts(contigs)[:-1]
    names = ("transcripts", "exons", "mature", "spliced", "bins", "bin_transcripts", "text", "text_offsets")
    with (folder / "sequence.bin").open("rb") as stream:
        maps = [mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)]
    all_sequence = np.frombuffer(maps[0], np.uint8)
    arrays: dict[str, Any] = {name: _open(folder / f"{name}.npy", maps) for name in names}
    return Reference(
        folder=folder,
        name=content["name"],
        assembly=content["assembly"],
        manifest=content,
        contigs=contigs,
        contig_rows=rows,
        maps=tuple(maps),
        all_sequence=all_sequence,
        sources=load_sources(folder, content.get("sources", [])),
        **arrays,
    )


def _open(path: Path, maps: list[mmap.mmap]) -> np.ndarray[Any, Any]:
    """An array of a file; its map joins `maps`. An empty one cannot be mapped, so it is read.

    Read-only like the others, or loops would be compiled anew.
    """
    if path.stat().st_size <= 128:
        array: np.ndarray[Any, Any] = np.load(path)[:0]
    else:
        array = np.load(path, mmap_mode="r")
        maps.append(array.base)  # type: ignore[arg-type]
    array = array.view(np.ndarray)
    array.setflags(write=False)
    return array
