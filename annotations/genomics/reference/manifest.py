"""The manifest of a reference: what it was made of, so that a result can say so."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from annotations.genomics.errors import AnnotationError
from annotations.genomics.reference.contigs import Contig, Contigs
from annotations.genomics.reference.layout import FORMAT

FILE_NAME = "manifest.json"


@dataclass(frozen=True, slots=True)
class Input:
    """One file that went into a reference. version, date: as its own header says, else empty."""

    role: str
    file: str
    sha256: str
    bytes: int
    version: str
    date: str


def describe_input(role: str, path: Path, header: dict[str, str]) -> Input:
    """Read a file once more for its digest. No time of building: that would change the bytes."""
    version = header.get("genome-build") or header.get("genome-version") or header.get("processor", "")
    date = header.get("genebuild-last-updated") or header.get("date") or header.get("annotation-date", "")
    return Input(role, path.name, digest_file(path), path.stat().st_size, version, date)


def digest_file(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def write(
    folder: Path, name: str, assembly: str, inputs: list[Input], contigs: Contigs, counts: dict[str, int]
) -> None:
    """Write manifest.json. counts: rows by kind."""
    content = {
        "format": FORMAT,
        "name": name,
        "assembly": assembly,
        "inputs": [asdict(item) for item in inputs],
        "counts": counts,
        "contigs": [asdict(contig) for contig in contigs],
    }
    text = json.dumps(content, indent=1, sort_keys=True)
    (folder / FILE_NAME).write_text(text + "\n", encoding="utf-8")


def add_sources(folder: Path, described: list[dict[str, Any]]) -> None:
    """Name the compiled sources; without any the manifest stays as it is."""
    if described:
        content = read(folder) | {"sources": described}
        text = json.dumps(content, indent=1, sort_keys=True)
        (folder / FILE_NAME).write_text(text + "\n", encoding="utf-8")


def read(folder: Path) -> dict[str, Any]:
    """Raises AnnotationError(reference_missing | reference_outdated)."""
    path = folder / FILE_NAME
    if not path.is_file():
        raise AnnotationError(
            "reference_missing", f"There is no reference {folder.name}; build it first.", value=folder.name
        )
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if content.get("format") != FORMAT:
        raise AnnotationError(
            "reference_outdated",
            f"Reference {folder.name} was built by another version; build it again.",
            value=folder.name,
        )
    return content


def read_contigs(content: dict[str, Any]) -> Contigs:
    """The contigs of a manifest."""
    rows = content["contigs"]
    return Contigs(tuple(Contig(**(row | {"aliases": tuple(row["aliases"])})) for row in rows))
