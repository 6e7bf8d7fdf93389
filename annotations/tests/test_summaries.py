from __future__ import annotations

import gzip
import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from annotations import summaries
from annotations.models import Result
from annotations.summaries import SPECIMEN


@pytest.fixture(scope="module")
def annotated_specimen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the annotator says of the home page's variant, from the files that ship with the project."""
    folder, source = tmp_path_factory.mktemp("specimen"), settings.BASE_DIR / "reference"
    command = [sys.executable, str(settings.BASE_DIR / "manage.py")]
    environment = {"GAS_VAR_DIR": str(folder), "GAS_REFERENCES_DIR": str(folder), "PATH": ""}
    environment["NUMBA_CACHE_DIR"] = os.environ["NUMBA_CACHE_DIR"]
    files = ["--fasta", source / "GRCh38.chrM.fa", "--genes", source / "GRCh38.chrM.ensembl113.gff3"]
    build = ["reference", "build", "mito", "--assembly", "GRCh38", *files, "--codon-table", "chrM=2"]
    vcf = folder / "specimen.vcf"
    alleles = f"{SPECIMEN.contig}\t{SPECIMEN.pos}\t.\t{SPECIMEN.ref}\t{SPECIMEN.alt}\t.\t.\t.\n"
    vcf.write_text(f"##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n{alleles}")
    out = folder / "out.vcf.gz"
    steps: list[list[Any]] = [build, ["annotate", vcf, "--reference", "mito", "--output", out]]
    for arguments in steps:
        subprocess.run([*command, *arguments], check=True, env=environment, capture_output=True, timeout=280)
    text = gzip.decompress(out.read_bytes()).decode()
    names = re.search(r"Format: ([^\"]+)\"", text)
    assert names
    rows = [
        dict(zip(names[1].split("|"), row.split("|"), strict=True)) for row in text.split("CSQ=")[-1].strip().split(",")
    ]
    return next(row for row in rows if row["SYMBOL"] == SPECIMEN.gene_symbol)


def test_the_variant_on_the_home_page_is_annotated_as_it_says(annotated_specimen: dict[str, str]):
    row = annotated_specimen
    before, after = row["Codons"].split("/")
    assert (row["Consequence"], row["IMPACT"]) == (SPECIMEN.consequence, SPECIMEN.impact)
    assert row["Feature"] == SPECIMEN.transcript_id
    assert (before, after) == (SPECIMEN.codon_before, SPECIMEN.codon_after)
    assert f"codon {row['Protein_position']}" == SPECIMEN.where
    assert row["Amino_acids"] == "R/H"
    assert (SPECIMEN.amino_acid_before, SPECIMEN.amino_acid_after) == ("Arg", "His")
    assert (row["HGVSg"], row["HGVSc"], row["HGVSp"]) == SPECIMEN.names


def test_the_headline_counts_every_impact_the_gravest_first():
    headline = summaries.headline(Result(summary={"impacts": {"HIGH": 2, "MODIFIER": 6}}))
    assert [(figure.label, figure.number, figure.css) for figure in headline] == [
        ("High impact", 2, "high"),
        ("Moderate impact", 0, "moderate"),
        ("Low impact", 0, "low"),
        ("Modifier impact", 6, "modifier"),
    ]


@pytest.mark.parametrize("folder", ["static/vendor", "tests_e2e/browser/vendor"])
def test_vendored_scripts_are_the_ones_that_are_listed(folder: str):
    place = settings.BASE_DIR / folder
    rows = re.findall(r"^\| (\S+) \|.*\| ([0-9a-f]{64}) \|$", (place / "README.md").read_text(), re.MULTILINE)
    listed = {name: digest for name, digest in rows if (place / name).is_file()}
    scripts = {path.name for path in Path(place).glob("*.js")}
    assert scripts
    assert scripts <= set(listed)
    for name, digest in listed.items():
        assert hashlib.sha256((place / name).read_bytes()).hexdigest() == digest, name
