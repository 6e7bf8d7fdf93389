"""A chunk of a VCF as arrays: its records and their ALT alleles.

Fields are spans into the chunk's text, never copies. start, end are 0-based and half-open on the
contig; pos is the file's 1-based POS. n records, m alleles of the records that are annotated.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]

CHROM: Final = 0
POS: Final = 1
ID: Final = 2
REF: Final = 3
ALT: Final = 4
QUAL: Final = 5
FILTER: Final = 6
INFO: Final = 7


class Kind(IntEnum):
    """What an ALT is (Alleles.kind, uint8). Subtypes such as <DUP:TANDEM> are of their type."""

    SEQUENCE = 0
    DEL = 1
    DUP = 2
    INV = 3
    INS = 4
    CNV = 5
    BND = 6
    STAR = 7
    NON_REF = 8
    """<NON_REF> or <*>: any allele that was not seen."""
    OTHER = 9
    """Nothing that can be described: another symbolic allele, '.', the REF itself."""


@dataclass(frozen=True, slots=True)
class Records:
    """Records of one chunk, in the file's order.

    text: whole lines ending in LF. fields: int64[n, 9], where CHROM POS ID REF ALT QUAL FILTER
    INFO begin, and one past the separator after INFO: field k is text[fields[i, k] :
    fields[i, k + 1] - 1]. line_end: one past the line's last byte, without LF and without a CR
    before it. number: 1-based line of the file. name: index in names, the chunk's own CHROMs in
    order of appearance. contig: index in the reference, -1 unknown. pos: POS. end: one past the
    last base that the record covers (REF, or END/SVLEN of a symbolic allele), 0-based.
    skip: 0 or a code of skips.Skip. own_csq: where "CSQ=" of an earlier annotation begins, or -1.
    """

    text: Bytes
    fields: Int64s
    line_end: Int64s
    number: Int64s
    names: tuple[bytes, ...]
    name: Int32s
    contig: Int32s
    pos: Int64s
    end: Int64s
    skip: Bytes
    own_csq: Int64s

    def __len__(self) -> int:
        return int(self.pos.size)

    def field(self, index: int, column: int) -> str:
        """Text of one field: for messages, never on the hot path."""
        first, last = self.fields[index, column], self.fields[index, column + 1] - 1
        return self.text[first:last].tobytes().decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Alleles:
    """ALT alleles of the records with skip == 0, in the file's order, each trimmed by itself.

    record: index in Records. alt_index: 1 = first ALT. kind: Kind.
    start, end: the bases of the contig that the trimmed allele replaces; an insertion has
    start == end; for a symbolic allele the stretch after the base at POS up to END; for a
    breakend the base at POS. ref_from, ref_to, alt_from, alt_to: spans of the trimmed alleles in
    Records.text, empty where the allele is not spelled out.
    Trimmed: where REF and ALT differ in length, the shared prefix goes, then the shared suffix;
    where they are of one length, nothing.
    """

    record: Int32s
    alt_index: Int32s
    kind: Bytes
    start: Int64s
    end: Int64s
    ref_from: Int64s
    ref_to: Int64s
    alt_from: Int64s
    alt_to: Int64s

    def __len__(self) -> int:
        return int(self.record.size)
