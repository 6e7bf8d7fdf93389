"""What a compiled reference holds: the files of its folder, their dtypes and coordinates.

All starts and ends are 0-based and half-open. On the genome they count along the contig; on a
transcript ("cdna") they count along the spliced transcript from its 5' end.

    manifest.json       name, assembly, inputs with SHA-256, contigs (see contigs.py)
    sequence.bin        uint8 base codes of all contigs, one after the other
    transcripts.npy     TRANSCRIPT rows, sorted by contig, start, end, id
    exons.npy           EXON rows, ascending on the genome within a transcript
    spliced.npy         uint8 base codes of the coding transcripts, 5' to 3'
    mature.npy          SPAN rows: mature miRNA on the genome
    bins.npy            int64[bins + 1]: where each bin's list begins in bin_transcripts
    bin_transcripts.npy int32: rows of transcripts within REACH of the bin, ascending
    text.npy            uint8: all text columns, one after the other
    text_offsets.npy    int64[columns, transcripts + 1]: TEXT_COLUMNS, as Arrow lays strings out
"""

from __future__ import annotations

from typing import Final

import numpy as np

FORMAT: Final = 1

BIN_SHIFT: Final = 13
REACH: Final = 5000
"""How far, in bases, a transcript is called upstream or downstream (VEP's default)."""

BASES: Final = b"ACGTNRYSWKMBDHV"
"""Base codes: the index of a letter. In a reference only 0..3 and 4 (anything else) occur."""
COMPLEMENT: Final = np.array([3, 2, 1, 0, 4, 6, 5, 7, 8, 10, 9, 14, 13, 12, 11], np.uint8)
"""code -> code of the complementary base (IUPAC)."""
BASE_SETS: Final = np.array([1, 2, 4, 8, 15, 5, 10, 6, 9, 12, 3, 14, 13, 11, 7], np.uint8)
"""code -> set of bases as bits A=1 C=2 G=4 T=8."""


def _base_codes() -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    codes = np.full(256, 4, np.uint8)
    for code, letter in enumerate(BASES.decode()):
        codes[ord(letter)] = codes[ord(letter.lower())] = code
    codes[ord("U")] = codes[ord("u")] = 3
    return codes


BASE_CODES: Final = _base_codes()
"""uint8[256]: letter -> code, in either case; what is no IUPAC letter is N."""

TRANSCRIPT: Final = np.dtype(
    [
        ("contig", "<i4"),
        ("start", "<i4"),
        ("end", "<i4"),
        ("strand", "<i4"),
        ("exon_from", "<i4"),  # rows of exons
        ("exon_to", "<i4"),
        ("length", "<i4"),  # spliced, with the As that complete a stop codon
        ("cds_start", "<i4"),  # cdna; -1 where nothing is coded
        ("cds_end", "<i4"),
        ("coding_start", "<i4"),  # genome: the CDS with its introns
        ("coding_end", "<i4"),
        ("padding", "<i4"),  # bases missing before cds_start to fill its first codon
        ("codon_table", "<i4"),  # row of consequence.codons.TABLES
        ("flags", "<i4"),
        ("pick_rank", "<i4"),  # smaller is picked first, see consequence/picking.py
        ("gene", "<i4"),  # number of the gene within the reference
        ("mature_from", "<i4"),  # rows of mature
        ("mature_to", "<i4"),
        ("spliced_from", "<i8"),  # into spliced; -1 where nothing is coded
    ],
    align=True,
)

EXON: Final = np.dtype([("start", "<i4"), ("end", "<i4"), ("cdna", "<i4")], align=True)
"""cdna: where the exon begins on the transcript."""

SPAN: Final = np.dtype([("start", "<i4"), ("end", "<i4")], align=True)

# Bits of TRANSCRIPT.flags
CODING: Final = 1
NMD: Final = 2
FRAMESHIFT_INTRON: Final = 4
CDS_START_NF: Final = 8
CDS_END_NF: Final = 16
CANONICAL: Final = 32
MANE_SELECT: Final = 64
MANE_PLUS_CLINICAL: Final = 128
DIFFERS: Final = 256  # the transcript's own sequence differs from the genome (RefSeq says so)

FRAMESHIFT_INTRON_LENGTH: Final = 13
"""Introns up to this length are sequencing errors or frameshifts to VEP, never spliced."""

TEXT_COLUMNS: Final = (
    "transcript_id",
    "gene_id",
    "gene_symbol",
    "biotype",
    "protein_id",
    "symbol_source",
    "hgnc_id",
    "mane",
    "mane_select",
    "mane_plus_clinical",
    "source",
    # pieces of a CSQ entry that depend on the transcript alone (output/csq.py says which)
    "csq_identity",
    "csq_strand",
    "csq_tags",
    "hgvsc_prefix",
    "hgvsp_prefix",
)
TEXT: Final = {name: number for number, name in enumerate(TEXT_COLUMNS)}
