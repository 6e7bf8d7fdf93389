"""How much of anything an input may have. Beyond it the file is refused with one sentence.

The figures leave room for every file we know to be real (a cohort of 500,000 samples, an assembly
in 100,000 pieces) and none for files that were made to exhaust memory, disk or patience.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes are in bytes after unpacking unless the name says otherwise.

    unpacked_bytes: the whole file. ratio: unpacked to packed size, looked at once ratio_from bytes
    are unpacked; deflate itself cannot exceed 1,032, a cohort's genotypes reach about 200.
    line_bytes: one record. header_bytes, header_lines: everything before the first record.
    samples: columns after FORMAT. alleles: ALT alleles of one record.
    allele_length: letters of one REF or ALT that are annotated; a record with a longer one is
    skipped, not refused. records_at_position: consecutive records with one CHROM and POS.
    pos: the largest POS that the specification's 32-bit integers hold.
    """

    unpacked_bytes: int = 1 << 40
    ratio: int = 500
    ratio_from: int = 128 << 20
    line_bytes: int = 32 << 20
    header_bytes: int = 16 << 20
    header_lines: int = 200_000
    samples: int = 1_000_000
    alleles: int = 1_000
    allele_length: int = 20_000
    records_at_position: int = 5_000
    pos: int = (1 << 31) - 1


DEFAULT_LIMITS = Limits()
