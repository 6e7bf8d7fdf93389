"""Opens the compiled sources of a reference: memory-mapped, nothing is read before it is looked up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from annotations.genomics.sources.coverage import with_states
from annotations.genomics.sources.declaration import parse_declaration
from annotations.genomics.sources.layout import FOLDER, Source, load


def load_sources(folder: Path, described: list[dict[str, Any]]) -> tuple[Source, ...]:
    """folder: of the reference. described: the manifest's sources."""
    return tuple(
        with_states(
            load(folder / FOLDER / str(number), parse_declaration(item["key"], item["declaration"]), item["version"])
        )
        for number, item in enumerate(described)
    )
