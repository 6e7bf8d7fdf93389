"""Every SNV of the mitochondrion against an independent translation: Biopython's table 2."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from Bio.Data import CodonTable
from Bio.Seq import Seq
from Bio.SeqUtils import seq3

from annotations.genomics.consequence.terms import term_names
from annotations.genomics.scratch import Scratch
from annotations.genomics.tests.references import GIVEN, mitochondrion
from annotations.genomics.vcf.limits import DEFAULT_LIMITS
from annotations.genomics.vcf.parse import Chunk, Parser

STARTS = CodonTable.unambiguous_dna_by_id[2].start_codons
Key = tuple[int, str, str]


@dataclass(frozen=True)
class Cds:
    transcript_id: str
    start: int
    end: int
    strand: int


def read_contig() -> str:
    lines = (GIVEN / "GRCh38.chrM.fa").read_text().splitlines()
    return "".join(line for line in lines if not line.startswith(">")).upper()


def read_cds() -> list[Cds]:
    """The 13 CDS, read here from the file and not by the code under test."""
    versions = {}
    found = []
    for line in (GIVEN / "GRCh38.chrM.ensembl113.gff3").read_text().splitlines():
        columns = line.split("\t")
        if len(columns) < 9:
            continue
        attributes = dict(item.split("=", 1) for item in columns[8].split(";"))
        if "transcript_id" in attributes:
            versions[attributes["transcript_id"]] = attributes["version"]
        if columns[2] == "CDS":
            name = attributes["Parent"].removeprefix("transcript:")
            strand = -1 if columns[6] == "-" else 1
            found.append(Cds(f"{name}.{versions[name]}", int(columns[3]) - 1, int(columns[4]), strand))
    return found


def name_residue(residue: str) -> str:
    return str(seq3(residue))


def describe(codon: int, old: str, new: str) -> tuple[str, str]:
    """(term, protein name) of one codon that becomes another; codon 1-based."""
    before, after = str(Seq(old).translate(table=2)), str(Seq(new).translate(table=2))
    if codon == 1:
        if new in STARTS:
            return "start_retained_variant", "Met1%3D"
        return "stop_gained&start_lost" if after == "*" else "start_lost", "Met1?"
    if before == "*":
        if after == "*":
            return "stop_retained_variant", f"Ter{codon}%3D"
        return "stop_lost", f"Ter{codon}{name_residue(after)}extTer?"
    if after == "*":
        return "stop_gained", f"{name_residue(before)}{codon}Ter"
    if before == after:
        return "synonymous_variant", f"{name_residue(before)}{codon}%3D"
    return "missense_variant", f"{name_residue(before)}{codon}{name_residue(after)}"


def expected_changes(contig: str) -> Iterator[tuple[Key, tuple[str, str]]]:
    """(pos, alt, transcript) -> (term, protein name) for each SNV in a CDS."""
    for cds in read_cds():
        sequence = Seq(contig[cds.start : cds.end])
        letters = str(sequence if cds.strand > 0 else sequence.reverse_complement())
        letters += "A" * (-len(letters) % 3)
        for place in range(cds.end - cds.start):
            pos = cds.start + place + 1 if cds.strand > 0 else cds.end - place
            first = place - place % 3
            old = letters[first : first + 3]
            for alt in "ACGT":
                if alt != contig[pos - 1]:
                    along = alt if cds.strand > 0 else str(Seq(alt).complement())
                    new = old[: place % 3] + along + old[place % 3 + 1 :]
                    yield (pos, alt, cds.transcript_id), describe(first // 3 + 1, old, new)


@pytest.fixture(scope="module")
def told() -> dict[Key, tuple[str, str]]:
    """What the annotator says of every SNV in a CDS; the same keys."""
    reference, contig = mitochondrion(), read_contig()
    parser = Parser(reference, DEFAULT_LIMITS, 8, False, {})
    variants = [(pos, base, alt) for pos, base in enumerate(contig, 1) for alt in "ACGT" if alt != base != "N"]
    assert len(variants) == 49_704
    scratch = Scratch(reference)
    found: dict[Key, tuple[str, str]] = {}
    for begin in range(0, len(variants), 5000):
        part = variants[begin : begin + 5000]
        lines = "".join(f"chrM\t{pos}\t.\t{ref}\t{alt}\t.\t.\t.\n" for pos, ref, alt in part)
        records, alleles = parser.parse(Chunk(0, 1, lines.encode()))
        pairs = scratch.annotate(records, alleles)
        for row in pairs.rows[pairs.rows["cds_first"] > 0]:
            pos, _, alt = part[alleles.record[row["allele"]]]
            start = row["hgvsp_from"]
            name = bytes(pairs.text[start : start + row["hgvsp_length"]]).decode().partition(":p.")[2]
            terms = "&".join(term_names(int(row["consequence"])))
            found[pos, alt, reference.text_value("transcript_id", int(row["transcript"]))] = terms, name
    return found


def test_every_snv_in_the_13_genes_changes_the_protein_as_table_2_says(told: dict[Key, tuple[str, str]]) -> None:
    expected = dict(expected_changes(read_contig()))
    assert len({key[2] for key in expected}) == 13
    assert told.keys() == expected.keys()
    differences = [(key, told[key], expected[key]) for key in expected if told[key] != expected[key]]
    assert differences == []


@pytest.mark.parametrize(("pos", "genes"), [(8530, 2), (10763, 2), (3310, 1)])
def test_an_snv_where_genes_overlap_is_told_on_each(pos: int, genes: int, told: dict[Key, tuple[str, str]]) -> None:
    assert len({key[2] for key in told if key[0] == pos}) == genes


def test_the_completed_stop_of_nd1_is_a_stop(told: dict[Key, tuple[str, str]]) -> None:
    changes = {value for key, value in told.items() if key[0] == 4261 and key[2].startswith("ENST00000361390")}
    assert {term for term, _ in changes} == {"stop_lost"}
