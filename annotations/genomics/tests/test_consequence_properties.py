"""What must hold for any allele: properties, with hypothesis, on one small gene of each strand."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from annotations.genomics.hgvs.edits import rotate, shift_length
from annotations.genomics.reference.layout import BASE_CODES, BASES
from annotations.genomics.reference.load import Reference, load_reference
from annotations.genomics.tests.made import build_sequence
from annotations.genomics.variants import annotate_variants

CASE = Path(__file__).parent / "data" / "missense_plus"
LETTERS = st.sampled_from("ACGT")
ALTS = st.text(LETTERS, min_size=1, max_size=5)
REPEATS = st.text(st.sampled_from("AC"), min_size=12, max_size=40)
COMPLEMENT = str.maketrans("ACGT", "TGCA")
FIRST, LAST = 5, 255


def reverse_complement(letters: str) -> str:
    return letters.translate(COMPLEMENT)[::-1]


@cache
def contig(strand: str) -> str:
    folder = CASE.parent / f"missense_{strand}"
    return "".join((folder / "sequence.fa").read_text().split("\n")[1:])


@cache
def gene(strand: str) -> Reference:
    """The test cases' gene on the plus or minus strand."""
    folder = CASE.parent / f"missense_{strand}"
    lines = (folder / "genes.gff3").read_text().splitlines()[1:]
    return load_reference(build_sequence(Path(mkdtemp()), strand, {"contig1": contig(strand)}, lines))


@st.composite
def changes(draw: st.DrawFn, longest: int = 6) -> tuple[int, int, str]:
    """start, end (0-based, half-open) and what stands there instead; never nothing at all."""
    start = draw(st.integers(FIRST, LAST - longest))
    removed = draw(st.integers(0, longest))
    alt = draw(st.text(LETTERS, max_size=longest))
    before = contig("plus")[start : start + removed]
    if alt == before:
        alt = before + "A"
    return start, start + removed, alt


def written(letters: str, start: int, end: int, alt: str, left: int = 1, right: int = 0) -> tuple[str, int, str, str]:
    """A VCF variant that spells out some bases on both sides; none where both are equally long."""
    if len(alt) == end - start:
        left = right = 0
    low, high = start - left, end + right
    return "contig1", low + 1, letters[low:high], letters[low:start] + alt + letters[end:high]


def names(reference: Reference, variant: tuple[str, int, str, str]) -> tuple[str, str]:
    (entry,) = annotate_variants(reference, [variant])[0]
    return entry["HGVSg"], entry["HGVSc"]


@settings(max_examples=150, deadline=None)
@given(changes(), st.integers(1, 4), st.integers(0, 4))
def test_padding_never_changes_a_name(change: tuple[int, int, str], left: int, right: int) -> None:
    start, end, alt = change
    if len(alt) == end - start:
        return  # an allele as long as REF stays as it is: see the case mnv_not_minimal
    for strand in ("plus", "minus"):
        letters = contig(strand)
        plain = names(gene(strand), written(letters, start, end, alt))
        assert names(gene(strand), written(letters, start, end, alt, left, right)) == plain


@settings(max_examples=150, deadline=None)
@given(st.integers(FIRST, LAST - 6), st.integers(1, 6), st.data())
def test_a_deletion_has_one_name_wherever_a_repeat_puts_it(start: int, size: int, data: st.DataObject) -> None:
    letters = contig("plus")
    haplotype = letters[:start] + letters[start + size :]
    same = [p for p in range(FIRST, LAST - size + 1) if letters[:p] + letters[p + size :] == haplotype]
    other = data.draw(st.sampled_from(same))
    reference = gene("plus")
    assert names(reference, written(letters, other, other + size, "")) == names(
        reference, written(letters, start, start + size, "")
    )


@settings(max_examples=150, deadline=None)
@given(st.integers(FIRST, LAST), st.text(LETTERS, min_size=1, max_size=6), st.data())
def test_an_insertion_has_one_name_wherever_a_repeat_puts_it(place: int, alt: str, data: st.DataObject) -> None:
    letters = contig("plus")
    haplotype = letters[:place] + alt + letters[place:]
    size = len(alt)
    same = [p for p in range(FIRST, LAST + 1) if letters[:p] + haplotype[p : p + size] + letters[p:] == haplotype]
    other = data.draw(st.sampled_from(same))
    reference = gene("plus")
    moved = written(letters, other, other, haplotype[other : other + size])
    assert names(reference, moved) == names(reference, written(letters, place, place, alt))


@settings(max_examples=200, deadline=None)
@given(
    st.text(st.sampled_from("AC"), min_size=12, max_size=40),
    st.integers(3, 8),
    st.integers(0, 4),
    st.booleans(),
    st.data(),
)
def test_shifting_never_changes_the_haplotype(
    letters: str, start: int, size: int, forward: bool, data: st.DataObject
) -> None:
    inserted = "" if size else data.draw(st.text(st.sampled_from("AC"), min_size=1, max_size=4))
    sequence = BASE_CODES[np.frombuffer(letters.encode(), np.uint8)]
    moving = letters[start : start + size] or inserted
    codes = BASE_CODES[np.frombuffer(moving.encode(), np.uint8)]
    moved = shift_length(sequence, start, start + size, codes, len(moving), forward)
    rotated = np.zeros(len(moving), np.uint8)
    rotate(codes, len(moving), moved, forward, rotated)
    turned = "".join(chr(BASES[code]) for code in rotated) if inserted else ""
    place = start + (moved if forward else -moved)
    assert letters[:place] + turned + letters[place + size :] == letters[:start] + inserted + letters[start + size :]


@settings(max_examples=200, deadline=None)
@given(changes())
def test_the_strand_of_a_gene_changes_nothing_for_its_transcript(change: tuple[int, int, str]) -> None:
    start, end, alt = change
    length = len(contig("plus"))
    mirrored = (length - end, length - start, reverse_complement(alt))
    (plus,) = annotate_variants(gene("plus"), [written(contig("plus"), start, end, alt)])[0]
    (minus,) = annotate_variants(gene("minus"), [written(contig("minus"), *mirrored)])[0]
    told: tuple[str, ...] = ("HGVSc", "EXON", "INTRON")
    assert {field: plus[field] for field in told} == {field: minus[field] for field in told}
    if end - start == len(alt):  # a placed allele: nothing can slide
        told = ("Consequence", "HGVSp", "cDNA_position", "CDS_position", "Codons", "Amino_acids")
        assert {field: plus[field] for field in told} == {field: minus[field] for field in told}


@settings(max_examples=100, deadline=None)
@given(
    st.integers(FIRST, LAST - 4),
    st.lists(st.text(LETTERS, min_size=1, max_size=5), min_size=2, max_size=4, unique=True),
)
def test_several_alts_are_told_as_each_by_itself(start: int, alts: list[str]) -> None:
    ref = contig("plus")[start : start + 3]
    alts = [alt for alt in alts if alt != ref]
    together = annotate_variants(gene("plus"), [("contig1", start + 1, ref, ",".join(alts))])[0] if alts else []
    alone = annotate_variants(gene("plus"), [("contig1", start + 1, ref, alt) for alt in alts])
    for number, entries in enumerate(alone, 1):
        of_it = [entry for entry in together if entry["ALLELE_NUM"] == str(number)]
        assert [entry | {"ALLELE_NUM": "1"} for entry in of_it] == entries
    assert len(together) == sum(len(entries) for entries in alone)
