"""What is installed: lines for a person, whether it is whole, and how it goes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, Final

from annotations.genomics.errors import AnnotationError
from annotations.genomics.reference import manifest

CHECKSUMS: Final = "checksums.sha256"
_SHOWN: Final = 8  # contigs of a list


def digest(folder: Path) -> str:
    """SHA-256 of the manifest, which names every input's own: what a result is pinned to."""
    return manifest.digest_file(folder / manifest.FILE_NAME)


def describe_line(folder: Path) -> str:
    """A reference in one line."""
    content = json.loads((folder / manifest.FILE_NAME).read_text(encoding="utf-8"))
    names = [contig["name"] for contig in content["contigs"]]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    transcripts = content["counts"]["transcripts"]
    return f"{folder.name}\t{content['assembly']}\t{transcripts:,} transcripts\t{', '.join(names[:_SHOWN])}{more}"


def describe(folder: Path) -> list[str]:
    """All that the manifest says, for a person."""
    content = manifest.read(folder)
    counts = ", ".join(f"{number:,} {kind}" for kind, number in content["counts"].items())
    bases = sum(contig["length"] for contig in content["contigs"])
    return [
        f"{folder.name}: {content['assembly']}",
        f"digest   {digest(folder)}",
        f"contigs  {len(content['contigs']):,}, {bases:,} bases",
        f"genes    {counts}",
        *(f"{one['role']:8} {one['file']} {one['version']} sha256:{one['sha256']}" for one in content["inputs"]),
        *(line for source in content.get("sources", []) for line in _describe_source(source)),
    ]


def _describe_source(source: dict[str, Any]) -> list[str]:
    files = [f"         {file['file']} sha256:{file['sha256']}" for file in source["files"]]
    return [f"source   {source['key']} {source['version']}: {source['declaration']['title']}", *files]


def verify(folder: Path) -> str:
    """Read every file of a reference. Raises AnnotationError(reference_damaged) where one is not as it was built."""
    manifest.read(folder)
    try:
        lines = (folder / CHECKSUMS).read_text(encoding="ascii").splitlines()
    except FileNotFoundError:
        raise AnnotationError(
            "reference_damaged", f"{folder.name} has no list of checksums; build it again to be able to verify it."
        ) from None
    for line in lines:
        expected, _, name = line.partition("  ")
        path = folder / name
        if not path.is_file() or manifest.digest_file(path) != expected:
            raise AnnotationError(
                "reference_damaged",
                f"{name} of the reference {folder.name} is not as it was built: build or install it again.",
                value=name,
            )
    return f"{folder.name}: whole, digest {digest(folder)}"


def write_checksums(folder: Path) -> None:
    """A line for each file of a new reference, as `sha256sum` writes and checks them."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = [f"{manifest.digest_file(path)}  {path.relative_to(folder).as_posix()}\n" for path in files]
    (folder / CHECKSUMS).write_text("".join(lines), encoding="ascii")


def remove(folder: Path) -> str:
    """Delete a reference. What has it open goes on; results that were made with it stay as they are."""
    aside = folder.with_name(f".{folder.name}.removed")
    shutil.rmtree(aside, ignore_errors=True)
    folder.rename(aside)
    shutil.rmtree(aside)
    return f"{folder.name} is removed"
