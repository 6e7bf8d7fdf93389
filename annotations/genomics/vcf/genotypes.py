"""What a sample can have of an allele.

A code is with respect to one allele: in `1/2` either ALT is heterozygous. What a sample has beside
an allele that was not called (`./1`) is not known, and neither is whether `./0` carries it.
"""

from __future__ import annotations

from enum import IntEnum


class Genotype(IntEnum):
    """What a sample has of an allele."""

    MISSING = 0
    """Not called, or called in part and the part does not have it."""
    NONE = 1
    """Called, and without it."""
    HETEROZYGOUS = 2
    HOMOZYGOUS = 3
    HEMIZYGOUS = 4
    """The one copy that there is has it: chrX and chrY of a man, chrM."""
    HALF = 5
    """One copy has it, the others are not called."""
