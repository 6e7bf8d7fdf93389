"""Why a record is carried through without annotation, and what its owner can do about it.

The codes are the values of Records.skip; 0 means that the record is annotated. Every record that
has another code is listed in the receipt with its line.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final


class Skip(IntEnum):
    """Values of Records.skip (uint8)."""

    NONE = 0
    NO_ALTERNATE = 1
    REFERENCE_BLOCK = 2
    STAR_ONLY = 3
    UNKNOWN_CONTIG = 4
    OUTSIDE_CONTIG = 5
    REF_MISMATCH = 6
    REF_INVALID = 7
    ALT_INVALID = 8
    ALLELE_TOO_LONG = 9
    NO_EXTENT = 10
    UNSUPPORTED_SYMBOLIC = 11
    TELOMERE = 12


@dataclass(frozen=True, slots=True)
class SkipReason:
    """code: stable name in files; reason and advice: what the user reads."""

    code: str
    reason: str
    advice: str


SKIP_REASONS: Final[dict[Skip, SkipReason]] = {
    Skip.NO_ALTERNATE: SkipReason("no_alternate", "ALT is '.': the site has no variant", "nothing to do"),
    Skip.REFERENCE_BLOCK: SkipReason(
        "reference_block",
        "a gVCF block: ALT is <NON_REF> or <*> only, no variant was seen",
        "nothing to do",
    ),
    Skip.STAR_ONLY: SkipReason(
        "star_only",
        "ALT is '*' only: the allele is missing because of a deletion further up",
        "see the record of that deletion",
    ),
    Skip.UNKNOWN_CONTIG: SkipReason(
        "unknown_contig",
        "the reference has no contig of this name and length",
        "choose a reference that holds it, or leave the record unannotated",
    ),
    Skip.OUTSIDE_CONTIG: SkipReason(
        "outside_contig",
        "POS and REF do not lie within the contig",
        "check that the file was made on this assembly",
    ),
    Skip.REF_MISMATCH: SkipReason(
        "ref_mismatch",
        "REF differs from the reference sequence here",
        "check the record, or normalise the file against this assembly (bcftools norm --check-ref)",
    ),
    Skip.REF_INVALID: SkipReason(
        "ref_invalid",
        "REF holds something other than the letters of bases",
        "correct REF",
    ),
    Skip.ALT_INVALID: SkipReason(
        "alt_invalid",
        "an ALT is neither bases nor a symbolic allele, breakend, '*' or '.'",
        "correct ALT",
    ),
    Skip.ALLELE_TOO_LONG: SkipReason(
        "allele_too_long",
        "an allele is spelled out over more than 20,000 letters",
        "write it as a symbolic allele such as <DEL> or <INS>",
    ),
    Skip.NO_EXTENT: SkipReason(
        "no_extent",
        "a symbolic allele without END or SVLEN: how far it reaches is unknown",
        "add END or SVLEN to INFO",
    ),
    Skip.UNSUPPORTED_SYMBOLIC: SkipReason(
        "unsupported_symbolic",
        "a symbolic allele other than DEL, DUP, INV, INS, CNV",
        "write it as one of these where it is one",
    ),
    Skip.TELOMERE: SkipReason(
        "telomere", "POS is 0 or one past the contig's end, which stand for its telomeres", "nothing to do"
    ),
}
