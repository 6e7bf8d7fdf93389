"""A second organism: SARS-CoV-2, whose genes overlap and whose ribosome slips.

Expected names are those of the literature (D614G, P323L of nsp12 = Pro4715 of ORF1ab, R203K/G204R),
or follow from the sequence by hand.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from annotations.genomics.output.csq import CSQ_FIELDS
from annotations.genomics.pipeline import annotate
from annotations.genomics.request import Request
from annotations.genomics.tests.made import unpack_gzip, vcf_text
from annotations.genomics.tests.references import coronavirus

ALLELES = ((3037, "C", "T"), (13468, "C", "T"), (14408, "C", "T"), (23403, "A", "G"), (27757, "T", "C"),
           (28881, "GGG", "AAC"))  # fmt: skip
EXPECTED = {
    # Before the slip both polyproteins read the same frame.
    3037: {
        ("YP_009724389.1", "synonymous_variant", "p.Phe924="),
        ("YP_009725295.1", "synonymous_variant", "p.Phe924="),
    },
    # Of the base that is read twice (end of codon 4401, start of 4402) the first reading is named.
    13468: {
        ("YP_009724389.1", "synonymous_variant", "p.Asn4401="),
        ("YP_009725295.1", "synonymous_variant", "p.Asn4401="),
    },
    # Behind it only ORF1ab goes on, one base back.
    14408: {("YP_009724389.1", "missense_variant", "p.Pro4715Leu")},
    23403: {("YP_009724390.1", "missense_variant", "p.Asp614Gly")},
    # ORF7a ends where ORF7b has begun: one base, two frames.
    27757: {("YP_009724395.1", "stop_lost", "p.Ter122ArgextTer?"), ("YP_009725318.1", "start_lost", "p.Met1?")},
    28881: {("YP_009724397.2", "missense_variant", "p.Arg203_Gly204delinsLysArg")},
}


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[int, list[dict[str, str]]]:
    """POS -> what CSQ says of each transcript that the allele lies in."""
    folder = tmp_path_factory.mktemp("virus")
    lines = [f"NC_045512.2\t{pos}\t.\t{ref}\t{alt}\t.\t.\t." for pos, ref, alt in ALLELES]
    (folder / "in.vcf").write_text(vcf_text(lines))
    receipt = annotate(Request(folder / "in.vcf", coronavirus().folder, folder / "out.vcf.gz"))
    assert (receipt.records, receipt.annotated) == (len(ALLELES), len(ALLELES))
    return dict(read(folder / "out.vcf.gz"))


def read(path: Path):
    for line in unpack_gzip(path.read_bytes()).decode().splitlines():
        if not line.startswith("#"):
            columns = line.split("\t")
            entries = columns[7].partition("CSQ=")[2].split(",")
            rows = [dict(zip(CSQ_FIELDS, entry.split("|"), strict=True)) for entry in entries]
            yield int(columns[1]), [row for row in rows if not row["DISTANCE"]]


@pytest.mark.parametrize("pos", EXPECTED)
def test_known_variants_have_their_known_names(answers: dict[int, list[dict[str, str]]], pos: int) -> None:
    found = {
        (row["Feature"], row["Consequence"], re.sub(r"^.*:", "", row["HGVSp"]).replace("%3D", "="))
        for row in answers[pos]
    }
    assert found == EXPECTED[pos]


def test_names_stand_on_the_genome_where_a_transcript_has_no_sequence_of_its_own(
    answers: dict[int, list[dict[str, str]]],
) -> None:
    (row,) = answers[23403]
    assert row["HGVSc"] == "NC_045512.2(YP_009724390.1):c.1841A>G"
    assert row["HGVSg"] == "NC_045512.2:g.23403A>G"
