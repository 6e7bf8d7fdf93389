"""Genes out of GFF3 as its publishers write it: RefSeq's accessions and levels, many contigs, lines in any order."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annotations.genomics.errors import AnnotationError
from annotations.genomics.reference import layout
from annotations.genomics.reference.genes import read_rows
from annotations.genomics.reference.load import Reference, load_reference
from annotations.genomics.reference.pieces import Pieces
from annotations.genomics.tests.made import PROJECT, build_sequence
from annotations.genomics.tests.references import mitochondrion
from annotations.genomics.tests.test_reference_build import digests

BASES = "".join(random.Random(6).choices("ACGT", k=1000))
CONTIGS = {"NC_000001.11": BASES, "NC_000002.12": BASES[::-1], "NC_012920.1": BASES[5:], "NT_187361.1": BASES[7:]}
RNA = "Parent=rna-NM_1.2;Dbxref=GeneID:11,GenBank:NM_1.2;gene=AAA;transcript_id=NM_1.2"
CDS = "ID=cds-NP_1.1;Parent=rna-NM_1.2;Name=NP_1.1;gene=AAA;protein_id=NP_1.1"
# As NCBI writes it: minus strands from their 5' end, exons with ids of their own, genes without transcripts.
REFSEQ = f"""\
NC_000001.11 RefSeq region 1 1000 + . ID=NC_000001.11:1..1000;Name=1;chromosome=1;gbkey=Src
NC_000001.11 BestRefSeq gene 101 400 - . ID=gene-AAA;Dbxref=GeneID:11,HGNC:HGNC:5;Name=AAA;gene_biotype=protein_coding
NC_000001.11 BestRefSeq mRNA 101 400 - . ID=rna-NM_1.2;Parent=gene-AAA;Name=NM_1.2;transcript_id=NM_1.2
NC_000001.11 BestRefSeq exon 301 400 - . ID=exon-NM_1.2-1;{RNA}
NC_000001.11 BestRefSeq exon 101 200 - . ID=exon-NM_1.2-2;{RNA}
NC_000001.11 BestRefSeq CDS 301 351 - 0 {CDS}
NC_000001.11 BestRefSeq CDS 151 200 - 0 {CDS}
NC_000001.11 RefSeq cDNA_match 101 400 . . ID=aln0;Target=NM_1.2 1 200 +
NC_000001.11 Curated%20Genomic pseudogene 501 600 + . ID=gene-PPP;Dbxref=GeneID:12;Name=PPP;gene_biotype=pseudogene
NC_000001.11 Curated%20Genomic exon 501 540 + . ID=id-PPP;Parent=gene-PPP;gene=PPP
NC_000001.11 Curated%20Genomic exon 561 600 + . ID=id-PPP-2;Parent=gene-PPP;gene=PPP
NC_000002.12 Gnomon gene 11 90 + . ID=gene-LOC1;Dbxref=GeneID:13;Name=LOC1;gene_biotype=lncRNA
NC_000002.12 Gnomon lnc_RNA 11 90 + . ID=rna-XR_1.1;Parent=gene-LOC1;Name=XR_1.1;transcript_id=XR_1.1
NC_000002.12 Gnomon exon 11 90 + . ID=exon-XR_1.1-1;Parent=rna-XR_1.1;transcript_id=XR_1.1
NC_000002.12 BestRefSeq primary_transcript 201 280 + . ID=rna-NR_1.1;Parent=gene-MIR1;Name=NR_1.1;transcript_id=NR_1.1
NC_000002.12 BestRefSeq gene 201 280 + . ID=gene-MIR1;Dbxref=GeneID:14;Name=MIR1;gene_biotype=miRNA
NC_000002.12 BestRefSeq exon 201 280 + . ID=exon-NR_1.1-1;Parent=rna-NR_1.1;transcript_id=NR_1.1
NC_000002.12 BestRefSeq miRNA 211 232 + . ID=rna-MIR1;Parent=rna-NR_1.1;product=miR-1-5p
NC_000002.12 BestRefSeq exon 211 232 + . ID=exon-MIR1-1;Parent=rna-MIR1
NC_012920.1 RefSeq gene 301 420 + . ID=gene-ND1;Dbxref=GeneID:4535,HGNC:HGNC:7455;Name=ND1;gene_biotype=protein_coding
NC_012920.1 RefSeq CDS 301 420 + 0 ID=cds-YP_1.1;Parent=gene-ND1;Name=YP_1.1;protein_id=YP_1.1;transl_table=2
NT_187361.1 RefSeq gene 51 200 - . ID=gene-J;Dbxref=GeneID:16;Name=J;gene_biotype=other
NT_187361.1 RefSeq CDS 151 200 - 2 ID=cds-J;Parent=gene-J;Name=PJ.1;protein_id=PJ.1
NT_187361.1 RefSeq CDS 51 100 - 0 ID=cds-J;Parent=gene-J;Name=PJ.1;protein_id=PJ.1
NW_000000.1 RefSeq gene 1 90 + . ID=gene-GONE;Dbxref=GeneID:17;Name=GONE
NW_000000.1 RefSeq exon 1 90 + . ID=id-GONE;Parent=gene-GONE"""


def gff3(text: str) -> list[str]:
    """Lines with tabs; one blank in the last column is the reader's own."""
    lines = []
    for line in text.splitlines():
        contig, source, kind, first, last, strand, phase, attributes = line.split(" ", 7)
        lines.append("\t".join((contig, source, kind, first, last, ".", strand, phase, attributes)))
    return lines


@pytest.fixture
def refseq(tmp_path: Path) -> Reference:
    return load_reference(build_sequence(tmp_path, "refseq", CONTIGS, gff3(REFSEQ)))


def described(reference: Reference) -> dict[str, tuple[str, ...]]:
    names = ("gene_symbol", "gene_id", "biotype", "protein_id", "hgnc_id", "source")
    return {
        reference.text_value("transcript_id", number): tuple(reference.text_value(name, number) for name in names)
        for number in range(len(reference.transcripts))
    }


def row_of(reference: Reference, transcript_id: str) -> Any:
    return reference.transcripts[list(described(reference)).index(transcript_id)]


def test_refseq_genes_are_read_with_and_without_a_transcript_level(refseq: Reference) -> None:
    assert described(refseq) == {
        "NM_1.2": ("AAA", "11", "protein_coding", "NP_1.1", "HGNC:5", "RefSeq"),
        "PPP": ("PPP", "12", "pseudogene", "", "", "RefSeq"),
        "XR_1.1": ("LOC1", "13", "lncRNA", "", "", "RefSeq"),
        "NR_1.1": ("MIR1", "14", "miRNA", "", "", "RefSeq"),
        "YP_1.1": ("ND1", "4535", "protein_coding", "YP_1.1", "HGNC:7455", "RefSeq"),
        "PJ.1": ("J", "16", "protein_coding", "PJ.1", "", "RefSeq"),
    }


def test_every_contig_of_one_file_keeps_its_own_genes(refseq: Reference) -> None:
    names = [contig.name for contig in refseq.contigs]
    assert [names[number] for number in refseq.transcripts["contig"]] == [
        "NC_000001.11", "NC_000001.11", "NC_000002.12", "NC_000002.12", "NC_012920.1", "NT_187361.1",
    ]  # fmt: skip
    row = row_of(refseq, "YP_1.1")
    spliced = refseq.spliced[row["spliced_from"] : row["spliced_from"] + row["length"]]
    assert np.array_equal(spliced, refseq.sequence(int(row["contig"]))[300:420])


def test_a_gene_on_the_reverse_strand_begins_at_its_last_piece(refseq: Reference) -> None:
    row = row_of(refseq, "NM_1.2")
    exons = refseq.exons[row["exon_from"] : row["exon_to"]].tolist()
    assert exons == [(100, 200, 100), (300, 400, 0)]
    assert (row["cds_start"], row["cds_end"]) == (49, 150)
    without_level = row_of(refseq, "PJ.1")
    assert without_level["padding"] == 1  # of the phase 2 that its first piece has, wherever that stands
    assert without_level["flags"] & layout.CDS_START_NF


def test_mature_mirna_belong_to_their_precursor(refseq: Reference) -> None:
    row = row_of(refseq, "NR_1.1")
    assert refseq.mature[row["mature_from"] : row["mature_to"]].tolist() == [(210, 232)]


@pytest.mark.parametrize("seed", range(4))
def test_the_order_of_the_lines_changes_nothing(refseq: Reference, tmp_path: Path, seed: int) -> None:
    lines = gff3(REFSEQ)
    random.Random(seed).shuffle(lines)
    shuffled = build_sequence(tmp_path / "shuffled", "refseq", CONTIGS, lines)
    assert arrays_of(shuffled) == arrays_of(refseq.folder)


def test_the_order_of_ensembls_lines_changes_nothing(tmp_path: Path) -> None:
    with (PROJECT / "reference" / "GRCh38.chrM.ensembl113.gff3").open() as stream:
        lines = [line.rstrip("\n") for line in stream if not line.startswith("#")]
    bases = "".join("ACGTN"[code] for code in mitochondrion().sequence(0))
    random.Random(1).shuffle(lines)
    shuffled = build_sequence(tmp_path, "shuffled", {"chrM": bases}, lines)
    assert arrays_of(shuffled) == arrays_of(mitochondrion().folder)


def arrays_of(folder: Path) -> dict[str, str]:
    """Digests of everything but what names the inputs' own digests."""
    told = {"manifest.json", "checksums.sha256"}
    return {name: digest for name, digest in digests(folder).items() if name not in told}


def test_what_a_transcripts_lines_say_is_kept_once(tmp_path: Path) -> None:
    path = tmp_path / "genes.gff3"
    exon = "c\tx\texon\t{0}1\t{0}9\t.\t+\t.\tID=e{0};Parent=t"
    cds = "c\tx\tCDS\t{0}1\t{0}9\t.\t+\t0\tID=p;Parent=t;protein_id=P{1}"
    path.write_text("\n".join([exon.format(n) + "\n" + cds.format(n, n > 5) for n in range(1, 9)]) + "\n")
    exons, coding = Pieces[str](), Pieces[str]()
    for row in read_rows(path, {}):
        (exons if row.type == "exon" else coding).add("t", row)
    assert [piece.start for piece in exons.of("t")] == list(range(10, 90, 10))
    assert len({id(piece.row) for piece in exons.of("t")}) == 1
    assert [piece.row.attributes["protein_id"] for piece in coding.of("t")] == ["PFalse"] * 5 + ["PTrue"] * 3
    assert len({id(piece.row) for piece in coding.of("t")}) == 2


def test_a_position_beyond_any_contig_is_refused_with_its_line(tmp_path: Path) -> None:
    lines = ["NC_000001.11\tx\texon\t5\t99999999999\t.\t+\t.\tParent=gene-AAA", *gff3(REFSEQ)]
    with pytest.raises(AnnotationError) as caught:
        build_sequence(tmp_path, "refseq", CONTIGS, lines)
    assert (caught.value.code, caught.value.line) == ("genes_malformed", 2)
