"""The differences from VEP that docs/accuracy.md explains, proved by translating the transcript.

The edit is applied to the transcript's own sequence as the c. name says it, and translated by
Biopython; nothing of the code under test takes part in that.
"""

from __future__ import annotations

import pytest
from Bio.Seq import Seq

from annotations.genomics.reference.load import Reference
from annotations.genomics.tests.references import chromosome_19
from annotations.genomics.variants import Variant, annotate_variants


def read_transcript(reference: Reference, transcript_id: str) -> tuple[str, int, int]:
    """(spliced sequence, CDS start, CDS end), from the transcript's exons and the contig's letters."""
    names = [reference.text_value("transcript_id", n).split(".")[0] for n in range(len(reference.transcripts))]
    row = reference.transcripts[names.index(transcript_id)]
    exons = reference.exons[row["exon_from"] : row["exon_to"]]
    contig = reference.sequence(int(row["contig"]))
    spliced = Seq("".join("ACGTN"[code] for exon in exons for code in contig[exon["start"] : exon["end"]]))
    letters = str(spliced if row["strand"] > 0 else spliced.reverse_complement())
    return letters, int(row["cds_start"]), int(row["cds_end"])


def translate(letters: str) -> str:
    """The protein up to and with its first stop; all there is where none comes."""
    protein = str(Seq(letters[: len(letters) // 3 * 3]).translate())
    return protein.partition("*")[0] + ("*" if "*" in protein else "")


def annotate(variant: Variant, transcript_id: str) -> dict[str, str]:
    entries = annotate_variants(chromosome_19(), [variant])[0]
    return next(entry for entry in entries if entry["Feature"].startswith(transcript_id))


def edited(transcript_id: str, first: int, last: int, insert: str) -> tuple[str, str]:
    """(protein before, protein after) of replacing c.first to c.last by `insert`."""
    letters, start, end = read_transcript(chromosome_19(), transcript_id)
    changed = letters[: start + first - 1] + insert + letters[start + last :]
    return translate(letters[start:end]), translate(changed[start:])


def test_an_insertion_before_a_stop_codon_loses_it() -> None:
    entry = annotate(("chr19", 10552045, "A", "AT"), "ENST00000585752")
    assert entry["HGVSc"] == "ENST00000585752.5:c.361dup"
    before, after = edited("ENST00000585752", 361, 361, "TT")
    assert len(before) == 121
    assert after[:121] == before[:120] + "L"
    assert after[120 + 63] == "*"
    assert entry["HGVSp"] == "ENSP00000465716:p.Ter121LeuextTer63"


def test_a_deletion_from_a_repeat_of_residues_is_named_at_its_c_terminal_end() -> None:
    entry = annotate(("chr19", 54131410, "AGAGTGGCCTTAT", "A"), "ENST00000321030")
    before, after = edited("ENST00000321030", 1480, 1491, "")
    assert before[493:498] == "SGLMS"
    assert after == before[:494] + before[498:] == before[:493] + before[497:]
    assert entry["HGVSp"] == "ENSP00000324122:p.Gly495_Ser498del"


def test_an_insertion_that_brings_the_same_stop_changes_nothing() -> None:
    entry = annotate(("chr19", 37485223, "A", "AAGTCCTATA"), "ENST00000330173")
    letters, start, end = read_transcript(chromosome_19(), "ENST00000330173")
    assert entry["HGVSc"] == "ENST00000330173.6:c.1602_1610dup"
    before, after = edited("ENST00000330173", 1611, 1610, letters[start + 1601 : start + 1610])
    assert (before, end - start) == (after, 1611)
    assert entry["HGVSp"] == "ENSP00000331540:p.Ter537%3D"


def test_an_intron_within_the_stop_codon_is_counted_from_the_base_behind_it() -> None:
    entry = annotate(("chr19", 17217461, "A", "AA"), "ENST00000600970")
    _, start, end = read_transcript(chromosome_19(), "ENST00000600970")
    assert entry["HGVSc"].endswith(":c.402-911dup")
    assert end - start == 402  # the last base of the stop codon opens an exon of its own


@pytest.mark.parametrize(("ref", "alt", "name"), [("CCA", "GGA", "c.657_658delinsCC"), ("CC", "GG", "c.657_658inv")])
def test_an_inversion_is_one_where_the_record_writes_no_more_than_it(ref: str, alt: str, name: str) -> None:
    assert annotate(("chr19", 1578462, ref, alt), "ENST00000156825")["HGVSc"].endswith(name)
