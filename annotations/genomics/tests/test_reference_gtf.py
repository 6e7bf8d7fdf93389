"""Genes out of a GTF are the genes out of a GFF3."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pysam
import pytest

from annotations.genomics.reference.build import BuildInputs, build_reference
from annotations.genomics.reference.layout import TEXT_COLUMNS
from annotations.genomics.reference.load import Reference, load_reference
from annotations.genomics.tests.gtf_of_gff3 import Line, gtf_lines, read_gff3
from annotations.genomics.tests.made import PROJECT, build_sequence

LENGTH = 3_000_000  # of chr19: 180 genes on both strands
STANDARD, MITOCHONDRIAL = {"TAA", "TAG", "TGA"}, {"TAA", "TAG", "AGA", "AGG"}
# What GTF does not tell.
ONLY_IN_GFF3 = {"symbol_source", "hgnc_id", "csq_tags"}


def is_inside(row: Line) -> bool:
    return row.last <= LENGTH


@pytest.fixture(scope="module")
def genes() -> tuple[list[Line], list[Line], str, str]:
    """chr19's first genes, chrM's, and both sequences."""
    with gzip.open(PROJECT / "reference" / "GRCh38.chr19.ensembl113.gff3.gz", "rt") as lines:
        nuclear = read_gff3(lines)
    with (PROJECT / "reference" / "GRCh38.chrM.ensembl113.gff3").open() as lines:
        mitochondrial = read_gff3(lines)
    with pysam.FastaFile(str(PROJECT / "reference" / "GRCh38.chr19.fa.gz")) as fasta:
        chr19 = fasta.fetch("chr19", 0, LENGTH).upper()
    with pysam.FastaFile(str(PROJECT / "reference" / "GRCh38.chrM.fa")) as fasta:
        chrm = fasta.fetch("chrM").upper()
    return nuclear, mitochondrial, chr19, chrm


@pytest.fixture(scope="module")
def from_gff3(genes, tmp_path_factory: pytest.TempPathFactory) -> Reference:
    nuclear, mitochondrial, *_ = genes
    outside = {row.attributes["ID"] for row in nuclear if "transcript_id" in row.attributes and not is_inside(row)}
    kept = [row for row in nuclear if outside.isdisjoint({row.attributes.get("Parent"), row.attributes.get("ID")})]
    rows = [row for row in [*kept, *mitochondrial] if row.kind not in {"chromosome", "biological_region"}]
    return build(genes, tmp_path_factory.mktemp("gff3"), [as_gff3(row) for row in rows])


def as_gff3(row: Line) -> str:
    attributes = ";".join(f"{key}={value}" for key, value in row.attributes.items())
    cells = (row.contig, row.source, row.kind, row.first, row.last, ".", row.strand, row.phase, attributes)
    return "\t".join(str(cell) for cell in cells)


def build(genes, folder: Path, lines: list[str]) -> Reference:
    *_, chr19, chrm = genes
    (folder / "sequence.fa").write_text(f">chr19\n{chr19}\n>chrM\n{chrm}\n")
    (folder / "genes").write_text("\n".join(lines) + "\n")
    inputs = BuildInputs("made", "GRCh38", [folder / "sequence.fa"], [folder / "genes"], {"chrM": 2})
    return load_reference(build_reference(inputs, folder))


def written(genes, style: str) -> Iterator[str]:
    nuclear, mitochondrial, chr19, chrm = genes
    yield from gtf_lines(nuclear, chr19, style, STANDARD, is_inside)
    yield from gtf_lines(mitochondrial, chrm, style, MITOCHONDRIAL, lambda _: True)


@pytest.mark.parametrize("style", ["ensembl", "gencode"])
def test_a_gtf_gives_the_reference_that_the_gff3_gives(genes, from_gff3: Reference, style: str, tmp_path: Path) -> None:
    lines = list(written(genes, style))
    assert sum("\tstop_codon\t" in line for line in lines) > 300
    from_gtf = build(genes, tmp_path, lines)
    for name in ("exons", "spliced", "bins", "bin_transcripts"):
        np.testing.assert_array_equal(getattr(from_gtf, name), getattr(from_gff3, name), name)
    for name in from_gff3.transcripts.dtype.names:
        np.testing.assert_array_equal(from_gtf.transcripts[name], from_gff3.transcripts[name], name)
    for name in set(TEXT_COLUMNS) - ONLY_IN_GFF3:
        for number in range(len(from_gff3.transcripts)):
            assert from_gtf.text_value(name, number) == from_gff3.text_value(name, number), (name, number)


def test_a_stop_codon_that_is_told_twice_is_there_once(tmp_path: Path) -> None:
    bases = "ACGT" * 10 + "ATGGCCAAATAA" + "ACGT" * 10
    attributes = 'gene_id "G1"; transcript_id "T1"; gene_biotype "protein_coding";'
    spans = {"transcript": (31, 70), "exon": (31, 70), "CDS": (41, 52), "stop_codon": (50, 52)}
    lines = [f"c\tmade\t{kind}\t{first}\t{last}\t.\t+\t0\t{attributes}" for kind, (first, last) in spans.items()]
    reference = load_reference(build_sequence(tmp_path, "made", {"c": bases}, lines))
    (row,) = reference.transcripts
    assert (int(row["cds_start"]), int(row["cds_end"]), int(row["length"])) == (10, 22, 40)
    assert len(reference.exons) == 1
