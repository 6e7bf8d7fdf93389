"""A small reference with sources that a test makes, and what annotating against it says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb

from annotations.genomics.pipeline import annotate
from annotations.genomics.reference.build import BuildInputs, build_reference
from annotations.genomics.request import Request
from annotations.genomics.tests.made import simple_gene, unpack_gzip, vcf_text

# A homopolymer (places 9 to 13), a repeat of CA (20 to 27), then a gene.
SEQUENCE = "ACGTACGGTAAAAACGTGGCACACACAGTCCGATTGACCTGAAGTTCCGTATGC" + "GATTACAGCT" * 15
OTHER = "TTGACCATGCATTTGGCATC" * 5
DECLARED = """
title = "Made"
version = "7"
kind = "exact"

[[fields]]
key = "MADE_AF"
from = "AF"
type = "Float"
by_allele = true
scale = "0.01"
description = "made"

[[fields]]
key = "MADE_NAME"
from = "NAME"
type = "String"
description = "made"

[[fields]]
key = "MADE_COUNT"
from = "AC"
type = "Integer"
by_allele = true
description = "made"
"""
INFO = [
    f'##INFO=<ID={key},Number={number},Type=String,Description="made">'
    for key, number in (("AF", "A"), ("NAME", "."), ("AC", "A"))
]


def query(text: str) -> Any:
    return duckdb.sql(text)


def build(
    folder: Path, records: list[str], *, declared: str = DECLARED, name: str = "made", more: list[Any] | None = None
) -> Path:
    """A reference of two contigs with a source of these records."""
    folder.mkdir(exist_ok=True)
    (folder / "made.toml").write_text(declared)
    (folder / "made.vcf").write_text(vcf_text(records, header=INFO))
    return build_with(folder, [(str(folder / "made.toml"), folder / "made.vcf"), *(more or [])], name=name)


def build_with(
    folder: Path, sources: list[Any], *, callables: Any = (), genes: list[str] | None = None, name: str = "made"
) -> Path:
    """A reference of two contigs with these sources; genes: GFF3 lines, else one gene on the first contig."""
    (folder / "sequence.fa").write_text(f">1\n{SEQUENCE}\n>2\n{OTHER}\n")
    (folder / "genes.gff3").write_text("\n".join(["##gff-version 3", *(genes or simple_gene("1", 101, 160))]) + "\n")
    inputs = BuildInputs(name, "made", [folder / "sequence.fa"], [folder / "genes.gff3"], {}, sources, callables)
    return build_reference(inputs, folder / "references")


def source_line(pos: int, ref: str, alt: str, info: str = "AF=50;NAME=x;AC=3", contig: str = "1") -> str:
    return f"{contig}\t{pos}\t.\t{ref}\t{alt}\t.\t.\t{info}"


def run(reference: Path, records: list[str], folder: Path, **options: Any) -> dict[str, Path]:
    folder.mkdir(exist_ok=True)
    (folder / "input.vcf").write_text(vcf_text(records, header=options.pop("header", [])))
    files: dict[str, Any] = {
        "output": folder / "out.vcf.gz", "tsv": folder / "out.tsv", "parquet": folder / "out.parquet",
        "summary": folder / "out.json",
    }  # fmt: skip
    annotate(Request(folder / "input.vcf", reference, **files, **options))
    return files


def lines_of(files: dict[str, Path]) -> list[list[str]]:
    """The columns of each record."""
    text = unpack_gzip(files["output"].read_bytes()).decode()
    return [line.split("\t") for line in text.splitlines() if not line.startswith("#")]


def infos(files: dict[str, Path]) -> list[dict[str, str]]:
    """INFO of each record; a key that stands twice fails."""
    found = []
    for fields in lines_of(files):
        items = [item.partition("=")[::2] for item in fields[7].split(";")]
        assert len(dict(items)) == len(items)
        found.append(dict(items))
    return found
