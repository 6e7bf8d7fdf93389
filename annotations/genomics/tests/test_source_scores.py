"""Prediction scores: each publisher's layout, and which transcript a score belongs to."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from annotations.genomics.errors import AnnotationError
from annotations.genomics.sources.declaration import find_declaration
from annotations.genomics.tests.made import vcf_text
from annotations.genomics.tests.made_sources import SEQUENCE, build_with, infos, query, run
from annotations.genomics.tests.test_source_declarations import line, other

SPLICEAI = (
    '##INFO=<ID=SpliceAI,Number=.,Type=String,Description="SpliceAIv1.3 variant annotation. '
    'Format: ALLELE|SYMBOL|DS_AG|DS_AL|DS_DG|DS_DL|DP_AG|DP_AL|DP_DG|DP_DL">'
)


def two_genes() -> list[str]:
    """Two genes that overlap: the transcript of HI codes and is picked, that of LO does not."""
    rows = []
    for gene, number, biotype, kinds in (
        ("HI", 1, "protein_coding", ("exon", "CDS")), ("LO", 2, "lncRNA", ("exon",)),
    ):  # fmt: skip
        transcript = f"ENST0000000000{number}"
        parts = [
            ("gene", f"ID=gene:ENSG0000000000{number};Name={gene};biotype={biotype};gene_id=ENSG0000000000{number}"),
            ("mRNA", f"ID=transcript:{transcript};Parent=gene:ENSG0000000000{number};biotype={biotype};"
                     f"transcript_id={transcript};version=6"),
            *((kind, f"Parent=transcript:{transcript};protein_id=P{number}") for kind in kinds),
        ]  # fmt: skip
        rows += [f"1\tmade\t{kind}\t101\t160\t.\t+\t{'0' if kind == 'CDS' else '.'}\t{told}" for kind, told in parts]
    return rows


def rows_of(files: dict[str, Path], column: str) -> list[tuple[str, object]]:
    found = query(f"SELECT gene_symbol, {column} FROM '{files['parquet']}' ORDER BY row").fetchall()
    return sorted(found, key=str)


def test_spliceai_scores_follow_the_allele_and_the_gene(tmp_path: Path) -> None:
    ref, alt = SEQUENCE[109], other(110)
    third = next(base for base in "ACGT" if base not in (ref, alt))
    entries = f"{alt}|HI|0.01|0.00|0.91|0.02|41|10|-1|23,{third}|HI|0.50|0|0|0|1|2|3|4,{alt}|LO|0.07|0|0|0|5|6|7|8"
    (tmp_path / "s.vcf").write_text(
        vcf_text(
            [f"1\t110\t.\t{ref}\t{alt},{third}\t.\t.\tSpliceAI={entries}", f"1\t111\t.\t{SEQUENCE[110]}\tN\t.\t.\t."],
            header=[SPLICEAI],
        )
    )
    reference = build_with(tmp_path, [("spliceai", tmp_path / "s.vcf")], genes=two_genes())
    files = run(reference, [line(110), f"1\t110\t.\t{ref}\t{third}\t.\t.\t.", line(115)], tmp_path / "out")
    first, second, third_info = infos(files)
    assert (first["SPLICEAI_DS_AG"], first["SPLICEAI_DS_DG"], first["SPLICEAI_DP_DG"]) == ("0.01", "0.91", "-1")
    assert second["SPLICEAI_DS_AG"] == "0.5"
    assert "SPLICEAI_DS_AG" not in third_info
    told = query(f"SELECT pos, alt, gene_symbol, spliceai_ds_ag, spliceai_dp_ag FROM '{files['parquet']}'").fetchall()
    assert sorted(told, key=str) == sorted([
        (110, alt, "HI", 0.01, 41), (110, alt, "LO", 0.07, 5),
        (110, third, "HI", 0.5, 1), (110, third, "LO", None, None),
        (115, other(115), "HI", None, None), (115, other(115), "LO", None, None),
    ], key=str)  # fmt: skip


def test_a_spliceai_file_of_other_parts_is_refused(tmp_path: Path) -> None:
    (tmp_path / "s.vcf").write_text(vcf_text([line(110, f"SpliceAI={other(110)}|HI|0.01")], header=[SPLICEAI]))
    with pytest.raises(AnnotationError) as caught:
        build_with(tmp_path, [("spliceai", tmp_path / "s.vcf")], genes=two_genes())
    assert caught.value.code == "source_columns"
    assert "has not the 10 parts" in caught.value.message


def test_revel_is_read_with_several_transcripts_in_a_cell_and_places_it_does_not_know(tmp_path: Path) -> None:
    ref, alt = SEQUENCE[109], other(110)
    (tmp_path / "revel.csv").write_text(
        "chr,hg19_pos,grch38_pos,ref,alt,aaref,aaalt,REVEL,Ensembl_transcriptid\n"
        f"1,7,110,{ref},{alt},T,M,0.027,ENST00000000009;ENST00000000001\n"
        f"1,8,.,{ref},{alt},T,M,0.5,ENST00000000001\n"
        f"1,9,111,{SEQUENCE[110]},{other(111)},T,M,0.250,ENST00000000009\n"
    )
    reference = build_with(tmp_path, [("revel", tmp_path / "revel.csv")], genes=two_genes())
    files = run(reference, [line(110), line(111)], tmp_path / "out")
    assert [info.get("REVEL") for info in infos(files)] == ["0.027", None]
    assert rows_of(files, "revel") == [("HI", 0.027), ("HI", None), ("LO", None), ("LO", None)]
    counts = json.loads((reference / "manifest.json").read_text())["sources"][0]["counts"]
    assert (counts["records"], counts["no_place"], counts["rows"]) == (3, 1, 1)


def test_alphamissense_is_read_packed_behind_its_comments_whatever_the_transcripts_version(tmp_path: Path) -> None:
    ref, alt = SEQUENCE[109], other(110)
    text = (
        "# Copyright 2023 DeepMind Technologies Limited\n#\n# Licensed under CC BY-NC-SA 4.0 license\n#\n"
        "#CHROM\tPOS\tREF\tALT\tgenome\tuniprot_id\ttranscript_id\tprotein_variant\tam_pathogenicity\tam_class\n"
        f"chr1\t110\t{ref}\t{alt}\thg38\tQ8NH21\tENST00000000001.4\tV2L\t0.2937\tlikely_benign\n"
    )
    (tmp_path / "am.tsv.gz").write_bytes(gzip.compress(text.encode()))
    reference = build_with(tmp_path, [("alphamissense", tmp_path / "am.tsv.gz")], genes=two_genes())
    files = run(reference, [line(110)], tmp_path / "out")
    assert (infos(files)[0]["ALPHAMISSENSE"], infos(files)[0]["ALPHAMISSENSE_CLASS"]) == ("0.2937", "likely_benign")
    assert rows_of(files, "alphamissense") == [("HI", 0.2937), ("LO", None)]


def test_cadd_is_of_the_allele_and_so_on_every_row(tmp_path: Path) -> None:
    ref, alt = SEQUENCE[109], other(110)
    (tmp_path / "cadd.tsv").write_text(
        "## CADD GRCh38-v1.7 (c) University of Washington\n#Chrom\tPos\tRef\tAlt\tRawScore\tPHRED\n"
        f"1\t110\t{ref}\t{alt}\t-0.702541\t4.066\n1\t9\tT\tTA\t3.1\t25.30\n"
    )
    reference = build_with(tmp_path, [("cadd", tmp_path / "cadd.tsv")], genes=two_genes())
    insertion = f"1\t14\t.\t{SEQUENCE[13]}\tA{SEQUENCE[13]}\t.\t.\t."
    assert SEQUENCE[13] == "A"  # the same insertion into the homopolymer, written at its other end
    files = run(reference, [line(110), insertion], tmp_path / "out")
    assert [(info["CADD_RAW"], info["CADD_PHRED"]) for info in infos(files)] == [
        ("-0.702541", "4.066"),
        ("3.1", "25.3"),
    ]
    told = query(f"SELECT pos, gene_symbol, cadd_phred FROM '{files['parquet']}'").fetchall()
    assert {row for row in told if row[0] == 110} == {(110, "HI", 4.066), (110, "LO", 4.066)}


@pytest.mark.parametrize("name", ["spliceai", "revel", "alphamissense", "cadd"])
def test_a_score_names_its_licence(name: str) -> None:
    assert len(find_declaration(name).licence) > 5


@pytest.mark.parametrize(
    ("before", "after"), [('licence = "x"\n', ""), ('"pos", ', ""), ('join = "gene_id"', 'join = "alt"')]
)
def test_a_score_without_licence_place_or_a_join_that_can_be_is_refused(
    before: str, after: str, tmp_path: Path
) -> None:
    text = (
        'title = "S"\nlicence = "x"\nkind = "score"\ncolumns = ["contig", "pos", "ref", "alt", "gene_id", "v"]\n'
        'join = "gene_id"\n[[fields]]\nkey = "SSS"\nfrom = "v"\ntype = "Float"\ndescription = "s"\n'
    )
    (tmp_path / "s.toml").write_text(text)
    assert find_declaration(str(tmp_path / "s.toml")).licence == "x"
    (tmp_path / "s.toml").write_text(text.replace(before, after, 1))
    with pytest.raises(AnnotationError) as caught:
        find_declaration(str(tmp_path / "s.toml"))
    assert caught.value.code == "source_malformed"


@pytest.mark.parametrize("text", ["1\t2\tA\n", "1\t110\tA\tC\t0.1\t2\n1\t110\n"])
def test_a_table_with_too_few_columns_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "cadd.tsv").write_text(text)
    with pytest.raises(AnnotationError) as caught:
        build_with(tmp_path, [("cadd", tmp_path / "cadd.tsv")])
    assert caught.value.code == "source_columns"
    assert "cadd" in caught.value.message
