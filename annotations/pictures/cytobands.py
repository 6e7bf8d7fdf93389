"""Cytogenetic bands by assembly, from the file that ships with the project."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from django.conf import settings

_FILES: Final = {"GRCh38": "cytoBand_hg38.tsv"}


@dataclass(frozen=True, slots=True)
class Band:
    """One band; start, end 0-based and half-open."""

    name: str
    start: int
    end: int
    stain: str


def bands_of(assembly: str, contig: str) -> tuple[Band, ...]:
    """A contig's bands from its start on; none where we have no file for the assembly."""
    return _read(assembly).get(_spelling(contig), ())


def bands_file(assembly: str) -> Path | None:
    """Where an assembly's bands lie, as UCSC lays them out."""
    name = _FILES.get(assembly)
    return Path(settings.BASE_DIR) / "reference" / name if name else None


def _spelling(contig: str) -> str:
    bare = contig.removeprefix("chr")
    return "M" if bare == "MT" else bare


@cache
def _read(assembly: str) -> dict[str, tuple[Band, ...]]:
    path = bands_file(assembly)
    if path is None or not path.is_file():
        return {}
    found: dict[str, list[Band]] = {}
    for row in path.read_text(encoding="ascii").splitlines():
        contig, start, end, name, stain = row.split("\t")
        found.setdefault(_spelling(contig), []).append(Band(name, int(start), int(end), stain))
    return {contig: tuple(bands) for contig, bands in found.items()}
