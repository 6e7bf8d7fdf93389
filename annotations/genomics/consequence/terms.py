"""The Sequence Ontology terms we use, most severe first, with the impact Ensembl VEP 115 gives each.

A set of terms is an int64 whose bit n is TERMS[n].
"""

from __future__ import annotations

from typing import Final

import numpy as np

_TABLE: Final = (
    ("HIGH", "transcript_ablation"),
    ("HIGH", "splice_acceptor_variant"),
    ("HIGH", "splice_donor_variant"),
    ("HIGH", "stop_gained"),
    ("HIGH", "frameshift_variant"),
    ("HIGH", "stop_lost"),
    ("HIGH", "start_lost"),
    ("HIGH", "transcript_amplification"),
    ("HIGH", "feature_elongation"),
    ("HIGH", "feature_truncation"),
    ("MODERATE", "inframe_insertion"),
    ("MODERATE", "inframe_deletion"),
    ("MODERATE", "missense_variant"),
    ("MODERATE", "protein_altering_variant"),
    ("LOW", "splice_donor_5th_base_variant"),
    ("LOW", "splice_region_variant"),
    ("LOW", "splice_donor_region_variant"),
    ("LOW", "splice_polypyrimidine_tract_variant"),
    ("LOW", "incomplete_terminal_codon_variant"),
    ("LOW", "start_retained_variant"),
    ("LOW", "stop_retained_variant"),
    ("LOW", "synonymous_variant"),
    ("MODIFIER", "coding_sequence_variant"),
    ("MODIFIER", "mature_miRNA_variant"),
    ("MODIFIER", "5_prime_UTR_variant"),
    ("MODIFIER", "3_prime_UTR_variant"),
    ("MODIFIER", "non_coding_transcript_exon_variant"),
    ("MODIFIER", "intron_variant"),
    ("MODIFIER", "NMD_transcript_variant"),
    ("MODIFIER", "non_coding_transcript_variant"),
    ("MODIFIER", "upstream_gene_variant"),
    ("MODIFIER", "downstream_gene_variant"),
    ("MODIFIER", "intergenic_variant"),
)

TERMS: Final = tuple(term for _, term in _TABLE)
IMPACTS: Final = ("HIGH", "MODERATE", "LOW", "MODIFIER")
"""Most severe first: an impact is its index here."""
IMPACT_LIMITS: Final = np.cumsum([sum(1 for i, _ in _TABLE if i == impact) for impact in IMPACTS])
"""int64[4]: the first bit beyond each impact's terms."""

(
    ABLATION, SPLICE_ACCEPTOR, SPLICE_DONOR, STOP_GAINED, FRAMESHIFT, STOP_LOST, START_LOST,
    AMPLIFICATION, ELONGATION, TRUNCATION, INFRAME_INSERTION, INFRAME_DELETION, MISSENSE,
    PROTEIN_ALTERING, DONOR_5TH_BASE, SPLICE_REGION, DONOR_REGION, POLYPYRIMIDINE_TRACT,
    INCOMPLETE_TERMINAL_CODON, START_RETAINED, STOP_RETAINED, SYNONYMOUS, CODING_SEQUENCE,
    MATURE_MIRNA, FIVE_PRIME_UTR, THREE_PRIME_UTR, NON_CODING_EXON, INTRON, NMD_TRANSCRIPT,
    NON_CODING_TRANSCRIPT, UPSTREAM, DOWNSTREAM, INTERGENIC,
) = tuple(1 << bit for bit in range(len(TERMS)))  # fmt: skip

VARIANT_CLASSES: Final = (
    "SNV", "insertion", "deletion", "indel", "substitution", "duplication", "inversion",
    "copy_number_variation", "chromosome_breakpoint",
)  # fmt: skip
"""The Sequence Ontology's classes of alleles, as VEP's VARIANT_CLASS has them."""


def term_names(mask: int) -> list[str]:
    """The terms of a set, most severe first."""
    return [term for bit, term in enumerate(TERMS) if mask >> bit & 1]


def impact_name(mask: int) -> str:
    """The impact of the most severe term of a set."""
    return next(impact for term in term_names(mask)[:1] for impact, name in _TABLE if name == term)
