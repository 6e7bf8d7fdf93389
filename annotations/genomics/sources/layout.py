"""The files of a compiled source, in <reference>/sources/<number>/, memory-mapped.

exact    rows        int64[contigs + 1]: where each contig's rows begin
         start       int32[n], ascending within a contig    } normalise.py
         code        int64[n], ascending within a start     }
overlap  rows        as above
         start, end  int32[n], 0-based and half-open, by start, then end
         reach       int32[n]: the largest end so far on the contig
gene     nothing of its own: its rows are the reference's transcripts
score    rows, start, code as in exact, one allele in several rows
         join        int32[n]: the name that a row is of        } only where the
         names       int32[transcripts]: each transcript's name } declaration has a join
exact, with a callable file, disjoint stretches:
         callable.rows, callable.start, callable.end   as in overlap

For each field k of the declaration a column:
         k.values    int32[n]: which value a row has, -1 for none
         k.offsets   int64[v + 1]  } the different values as they stand in INFO,
         k.text      uint8         } in order of appearance in the file

arrays.bin holds them one after the other, index.json the dtype, first byte and length of each.
"""

from __future__ import annotations

import json
import mmap
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np

from annotations.genomics.sources.declaration import Declaration
from annotations.genomics.vcf.records import Bytes, Int32s, Int64s

FOLDER: Final = "sources"
DATA: Final = "arrays.bin"
INDEX: Final = "index.json"
_ALIGNED: Final = 64
_PARTS: Final = ("values", "offsets", "text")


@dataclass(frozen=True, slots=True)
class ValueColumn:
    """One field of all rows; see the files above."""

    values: Int32s
    offsets: Int64s
    text: Bytes

    def words(self) -> list[str]:
        """The different values."""
        bounds = self.offsets.tolist()
        return [bytes(self.text[a:b]).decode() for a, b in pairwise(bounds)]


@dataclass(frozen=True, slots=True)
class Source:
    """A compiled source. arrays: by name. mapped: what they are views of."""

    declaration: Declaration
    version: str
    arrays: dict[str, Any]
    columns: tuple[ValueColumn, ...]
    mapped: mmap.mmap


@dataclass(frozen=True, slots=True)
class Compiled:
    """What a source's files became. found: keys of the fields they hold; headers: ##lines by name."""

    arrays: dict[str, Any]
    columns: list[ValueColumn]
    counts: dict[str, int]
    headers: dict[str, str] = field(default_factory=dict)
    found: frozenset[str] | None = None


def save(folder: Path, arrays: dict[str, Any], columns: list[ValueColumn]) -> None:
    """Write a source's arrays and columns."""
    named = dict(arrays)
    for number, column in enumerate(columns):
        named |= {f"{number}.{name}": getattr(column, name) for name in _PARTS}
    places: dict[str, list[Any]] = {}
    with (folder / DATA).open("wb") as out:
        for name, array in named.items():
            places[name] = [array.dtype.str, out.tell(), array.size]
            out.write(np.ascontiguousarray(array).tobytes())
            out.write(bytes(-out.tell() % _ALIGNED))
    (folder / INDEX).write_text(json.dumps(places, sort_keys=True) + "\n", encoding="ascii")


def load(folder: Path, declaration: Declaration, version: str) -> Source:
    """Map what save() wrote: one file of one map, since every map keeps a file open."""
    places = json.loads((folder / INDEX).read_text(encoding="ascii"))
    with (folder / DATA).open("rb") as stream:
        mapped = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    arrays = {
        name: np.frombuffer(mapped, np.dtype(kind), count, start) for name, (kind, start, count) in places.items()
    }
    columns = tuple(
        ValueColumn(*(arrays[f"{number}.{name}"] for name in _PARTS)) for number in range(len(declaration.fields))
    )
    return Source(declaration, version, arrays, columns, mapped)
