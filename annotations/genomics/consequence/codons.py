"""Genetic codes, by NCBI's numbers (https://www.ncbi.nlm.nih.gov/Taxonomy/Utils/wprintgc.cgi).

A codon is three base codes (A C G T = 0 1 2 3); a code is 64 letters in the order AAA, AAC, AAG,
AAT, ACA, … TTT, and a stop is `*`.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from annotations.genomics.compiled import compiled
from annotations.genomics.reference.layout import BASE_SETS

_STANDARD: Final = "KNKNTTTTRSRSIIMIQHQHPPPPRRRRLLLLEDEDAAAAGGGGVVVV*Y*YSSSS*CWCLFLF"


def _code(**changes: str) -> str:
    """The standard code with some codons changed."""
    letters = list(_STANDARD)
    for codon, residue in changes.items():
        number = 0
        for base in codon:
            number = number * 4 + "ACGT".index(base)
        letters[number] = residue
    return "".join(letters)


CODES: Final = {
    1: _STANDARD,
    2: _code(AGA="*", AGG="*", ATA="M", TGA="W"),
    3: _code(ATA="M", CTA="T", CTC="T", CTG="T", CTT="T", TGA="W"),
    4: _code(TGA="W"),
    5: _code(AGA="S", AGG="S", ATA="M", TGA="W"),
    6: _code(TAA="Q", TAG="Q"),
    9: _code(AAA="N", AGA="S", AGG="S", TGA="W"),
    10: _code(TGA="C"),
    11: _STANDARD,
    12: _code(CTG="S"),
    13: _code(AGA="G", AGG="G", ATA="M", TGA="W"),
}
"""NCBI number -> residues. 11 (bacteria, plastids) differs from 1 in start codons alone."""

_STARTS: Final = {
    2: ("ATT", "ATC", "ATA", "ATG", "GTG"),
    3: ("ATA", "ATG", "GTG"),
    4: ("TTA", "TTG", "CTG", "ATT", "ATC", "ATA", "ATG", "GTG"),
    5: ("TTG", "ATT", "ATC", "ATA", "ATG", "GTG"),
    9: ("ATG", "GTG"),
    11: ("TTG", "CTG", "ATT", "ATC", "ATA", "ATG", "GTG"),
    13: ("TTG", "ATA", "ATG", "GTG"),
}
"""Codons that open a CDS. Under the nuclear code ATG alone, as VEP has it."""

MITOCHONDRIAL: Final = frozenset((2, 3, 4, 5, 9, 13))
"""Codes under which a CDS may end in T or TA, completed to TAA by polyadenylation."""

CODE_NUMBERS: Final = tuple(CODES)
TABLES: Final = np.array([list(residues.encode()) for residues in CODES.values()], np.uint8)
"""uint8[codes, 64]: row as in CODE_NUMBERS; the residue's letter."""


def _start_codons() -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    starts = np.zeros((len(CODES), 64), np.uint8)
    for row, number in enumerate(CODE_NUMBERS):
        for codon in _STARTS.get(number, ("ATG",)):
            first, second, third = ("ACGT".index(base) for base in codon)
            starts[row, first * 16 + second * 4 + third] = 1
    return starts


START_CODONS: Final = _start_codons()
"""uint8[codes, 64]: 1 where translation may begin."""

STOP: Final = ord("*")
UNKNOWN: Final = ord("X")


@compiled
def translate(table: Any, first: int, second: int, third: int) -> int:
    """The residue of three base codes; X where ambiguous bases leave more than one.

    table: uint8[64]. IUPAC codes count as the set of bases they stand for.
    """
    if first < 4 and second < 4 and third < 4:
        return table[first * 16 + second * 4 + third]  # type: ignore[no-any-return]
    residue = 0
    for a in range(4):
        if not (BASE_SETS[first] >> a) & 1:
            continue
        for b in range(4):
            if not (BASE_SETS[second] >> b) & 1:
                continue
            for c in range(4):
                if (BASE_SETS[third] >> c) & 1:
                    found = table[a * 16 + b * 4 + c]
                    if residue != 0 and found != residue:
                        return UNKNOWN
                    residue = found
    return residue
