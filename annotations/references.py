"""The references that are installed on this machine, as their manifests describe them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings

from annotations.genomics.errors import AnnotationError
from annotations.genomics.reference import manifest


@dataclass(frozen=True)
class SourceLabel:
    """A source that a reference has."""

    key: str
    title: str
    version: str


@dataclass(frozen=True)
class InstalledReference:
    """One compiled reference; `digest` is the SHA-256 of its manifest, which names every input's own."""

    name: str
    assembly: str
    digest: str
    built_at: datetime
    sources: tuple[SourceLabel, ...] = ()
    manifest: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)


def installed() -> list[InstalledReference]:
    """All references that this version can use, by name."""
    folders = sorted(path.parent for path in settings.REFERENCES_DIR.glob(f"[!.]*/{manifest.FILE_NAME}"))
    found = (_read(folder) for folder in folders)
    return [reference for reference in found if reference is not None]


def find(name: str) -> InstalledReference | None:
    """The installed reference of that name; a name is compared, never used as a path."""
    return next((reference for reference in installed() if reference.name == name), None)


def newer_than(name: str, digest: str, summary: Mapping[str, Any]) -> str:
    """What has changed since a result was made, as one sentence; "" where nothing has.

    digest, summary: of the result; a reference that is not installed any more has nothing newer.
    """
    now = find(name)
    if now is None or not digest or now.digest == digest:
        return ""
    before = {source["title"]: source["version"] for source in summary.get("sources", [])}
    changed = [
        f"{source.title} {source.version}"
        for source in now.sources
        if source.version and before.get(source.title) != source.version
    ]
    added = f", with {', '.join(changed)}" if changed else ""
    return f"The reference {name} was built anew on {now.built_at:%-d %B %Y}{added}."


def _read(folder: Path) -> InstalledReference | None:
    try:
        stat = (folder / manifest.FILE_NAME).stat()
    except OSError:  # being replaced just now
        return None
    return _read_once(folder, stat.st_mtime_ns, stat.st_ino)


@lru_cache(maxsize=64)
def _read_once(folder: Path, mtime_ns: int, _inode: int) -> InstalledReference | None:
    """Every page names the references; a manifest that was built anew is another file, with another time."""
    try:
        content = manifest.read(folder)
        digest = hashlib.sha256((folder / manifest.FILE_NAME).read_bytes()).hexdigest()
        sources = tuple(
            SourceLabel(item["key"], item["declaration"]["title"], item["version"])
            for item in content.get("sources", [])
        )
    except (AnnotationError, OSError, ValueError):  # of another version, or being replaced just now
        return None
    built_at = datetime.fromtimestamp(mtime_ns / 1e9, UTC)
    return InstalledReference(folder.name, content["assembly"], digest, built_at, sources, content)
