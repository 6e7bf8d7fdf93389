"""References that the tests build once and share."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from annotations.genomics.reference.build import BuildInputs, build_reference
from annotations.genomics.reference.load import Reference, load_reference

PROJECT = Path(__file__).resolve().parents[3]
GIVEN = PROJECT / "reference"
BENCH = PROJECT.parent / "shared" / "data" / "bench"


@cache
def mitochondrion() -> Reference:
    """rCRS with Ensembl's genes, built as the demo reference builds it."""
    inputs = BuildInputs(
        "mitochondrion", "GRCh38", [GIVEN / "GRCh38.chrM.fa"], [GIVEN / "GRCh38.chrM.ensembl113.gff3"], {"chrM": 2}
    )
    return load_reference(build_reference(inputs, Path(mkdtemp(prefix="references-"))))


@cache
def chromosome_19() -> Reference:
    """chr19 with Ensembl's genes, and the mitochondrion."""
    inputs = BuildInputs(
        "demo",
        "GRCh38",
        [GIVEN / "GRCh38.chr19.fa.gz", GIVEN / "GRCh38.chrM.fa"],
        [GIVEN / "GRCh38.chr19.ensembl113.gff3.gz", GIVEN / "GRCh38.chrM.ensembl113.gff3"],
        {"chrM": 2},
    )
    return load_reference(build_reference(inputs, Path(mkdtemp(prefix="references-"))))


@cache
def coronavirus() -> Reference:
    """SARS-CoV-2: one contig, CDS without transcripts, a ribosomal slippage."""
    inputs = BuildInputs("sars2", "NC_045512.2", [GIVEN / "NC_045512.2.fa"], [GIVEN / "NC_045512.2.gff3"], {})
    return load_reference(build_reference(inputs, Path(mkdtemp(prefix="references-"))))
