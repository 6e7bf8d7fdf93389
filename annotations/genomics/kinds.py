"""Kinds of ALT alleles: the seam between reading a VCF and deciding what its alleles do."""

from __future__ import annotations

from typing import Final

SEQUENCE: Final = 0
"""Letters of the IUPAC alphabet; start, end and the letter spans are those of the trimmed allele."""
DELETION: Final = 1
"""<DEL>, <DEL:…>: [start, end) is gone."""
DUPLICATION: Final = 2
"""<DUP>, <DUP:…>: [start, end) is there twice."""
INVERSION: Final = 3
INSERTION: Final = 4
"""<INS>, <INS:…>: start == end, something unknown stands there."""
COPY_NUMBER: Final = 5
"""<CNV>, <CNV:…>: [start, end) in some other number of copies."""
BREAKEND: Final = 6
"""[start, end) is the one base at POS."""
STAR: Final = 7
"""`*`: the allele of an upstream deletion; carried through."""
NON_REF: Final = 8
"""<NON_REF>, <*>: any other allele; carried through."""
OTHER: Final = 9
"""Anything else; carried through."""
