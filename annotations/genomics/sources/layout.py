"""The files of a compiled source, in <reference>/sources/<number>/; all arrays are memory-mapped.

exact    rows.npy   int64[contigs + 1]: where each contig's rows begin
         start.npy  int32[n], ascending within a contig    } normalise.py
         code.npy   int64[n], ascending within a start     }
overlap  rows.npy   as above
         start.npy, end.npy  int32[n], 0-based and half-open, by start, then end
         reach.npy  int32[n]: the largest end so far on the contig
gene     nothing of its own: its rows are the reference's transcripts

For each field k of the declaration a column:
         k.values.npy   int32[n]: which value a row has, -1 for none
         k.offsets.npy  int64[v + 1]  } the different values as they stand in INFO,
         k.text.npy     uint8         } in order of appearance in the file
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from annotations.genomics.sources.declaration import Declaration
from annotations.genomics.vcf.records import Bytes, Int32s, Int64s

FOLDER = "sources"


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
    """A compiled source. arrays: by file name without `.npy`, as its kind has them."""

    declaration: Declaration
    version: str
    arrays: dict[str, Any]
    columns: tuple[ValueColumn, ...]


def save(folder: Path, arrays: dict[str, Any], columns: list[ValueColumn]) -> None:
    """Write a source's arrays and columns."""
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    for number, column in enumerate(columns):
        np.save(folder / f"{number}.values.npy", column.values)
        np.save(folder / f"{number}.offsets.npy", column.offsets)
        np.save(folder / f"{number}.text.npy", column.text)
