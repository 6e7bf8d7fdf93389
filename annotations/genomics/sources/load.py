"""Opens the compiled sources of a reference: memory-mapped, nothing is read before it is looked up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from annotations.genomics.sources.declaration import Declaration, SourceKind, parse_declaration
from annotations.genomics.sources.layout import FOLDER, Source, ValueColumn

_ARRAYS = {
    SourceKind.EXACT: ("rows", "start", "code"),
    SourceKind.OVERLAP: ("rows", "start", "end", "reach"),
    SourceKind.GENE: (),
}


def load_sources(folder: Path, described: list[dict[str, Any]]) -> tuple[Source, ...]:
    """folder: of the reference. described: the manifest's sources."""
    return tuple(_load(folder / FOLDER / str(number), item) for number, item in enumerate(described))


def _load(folder: Path, item: dict[str, Any]) -> Source:
    declaration: Declaration = parse_declaration(item["key"], item["declaration"])
    columns = tuple(
        ValueColumn(*(open_array(folder / f"{number}.{name}.npy") for name in ("values", "offsets", "text")))
        for number in range(len(declaration.fields))
    )
    arrays = {name: open_array(folder / f"{name}.npy") for name in _ARRAYS[declaration.kind]}
    return Source(declaration, item["version"], arrays, columns)


def open_array(path: Path) -> np.ndarray[Any, Any]:
    """An empty array cannot be mapped, so it is read; read-only like the others, or loops would be compiled anew."""
    array = np.load(path)[:0] if path.stat().st_size <= 128 else np.load(path, mmap_mode="r")
    array = array.view(np.ndarray)
    array.setflags(write=False)
    return array  # type: ignore[no-any-return]
