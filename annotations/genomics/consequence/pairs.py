"""What the kernel says of a chunk: one row for each (allele, transcript)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

PAIR: Final = np.dtype(
    [
        ("consequence", "<i8"),  # set of terms, consequence/terms.py
        ("hgvsc_from", "<i8"),  # spans of Pairs.text
        ("hgvsp_from", "<i8"),
        ("amino_acids_from", "<i8"),
        ("codons_from", "<i8"),
        ("hgvsc_length", "<i4"),
        ("hgvsp_length", "<i4"),
        ("amino_acids_length", "<i4"),
        ("codons_length", "<i4"),
        ("allele", "<i4"),  # row of Alleles
        ("transcript", "<i4"),  # row of Reference.transcripts; -1: intergenic
        ("impact", "<i4"),  # index in terms.IMPACTS
        ("picked", "<i4"),  # 1: shown first, by the rule of consequence/picking.py
        ("hides", "<i4"),  # 1: picked, though another transcript has a more severe impact
        ("within", "<i4"),  # 1: overlaps the transcript; 0: up- or downstream, intergenic
        # Numbers as CSQ prints them: 1-based, first <= last, 0 = empty ('?' where one is known).
        ("exon_first", "<i4"),
        ("exon_last", "<i4"),
        ("intron_first", "<i4"),
        ("intron_last", "<i4"),
        ("cdna_first", "<i4"),
        ("cdna_last", "<i4"),
        ("cds_first", "<i4"),
        ("cds_last", "<i4"),
        ("protein_first", "<i4"),
        ("protein_last", "<i4"),
        ("distance", "<i4"),  # bases to an up- or downstream transcript, -1: none
        ("hgvs_offset", "<i4"),  # bases the name was shifted, signed as VEP's HGVS_OFFSET
    ],
    align=True,
)


@dataclass(frozen=True)
class Pairs:
    """The answer for one chunk; views into the scratch, good until its next use.

    rows: PAIR[pairs], in the order of alleles, then of transcripts (by start).
    text: uint8[:], the CSQ values of all records, one after the other.
    record_text: int64[records + 1]: text[record_text[r]:record_text[r + 1]] is record r's CSQ value
        (without `CSQ=`), empty where nothing is to be said (skipped records, `*`, `<NON_REF>`).
    allele_rows: int64[alleles + 1]: rows[allele_rows[a]:allele_rows[a + 1]] belong to allele a.
    hgvsg: int64[alleles, 2]: span of text; equal ends where the allele has no g. name.
    variant_class: uint8[alleles]: index in terms.VARIANT_CLASSES.
    """

    rows: np.ndarray[Any, Any]
    text: np.ndarray[tuple[int], np.dtype[np.uint8]]
    record_text: np.ndarray[tuple[int], np.dtype[np.int64]]
    allele_rows: np.ndarray[tuple[int], np.dtype[np.int64]]
    hgvsg: np.ndarray[tuple[int, int], np.dtype[np.int64]]
    variant_class: np.ndarray[tuple[int], np.dtype[np.uint8]]
