"""A result's summary as its page shows it, and the specimen of the home page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from annotations.genomics.consequence.terms import IMPACTS, TERMS, impact_name
from annotations.models import Result


@dataclass(frozen=True)
class Count:
    """One bar: its words, how many, and how wide in percent of the largest; `css` names a meaning's colour."""

    label: str
    number: int
    percent: int
    width: str
    css: str = ""


@dataclass(frozen=True)
class Overview:
    """What the page of a done job shows first: impacts and consequences by severity, classes by number.

    Consequences and classes are empty where the annotator counted nothing.
    """

    impacts: list[Count]
    consequences: list[Count]
    classes: list[Count]


def overview(result: Result) -> Overview:
    """Figures and bars from a result's summary."""
    summary: Mapping[str, Any] = result.summary
    counted: Mapping[str, int] = summary.get("consequences", {})
    severe_first = {term: counted[term] for term in TERMS if term in counted}
    classes: Mapping[str, int] = summary.get("classes", {})
    return Overview(
        impacts=[_impact(name, int(summary.get("impacts", {}).get(name, 0))) for name in IMPACTS],
        consequences=_bars(severe_first),
        classes=_bars(dict(sorted(classes.items(), key=lambda pair: (-pair[1], pair[0])))),
    )


def _impact(name: str, number: int) -> Count:
    return Count(f"{name.capitalize()} impact", number, 0, "0", name.lower())


def _bars(numbers: Mapping[str, int]) -> list[Count]:
    """Bars for counts by name, in their order; a consequence bears the colour of its impact."""
    total, largest = sum(numbers.values()), max(numbers.values(), default=0)
    return [
        Count(
            label=name.replace("_", " "),
            number=number,
            percent=round(100 * number / total) if total else 0,
            width=f"{100 * number / largest:.2f}" if largest else "0",
            css=impact_name(1 << TERMS.index(name)).lower() if name in TERMS else "",
        )
        for name, number in numbers.items()
    ]


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
