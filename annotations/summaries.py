"""A result's summary as its page shows it, and the specimen of the home page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from annotations.genomics.consequence.terms import IMPACTS
from annotations.models import Result


@dataclass(frozen=True)
class Count:
    """One figure with its words; `css` names a meaning's shape and colour."""

    label: str
    number: int
    css: str


def headline(result: Result) -> list[Count]:
    """What the page of a done job shows first: variants by their highest impact, the gravest first."""
    impacts: Mapping[str, int] = result.summary.get("impacts", {})
    return [Count(f"{name.capitalize()} impact", int(impacts.get(name, 0)), name.lower()) for name in IMPACTS]


@dataclass(frozen=True)
class Phased:
    """Pairs of alleles that one haplotype carries in one codon: how many, and the first as the summary has them."""

    number: int
    pairs: list[dict[str, Any]]


def phased(summary: Mapping[str, Any]) -> Phased:
    """What a reader has to look at together, because each row describes one allele alone."""
    return Phased(summary.get("receipt", {}).get("phased_codons", 0), summary.get("phased_codons", []))


@dataclass(frozen=True)
class Specimen:
    """One annotated variant, to show what the service does. Codons as CSQ writes them: the changed base upper-case."""

    contig: str
    pos: int
    ref: str
    alt: str
    gene_symbol: str
    transcript_id: str
    consequence: str
    impact: str
    codon_before: str
    codon_after: str
    amino_acid_before: str
    amino_acid_after: str
    where: str
    names: tuple[str, ...]


# A test annotates this variant with the demo reference and compares every field.
SPECIMEN = Specimen(
    contig="chrM",
    pos=11778,
    ref="G",
    alt="A",
    gene_symbol="MT-ND4",
    transcript_id="ENST00000361381.2",
    consequence="missense_variant",
    impact="MODERATE",
    codon_before="cGc",
    codon_after="cAc",
    amino_acid_before="Arg",
    amino_acid_after="His",
    where="codon 340",
    names=("NC_012920.1:m.11778G>A", "ENST00000361381.2:c.1019G>A", "ENSP00000354961:p.Arg340His"),
)
