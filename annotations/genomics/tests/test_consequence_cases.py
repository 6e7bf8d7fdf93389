"""Each folder of data/ is one rule: genes, sequence, alleles, and what is expected of them."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from annotations.genomics.output.csq import CSQ_FIELDS
from annotations.genomics.reference.build import BuildInputs, build_reference
from annotations.genomics.reference.load import load_reference
from annotations.genomics.variants import annotate_rows

DATA = Path(__file__).parent / "data"
CASES = sorted(path for path in DATA.iterdir() if path.is_dir())


def read_records(path: Path) -> list[str]:
    return [line for line in path.read_text().splitlines() if line and not line.startswith("#")]


def read_expected(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def annotate_case(case: Path, folder: Path) -> dict[str, list[dict[str, str]]]:
    """ID -> entries."""
    genes = [path for path in case.iterdir() if path.name.startswith("genes.")]
    inputs = BuildInputs(case.name, "case", [case / "sequence.fa"], genes, {})
    reference = load_reference(build_reference(inputs, folder))
    records = read_records(case / "alleles.vcf")
    answers = annotate_rows(reference, records)
    return {line.split("\t")[2]: entries for line, entries in zip(records, answers, strict=True)}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case_gives_what_its_folder_expects(case: Path, tmp_path: Path) -> None:
    answers = annotate_case(case, tmp_path)
    expected = read_expected(case / "expected.tsv")
    assert {row["ID"] for row in expected} == set(answers)
    for row in expected:
        found = [e for e in answers[row["ID"]] if e["Feature"] == row["Feature"].replace("-", "")
                 and e["ALLELE_NUM"] == row.get("ALLELE_NUM", e["ALLELE_NUM"])]  # fmt: skip
        assert len(found) == 1, f"{row['ID']} on {row['Feature']}: {len(found)} entries"
        asked = {field: value for field, value in row.items() if field in CSQ_FIELDS and value != "."}
        told = {field: found[0][field] or "-" for field in asked}
        assert told == asked, f"{case.name}: {(case / 'why.txt').read_text().strip()}"


def test_every_case_says_why_it_is_there_and_expects_something() -> None:
    assert len(CASES) >= 60
    for case in CASES:
        assert (case / "why.txt").read_text().strip(), case.name
        for row in read_expected(case / "expected.tsv"):
            assert row["Consequence"] != ".", case.name
